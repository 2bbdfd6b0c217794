"""The latent plane: every row drawn as a point at its code.

The axes of a code are arbitrary in unit and direction, so planes have equal aspect, and their extent is that of the
bulk of the codes (0.5% to 99.5% of the training codes, and 8% more), not of the farthest point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from isthmus.plots.class_colours import PALETTE, colours_of_codes
from isthmus.plots.style import FAINT, INK, as_text, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["AXES", "Plane", "extent_of", "plot_latent_plane"]

BULK = (0.005, 0.995)
MARGIN = 0.08
MAX_COLOURS = len(PALETTE)
MAX_CLASSES = 40
AXES = ("latent z1", "latent z2")  # as on the explorer page
NINE_TENTHS = 4.605  # the 90% quantile of chi-squared with 2 degrees of freedom
NINE_TENTHS_OF_ONE = 1.645  # standard deviations to either side
BANDS = "{}: 90% regions, which hold nine in ten codes of such a row, given the noise. "
DENSITY_COLOUR = "#dfe3e8"


def extent_of(codes: np.ndarray) -> np.ndarray:
    """Low and high end of each axis from quantiles of the codes, shape (2, n_axes)."""
    low, high = np.quantile(np.asarray(codes, dtype=float), BULK, axis=0)
    width = np.where(high > low, high - low, 1.0)
    return np.stack([low - MARGIN * width, high + MARGIN * width])


class Plane:
    """Two axes through the codes: those of the code if it has two dimensions, else the two of largest variance."""

    def __init__(self, codes: np.ndarray):
        codes = np.asarray(codes, dtype=float)
        self.origin, self.axes = np.zeros(codes.shape[1]), np.eye(codes.shape[1])[:2]
        self.names = list(AXES)
        if codes.shape[1] > 2:
            self.origin = codes.mean(0)
            centred = codes - self.origin
            variances, vectors = np.linalg.eigh(centred.T @ centred)
            self.axes = vectors[:, :-3:-1].T
            self.axes = self.axes * np.where(self.axes.sum(1) < 0, -1.0, 1.0)[:, None]
            total = variances.sum()
            shares = [
                f" ({share:.0%} of their variance)" if total > 0 else "" for share in variances[:-3:-1] / (total or 1)
            ]
            self.names = [f"widest direction of the codes{shares[0]}", f"second widest direction{shares[1]}"]

    def place(self, codes: Any) -> np.ndarray:
        """Points of the plane from codes, (N, p) to (N, 2)."""
        return (np.asarray(codes, dtype=float) - self.origin) @ self.axes.T

    def codes(self, points: np.ndarray) -> np.ndarray:
        """Codes from points of the plane, (N, 2) to (N, p)."""
        return self.origin + points @ self.axes


def plot_latent_plane(
    codes: Any,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    train_codes: Any = None,
    covariances: Any = None,
) -> Figure:
    """Rows at their codes, shape (N, p): a strip for one latent, a plane for two, else the plane of largest variance.

    Parameters
    ----------
    class_names
        A name for each label: by index if labels are 0, 1, 2 …, else for the distinct labels in sorted order.
    train_codes
        Codes of training rows, shape (N, p), which set the extent and the plane; the codes themselves if None.
    covariances
        Of the first few codes, shape (n, p, p): around each an ellipse (a bar, for one latent) that would hold nine in
        ten codes of that row, if its noise were drawn again.
    """
    codes = np.asarray(codes, dtype=float)
    reference = codes if train_codes is None else np.asarray(train_codes, dtype=float)
    if codes.shape[1] == 1:
        classes, note = _classes(labels, class_names, codes)
        return _plot_strip(codes[:, 0], classes, note, reference, covariances)
    plane = Plane(reference)
    points, extent = plane.place(codes), extent_of(plane.place(reference))
    classes, note = _classes(labels, class_names, codes)
    coloured = classes[0].name is not None and len(classes) <= MAX_COLOURS
    across, up = extent[1] - extent[0]
    figure = bare_figure(7.4 if coloured else 6.4, 1.1 + 5.2 * float(np.clip(up / across, 0.4, 1.3)))
    axes = figure.add_subplot()
    tidy(axes)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlim(*extent[:, 0].tolist())
    axes.set_ylim(*extent[:, 1].tolist())
    axes.set_xlabel(plane.names[0], fontsize=9, color=INK)
    axes.set_ylabel(plane.names[1], fontsize=9, color=INK)
    drawn = [
        axes.scatter(*points[chosen].T, s=18, color=colour, edgecolors="white", linewidths=0.4)
        for _, colour, chosen in classes
    ]
    for name, _, chosen in classes:
        if name is not None:
            middle = np.clip(np.median(points[chosen], axis=0), extent[0], extent[1])
            _write_name(axes, name, middle, size=12 if coloured else 9)
    if coloured:
        # With explicit handles, as matplotlib's own legend leaves out names that start with "_".
        shown = [f"{name}  ({int(chosen.sum())})" for name, _, chosen in classes]
        proxies = [_legend_dot(points_drawn.get_facecolor()[0]) for points_drawn in drawn]
        legend = axes.legend(
            proxies, [""] * len(shown), fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0, handletextpad=0.2,
        )  # fmt: skip
        for text, name in zip(legend.get_texts(), shown, strict=True):
            text.set_text(name)
    if covariances is not None:
        for point, covariance in zip(points, np.asarray(covariances, dtype=float), strict=False):
            axes.add_patch(_ellipse(point, plane.axes @ covariance @ plane.axes.T))
        note += BANDS.format("Ellipses")
    note += _outside(((points < extent[0]) | (points > extent[1])).any(1))
    if codes.shape[1] > 2:
        note += f"A plane through {codes.shape[1]} latent dimensions: points that are close here may be far apart."
    caption(figure, f"The codes of {len(codes):,} rows", note)
    return figure


def _ellipse(point: np.ndarray, covariance: np.ndarray) -> Any:
    """The ellipse that holds 90% of a normal distribution in the plane."""
    from matplotlib.patches import Ellipse

    variances, directions = np.linalg.eigh(covariance)
    low, high = 2 * np.sqrt(NINE_TENTHS * np.maximum(variances, 0))
    turn = float(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])))
    return Ellipse((float(point[0]), float(point[1])), high, low, angle=turn, fill=False, edgecolor=INK, linewidth=0.9)


class _Class(NamedTuple):
    """One class as drawn; the name is None if there are no classes to distinguish."""

    name: str | None
    colour: Any
    chosen: np.ndarray


def _classes(labels: Any, class_names: Sequence[str] | None, codes: np.ndarray) -> tuple[list[_Class], str]:
    """The classes in order, and a note about them; one nameless class if there are none."""
    count = len(codes)
    nameless = [_Class(None, PALETTE[0], np.ones(count, dtype=bool))]
    if labels is None:
        return nameless, ""
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise ValueError(f"plot_latent_plane: labels must be one per row, {count}, got shape {labels.shape}.")
    try:
        distinct = np.unique(labels)
    except TypeError:  # labels of several kinds, None among names
        labels = labels.astype(str)
        distinct = np.unique(labels)
    if len(distinct) > MAX_CLASSES:
        return nameless, f"{len(distinct)} different labels: too many to distinguish here. "
    belongs = np.stack([labels == value for value in distinct])  # NaN equals no label, not even itself
    of = np.where(belongs.any(0), belongs.argmax(0), -1)
    names, colours = _names_of(distinct, class_names), colours_of_codes(codes, of, len(distinct))
    note = "Colours repeat; each class is named at its median. "
    return [
        _Class(name, colour, labels == value) for name, colour, value in zip(names, colours, distinct, strict=True)
    ], note if len(distinct) > MAX_COLOURS else ""


def _names_of(distinct: np.ndarray, class_names: Sequence[str] | None) -> list[str]:
    if class_names is None:
        return as_text(distinct)
    names = as_text(class_names)
    if np.issubdtype(distinct.dtype, np.integer) and distinct[0] >= 0 and distinct[-1] < len(names):
        return [names[value] for value in distinct]
    if len(names) != len(distinct):
        raise ValueError(
            f"plot_latent_plane: class_names must name each of the {len(distinct)} labels, got {len(names)} names."
        )
    return names


def _outside(missing: np.ndarray) -> str:
    return f"{int(missing.sum())} of {len(missing):,} rows lie outside the frame. " if missing.any() else ""


def _legend_dot(colour: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], marker="o", linestyle="", markersize=5, color=colour, markeredgecolor="white", mew=0.4)


def _write_name(axes: Axes, name: str, place: np.ndarray, size: float) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3, foreground="white")]
    style = {"ha": "center", "va": "center", "fontsize": size, "fontweight": "bold", "color": INK}
    axes.text(place[0], place[1], name, path_effects=halo, clip_on=False, **style)


def _plot_strip(
    codes: np.ndarray, classes: list[_Class], note: str, reference: np.ndarray, covariances: Any = None
) -> Figure:
    low, high = extent_of(reference)[:, 0]
    figure = bare_figure(7.4, 1.9 + 0.32 * len(classes))
    axes = figure.add_subplot()
    tidy(axes)
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(codes))
    for row, (_, colour, chosen) in enumerate(classes):
        axes.scatter(codes[chosen], -row + jitter[chosen], s=12, color=colour, edgecolors="white", linewidths=0.3)
    if covariances is not None:
        half = NINE_TENTHS_OF_ONE * np.sqrt(np.asarray(covariances, dtype=float)[:, 0, 0])
        lanes = np.stack([one.chosen for one in classes]).argmax(0)[: len(half)]
        middle = codes[: len(half)]
        axes.hlines(-lanes + jitter[: len(half)], middle - half, middle + half, color=INK, linewidth=0.9)
        note += BANDS.format("Bars")
    places = np.linspace(low, high, 240)
    heights = _density(codes, places)
    tall = 0.9 + 0.08 * len(classes)
    axes.fill_between(places, 0.6, 0.6 + tall * heights / heights.max(), color=DENSITY_COLOUR, linewidth=0)
    axes.set_xlim(low, high)
    axes.set_ylim(0.4 - len(classes), 0.7 + tall)
    axes.set_yticks(-np.arange(len(classes)), ["" if name is None else name for name, _, _ in classes])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_xlabel(AXES[0], fontsize=9, color=INK)
    note = note.replace("named at its median", "named at its row") + _outside((codes < low) | (codes > high))
    caption(figure, f"The codes of {len(codes):,} rows", note + "Above: the density of the rows.")
    return figure


def _density(codes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Gaussian kernel density, up to a constant, with Silverman's width."""
    quarters = np.subtract(*np.quantile(codes, [0.75, 0.25])) / 1.349
    spread = min(codes.std(), quarters) or codes.std() or (places[-1] - places[0]) / 10
    width = max(0.9 * spread * len(codes) ** -0.2, (places[-1] - places[0]) / len(places))
    counts, edges = np.histogram(codes, bins=400, range=(places[0] - 4 * width, places[-1] + 4 * width))
    middles = (edges[:-1] + edges[1:]) / 2
    density = np.exp(-0.5 * ((places[:, None] - middles) / width) ** 2) @ counts
    return density if density.any() else np.ones_like(density)
