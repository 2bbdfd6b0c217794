"""Rows drawn as pictures: samples, generated rows, interpolations, and reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.style import INK, as_text, bare_figure, caption, difference_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "as_pictures",
    "grey_range",
    "greys_for",
    "plot_generated",
    "plot_interpolation",
    "plot_pictures_reconstructed",
    "plot_samples",
    "show_picture",
]


def as_pictures(X: Any, image_shape: Sequence[int]) -> np.ndarray:
    """Rows as pictures: (N, height, width), or (N, height, width, 3) for colour."""
    X = np.asarray(X, dtype=float)
    if len(image_shape) not in (2, 3) or (len(image_shape) == 3 and image_shape[0] not in (1, 3)):
        raise ValueError(
            f"plots: image_shape must be (height, width) or (1 or 3 channels, height, width), got {tuple(image_shape)}."
        )
    if X.ndim != 2 or X.shape[1] != np.prod(image_shape):
        raise ValueError(
            f"plots: rows of image_shape {tuple(image_shape)} have {np.prod(image_shape)} numbers each, got an array "
            f"of shape {X.shape}."
        )
    if len(image_shape) == 3:
        pictures = X.reshape(len(X), *image_shape).transpose(0, 2, 3, 1)
        return pictures[..., 0] if pictures.shape[-1] == 1 else pictures
    return X.reshape(len(X), *image_shape)


def grey_range(X: Any) -> tuple[float, float]:
    """One range for all pictures of a figure: [0, 1] if the data lie in it, else their own."""
    low, high = float(np.min(X)), float(np.max(X))
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def greys_for(pictures: np.ndarray, limits: tuple[float, float]) -> str:
    """Dark on white if the corners of the pictures are empty (digits, garments); photographs unchanged."""
    corners = pictures[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    return "Greys" if np.median(corners) <= limits[0] + 0.1 * (limits[1] - limits[0]) else "gray"


def show_picture(axes: Axes, picture: np.ndarray, limits: tuple[float, float], colours: Any) -> Any:
    """One picture without ticks, but with room for labels."""
    low, high = limits
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#d5d8dc")
        spine.set_linewidth(0.6)
    if picture.ndim == 3:
        return axes.imshow(np.clip((picture - low) / (high - low), 0, 1), interpolation="nearest")
    return axes.imshow(picture, cmap=colours, vmin=low, vmax=high, interpolation="nearest")


def plot_samples(
    X: Any,
    image_shape: Sequence[int],
    labels: Any = None,
    n: int = 12,
    limits: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """The first ``n`` rows as pictures, each under its label.

    ``limits`` are the values drawn as the two ends of grey; by default [0, 1] if the data lie in it, else their own.
    """
    n = min(n, len(X))
    columns = min(6, n)
    rows = -(-n // columns)
    figure = bare_figure(1.25 * columns + 0.2, 1.45 * rows + 0.4)
    limits = limits or grey_range(X)
    names = None if labels is None else as_text(labels[:n])
    pictures = as_pictures(X[:n], image_shape)
    greys = greys_for(pictures, limits)
    for place, picture in enumerate(pictures):
        axes = figure.add_subplot(rows, columns, place + 1)
        show_picture(axes, picture, limits, greys)
        if names is not None:
            axes.set_title(names[place], fontsize=9, color=INK, pad=3)
    caption(figure, title or f"{n} pictures of {' × '.join(map(str, image_shape))} pixels")
    return figure


def plot_generated(generated: Any, training: Any, image_shape: Sequence[int], n: int = 10) -> Figure:
    """The first ``n`` generated rows as pictures, and under each the nearest training row, which shows copies."""
    drawn, known = np.asarray(generated[:n], dtype=float), np.asarray(training, dtype=float)
    nearest = np.stack([known[((known - row) ** 2).sum(1).argmin()] for row in drawn])
    figure = bare_figure(1.1 * len(drawn) + 1.6, 3.0)
    limits = grey_range(known)
    greys = greys_for(as_pictures(known, image_shape), limits)
    for place, (title, rows) in enumerate((("generated", drawn), ("nearest in training", nearest))):
        for column, picture in enumerate(as_pictures(rows, image_shape)):
            axes = figure.add_subplot(2, len(drawn), place * len(drawn) + column + 1)
            show_picture(axes, picture, limits, greys)
            if column == 0:
                axes.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=10, color=INK, labelpad=8)
    caption(figure, "Generated rows", "Under each the nearest training row; a copy would look the same.")
    return figure


def plot_interpolation(path: Any, image_shape: Sequence[int], n_pairs: int = 1) -> Figure:
    """The rows that `interpolate` returns, one line of pictures per pair, each step under its share of the path."""
    path = np.asarray(path, dtype=float)
    if n_pairs < 1 or len(path) % n_pairs:
        raise ValueError(f"plot_interpolation: {len(path)} rows cannot be split into n_pairs={n_pairs} equal paths.")
    steps = len(path) // n_pairs
    figure = bare_figure(1.1 * steps + 0.2, 1.15 * n_pairs + 0.8)
    limits, pictures = grey_range(path), as_pictures(path, image_shape)
    greys = greys_for(pictures, limits)
    for place, picture in enumerate(pictures):
        axes = figure.add_subplot(n_pairs, steps, place + 1)
        show_picture(axes, picture, limits, greys)
        if place < steps:
            axes.set_title(f"{place / max(1, steps - 1):.2g}", fontsize=9, color=INK, pad=3)
    caption(
        figure,
        "From one row to another, by their codes",
        "Above: the share of the path. Both ends are reconstructed rows.",
    )
    return figure


def plot_pictures_reconstructed(
    X: np.ndarray,
    reconstructed: np.ndarray,
    image_shape: Sequence[int],
    labels: Any = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Three lines: original, reconstructed, and reconstructed minus original, on common scales."""
    n = len(X)
    figure = bare_figure(1.1 * n + 1.6, 4.1)
    grid = figure.add_gridspec(3, n + 1, width_ratios=[1.0] * n + [0.12])
    limits = limits or grey_range(X)
    originals = as_pictures(X, image_shape)
    greys = greys_for(originals, limits)
    difference = reconstructed - X
    reach = float(np.abs(difference).max()) or 1.0
    names = None if labels is None else as_text(labels)
    of_what = ", in the channel that differs most" if len(image_shape) == 3 and image_shape[0] > 1 else ""
    shown = (
        ("original", originals, limits, greys),
        ("reconstructed", as_pictures(reconstructed, image_shape), limits, greys),
        ("difference", _grey(as_pictures(difference, image_shape)), (-reach, reach), difference_map()),
    )
    image: Any = None
    for row, (title, pictures, range_, colours) in enumerate(shown):
        for column, picture in enumerate(pictures):
            axes = figure.add_subplot(grid[row, column])
            image = show_picture(axes, picture, range_, colours)
            if column == 0:
                axes.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=10, color=INK, labelpad=8)
            if row == 0 and names is not None:
                axes.set_title(names[column], fontsize=9, color=INK, pad=3)
            if row == 2:
                error = float((difference[column] ** 2).mean())
                axes.set_xlabel(f"{error:.3g}", fontsize=8, color="#555b63", labelpad=3)
    bar = figure.colorbar(image, cax=figure.add_subplot(grid[2, n]))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)
    caption(
        figure,
        "Rows and their reconstructions",
        "Under each column its squared error per feature. "
        f"Difference: reconstructed minus original{of_what}, one scale.",
    )
    return figure


def _grey(pictures: np.ndarray) -> np.ndarray:
    """Signed differences as one channel: the one that differs most, as in a mean they could cancel."""
    if pictures.ndim < 4:
        return pictures
    largest = np.abs(pictures).argmax(-1, keepdims=True)
    return np.take_along_axis(pictures, largest, -1)[..., 0]
