"""Rows with a time axis and their reconstructions: as lines over time, and as spectrograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.style import INK, MODEL_COLOUR, as_text, bare_figure, caption, tidy
from isthmus.tables.row_shape import RowShape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_signals", "plot_spectrograms"]

MAX_LINES, MAX_SPECTROGRAMS = 6, 5
ORIGINAL = "#8b939c"


def plot_signals(X: Any, reconstructed: Any, shape: RowShape, labels: Any = None, n: int = MAX_LINES) -> Figure:
    """The first ``n`` rows as lines over time, each with its reconstruction; channels below one another.

    Parameters
    ----------
    X, reconstructed
        Rows of shape (n_rows, n_channels · n_steps).
    shape
        (time) or (channel, time); a signal's rate gives the axis in seconds.
    """
    X, again = (
        np.asarray(part, dtype=float)[:n].reshape(-1, shape.n_channels, shape.grid[0]) for part in (X, reconstructed)
    )
    rate = 1 if shape.signal is None else shape.signal.rate
    time = np.arange(shape.grid[0]) / rate
    names = None if labels is None else as_text(labels[: len(X)])
    figure = bare_figure(8.4, 0.9 * len(X) * shape.n_channels + 1.2)
    for row, (original, other) in enumerate(zip(X, again, strict=True)):
        for channel in range(shape.n_channels):
            place = row * shape.n_channels + channel
            axes = figure.add_subplot(len(X) * shape.n_channels, 1, place + 1)
            tidy(axes)
            axes.plot(time, original[channel], color=ORIGINAL, linewidth=1.2, label="original")
            axes.plot(time, other[channel], color=MODEL_COLOUR, linewidth=0.9, label="reconstruction")
            axes.tick_params(labelsize=7)
            axes.set_xlim(time[0], time[-1] if len(time) > 1 else 1)
            if channel == 0:
                title = f"row {row}" if names is None else f"row {row}: {names[row]}"
                axes.set_title(title, fontsize=8, color=INK, loc="left", pad=2)
            if place < len(X) * shape.n_channels - 1:
                axes.set_xticklabels([])
            else:
                axes.set_xlabel("step" if shape.signal is None else "seconds", fontsize=8)
            if place == 0:
                axes.legend(fontsize=7, frameon=False, ncols=2, loc="upper right")
    caption(figure, f"{len(X)} of the rows and their reconstructions")
    return figure


def plot_spectrograms(
    X: Any, reconstructed: Any, shape: RowShape, labels: Any = None, n: int = MAX_SPECTROGRAMS
) -> Figure:
    """The first ``n`` rows as spectrograms, each above its reconstruction, on one scale of loudness."""
    X, again = (np.asarray(part, dtype=float)[:n].reshape(-1, *shape.sizes) for part in (X, reconstructed))
    names = None if labels is None else as_text(labels[: len(X)])
    seconds, top = (
        (shape.sizes[1], shape.sizes[0]) if shape.signal is None else (shape.signal.seconds, shape.signal.rate / 2000)
    )
    figure = bare_figure(1.9 * len(X) + 1.0, 4.2)
    low, high = float(X.min()), float(X.max()) or 1.0
    for line, (title, part) in enumerate((("original", X), ("reconstruction", again))):
        for place, picture in enumerate(part):
            axes = figure.add_subplot(2, len(X), line * len(X) + place + 1)
            _show(axes, picture, (0, seconds, 0, top), (low, high))
            if place == 0:
                axes.set_ylabel(f"{title}\n{'frequency' if shape.signal is None else 'kHz'}", fontsize=8)
            else:
                axes.set_yticklabels([])
            if line == 0 and names is not None:
                axes.set_title(names[place], fontsize=9, color=INK, pad=3)
            if line == 1:
                axes.set_xlabel("frame" if shape.signal is None else "seconds", fontsize=8)
    caption(figure, f"{len(X)} of the rows and their reconstructions", "Brightness: log-magnitude, one scale for all.")
    return figure


def _show(
    axes: Axes, picture: np.ndarray, extent: tuple[float, float, float, float], limits: tuple[float, float]
) -> None:
    axes.tick_params(labelsize=7)
    axes.imshow(picture, origin="lower", aspect="auto", extent=extent, vmin=limits[0], vmax=limits[1], cmap="magma")
