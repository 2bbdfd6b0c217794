"""Training curves: the loss and each of its parts by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isthmus.history import History
from isthmus.plots.style import FAINT, INK, MODEL_COLOUR, PCA_COLOUR, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_history"]

SAME = 1e-3  # of a curve's range: the largest difference of curves that count as equal
TITLES = {
    "loss": "loss, nats per row",
    "mse": "squared error per feature",
    "reconstruction": "reconstruction, −log p(x|z)",
}
MAX_PANELS_PER_ROW = 3


def plot_history(
    history: History,
    *,
    best_epoch: int | None = None,
    start_label: str | None = "PCA (start)",
    unit: float = 1.0,
) -> Figure:
    """Training and validation curves: the total in a large panel, every part in a small one.

    A part that equals the total up to a factor and a constant has no panel. If the total is the squared error in that
    sense, the squared error is drawn, in the units of printed results.

    Parameters
    ----------
    unit
        The model's unit in units of the data; the squared error is multiplied by its square.
    best_epoch
        The epoch whose weights were kept, marked with a ring.
    start_label
        The name of epoch 0, whose value is drawn as a dotted line. None draws no line.
    """
    if not len(history):
        raise ValueError("plot_history: the history has no rows; fit the model first.")
    parts = [name.removeprefix("train_") for name in history.columns if name.startswith("train_")]
    large = "mse" if "mse" in parts and _is_same_curve(history, "loss", "mse") else "loss"
    small = [part for part in parts if part not in ("loss", large) and not _is_same_curve(history, large, part)]
    curves = {part: _curves(history, part, unit**2 if part == "mse" else 1.0) for part in (large, *small)}
    rows = -(-len(small) // MAX_PANELS_PER_ROW)
    across = -(-len(small) // rows) if rows else 1
    figure = bare_figure(7.6, 3.4 + 1.9 * rows)
    grid = figure.add_gridspec(1 + rows, across, height_ratios=[1.7] + [1.0] * rows)
    axes = figure.add_subplot(grid[0, :])
    _draw(axes, large, history["epoch"], *curves[large], best_epoch, start_label)
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    for place, part in enumerate(small):
        panel = figure.add_subplot(grid[1 + place // across, place % across])
        _draw(panel, part, history["epoch"], *curves[part], best_epoch, start_label)
    epochs = history["epoch"]
    kept = "" if best_epoch is None else f", epoch {best_epoch} chosen"
    caption(
        figure,
        f"Training: {int(epochs[-1])} epochs{kept}",
        "Both curves are measured at the end of each epoch, with the same weights, on equally many rows.",
    )
    return figure


def _curves(history: History, part: str, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray | None]:
    """Training and validation curve; the latter is None without validation rows."""
    train, validation = history[f"train_{part}"], history.columns.get(f"validation_{part}")
    return factor * np.asarray(train), None if validation is None else factor * np.asarray(validation)


def _is_same_curve(history: History, one: str, other: str) -> bool:
    """Whether one curve is the other times a factor plus a constant, over training and validation together."""
    x, y = (np.concatenate([part for part in _curves(history, name) if part is not None]) for name in (one, other))
    if len(x) < 3 or not np.isfinite(x + y).all() or not np.ptp(x):
        return False
    slope, constant = np.polyfit(x, y, 1)
    return bool(slope > 0 and np.abs(slope * x + constant - y).max() <= SAME * np.ptp(y))


def _draw(
    axes: Axes,
    part: str,
    epochs: list[float],
    train: np.ndarray,
    validation: np.ndarray | None,
    best_epoch: int | None,
    start_label: str | None,
) -> None:
    tidy(axes, grid="y")
    mark = "o" if len(epochs) == 1 else ""
    axes.plot(epochs, train, color=MODEL_COLOUR, linewidth=1.4, marker=mark, markersize=4, label="training")
    held_out = train
    if validation is not None:
        held_out = validation
        axes.plot(
            epochs, validation, color=INK, linewidth=1.4, linestyle=(0, (4, 1.6)), marker=mark, markersize=4,
            label="validation",
        )  # fmt: skip
    if start_label is not None:
        axes.axhline(held_out[0], color=PCA_COLOUR, linewidth=1.1, linestyle=":", label=start_label)
    if best_epoch is not None and best_epoch in epochs:
        place = epochs.index(best_epoch)
        axes.plot([best_epoch], [held_out[place]], "o", mfc="white", mec=INK, ms=5, mew=1.2, label="chosen")
    axes.set_title(TITLES.get(part, part.replace("_", " ")), fontsize=9, color=INK, loc="left")
    axes.set_xlabel("epoch", fontsize=8, color=FAINT)
    if len(epochs) > 1:
        axes.set_xlim(epochs[0], epochs[-1] + 0.02 * (epochs[-1] - epochs[0]))
        axes.locator_params(axis="x", integer=True)
