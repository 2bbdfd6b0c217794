"""Pictures before and after denoising."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.pictures import as_pictures, grey_range, greys_for, show_picture
from isthmus.plots.style import INK, bare_figure, caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_denoised"]


def plot_denoised(noisy: Any, denoised: Any, clean: Any, image_shape: Sequence[int], n: int = 8) -> Figure:
    """Pictures in rows: noisy, denoised and, unless None, the clean originals; one scale for all."""
    n = min(n, len(noisy))
    noisy = np.nan_to_num(np.asarray(noisy, float)[:n])
    shown = [("noisy", noisy), ("denoised", np.asarray(denoised, float)[:n])]
    if clean is not None:
        shown.append(("clean", np.asarray(clean, float)[:n]))
    limits = grey_range(shown[-1][1])
    greys = greys_for(as_pictures(shown[-1][1], image_shape), limits)
    figure = bare_figure(1.1 * n + 1.4, 1.15 * len(shown) + 0.6)
    for row, (title, rows) in enumerate(shown):
        for column, picture in enumerate(as_pictures(rows, image_shape)):
            axes = figure.add_subplot(len(shown), n, row * n + column + 1)
            show_picture(axes, picture, limits, greys)
            if column == 0:
                axes.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=10, color=INK, labelpad=8)
    caption(figure, "Before and after denoising")
    return figure
