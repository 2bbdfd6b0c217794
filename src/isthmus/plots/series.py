"""A series with its episodes: each channel with its expected values, what it adds to the score, and the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.style import FAINT, INK, MODEL_COLOUR, PCA_COLOUR, as_text, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isthmus.series import SeriesDetection

__all__ = ["plot_series"]

MAX_POINTS = 3_000  # of a line; a longer one is drawn by the smallest and the largest value of each stretch
MAX_CHANNELS = 12
WITHIN = 2.0  # standard deviations of the band


def plot_series(detection: SeriesDetection, begin: int = 0, end: int | None = None, time_name: str = "time") -> Figure:
    """Draw steps ``begin`` to ``end`` of a detection.

    Each channel with the values expected by singular spectrum analysis and a band of two (robust) standard deviations
    around them, episodes shaded; what each channel adds to the score, as a map; the score with its threshold. At most
    12 channels are drawn, those that add most.

    Parameters
    ----------
    detection
        The result of `SeriesOutlierDetector.detect`, or ``detection_``.
    begin, end
        The steps to draw.
    time_name
        Label of the time axis.
    """
    end = len(detection.scores) if end is None else min(end, len(detection.scores))
    values, expected = detection.series.part(begin, end), detection.expected(begin, end)
    contributions = detection.contributions(begin, end)
    names, deviation = detection.series.channels, np.zeros(values.shape[1])
    if detection.model is not None:
        deviation = detection.model.deviation
    with np.errstate(invalid="ignore"):
        most = np.argsort(-np.nan_to_num(contributions).max(0, initial=0), kind="stable")
    shown = np.sort(most[:MAX_CHANNELS])
    stretches = [slice(max(low - begin, 0), min(high, end) - begin) for low, high in detection.series.segments
                 if low < end and high > begin]  # fmt: skip
    stamps, several = detection.stamps[begin:end], len(shown) > 1
    ratios = [1.0] * len(shown) + [0.25 + 0.12 * len(shown)] * several + [0.9]
    figure = bare_figure(10.0, 1.2 + 1.15 * sum(ratios))
    axes: list[Any] = list(np.atleast_1d(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)))
    spans = [(max(one.first, begin) - begin, min(one.last, end - 1) - begin) for one in detection.episodes
             if one.first < end and one.last >= begin]  # fmt: skip
    for place, channel in enumerate(shown):
        for one in stretches:  # a line isn't drawn over a gap
            _channel(axes[place], stamps[one], values[one, channel], expected[one, channel], deviation[channel])
        axes[place].set_ylabel(as_text([names[channel]])[0], fontsize=8, color=INK)
    if several:
        _map(axes[len(shown)], figure, stamps, contributions[:, shown], as_text([names[one] for one in shown]))
    for one in stretches:
        _line(axes[-1], stamps[one], detection.scores[begin:end][one], MODEL_COLOUR)
        axes[-1].plot(
            *_thin(stamps[one], detection.thresholds[begin:end][one]), color=INK, linewidth=0.8, linestyle="--"
        )
    axes[-1].set_ylabel("score (nats)", fontsize=8, color=INK)
    axes[-1].set_xlabel(as_text([time_name])[0], fontsize=8, color=INK)
    for one in axes:
        tidy(one)
        for first, last in spans:
            one.axvspan(stamps[first], stamps[last], color=PCA_COLOUR, alpha=0.18, linewidth=0)
    note = "shaded: episodes; orange: expected by singular spectrum analysis, with a band of two standard deviations"
    left_out = len(names) - len(shown)
    caption(figure, f"{len(spans)} {'episode' if len(spans) == 1 else 'episodes'} in {end - begin:,} steps",
            note + (f"; {left_out} channels that add less are not drawn" if left_out else ""))  # fmt: skip
    return figure


def _channel(axes: Axes, stamps: np.ndarray, values: np.ndarray, expected: np.ndarray, deviation: float) -> None:
    at, line = _thin(stamps, expected)
    axes.fill_between(
        at, line - WITHIN * deviation, line + WITHIN * deviation, color=PCA_COLOUR, alpha=0.25, linewidth=0
    )
    axes.plot(at, line, color=PCA_COLOUR, linewidth=0.9)
    _line(axes, stamps, values, INK)


def _line(axes: Axes, stamps: np.ndarray, values: np.ndarray, colour: str) -> None:
    axes.plot(*_thin(stamps, values), color=colour, linewidth=0.7)


def _map(axes: Axes, figure: Figure, stamps: np.ndarray, contributions: np.ndarray, names: list[str]) -> None:
    """Contributions as colours: the largest of each stretch, so short ones stay visible."""
    stretches = np.array_split(np.arange(len(stamps)), min(len(stamps), MAX_POINTS // 4))
    greatest = np.stack([np.nan_to_num(contributions[one]).max(0) for one in stretches], 1)
    edges = stamps[[*(int(one[0]) for one in stretches), len(stamps) - 1]]
    top = max(float(greatest.max()), 1e-12)
    axes.pcolormesh(edges, np.arange(len(names) + 1), greatest, cmap="Blues", vmin=0, vmax=top, rasterized=True)
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=6)
    axes.invert_yaxis()
    axes.set_ylabel("adds", fontsize=8, color=FAINT)


def _thin(stamps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line of fewer points that looks the same: the smallest and the largest of each stretch, in order."""
    if len(values) <= MAX_POINTS:
        return stamps, values
    width = -(-2 * len(values) // MAX_POINTS)
    n_whole = len(values) // width * width
    parts = values[:n_whole].reshape(-1, width)
    low = np.where(np.isnan(parts), np.inf, parts).argmin(1)
    high = np.where(np.isnan(parts), -np.inf, parts).argmax(1)
    first = np.arange(0, n_whole, width)
    places = np.unique(np.concatenate([first + low, first + high, [len(values) - 1]]))
    return stamps[places], values[places]
