"""The common style of figures: colours, type, margins, and saving."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from isthmus.tables import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FAINT",
    "INK",
    "MODEL_COLOUR",
    "PCA_COLOUR",
    "as_text",
    "bare_figure",
    "caption",
    "difference_map",
    "save_figure",
    "tidy",
]

INK, FAINT = "#22262b", "#8a9099"
MODEL_COLOUR, PCA_COLOUR = "#3f90da", "#ffa90e"  # the first two of petroff10
DIFFERENCE_COLOURS = ("#1f5fa8", "#ffffff", "#d9730d")  # blue is too little, orange too much, white is right
DOTS_PER_INCH = 150


def bare_figure(width: float, height: float) -> Figure:
    """A figure of this size in inches, without a window or global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")


def tidy(axes: Axes, *, grid: Literal["x", "y"] | None = None) -> None:
    """Leave only the left and bottom axes, in light grey."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, color=FAINT)
    if grid is not None:
        axes.grid(axis=grid, color="#e6e8eb", linewidth=0.6)
        axes.set_axisbelow(True)


def caption(figure: Figure, title: str, note: str = "") -> None:
    """A title on the left, and below the figure, smaller, what is needed to read it."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    if note:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color="#555b63")


def difference_map() -> Any:
    """Colours of a signed difference, white at zero."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("difference", DIFFERENCE_COLOURS)


def as_text(names: Any) -> list[str]:
    """Names as plain text: dollar signs in column names are not read as mathematics."""
    return [str(name).replace("$", r"\$") for name in np.asarray(names, dtype=object).ravel()]


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a PNG, SVG or PDF, by the suffix, atomically; characters missing from the font are drawn as boxes."""
    with atomic_write(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(temporary, dpi=DOTS_PER_INCH, bbox_inches="tight", pad_inches=0.12)
    return Path(path)
