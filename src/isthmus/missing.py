"""Rows with missing cells: what `fit` makes of them, and how they are filled afterwards.

With ``missing="mask"`` a NaN is a cell nobody measured. It is left out of the loss, and a
`isthmus.parts.completion.Completion` shows the encoder what a linear model expects in its place. `impute` fills
it with that expectation e, moved towards the cell x̂ that the autoencoder rebuilds as far as cells hidden from
both say it should be:

    e + α (x̂ - e)        α = Σ (x̂ - e)(x - e) / Σ (x̂ - e)²  over the hidden cells, within [0, 1]

A small code rebuilds coarsely, and then α is near 0; one that bends with the data takes it towards 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isthmus.parts.completion import Completion, fit_completion
from isthmus.rows.rows import rows_once
from isthmus.rows.scaling import chunks, require_finite

if TYPE_CHECKING:
    from isthmus.parts.autoencoder import AutoencoderModel
    from isthmus.rows.rows import Rows
    from isthmus.rows.scaling import Scaling

__all__ = [
    "VALIDATION_DRAWS",
    "attach",
    "complete_batches",
    "completed",
    "expected_cells",
    "fill_cells",
    "impute",
    "learn_completion",
    "learn_trust",
    "like_given",
    "observed_log_volume",
    "require_cells",
]

CELLS_OF_DOUBT = 30  # hidden cells that the linear answer is worth, so that few of them do not decide
VALIDATION_DRAWS = 8  # each validation row is judged with this many draws of hidden cells: epochs compare by them


def require_cells(X: Any, names: list[str], who: str, *, missing: bool, reset: bool) -> None:
    """Refuse infinity; NaN too unless cells may be missing, and then a column that has nothing else."""
    require_finite(X, names, who, missing=missing)
    if reset and missing:
        _require_some_observed(X, names, who)


def _require_some_observed(X: Any, names: list[str], who: str) -> None:
    """Raise a `ValueError` that names the first column in which every cell is missing."""
    seen = np.zeros(X.shape[1], dtype=bool)
    for part in chunks(X):
        seen |= ~np.isnan(part).all(0)
    if not seen.all():
        empty = [names[place] for place in np.flatnonzero(~seen)]
        others = "" if len(empty) == 1 else f" and in {len(empty) - 1} more"
        raise ValueError(f"{who}: X has no value at all in column {empty[0]}{others}; leave out what is empty.")


def learn_completion(rows: Rows, owners: list[int] | None = None) -> tuple[Completion, Tensor]:
    """The completion of rows in the model's units, and the mean row once they are complete, in float64.

    Columns of the same owner stand for one cell of a table and are missing together.
    """
    together = None if owners is None else torch.tensor(owners)
    completion = fit_completion(rows.batches, len(rows), together)
    total = torch.zeros(rows.n_features, dtype=torch.float64)
    for batch in complete_batches(rows, completion)():
        total += batch.double().sum(0)
    return completion, total / len(rows)


def complete_batches(rows: Rows, completion: Completion | None) -> Callable[[], Iterable[Tensor]]:
    """A fresh pass over rows, filled where there is a completion."""
    if completion is None:
        return rows.batches
    return lambda: (completion(batch) for batch in rows.batches())


def attach(model: AutoencoderModel, completion: Completion) -> None:
    """Let a model take rows with missing cells."""
    model.completion = completion
    model.likelihood.some_missing = True


@torch.no_grad()
def learn_trust(model: AutoencoderModel, rows: Rows, device: torch.device) -> None:
    """Set α by hiding cells of held-out rows; the columns weigh alike. Draws from torch's generator."""
    completion = model.completion
    if completion is None:
        return
    gain = power = torch.zeros((), dtype=torch.float64)
    n_cells = 0
    for batch in rows.batches():
        x = batch.to(device)
        seen = completion.hide(x)
        hidden = seen.isnan() & ~x.isnan()
        expected = completion(seen)
        move = ((model.reconstruct(seen) - expected) / completion.spread)[hidden].double()
        gain = gain + (move * ((x - expected) / completion.spread)[hidden]).sum()
        power = power + move.square().sum()
        n_cells += len(move)
    doubt = 1 + CELLS_OF_DOUBT / max(1, n_cells)
    trust = float(gain / (power * doubt)) if float(power) > 0 else 1.0
    completion.trust.fill_(min(max(trust, 0.0), 1.0))


def expected_cells(model: AutoencoderModel, x: Tensor) -> Tensor:
    """Rows in the model's units with NaN, to what `impute` puts there, shape (batch, n_features)."""
    if model.completion is None:
        return model.reconstruct(x)
    expected = model.completion(x)
    return expected + model.completion.trust * (model.reconstruct(expected) - expected)


def completed(estimator: Any, rows: np.ndarray) -> np.ndarray:
    """Rows in the user's units, their NaN as the linear completion fills them."""
    if estimator.model_.completion is None or not np.isnan(rows).any():
        return rows
    filled = estimator._each_row_batch(rows_once(rows, estimator.scaling_), estimator.model_.completion)
    return np.where(np.isnan(rows), estimator.scaling_.undo(filled), rows)


def impute(estimator: Any, X: Any) -> Any:
    """X with its missing cells filled; the rest is `BaseAutoencoder.impute`."""
    if estimator.model_.completion is None:
        raise ValueError(
            f"{type(estimator).__name__}: impute needs missing='mask' at fit, got missing={estimator.missing!r}."
        )

    def rebuild(part: Any) -> np.ndarray:
        expect = functools.partial(expected_cells, estimator.model_)
        return estimator._in_user_units(estimator._each_row_batch(rows_once(part, estimator.scaling_), expect))

    filled = fill_cells(estimator._validated(X, reset=False), rebuild, estimator._dtype)
    return like_given(X, filled) if estimator._layout is None else estimator._layout.fill(X, filled)


def observed_log_volume(X: Any, scaling: Scaling) -> np.ndarray:
    """Σ log spread over each row's observed cells, shape (n_rows,): what a density loses in the user's units."""
    volumes = np.log(scaling.spread)
    return np.concatenate([(~np.isnan(part)) @ volumes for part in chunks(X)]).astype(np.float32)


def fill_cells(X: Any, rebuild: Callable[[np.ndarray], np.ndarray], dtype: np.dtype) -> np.ndarray:
    """X dense, its NaN replaced by what ``rebuild`` makes of their rows; every other cell is left exactly as it is."""
    filled = np.array(X.toarray() if hasattr(X, "toarray") else X, dtype=np.result_type(X.dtype, dtype))
    holes = np.isnan(filled)
    rows = np.flatnonzero(holes.any(1))
    if len(rows):
        filled[rows] = np.where(holes[rows], rebuild(X[rows]), filled[rows])
    return filled


def like_given(X: Any, values: np.ndarray) -> Any:
    """An array in the container of X: a pandas or polars DataFrame with the same columns (and index), else as it is."""
    library = type(X).__module__.partition(".")[0]
    if library == "pandas" and hasattr(X, "columns"):
        return type(X)(values, index=X.index, columns=X.columns)
    if library == "polars" and hasattr(X, "columns"):
        return type(X)(values, schema=list(X.columns))
    return values
