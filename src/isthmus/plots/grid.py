"""A regular grid of codes, decoded.

A grid is not a sample: there may be no codes nearby, and then the decoder extrapolates; such cells are hatched. Every
cell is centred on the code it was decoded from, so the ticks can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.pictures import as_pictures, greys_for
from isthmus.plots.plane import AXES, Plane, extent_of
from isthmus.plots.style import FAINT, INK, as_text, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["far_from", "plot_decode_grid"]

FAR_QUANTILE = 0.99
MAX_CODES = 3000
MAX_TABLE_PANELS = 12
GAP = 2.5  # points between pictures
INSIDE = (-0.25, 1.25)  # the range of decoded data from [0, 1], which are drawn on that scale


def far_from(places: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Which points, shape (m, p), are farther from every training code than 99% of those from their nearest.

    Distances are measured with each axis divided by its standard deviation.
    """
    codes = np.asarray(codes, dtype=float)[:: max(1, -(-len(codes) // MAX_CODES))]
    if len(codes) < 3:
        return np.zeros(len(places), dtype=bool)
    middle, spread = codes.mean(0), codes.std(0)
    spread[spread == 0] = 1.0
    codes, places = (codes - middle) / spread, (np.asarray(places, dtype=float) - middle) / spread
    return _nearest(places, codes) > np.quantile(_nearest(codes, codes, skip_self=True), FAR_QUANTILE)


def _nearest(places: np.ndarray, codes: np.ndarray, *, skip_self: bool = False) -> np.ndarray:
    """Distance of each point to the nearest code, in slices of points."""
    found, lengths = np.empty(len(places)), (codes**2).sum(1)
    for start in range(0, len(places), 256):
        part = places[start : start + 256]
        squares = (part**2).sum(1)[:, None] + lengths - 2 * part @ codes.T
        if skip_self:
            squares[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        found[start : start + len(part)] = np.sqrt(np.maximum(squares.min(1), 0))
    return found


@dataclass(frozen=True)
class _Grid:
    """Codes in reading order, (rows · columns, p), and the extent of the grid: left, right, bottom, top."""

    places: np.ndarray
    shape: tuple[int, int]
    extent: tuple[float, float, float, float]
    names: list[str]
    far: np.ndarray

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of one cell, in units of the axes."""
        left, right, bottom, top = self.extent
        return (right - left) / self.shape[1], (top - bottom) / self.shape[0]


def _grid_over(train_codes: np.ndarray, n: int) -> _Grid:
    if n < 2:
        raise ValueError(f"plot_decode_grid: n must be at least 2, got {n}.")
    if train_codes.shape[1] == 1:
        low, high = extent_of(train_codes)[:, 0]
        half = (high - low) / (n - 1) / 2
        places, shape = np.linspace(low, high, n)[:, None], (1, n)
        extent = (low - half, high + half, -half, half)
        names = [AXES[0], ""]
    else:
        plane = Plane(train_codes)
        low, high = extent_of(plane.place(train_codes))
        half = (high - low) / (n - 1) / 2
        across, up = np.linspace(low[0], high[0], n), np.linspace(high[1], low[1], n)
        places, shape = plane.codes(np.stack(np.meshgrid(across, up), -1).reshape(-1, 2)), (n, n)
        extent = (low[0] - half[0], high[0] + half[0], low[1] - half[1], high[1] + half[1])
        names = plane.names
    return _Grid(places, shape, extent, names, far_from(places, train_codes).reshape(shape))


def plot_decode_grid(
    decode: Callable[[np.ndarray], np.ndarray],
    train_codes: Any,
    image_shape: Sequence[int] | None = None,
    n: int = 15,
    columns: Sequence[str] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """A decoded grid of codes: a mosaic of pictures, or for tables a map of each column.

    Parameters
    ----------
    decode
        Codes of shape (m, p) to rows of shape (m, n_features).
    train_codes
        Codes of training rows, shape (N, p), which set the extent and what is far.
    n
        Codes along each axis.
    limits
        Values drawn as the two ends of grey; by default [0, 1] if nearly all decoded numbers lie in it, else their own.
    """
    grid = _grid_over(np.asarray(train_codes, dtype=float), n)
    rows = np.asarray(decode(grid.places), dtype=float)
    if image_shape is not None:
        return _plot_mosaic(rows, grid, image_shape, limits)
    return _plot_column_maps(rows, grid, columns)


def _range_of(rows: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(rows, [0.02, 0.98]).tolist()
    if low >= INSIDE[0] and high <= INSIDE[1]:
        return 0.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def _plot_mosaic(
    rows: np.ndarray, grid: _Grid, image_shape: Sequence[int], limits: tuple[float, float] | None
) -> Figure:
    pictures = as_pictures(rows, image_shape)
    low, high = limits or _range_of(rows)
    down, across = grid.shape
    height, width = pictures.shape[1:3]
    tiled = pictures.reshape(*grid.shape, *pictures.shape[1:])
    mosaic = np.moveaxis(tiled, 2, 1).reshape(down * height, across * width, *pictures.shape[3:])
    if mosaic.ndim == 3:
        mosaic = np.clip((mosaic - low) / (high - low), 0, 1)
    figure = bare_figure(7.0, 1.2 + 6.1 * float(np.clip(down * height / (across * width), 0.05, 1.6)))
    axes = figure.add_subplot()
    # Pixels are square whatever the units of the two axes: no picture is stretched.
    square = (grid.cell[0] / width) / (grid.cell[1] / height)
    axes.imshow(
        mosaic, cmap=greys_for(pictures, (low, high)), vmin=low, vmax=high, extent=grid.extent, aspect=square,
        interpolation="nearest",
    )  # fmt: skip
    left, right, bottom, top = grid.extent
    gap = {"color": "white", "linewidth": GAP}  # so adjacent pictures do not merge
    axes.vlines(np.linspace(left, right, across + 1)[1:-1], bottom, top, **gap)
    axes.hlines(np.linspace(bottom, top, down + 1)[1:-1], left, right, **gap)
    _finish(axes, grid, grid.names)
    caption(figure, "Decoded over the latent space", _far_note(grid.far))
    return figure


def _plot_column_maps(rows: np.ndarray, grid: _Grid, columns: Sequence[str] | None) -> Figure:
    if columns is not None and len(columns) != rows.shape[1]:
        raise ValueError(f"plot_decode_grid: columns must name {rows.shape[1]} columns, got {len(columns)} names.")
    shown = np.sort(np.argsort(-rows.std(0), kind="stable")[:MAX_TABLE_PANELS])
    across = min(4, len(shown))
    down = -(-len(shown) // across)
    titles = as_text(columns if columns is not None else [f"column {place}" for place in range(rows.shape[1])])
    figure = bare_figure(2.3 * across + 0.6, (2.2 if grid.shape[0] > 1 else 1.1) * down + 0.9)
    for place, column in enumerate(shown):
        axes = figure.add_subplot(down, across, place + 1)
        values = rows[:, column].reshape(grid.shape)
        image = axes.imshow(values, cmap="viridis", extent=grid.extent, aspect="auto", interpolation="nearest")
        _finish(axes, grid, ["", ""])
        axes.set_title(titles[column], fontsize=8, color=INK)
        bar = figure.colorbar(image, ax=axes, fraction=0.06, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=6, length=2)
        axes.tick_params(labelsize=6)
    note = f"Across: {grid.names[0]}" + (f"; up: {grid.names[1]}." if grid.names[1] else ".")
    if rows.shape[1] > len(shown):
        note += f" The {len(shown)} of {rows.shape[1]} columns that vary most, in their own units."
    caption(figure, "Decoded over the latent space", f"{_far_note(grid.far)}\n{note}")
    return figure


def _finish(axes: Axes, grid: _Grid, names: list[str]) -> None:
    """Hatch the cells far from any training code; name the axes."""
    from matplotlib.patches import Rectangle

    width, height = grid.cell
    for row, column in np.argwhere(grid.far):
        corner = (grid.extent[0] + column * width, grid.extent[3] - (row + 1) * height)
        cell = Rectangle(
            corner, width, height, facecolor=(1, 1, 1, 0.62), edgecolor="#b4b9c0", hatch="///", linewidth=0
        )
        axes.add_patch(cell)
    tidy(axes)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(names[0], fontsize=9, color=INK)
    axes.set_ylabel(names[1], fontsize=9, color=INK)
    if grid.shape[0] == 1:
        axes.set_yticks([])
    axes.tick_params(color=FAINT)


def _far_note(far: np.ndarray) -> str:
    if not far.any():
        return "Every cell has training codes nearby."
    return (
        f"Hatched: {int(far.sum())} of {far.size} cells, farther from any training code than 99% of those are from "
        "each other; there the decoder extrapolates."
    )
