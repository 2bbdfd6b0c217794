"""The code as a place: rows on the plane of their codes, and what the decoder makes of every place.

Axes of a code are arbitrary in unit and direction, so planes have equal aspect, and their extent is that of the
bulk of the codes (0.5 % to 99.5 % of the training codes, and 8 % more), not of the farthest point. Where no
training code is near, the decoder is guessing: such cells are hatched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.pictures import as_pictures, grey_range
from isthmus.plots.style import FAINT, INK, PICTURE_MAP, as_text, bare_figure, caption, class_colours, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["extent_of", "far_from", "plot_decode_grid", "plot_latent_plane"]

BULK = (0.005, 0.995)
MARGIN = 0.08
FAR_QUANTILE = 0.99
MOST_CODES = 3000
MOST_TABLE_PANELS = 12


def extent_of(codes: np.ndarray) -> np.ndarray:
    """Low and high end of each axis, shape (2, n_axes), from quantiles of the codes."""
    low, high = np.quantile(np.asarray(codes, dtype=float), BULK, axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.stack([low - MARGIN * width, high + MARGIN * width])


def far_from(places: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Which places, shape (m, p), lie farther from every training code than 99 % of those from each other.

    Distances are measured with each axis divided by its standard deviation.
    """
    codes = np.asarray(codes, dtype=float)[:: max(1, -(-len(codes) // MOST_CODES))]
    spread = codes.std(0)
    spread[spread == 0] = 1.0
    if len(codes) < 3:
        return np.zeros(len(places), dtype=bool)
    own = _nearest(codes / spread, codes / spread, skip_self=True)
    return _nearest(np.asarray(places, dtype=float) / spread, codes / spread) > np.quantile(own, FAR_QUANTILE)


def _nearest(places: np.ndarray, codes: np.ndarray, *, skip_self: bool = False) -> np.ndarray:
    """Distance of each place to the nearest code, a slice of places at a time."""
    found = np.empty(len(places))
    for begin in range(0, len(places), 256):
        part = places[begin : begin + 256]
        squares = ((part[:, None, :] - codes[None, :, :]) ** 2).sum(-1)
        if skip_self:
            squares[np.arange(len(part)), begin + np.arange(len(part))] = np.inf
        found[begin : begin + len(part)] = np.sqrt(squares.min(1))
    return found


class _Plane:
    """Two axes through the codes: the codes themselves for two numbers, else their two widest directions."""

    def __init__(self, codes: np.ndarray):
        codes = np.asarray(codes, dtype=float)
        self.origin, self.axes = np.zeros(codes.shape[1]), np.eye(codes.shape[1])[:2]
        self.names = ["first number of the code", "second number of the code"]
        if codes.shape[1] > 2:
            self.origin = codes.mean(0)
            self.axes = np.linalg.svd(codes - self.origin, full_matrices=False)[2][:2]
            self.names = ["widest direction of the codes", "second widest direction"]

    def place(self, codes: Any) -> np.ndarray:
        """Codes to points of the plane, (N, p) to (N, 2)."""
        return (np.asarray(codes, dtype=float) - self.origin) @ self.axes.T

    def codes(self, points: np.ndarray) -> np.ndarray:
        """Points of the plane to codes, (N, 2) to (N, p)."""
        return self.origin + points @ self.axes


def plot_latent_plane(
    codes: Any, labels: Any = None, class_names: Sequence[str] | None = None, train_codes: Any = None
) -> Figure:
    """Rows at their codes, shape (N, p): a strip for one number, a plane for two, the widest plane for more.

    ``class_names`` gives a name to each distinct label in sorted order; ``train_codes`` sets the extent.
    """
    codes = np.asarray(codes, dtype=float)
    reference = codes if train_codes is None else np.asarray(train_codes, dtype=float)
    if codes.shape[1] == 1:
        return _plot_strip(codes[:, 0], labels, class_names, reference)
    plane = _Plane(reference)
    points, extent = plane.place(codes), extent_of(plane.place(reference))
    figure = bare_figure(7.4 if labels is not None else 6.4, 6.2)
    axes = figure.add_subplot()
    tidy(axes)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlim(*extent[:, 0].tolist())
    axes.set_ylim(*extent[:, 1].tolist())
    axes.set_xlabel(plane.names[0], fontsize=9, color=INK)
    axes.set_ylabel(plane.names[1], fontsize=9, color=INK)
    for name, colour, chosen in _classes(labels, class_names, len(codes)):
        shown = name if name is None else f"{name}  ({int(chosen.sum())})"
        axes.scatter(*points[chosen].T, s=18, color=colour, edgecolors="white", linewidths=0.4, label=shown)
        if name is not None:
            _write_name(axes, name, np.clip(np.median(points[chosen], axis=0), extent[0], extent[1]))
    if labels is not None:
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)
    outside = int(((points < extent[0]) | (points > extent[1])).any(1).sum())
    note = f"{outside} of {len(codes):,} rows lie outside the frame. " if outside else ""
    if codes.shape[1] > 2:
        note += f"A plane through codes of {codes.shape[1]} numbers: what is near here may be far apart."
    caption(figure, f"{len(codes):,} rows at their codes", note)
    return figure


def _classes(labels: Any, class_names: Sequence[str] | None, count: int) -> list[tuple[Any, Any, np.ndarray]]:
    """Name, colour and rows of each class; one nameless class where there are no labels."""
    if labels is None:
        return [(None, class_colours(1)[0], np.ones(count, dtype=bool))]
    labels = np.asarray(labels)
    distinct = np.unique(labels)
    names = as_text(distinct if class_names is None else class_names)
    colours = class_colours(len(distinct))
    return [(name, colour, labels == value) for name, colour, value in zip(names, colours, distinct, strict=True)]


def _write_name(axes: Axes, name: str, place: np.ndarray) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3, foreground="white")]
    style = {"ha": "center", "va": "center", "fontsize": 12, "fontweight": "bold", "color": INK}
    axes.text(place[0], place[1], name, path_effects=halo, **style)


def _plot_strip(codes: np.ndarray, labels: Any, class_names: Sequence[str] | None, reference: np.ndarray) -> Figure:
    low, high = extent_of(reference)[:, 0]
    classes = _classes(labels, class_names, len(codes))
    figure = bare_figure(7.4, 1.6 + 0.32 * len(classes))
    axes = figure.add_subplot()
    tidy(axes)
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(codes))
    for row, (_, colour, chosen) in enumerate(classes):
        axes.scatter(codes[chosen], -row + jitter[chosen], s=12, color=colour, edgecolors="white", linewidths=0.3)
    counts, edges = np.histogram(codes, bins=48, range=(low, high))
    heights = 0.6 + 1.1 * counts / max(1, counts.max())
    axes.fill_between((edges[:-1] + edges[1:]) / 2, 0.6, heights, color="#dfe3e8", linewidth=0)
    axes.set_xlim(low, high)
    axes.set_yticks(-np.arange(len(classes)), ["" if name is None else name for name, _, _ in classes])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("the one number of the code", fontsize=9, color=INK)
    outside = int(((codes < low) | (codes > high)).sum())
    note = f"{outside} of {len(codes):,} rows lie outside the frame. " if outside else ""
    caption(figure, f"{len(codes):,} rows at their codes", note + "Above: how many rows there are at each place.")
    return figure


def plot_decode_grid(
    decode: Callable[[np.ndarray], np.ndarray],
    train_codes: Any,
    image_shape: Sequence[int] | None = None,
    n: int = 15,
    columns: Sequence[str] | None = None,
) -> Figure:
    """What the decoder makes of a grid of places: a mosaic of pictures, or for tables a map of each column.

    Parameters
    ----------
    decode
        Codes of shape (m, p) to rows of shape (m, n_features).
    train_codes
        Codes of training rows, shape (N, p): they set the extent, and what is far.
    n
        Places along each axis.
    """
    train_codes = np.asarray(train_codes, dtype=float)
    if train_codes.shape[1] == 1:
        ends = extent_of(train_codes)[:, 0]
        places = np.linspace(ends[0], ends[1], n)[:, None]
        grid = (1, n)
        half = (ends[1] - ends[0]) / max(1, n - 1) / 2
        extent = (ends[0] - half, ends[1] + half, 0.0, 2 * half)
        names = ["the one number of the code", ""]
    else:
        plane = _Plane(train_codes)
        ends = extent_of(plane.place(train_codes))
        across, up = np.linspace(ends[0, 0], ends[1, 0], n), np.linspace(ends[0, 1], ends[1, 1], n)[::-1]
        places = plane.codes(np.stack(np.meshgrid(across, up), -1).reshape(-1, 2))
        grid = (n, n)
        # A cell is centred on the place it decodes, so the frame reaches half a cell further.
        half = (ends[1] - ends[0]) / max(1, n - 1) / 2
        extent = (ends[0, 0] - half[0], ends[1, 0] + half[0], ends[0, 1] - half[1], ends[1, 1] + half[1])
        names = plane.names
    rows, far = np.asarray(decode(places), dtype=float), far_from(places, train_codes).reshape(grid)
    if image_shape is not None:
        return _plot_mosaic(rows, grid, far, extent, names, image_shape)
    return _plot_column_maps(rows, grid, far, extent, names, columns)


def _plot_mosaic(rows, grid, far, extent, names, image_shape) -> Figure:
    pictures = as_pictures(rows, image_shape)
    low, high = grey_range(np.clip(rows, 0, 1) if rows.min() > -1 and rows.max() < 2 else rows)
    height, width = pictures.shape[1:3]
    tiled = pictures.reshape(*grid, *pictures.shape[1:])
    mosaic = np.moveaxis(tiled, 2, 1).reshape(grid[0] * height, grid[1] * width, *pictures.shape[3:])
    figure = bare_figure(7.0, 7.0 if grid[0] > 1 else 1.9)
    axes = figure.add_subplot()
    if mosaic.ndim == 3:
        mosaic = np.clip((mosaic - low) / (high - low), 0, 1)
    # The picture fills its frame: where the two axes differ in width the tiles are stretched with them.
    axes.imshow(mosaic, cmap=PICTURE_MAP, vmin=low, vmax=high, extent=extent, aspect="auto", interpolation="nearest")
    _finish(axes, far, extent, names)
    caption(figure, "What the decoder makes of each place", _far_note(far))
    return figure


def _plot_column_maps(rows, grid, far, extent, names, columns) -> Figure:
    shown = np.sort(np.argsort(-rows.std(0), kind="stable")[:MOST_TABLE_PANELS])
    if rows.shape[1] <= MOST_TABLE_PANELS:
        shown = np.arange(rows.shape[1])
    across = min(4, len(shown))
    down = -(-len(shown) // across)
    titles = as_text(columns if columns is not None else [f"column {place}" for place in range(rows.shape[1])])
    figure = bare_figure(2.3 * across + 0.6, (2.2 if grid[0] > 1 else 1.1) * down + 0.8)
    for place, column in enumerate(shown):
        axes = figure.add_subplot(down, across, place + 1)
        values = rows[:, column].reshape(grid)
        image = axes.imshow(values, cmap="viridis", extent=extent, aspect="auto", interpolation="nearest")
        _finish(axes, far, extent, ["", ""])
        axes.set_title(titles[column], fontsize=8, color=INK)
        bar = figure.colorbar(image, ax=axes, fraction=0.06, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=6, length=2)
        axes.tick_params(labelsize=6)
    cut = f" The {len(shown)} of {rows.shape[1]} columns that vary most." if rows.shape[1] > len(shown) else ""
    axis_note = f" Across: {names[0]}" + (f"; up: {names[1]}." if names[1] else ".")
    caption(figure, "What the decoder makes of each place", _far_note(far) + cut + axis_note)
    return figure


def _finish(axes: Axes, far: np.ndarray, extent: tuple[float, ...], names: list[str]) -> None:
    """Hatch the cells far from any training code; name the axes."""
    from matplotlib.patches import Rectangle

    width, height = (extent[1] - extent[0]) / far.shape[1], (extent[3] - extent[2]) / far.shape[0]
    for row, column in np.argwhere(far):
        corner = (extent[0] + column * width, extent[3] - (row + 1) * height)
        cell = Rectangle(
            corner, width, height, facecolor=(1, 1, 1, 0.62), edgecolor="#b4b9c0", hatch="///", linewidth=0
        )
        axes.add_patch(cell)
    tidy(axes)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(names[0], fontsize=9, color=INK)
    axes.set_ylabel(names[1], fontsize=9, color=INK)
    if far.shape[0] == 1:
        axes.set_yticks([])
    axes.tick_params(color=FAINT)


def _far_note(far: np.ndarray) -> str:
    if not far.any():
        return "Every cell has training codes near."
    return f"Hatched: {int(far.sum())} of {far.size} cells with no training code near; there the decoder is guessing."
