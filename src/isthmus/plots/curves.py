"""What happened during training: the loss and each of its parts, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.history import History
from isthmus.plots.style import FAINT, INK, MODEL_COLOUR, PCA_COLOUR, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_history"]

TITLES = {"loss": "loss", "mse": "squared error per feature", "reconstruction": "reconstruction, −log p(x|z)"}
MOST_PANELS_A_ROW = 3


def plot_history(history: History, *, best_epoch: int | None = None, start_label: str | None = "PCA (start)") -> Figure:
    """Training and validation curves: the total large, every named part small.

    Parameters
    ----------
    best_epoch
        Number of the epoch whose weights were kept, marked with a ring.
    start_label
        What row 0 is; its value runs through as a dotted line. None draws no line.
    """
    if not len(history):
        raise ValueError("plot_history: the history has no rows; fit the model first.")
    parts = [name.removeprefix("train_") for name in history.columns if name.startswith("train_")]
    small = [part for part in parts if part != "loss"]
    rows = -(-len(small) // MOST_PANELS_A_ROW)
    across = -(-len(small) // rows) if rows else 1
    figure = bare_figure(7.6, 3.4 + 1.9 * rows)
    grid = figure.add_gridspec(1 + rows, across, height_ratios=[1.7] + [1.0] * rows)
    axes = figure.add_subplot(grid[0, :])
    _draw(axes, history, "loss", best_epoch, start_label)
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    for place, part in enumerate(small):
        panel = figure.add_subplot(grid[1 + place // across, place % across])
        _draw(panel, history, part, best_epoch, start_label)
    epochs = history["epoch"]
    kept = "" if best_epoch is None else f", epoch {best_epoch} chosen"
    caption(
        figure,
        f"Training: {int(epochs[-1])} epochs{kept}",
        "Both curves are measured at the end of each epoch, with the same weights, on rows of equal number.",
    )
    return figure


def _draw(axes: Axes, history: History, part: str, best_epoch: int | None, start_label: str | None) -> None:
    tidy(axes, grid="y")
    epochs, train = history["epoch"], history[f"train_{part}"]
    validation = history.columns.get(f"validation_{part}")
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
