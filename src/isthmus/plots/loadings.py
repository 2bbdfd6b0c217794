"""Loadings as a heat map or, for rows with a shape, as one picture, spectrogram or line per latent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.pictures import as_pictures, show_picture
from isthmus.plots.style import INK, MODEL_COLOUR, as_text, bare_figure, caption, difference_map, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isthmus.tables.row_shape import RowShape

__all__ = ["plot_loadings"]

MAX_LATENTS, MAX_COLUMNS, ACROSS = 12, 30, 6
MIN_SHOWN = 0.05  # R² from which it is written into its cell


def plot_loadings(
    loadings: Any,
    image_shape: Sequence[int] | None = None,
    columns: Sequence[str] | None = None,
    *,
    row_shape: RowShape | None = None,
) -> Figure:
    """Draw `Loadings`: standardized slopes as colours, R² as numbers; latent k is called zk, as on the explorer page.

    At most 30 columns are shown, those best explained by a latent, and at most 12 latents, those that explain most.
    Rows with ``row_shape`` are drawn whole: a spectrogram as a plane, a series or a waveform as a line per channel.
    """
    r2, standardized = np.asarray(loadings.r2, dtype=float), np.asarray(loadings.standardized, dtype=float)
    slopes = np.asarray(loadings.slope, dtype=float)  # cells of one unit are not standardized: some hardly vary
    latents = np.sort(np.argsort(-r2.sum(1), kind="stable")[:MAX_LATENTS])
    cut = f"The {MAX_LATENTS} of {len(r2)} latents that explain most. " if len(r2) > MAX_LATENTS else ""
    names = [f"z{place + 1}" for place in latents]
    if image_shape is not None:
        return _plot_pictures(slopes[latents], r2[latents], names, image_shape, cut)
    if row_shape is not None and row_shape.grid:
        draw = _plot_spectrograms if len(row_shape.grid) == 2 else _plot_lines
        return draw(slopes[latents], r2[latents], names, row_shape, cut)
    chosen = np.arange(r2.shape[1])
    if len(chosen) > MAX_COLUMNS:
        chosen = np.sort(np.argsort(-r2[latents].max(0), kind="stable")[:MAX_COLUMNS])
        cut += f"The {MAX_COLUMNS} of {r2.shape[1]} columns that are explained best. "
    rows = as_text(columns if columns is not None else loadings.columns)
    shown, share = standardized[np.ix_(latents, chosen)].T, r2[np.ix_(latents, chosen)].T
    figure = bare_figure(max(6.0, 2.6 + 0.62 * len(latents)), 0.27 * len(chosen) + 1.6)
    axes = figure.add_subplot()
    limit = max(1.0, float(np.abs(shown).max(initial=0)))
    image = axes.imshow(shown, cmap=difference_map(), vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(latents)), names, fontsize=8)
    axes.set_yticks(range(len(chosen)), [rows[place] for place in chosen], fontsize=8)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    for row, column in np.argwhere(share >= MIN_SHOWN):
        dark = abs(shown[row, column]) > 0.65 * limit
        axes.text(
            column,
            row,
            f"{share[row, column]:.2f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else INK,
        )
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)
    note = "Colour: mean slope, in standard deviations.\nNumbers: R² of the column given the latent alone."
    caption(figure, "Which columns each latent explains", f"{cut}{note}")
    return figure


def _plot_pictures(
    slopes: np.ndarray,
    r2: np.ndarray,
    names: list[str],
    image_shape: Sequence[int],
    cut: str,
    nouns: tuple[str, str] = ("pixel", "pixels"),
) -> Figure:
    across = min(ACROSS, len(names))
    down = -(-len(names) // across)
    figure = bare_figure(1.5 * across + 0.6, 1.75 * down + 1.0)
    limit = float(np.abs(slopes).max(initial=0)) or 1.0
    image: Any = None
    for place, name in enumerate(names):
        axes = figure.add_subplot(down, across, place + 1)
        picture = as_pictures(slopes[place][None], image_shape)[0]
        image = show_picture(
            axes, picture.mean(-1) if picture.ndim == 3 else picture, (-limit, limit), difference_map()
        )
        axes.set_title(f"{name}\nR² {r2[place].mean():.2f}", fontsize=8, color=INK)
    bar = figure.colorbar(image, ax=figure.axes, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)
    one, several = nouns
    note = f"Mean change of a {one} per unit of the latent, all on one scale; R²: mean over the {one}s."
    caption(figure, f"Which {several} each latent explains", cut + note)
    return figure


def _plot_spectrograms(slopes: np.ndarray, r2: np.ndarray, names: list[str], shape: RowShape, cut: str) -> Figure:
    """Frequency upwards, time to the right."""
    upright = slopes.reshape(len(names), *shape.grid)[:, ::-1].reshape(len(names), -1)
    return _plot_pictures(upright, r2, names, shape.grid, cut, ("cell", "times and frequencies"))


def _plot_lines(slopes: np.ndarray, r2: np.ndarray, names: list[str], shape: RowShape, cut: str) -> Figure:
    """Slopes over time, a panel per latent and a line per channel."""
    figure = bare_figure(7.0, 1.1 * len(names) + 1.0)
    lines, sound = slopes.reshape(len(names), -1, shape.grid[0]), shape.signal
    times = np.arange(shape.grid[0]) / (1 if sound is None else sound.rate)
    limit = float(np.abs(slopes).max(initial=0)) or 1.0
    for place, name in enumerate(names):
        axes = figure.add_subplot(len(names), 1, place + 1)
        tidy(axes)
        for shade, line in zip(np.linspace(1, 0.35, lines.shape[1]), lines[place], strict=True):
            axes.plot(times, line, color=MODEL_COLOUR, alpha=shade, linewidth=0.8)
        axes.axhline(0, color=INK, linewidth=0.4)
        axes.set_ylim(-1.05 * limit, 1.05 * limit)
        axes.set_ylabel(f"{name}\nR² {r2[place].mean():.2f}", fontsize=8, color=INK)
        axes.tick_params(labelbottom=place == len(names) - 1)
    figure.axes[-1].set_xlabel("step" if sound is None else "seconds", fontsize=8)
    note = "Mean change of a reading per unit of the latent, all on one scale; R²: mean over the readings."
    caption(figure, "When each latent matters", cut + note)
    return figure
