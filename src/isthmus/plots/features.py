"""Rows of tables column by column: values and their reconstructions, and the error of each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.pictures import as_pictures, plot_pictures_reconstructed, show_picture
from isthmus.plots.style import INK, MODEL_COLOUR, PCA_COLOUR, as_text, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_error_by_feature", "plot_reconstructions"]

MAX_COLUMNS = 30
MAX_TABLE_ROWS = 4


def plot_reconstructions(
    X: Any,
    reconstructed: Any,
    image_shape: Sequence[int] | None = None,
    labels: Any = None,
    columns: Sequence[str] | None = None,
    n: int = 8,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """The first ``n`` rows and their reconstructions: pictures, or for tables paired bars in original units.

    Of a table at most 4 rows are shown, and at most 30 columns, those with the largest residuals first. ``limits`` are
    the values drawn as the two ends of grey; by default [0, 1] if the pictures lie in it, else their own range.
    """
    X, reconstructed = np.asarray(X, dtype=float)[:n], np.asarray(reconstructed, dtype=float)[:n]
    labels = None if labels is None else np.asarray(labels, dtype=object)[:n]
    if image_shape is not None:
        return plot_pictures_reconstructed(X, reconstructed, image_shape, labels, limits)
    return _plot_table_reconstructed(X[:MAX_TABLE_ROWS], reconstructed[:MAX_TABLE_ROWS], labels, columns)


def _plot_table_reconstructed(
    X: np.ndarray, reconstructed: np.ndarray, labels: Any, columns: Sequence[str] | None
) -> Figure:
    names = _names(columns, X.shape[1])
    # Columns may differ in scale by orders of magnitude: each has its own, shared by all rows.
    size = np.maximum(np.abs(X).max(0), np.abs(reconstructed).max(0))
    size[size == 0] = 1.0
    residual = np.abs(reconstructed - X).max(0) / size
    chosen = np.arange(len(names))
    note = "Bars: each column relative to its largest value shown; numbers: original, reconstructed."
    if len(names) > MAX_COLUMNS:
        chosen = np.argsort(-residual, kind="stable")[:MAX_COLUMNS]
        note = f"The {MAX_COLUMNS} of {len(names)} columns with the largest residuals, largest first. " + note
    figure = bare_figure(2.9 * len(X) + 1.8, 0.27 * len(chosen) + 1.3)
    places = np.arange(len(chosen))[::-1]
    low = min(0.0, *((values[:, chosen] / size[chosen]).min() for values in (X, reconstructed)))
    for row in range(len(X)):
        axes = figure.add_subplot(1, len(X), row + 1)
        tidy(axes)
        original, again = X[row, chosen] / size[chosen], reconstructed[row, chosen] / size[chosen]
        axes.barh(places + 0.2, original, height=0.36, color="#b9bec5", label="original")
        axes.barh(places - 0.2, again, height=0.36, color=MODEL_COLOUR, label="reconstructed")
        ends = np.maximum(np.maximum(original, again), 0.0)
        for place, column, end in zip(places, chosen, ends, strict=True):
            numbers = f" {X[row, column]:.4g}, {reconstructed[row, column]:.4g}"
            axes.text(end, place, numbers, fontsize=6.5, va="center", color="#555b63")
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.set_xlim(low * 1.05, 1.55)
        axes.set_xticks([])
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.set_yticks(places, [names[column] for column in chosen] if row == 0 else [], fontsize=8)
        axes.set_ylim(-0.7, len(chosen) - 0.3)
        axes.tick_params(axis="y", length=0)
        title = f"row {row}" if labels is None else f"row {row}: {as_text([labels[row]])[0]}"
        axes.set_title(title, fontsize=9, color=INK, loc="left")
        if row == len(X) - 1:
            figure.legend(*axes.get_legend_handles_labels(), fontsize=8, frameon=False, ncols=2, loc="upper right")
    caption(figure, "Rows and their reconstructions", note)
    return figure


def plot_error_by_feature(
    mse_model: Any,
    mse_pca: Any,
    columns: Sequence[str] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Figure:
    """Squared error of each feature, of the model and of PCA; both of shape (n_features,)."""
    model, pca = np.asarray(mse_model, dtype=float), np.asarray(mse_pca, dtype=float)
    title = f"Where the error is: {model.mean():.3g} per feature, PCA {pca.mean():.3g}"
    if image_shape is not None:
        return _plot_error_maps(model, pca, image_shape, title)
    names = _names(columns, len(model))
    order = np.argsort(-np.maximum(model, pca), kind="stable")[:MAX_COLUMNS]
    figure = bare_figure(6.4, 0.27 * len(order) + 1.2)
    axes = figure.add_subplot()
    tidy(axes, grid="x")
    places = np.arange(len(order))[::-1]
    axes.barh(places + 0.2, model[order], height=0.36, color=MODEL_COLOUR, label="model")
    axes.barh(places - 0.2, pca[order], height=0.36, color=PCA_COLOUR, label="PCA")
    axes.set_yticks(places, [names[column] for column in order])
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.tick_params(axis="y", length=0)
    positive = np.concatenate([model[order], pca[order]])
    positive = positive[positive > 0]
    if len(positive) and positive.max() > 300 * np.median(positive):
        axes.set_xscale("log")
    axes.set_xlabel("mean squared error", fontsize=9, color=INK)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    cut = f"The {MAX_COLUMNS} of {len(names)} columns with the largest error." if len(names) > MAX_COLUMNS else ""
    caption(figure, title, cut)
    return figure


def _plot_error_maps(model: np.ndarray, pca: np.ndarray, image_shape: Sequence[int], title: str) -> Figure:
    figure = bare_figure(6.6, 3.3)
    grid = figure.add_gridspec(1, 3, width_ratios=[1, 1, 0.05])
    limits = (0.0, float(max(model.max(), pca.max())) or 1.0)
    image: Any = None
    for place, (name, errors) in enumerate((("model", model), ("PCA", pca))):
        axes = figure.add_subplot(grid[0, place])
        picture = as_pictures(errors[None], image_shape)[0]
        image = show_picture(axes, picture.mean(-1) if picture.ndim == 3 else picture, limits, "Greys")
        axes.set_title(f"{name}, mean {errors.mean():.3g}", fontsize=9, color=INK)
    bar = figure.colorbar(image, cax=figure.add_subplot(grid[0, 2]))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)
    caption(figure, title, "Mean squared error of each pixel, both on one scale.")
    return figure


def _names(columns: Sequence[str] | None, count: int) -> list[str]:
    if columns is not None and len(columns) != count:
        raise ValueError(f"plots: columns must name the {count} columns of the rows, got {len(columns)} names.")
    return as_text(columns if columns is not None else [f"column {place}" for place in range(count)])
