"""What a smaller code costs: error against latent dimensions, and against bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.plots.style import FAINT, INK, MODEL_COLOUR, PCA_COLOUR, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_rate_distortion"]


def plot_rate_distortion(found: Any) -> Figure:
    """Plot an `isthmus.RateDistortion`: error against latent dimensions and, if a size was chosen, against bits."""
    panels = 1 if found.bits is None else 2
    figure = bare_figure(4.6 * panels, 3.8)
    axes = figure.add_subplot(1, panels, 1)
    tidy(axes, grid="y")
    sizes = [0, *(one.size for one in found.curve)]
    axes.plot(sizes, [found.variation, *(one.pca for one in found.curve)], color=PCA_COLOUR, linewidth=1.4, label="PCA")
    nested = [found.variation, *(one.nested for one in found.curve)]
    axes.plot(sizes, nested, color=MODEL_COLOUR, linewidth=1.4, label="one nested code")
    alone: list[Any] = [one for one in found.curve if one.error is not None]
    if alone:
        spread = [[one.error - one.lowest for one in alone], [one.highest - one.error for one in alone]]
        places, errors = [one.size for one in alone], [one.error for one in alone]
        axes.errorbar(places, errors, yerr=spread, fmt="o", color=INK, ms=4, linewidth=1, label="fitted for one size")
    if found.size:
        axes.axvline(found.size, color=FAINT, linewidth=1, linestyle=":")
    axes.set_xlabel("latent dimensions", fontsize=8, color=FAINT)
    axes.set_ylabel("squared error per feature", fontsize=8, color=FAINT)
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", integer=True)
    axes.legend(fontsize=8, frameon=False)
    if found.bits is not None:
        axes = figure.add_subplot(1, panels, 2)
        tidy(axes, grid="y")
        for curve, colour, name in (
            (found.bits.pca_curve, PCA_COLOUR, "PCA"),
            (found.bits.curve, MODEL_COLOUR, "this code"),
        ):
            axes.plot([one.bits for one in curve], [one.error for one in curve], color=colour, lw=1.4, label=name)
        axes.axhline(found.bits.error, color=FAINT, linewidth=1, linestyle=":")
        axes.set_xlabel("bits per row", fontsize=8, color=FAINT)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8, frameon=False)
    caption(
        figure,
        found.sentence.split(":")[0].rstrip("."),
        "On held-out rows. Dotted: the size chosen, and the error at which bits are compared.",
    )
    return figure
