"""The figures of a run, as PNG files in a folder.

Every entry of `_drawings` is a file name and the call of `isthmus.plots` that draws it. Figures are drawn in a
temporary folder and moved together.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.cli.outcome import CommandError, escaped
from isthmus.tables.staging import NEW, staging, sweep

if TYPE_CHECKING:
    from isthmus.tables import Table

__all__ = ["draw_figures", "require_no_figures"]

MAX_DRAWN = 12  # rows drawn from the model
MAX_BANDS = 12  # codes about which an ellipse is drawn
MAX_ROWS = 5_000  # points on a plane, and rows whose error is averaged


def require_no_figures(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds figures already, unless they may be replaced."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise CommandError(f"{str(folder)!r} is a file; name a folder for the figures with -o.")
    if not overwrite and any(folder.glob("*.png")):
        raise CommandError(f"{str(folder)!r} holds figures; pass --overwrite, or name another folder with -o.")


def draw_figures(
    folder: Path, estimator: Any, rows: Table, training: Any, pca_components: int, given_train: Any = None
) -> list[Path]:
    """Draw every figure that applies to ``rows`` and return the files; all are written, or none.

    Parameters
    ----------
    training, given_train
        The training rows, which show where the latent space holds data, and their conditions; None if unavailable.
    pca_components
        Components of the PCA whose error is drawn for comparison.
    """
    from isthmus import plots
    from isthmus.inference.missing import completed
    from isthmus.rows.conditions import given_for

    fitted = estimator.fitted_
    given = None if fitted.given is None else given_for(estimator, rows.given, len(rows))
    of_training = None if fitted.given is None or training is None else given_for(estimator, given_train, len(training))
    if rows.frame is None:
        rows = dataclasses.replace(rows, cells=completed(fitted, rows.values, given))
        training = None if training is None else completed(fitted, training, of_training)
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder.parent)
    with staging(folder) as staged:
        beside, drawn = staged / NEW, []
        beside.mkdir()
        try:
            for name, draw in _drawings(plots, estimator, rows, training, pca_components, (given, of_training)):
                plots.save_figure(draw(), Path(beside, f"{name}.png"))
                drawn.append(f"{name}.png")
        except ImportError as error:
            if (error.name or "").split(".")[0] != "matplotlib":
                raise
            raise CommandError("no figures without matplotlib: pip install 'isthmus[plots]'.") from error
        folder.mkdir(exist_ok=True)
        for name in drawn:
            os.replace(Path(beside, name), folder / name)
    return [folder / name for name in drawn]


def _drawings(
    plots: Any, estimator: Any, rows: Table, training: Any, pca_components: int, conditions: tuple[Any, Any]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    shown = rows.take(range(min(len(rows), MAX_ROWS)))
    values, shape = shown.values, rows.image_shape
    columns = [escaped(name) for name in rows.columns]
    labels = shown.labels
    if labels is not None and labels.dtype.kind == "U":
        labels = np.array([escaped(label) for label in labels.tolist()])
    given, given_train = None if conditions[0] is None else conditions[0][: len(shown)], conditions[1]
    codes = estimator.transform(shown.rows, given=given)
    known = None if training is None else estimator.transform(training, given=given_train)
    if shape is not None:
        of = None if given is None else np.repeat(given[:1], MAX_DRAWN, 0)
        drawn = np.clip(estimator.sample(MAX_DRAWN, random_state=0, given=of), values.min(), values.max())
        title = f"{MAX_DRAWN} new rows drawn from the model"
        yield "samples", lambda: plots.plot_samples(drawn, shape, title=title)
    start = "PCA (start)" if estimator.start == "principal" else None
    if len(estimator.history_) > 1:  # a closed form has no history
        yield (
            "history",
            lambda: plots.plot_history(
                estimator.history_, best_epoch=estimator.best_epoch_, start_label=start, unit=_unit(estimator)
            ),
        )
    bands = _covariances(estimator, shown.take(range(min(len(shown), MAX_BANDS))), given)
    yield "latent_plane", lambda: plots.plot_latent_plane(codes, labels, train_codes=known, covariances=bands)
    if (loadings := _loadings(estimator, shown.rows, given)) is not None:
        names = None if rows.frame is not None else columns
        yield "loadings", lambda: plots.plot_loadings(loadings, shape, names, row_shape=rows.row_shape)
    if rows.frame is not None:
        return  # text and dates do not fit a numeric axis
    reconstructed = estimator.inverse_transform(codes, given=given)
    if rows.row_shape is not None and shape is None and rows.row_shape.grid:  # thousands of columns along an axis
        row_shape = rows.row_shape
        draw = plots.plot_signals if len(row_shape.grid) == 1 else plots.plot_spectrograms
        yield "reconstructions", lambda: draw(values, reconstructed, row_shape, labels)
        return
    yield (
        "reconstructions",
        lambda: plots.plot_reconstructions(values, reconstructed, shape, labels=labels, columns=columns),
    )
    if known is not None:
        yield (
            "decode_grid",
            lambda: plots.plot_decode_grid(_decoder(estimator, given), known, shape, columns=columns),
        )
    errors = [
        _squared_error(values, again) / (1.0 if estimator.fitted_.is_in_user_units else estimator.scaling_.spread**2)
        for again in (reconstructed, _pca_reconstructed(estimator, values, pca_components, given))
    ]
    yield "error_by_feature", lambda: plots.plot_error_by_feature(*errors, columns=columns, image_shape=shape)


def _decoder(estimator: Any, given: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Codes to rows; with conditions, all under those of the first row."""
    if given is None:
        return estimator.inverse_transform
    return lambda codes: estimator.inverse_transform(codes, given=np.repeat(given[:1], len(codes), 0))


def _unit(estimator: Any) -> float:
    """One unit of the model in the data's units; 1 if columns are scaled separately and have no common unit."""
    return float(estimator.scaling_.spread[0]) if estimator.fitted_.is_in_user_units else 1.0


def _covariances(estimator: Any, rows: Table, given: Any) -> Any:
    """Covariances of the codes of a few rows; None unless codes are polished points."""
    fitted = estimator.fitted_
    if fitted.inference is None or fitted.inference.polishing is None:
        return None
    return fitted.code_covariances(estimator.to_numbers(rows.rows), None if given is None else given[: len(rows)])


def _loadings(estimator: Any, rows: Any, given: Any) -> Any:
    """Which columns each latent explains; None if the decoder is not differentiable."""
    from isthmus.parts.linearization import NotDifferentiableError

    try:
        return estimator.loadings(rows, given=given)
    except ValueError as error:
        if isinstance(error.__cause__, NotDifferentiableError):
            return None
        raise


def _squared_error(values: np.ndarray, reconstructed: np.ndarray) -> np.ndarray:
    """Mean squared error of each feature, shape (n_features,)."""
    return ((values.astype(float) - reconstructed) ** 2).mean(0)


def _pca_reconstructed(estimator: Any, values: np.ndarray, size: int, given: Any) -> np.ndarray:
    """The rows reconstructed by PCA of the training rows."""
    import torch

    units = torch.from_numpy(estimator.scaling_.apply(values)).to(estimator.principal_.mean.dtype)
    conditions = estimator.fitted_.given_units(given)
    beside = None if conditions is None else torch.from_numpy(conditions)
    baseline = estimator.model_.likelihood.cpu().baseline(estimator.principal_, units, size, beside)
    estimator.model_.likelihood.to(estimator.fitted_.device)
    return estimator.scaling_.undo(baseline.numpy())
