"""The result of a detector: scores, thresholds, and episodes with their explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.series.episodes import Episode
from isthmus.series.scoring import Scored, SeriesModel
from isthmus.series.series import Series
from isthmus.text_table import aligned

__all__ = ["Reason", "SeriesDetection", "conformal_ranks", "described", "highest", "shortest_stretch"]

SHOWN, SHOWN_CHANNELS = 10, 3  # episodes, and channels of each, where a result is printed


@dataclass(frozen=True, eq=False, repr=False)
class SeriesDetection:
    """Scores of the steps of a series, and its episodes.

    Arrays have an entry per step of the grid (`series`); `of_readings` turns them into one entry per reading, in the
    original order.

    Attributes
    ----------
    series : Series
        Values, stamps and segments.
    scores : ndarray of shape (n_steps,)
        Anomaly scores in nats, NaN where no window covers a step; larger is more anomalous.
    thresholds : ndarray of shape (n_steps,)
        Steps above it are in an episode.
    ranks : ndarray of shape (n_steps,)
        Conformal ranks: the share of the reference steps with a score as high, at least 1 / (n + 1). They are not
        p-values, since neighbouring steps share windows.
    episodes : tuple of Episode
        Alarms, in order of time.
    notes : tuple of str
        Remarks for the user.
    """

    series: Series
    scores: np.ndarray
    thresholds: np.ndarray
    ranks: np.ndarray
    episodes: tuple[Episode, ...]
    notes: tuple[str, ...] = ()
    model: SeriesModel | None = None
    scored: Scored | None = None

    def __repr__(self) -> str:
        lines = [
            [
                *(_as_short(stamp) for stamp in (one.start, one.end, one.peak)),
                f"{one.score:.4g}",
                ", ".join(one.channels[:SHOWN_CHANNELS]),
            ]
            for one in self.episodes[:SHOWN]
        ]
        count = len(self.episodes)
        first = f"The first {SHOWN} of " if count > SHOWN else ""
        counted = f"{first}{count:,} episode{'s' * (count != 1)} in {len(self.scores):,} steps."
        return "\n".join([*([aligned(["start", "end", "peak", "score", "channels"], lines)] if lines else []), counted])

    @property
    def stamps(self) -> np.ndarray:
        """Stamp of each step."""
        return self.series.grid.stamps

    @property
    def alarms(self) -> np.ndarray:
        """Whether each step is in an episode, shape (n_steps,)."""
        found = np.zeros(len(self.scores), bool)
        for episode in self.episodes:
            found[episode.first : episode.last + 1] = True
        return found

    def of_readings(self, of_steps: np.ndarray) -> np.ndarray:
        """One entry per reading, in the order given, from one per step."""
        return self.series.of_readings(of_steps)

    def contributions(self, begin: int = 0, end: int | None = None) -> np.ndarray:
        """What each channel adds to the scores of steps ``begin`` to ``end``, shape (end - begin, n_channels).

        Their sum over channels is the score.
        """
        model, scored = self._explained()
        return model.contributions(scored, begin, len(self.series) if end is None else end)

    def contribution_map(self, step: int) -> np.ndarray:
        """What each channel at each lag adds to the score of a step, shape (n_channels, 2 L - 1).

        L is the longest window, column L - 1 the step itself. The sum of all is the score.
        """
        model, scored = self._explained()
        return model.contribution_map(scored, step)

    def expected(self, begin: int = 0, end: int | None = None) -> np.ndarray:
        """What singular spectrum analysis expects of steps ``begin`` to ``end``, in the units of the data."""
        model, _ = self._explained()
        return model.expected(self.series, begin, len(self.series) if end is None else end)

    def _explained(self) -> tuple[SeriesModel, Scored]:
        if self.model is None or self.scored is None:
            raise ValueError("SeriesDetection: this part of a stream keeps no windows; call detect on the series.")
        return self.model, self.scored


def _as_short(stamp: object) -> str:
    """A stamp without trailing zeros: 2024-01-22 19:00."""
    return np.datetime_as_string(stamp, "auto").replace("T", " ") if isinstance(stamp, np.datetime64) else str(stamp)


def conformal_ranks(scores: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(1 + number of reference scores as high) / (1 + their number); ``reference`` is ascending, NaN stays NaN.

    >>> conformal_ranks(np.array([0.5, 9.0]), np.array([1.0, 2.0, 3.0]))
    array([1.  , 0.25])
    """
    as_high = len(reference) - np.searchsorted(reference, scores, side="left")
    return np.where(np.isfinite(scores), (1 + as_high) / (len(reference) + 1), np.nan)


@dataclass(frozen=True, eq=False)
class Reason:
    """Why a step has its score.

    Attributes
    ----------
    contributions, values, expected : ndarray of shape (n_channels,)
        What each channel adds, its value, and its expected value.
    focus : tuple of int
        First and last step of the shortest stretch that makes half of the score.
    """

    contributions: np.ndarray
    values: np.ndarray
    expected: np.ndarray
    focus: tuple[int, int]


def shortest_stretch(amounts: np.ndarray, share: float = 0.5) -> tuple[int, int]:
    """First and last place of the shortest stretch of ``amounts`` with at least a share of their sum.

    >>> shortest_stretch(np.array([1.0, 0, 4, 5, 0, 0]))
    (3, 3)
    """
    sums = np.concatenate([[0.0], np.cumsum(np.maximum(amounts, 0))])
    ends = np.searchsorted(sums, sums[:-1] + share * sums[-1] * (1 - 1e-12), side="left")
    possible = np.flatnonzero(ends < len(sums))
    if not len(possible) or sums[-1] <= 0:
        return 0, len(amounts) - 1
    first = int(possible[np.argmin(ends[possible] - possible)])
    return first, max(int(ends[first]) - 1, first)


def described(
    spans: Sequence[tuple[int, int]],
    scores: np.ndarray,
    stamps: np.ndarray,
    channels: Sequence[str],
    reasons: Sequence[Reason],
) -> tuple[Episode, ...]:
    """Episodes from their first and last steps, with the reason for each peak.

    Parameters
    ----------
    spans
        First and last step of each.
    scores, stamps
        Of every step.
    channels
        Their names.
    reasons
        One for each.
    """
    found = []
    for (first, last), reason in zip(spans, reasons, strict=True):
        peak = highest(scores, first, last)
        order = np.argsort(-reason.contributions, kind="stable")
        focus = np.clip(reason.focus, 0, len(stamps) - 1)
        found.append(
            Episode(
                start=_plain(stamps[first]),
                end=_plain(stamps[last]),
                peak=_plain(stamps[peak]),
                first=int(first),
                last=int(last),
                highest=peak,
                focus_start=_plain(stamps[focus[0]]),
                focus_end=_plain(stamps[focus[1]]),
                score=float(scores[peak]),
                channels=tuple(channels[place] for place in order),
                contributions=tuple(reason.contributions[order].tolist()),
                values=tuple(reason.values[order].tolist()),
                expected=tuple(reason.expected[order].tolist()),
            )
        )
    return tuple(found)


def highest(scores: np.ndarray, first: int, last: int) -> int:
    """The step of the highest score from ``first`` to ``last``."""
    return int(first) + int(np.nanargmax(scores[first : last + 1]))


def _plain(stamp: np.generic) -> object:
    """A NumPy date unchanged; a number as Python's, int where whole."""
    if stamp.dtype.kind == "M":
        return stamp
    number = float(stamp)
    return int(number) if number.is_integer() else number
