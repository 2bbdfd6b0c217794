"""The figures of a run, as PNG files in a folder.

Every entry of `_drawings` is a file name and the call of `isthmus.plots` that draws it. They are drawn into a
folder beside the one asked for and moved there together.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.outcome import CommandError

if TYPE_CHECKING:
    from isthmus.data import Table

__all__ = ["draw_figures", "require_no_figures"]

MOST_ROWS = 5_000  # points on a plane, and rows whose error is averaged


def require_no_figures(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds figures already, unless they may be replaced."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise CommandError(f"{str(folder)!r} is a file; name a folder for the figures with -o.")
    if not overwrite and any(folder.glob("*.png")):
        raise CommandError(f"{str(folder)!r} holds figures; pass --overwrite, or name another folder with -o.")


def draw_figures(folder: Path, estimator: Any, rows: Table) -> list[Path]:
    """Draw every figure that applies to ``rows`` and give the files; all are written, or none."""
    try:
        from isthmus import plots
    except ImportError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise CommandError("no figures without matplotlib: pip install 'isthmus[plots]'.") from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".figures-") as beside:
        drawn = []
        for name, draw in _drawings(plots, estimator, rows):
            plots.save_figure(draw(), Path(beside, f"{name}.png"))
            drawn.append(f"{name}.png")
        folder.mkdir(exist_ok=True)
        for name in drawn:
            os.replace(Path(beside, name), folder / name)
    return [folder / name for name in drawn]


def _drawings(plots: Any, estimator: Any, rows: Table) -> Iterator[tuple[str, Callable[[], Any]]]:
    values, labels = rows.values[:MOST_ROWS], None if rows.labels is None else rows.labels[:MOST_ROWS]
    codes = estimator.transform(values)
    rebuilt = estimator.inverse_transform(codes)
    shown = {"image_shape": rows.image_shape, "feature_names": rows.columns}
    yield "samples", lambda: plots.plot_samples(values, labels, **shown)
    if len(estimator.history_):
        yield "history", lambda: plots.plot_history(estimator.history_)
    yield "reconstructions", lambda: plots.plot_reconstructions(values, rebuilt, **shown)
    yield "latent_plane", lambda: plots.plot_latent_plane(codes, labels)
    yield "decode_grid", lambda: plots.plot_decode_grid(estimator, codes, **shown)
    yield "error_by_feature", lambda: plots.plot_error_by_feature(values, rebuilt, **shown)
