"""Alarms as episodes, which are stretches of high scores; thresholds by false episodes per thousand steps.

Neighbouring windows overlap, so the scores of neighbouring steps are nearly equal, and a rate of false alarms per step
would be false precision: one bad minute is one alarm, however many steps it has. Episodes are stated and counted
instead: runs of steps above the threshold, of which those closer together than ``quiet`` steps count as one.

A static threshold is the lowest at which the past had no more episodes than the rate allows. A series without anomalies
has that many too: that is what the rate means. Where none is stated, only what stands out is an episode.
Peaks of the score at least a window apart are nearly independent, and their excess over a level is nearly exponential
(Pickands, Annals of Statistics 3, 1975). The highest third may be anomalies and the lowest tenth is left out: of peaks
p₁ ≥ p₂ ≥ ... ≥ pₙ, with k = n/3 and m = 9n/10, the scale is by Rényi's representation

    s = (p₍ₖ₊₁₎ - p₍ₘ₊₁₎) / Σⱼ 1/j   (j = k+1 ... m),      threshold = p₍ₖ₊₁₎ + s log((k + 1) / ½)

beyond which half a peak is expected by chance in as many steps. A tracked threshold follows a series whose level of
scores drifts (Gibbs & Candès, 2021; Angelopoulos, Candès & Tibshirani, 2023):

    q ← q + η (e - r)      e = 1 where an episode starts, r episodes per step stated, η a robust standard deviation

and stands still inside an episode: a threshold that moved there would learn a long anomaly and go silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "ROUNDING",
    "Episode",
    "Rate",
    "Tracker",
    "count_episodes",
    "episodes_above",
    "outlying_threshold",
    "static_threshold",
]

SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0, "month": 2629800.0,
           "year": 31557600.0}  # fmt: skip
SAID = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(?:/|per)\s*(?:([0-9][0-9,_]*)\s*)?([a-z]*)\s*", re.IGNORECASE)
BISECTIONS, LEVELS = 50, 64
BY_CHANCE = 0.5  # peaks expected beyond the threshold where no rate is stated
CELLS_IN_WINDOW = 8  # stretches in which the highest score is looked for
HIGHEST, LOWEST, MIN_PEAKS = 1 / 3, 0.1, 3  # shares of the peaks left out of a scale, and the fewest for one
ROUNDING = 1e-9  # 1 per 49 steps of 49 steps is one
NEVER = 1e100  # a threshold that no score exceeds


@dataclass(frozen=True)
class Episode:
    """A stretch of a series that is unlike the rest.

    Attributes
    ----------
    start, end, peak
        Stamps of the first and the last step above the threshold, and of the one with the highest score.
    first, last, highest : int
        The same as places of steps in the series.
    focus_start, focus_end
        Stamps of the shortest stretch whose values make half of the score at the peak. An episode is wider than what
        caused it, by up to a window on either side; this is narrower.
    score : float
        The highest score, in nats.
    channels : tuple of str
        Channels by what they add to it, most first.
    contributions, values, expected : tuple of float
        What each adds, its value at the peak, and what singular spectrum analysis expected there.
    """

    start: object
    end: object
    peak: object
    first: int
    last: int
    highest: int
    focus_start: object
    focus_end: object
    score: float
    channels: tuple[str, ...] = ()
    contributions: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    expected: tuple[float, ...] = ()


@dataclass(frozen=True)
class Rate:
    """A rate of false episodes: a number per number of steps, or per length of time.

    >>> Rate.of("2 per week").per_step(step_seconds=3600.0)
    0.011904761904761904
    >>> Rate.of(2).per_step(None)
    0.002
    """

    episodes: float
    per: float = 1_000.0
    in_seconds: bool = False

    @classmethod
    def of(cls, said: float | str, who: str = "episodes") -> Rate:
        """From a number per thousand steps, or words: "2 per week", "1 per 500 steps", "2 per 1000"."""
        if isinstance(said, (int, float)) and not isinstance(said, bool):
            if not (np.isfinite(said) and said > 0):
                raise ValueError(f"{who} must be above 0, got {said!r}.")
            return cls(float(said))
        found = SAID.fullmatch(str(said).replace("thousand", "1000"))
        unit = found[3].lower().rstrip("s") if found else ""
        if found and found[2] and not unit:
            unit = "step"
        if found is None or (unit != "step" and unit not in SECONDS) or float(found[1]) <= 0:
            raise ValueError(
                f"{who} must be a number of episodes per 1,000 steps, or such as '2 per week' or '1 per 500 steps', "
                f"got {said!r}."
            )
        many = float(found[2].replace(",", "").replace("_", "")) if found[2] else 1.0
        if many <= 0:
            raise ValueError(f"{who}: per 0 {unit}s is no rate.")
        return cls(float(found[1]), many * (1.0 if unit == "step" else SECONDS[unit]), unit != "step")

    @property
    def said(self) -> str:
        """In words, such as "2 per 1,000 steps" or "2 per week"."""
        if not self.in_seconds:
            return f"{self.episodes:g} per {self.per:,.0f} steps"
        unit = max((one for one in SECONDS.items() if self.per % one[1] == 0), key=lambda one: one[1])
        many = self.per / unit[1]
        return f"{self.episodes:g} per {unit[0]}" if many == 1 else f"{self.episodes:g} per {many:g} {unit[0]}s"

    def per_step(self, step_seconds: float | None) -> float:
        """Episodes per step; a rate per length of time needs steps that have one."""
        if not self.in_seconds:
            return self.episodes / self.per
        if step_seconds is None:
            raise ValueError("a rate per day or week needs dated steps; pass times, or state it per 1,000 steps.")
        return self.episodes * step_seconds / self.per


def episodes_above(scores: np.ndarray, threshold: np.ndarray | float, quiet: int) -> list[tuple[int, int]]:
    """First and last step of each episode; NaN scores are below every threshold.

    >>> episodes_above(np.array([0, 3, 3, 0, 3, 0, 0, 0, 3.0]), 1.0, quiet=2)
    [(1, 4), (8, 8)]
    """
    with np.errstate(invalid="ignore"):
        above = np.flatnonzero(scores > threshold)
    if not len(above):
        return []
    breaks = np.flatnonzero(np.diff(above) > max(quiet, 1))
    firsts = above[np.concatenate([[0], breaks + 1])]
    lasts = above[np.concatenate([breaks, [len(above) - 1]])]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def count_episodes(scores: np.ndarray, threshold: float, quiet: int) -> int:
    """The number of episodes above a threshold."""
    with np.errstate(invalid="ignore"):
        above = np.flatnonzero(scores > threshold)
    return 0 if not len(above) else 1 + int((np.diff(above) > max(quiet, 1)).sum())


def static_threshold(scores: np.ndarray, rate: float, quiet: int, *, at_least: int = 0) -> float:
    """The lowest threshold at which, and at all above it, ``scores`` have at most ``rate`` episodes per step.

    Or ``at_least`` episodes in all, where that is more.

    Lower thresholds have more episodes only up to a point: then neighbours become one, and at the median all may be
    one. Where the windows are too long for as many episodes as stated, it is the threshold with the most.
    """
    known = scores[np.isfinite(scores)]
    if not len(known):
        return NEVER
    allowed = max(rate * len(known) + ROUNDING, at_least)
    levels = np.quantile(known, 1 - 0.5 * np.geomspace(1 / len(known), 1, LEVELS))
    most, fewest = 0, levels[0]
    high = float(known.max())
    for level in levels:  # descending
        count = count_episodes(scores, level, quiet)
        if count > allowed:
            return _bisected(scores, float(level), high, allowed, quiet)
        if count > most:
            most, fewest = count, level
        high = float(level)
    return float(fewest)


def _bisected(scores: np.ndarray, low: float, high: float, allowed: float, quiet: int) -> float:
    """Bisection between a threshold with more episodes than allowed and a higher one without."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if count_episodes(scores, middle, quiet) <= allowed:
            high = middle
        else:
            low = middle
    return high


def outlying_threshold(scores: np.ndarray, apart: int) -> float:
    """The threshold beyond which half a peak is expected by chance; -inf where there are too few peaks to tell.

    Parameters
    ----------
    scores
        Of each step, NaN where there is none.
    apart
        Steps between two peaks.
    """
    peaks = _peaks(scores, apart)
    first, last = max(1, int(HIGHEST * len(peaks))), min(int((1 - LOWEST) * len(peaks)), len(peaks) - 1)
    if last - first < MIN_PEAKS:
        return -np.inf
    scale = (peaks[first] - peaks[last]) / (1 / np.arange(first + 1, last + 1)).sum()
    return float(peaks[first] + scale * np.log((first + 1) / BY_CHANCE))


def _peaks(scores: np.ndarray, apart: int) -> np.ndarray:
    """The highest score, then the highest at least ``apart`` steps from it, and so on, descending."""
    size = max(1, apart // CELLS_IN_WINDOW)
    cells = np.full(-(-len(scores) // size) * size, -np.inf)
    cells[: len(scores)] = np.where(np.isfinite(scores), scores, -np.inf)
    cells = cells.reshape(-1, size).max(1)
    reach, free, found = -(-apart // size), np.ones(len(cells), bool), []
    for place in np.argsort(-cells, kind="stable").tolist():
        if free[place] and cells[place] > -np.inf:
            found.append(cells[place])
            free[max(0, place - reach + 1) : place + reach] = False
    return np.array(found)


@dataclass
class Tracker:
    """A threshold that follows the scores, and the episode that may be open: all that a stream must store.

    Attributes
    ----------
    threshold : float
        Of the next step.
    rate : float
        Stated episodes per step; 0 keeps the threshold where it is.
    gain : float
        η.
    quiet : int
        Steps below the threshold that end an episode.
    open_at, open_since, last_above : float, int, int
        The threshold when the open episode started, its first step and its latest above; -1 without one.
    """

    threshold: float
    rate: float
    gain: float
    quiet: int
    open_at: float = field(default=np.nan)
    open_since: int = -1
    last_above: int = -1

    def follow(self, scores: np.ndarray, first: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """Process the scores of steps from ``first`` on.

        Returns the threshold of each step, shape (n,), and the episodes that ended or are still open, as first and last
        step above. A series in pieces gives the same thresholds as the whole.
        """
        n_steps = len(scores)
        thresholds, found = np.empty(n_steps), []
        slope = self.gain * self.rate
        # Between episodes the threshold falls by the same amount each step: a start is where a sum exceeds a constant.
        raised = np.where(np.isfinite(scores), scores, -np.inf) + slope * np.arange(n_steps)
        at = 0
        while at < n_steps:
            if self.open_since < 0:
                start = _first_above(raised, self.threshold + slope * at, at)
                thresholds[at:start] = self.threshold - slope * np.arange(start - at)
                self.threshold -= slope * (start - at)
                at = start
                if at == n_steps:
                    break
                self.open_at, self.open_since, self.last_above = self.threshold, first + at, first + at
                self.threshold += self.gain * (1 - self.rate) if self.rate > 0 else 0.0
            end = self._end_of_episode(scores, at, first)
            thresholds[at:end] = self.open_at
            at = end
            if at < n_steps or first + n_steps - 1 - self.last_above >= self.quiet:
                found.append((self.open_since, self.last_above))
                self.open_at, self.open_since, self.last_above = np.nan, -1, -1
        if self.open_since >= 0:
            found.append((self.open_since, self.last_above))
        return thresholds, found

    def _end_of_episode(self, scores: np.ndarray, at: int, first: int) -> int:
        """The step after the open episode: ``quiet`` steps below its threshold have passed, or the scores end."""
        with np.errstate(invalid="ignore"):
            while at < len(scores):
                part = np.flatnonzero(scores[at : at + 4 * self.quiet + 64] > self.open_at) + at
                marks = np.concatenate([[self.last_above - first], part])
                gaps = np.flatnonzero(np.diff(marks) > self.quiet)
                looked = min(at + 4 * self.quiet + 64, len(scores))
                if len(gaps):
                    self.last_above = first + int(marks[gaps[0]])
                    return int(marks[gaps[0]]) + self.quiet + 1
                self.last_above = first + int(marks[-1])
                if looked - 1 - int(marks[-1]) >= self.quiet + 1:
                    return int(marks[-1]) + self.quiet + 1
                at = looked
        return len(scores)


def _first_above(raised: np.ndarray, level: float, start: int) -> int:
    """The first place from ``start`` on that exceeds a level, searched in growing stretches."""
    size = 256
    while start < len(raised):
        above = np.flatnonzero(raised[start : start + size] > level)
        if len(above):
            return start + int(above[0])
        start += size
        size = min(2 * size, 1 << 20)
    return len(raised)
