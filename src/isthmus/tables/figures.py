"""Statistics of the numbers of a column, updated block by block: range, spread, whether they count rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Figures"]

MAX_KEPT = 1 << 22  # numbers kept to find duplicates


@dataclass
class Figures:
    """Running statistics of the numbers of a column."""

    count: int = 0
    whole: bool = True
    low: float = math.inf
    high: float = -math.inf
    low_count: int = 0
    high_count: int = 0
    second_low: float = math.inf
    second_high: float = -math.inf
    total: float = 0.0
    squares: float = 0.0
    rising: int = 0  # how often a number is its predecessor plus 1
    growing: int = 0  # how often it is no smaller than its predecessor
    first: float | None = None
    returns: int = 0  # how often the first number comes again, not as its predecessor plus 1
    last: float | None = None
    different: bool = True  # no duplicate found so far
    exact: bool = True  # whether float64 represents all of them exactly
    kept: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray) -> None:
        """Add the next numbers, in order."""
        values = values[np.isfinite(values)]
        if not len(values):
            return
        self.whole = self.whole and bool((values == np.rint(values)).all())
        self._extremes(values)
        with np.errstate(over="ignore"):  # the numbers may be near the largest float
            self.total += float(values.sum())
        self.squares += (
            float(np.square(values, dtype=np.float64).sum()) if max(abs(self.low), abs(self.high)) < 1e150 else math.inf
        )
        steps = np.diff(values, prepend=values[0] - 1 if self.last is None else self.last)
        self.rising += int((steps == 1).sum())
        self.growing += int((steps >= 0).sum())
        self.first = float(values[0]) if self.first is None else self.first
        self.returns += int(((values == self.first) & (steps != 1)).sum())
        self.last = float(values[-1])
        if self.different:
            self.different = self._all_different(values, steps)
        self.count += len(values)

    def _extremes(self, values: np.ndarray) -> None:
        low, high = float(values.min()), float(values.max())
        for side, value, count, is_low in (("low", low, "low_count", True), ("high", high, "high_count", False)):
            known, sign = getattr(self, side), 1 if is_low else -1
            others = values[values != value]
            inner = float(others.min() if is_low else others.max()) if len(others) else sign * math.inf
            candidates = sorted({known, value, inner, getattr(self, f"second_{side}")}, reverse=not is_low)
            if sign * value < sign * known:
                setattr(self, count, 0)
            if sign * value <= sign * known:
                setattr(self, count, getattr(self, count) + int((values == value).sum()))
            setattr(self, side, candidates[0])
            setattr(self, f"second_{side}", candidates[1] if len(candidates) > 1 else sign * math.inf)

    def _all_different(self, values: np.ndarray, steps: np.ndarray) -> bool:
        if not self.kept and (steps > 0).all():
            return True  # strictly increasing: no need to keep them
        if not self.kept and self.count:
            self.kept.append(
                np.array([self.high, self.low])
            )  # the increasing numbers before are only known by their range
        if sum(map(len, self.kept)) > MAX_KEPT:
            return True
        ordered = np.sort(values)
        if (ordered[1:] == ordered[:-1]).any() or any(np.isin(values, part).any() for part in self.kept):
            self.kept = []
            return False
        self.kept.append(values)
        return True

    @property
    def counts_rows(self) -> bool:
        """Whether they are integers, all different, without a gap and mostly in order."""
        return (
            self.count > 1
            and self.whole
            and self.different
            and self.high - self.low + 1 == self.count
            and self.rising >= 0.5 * self.count
        )

    def counts_rows_of(self, n_files: int) -> bool:
        """Whether they count the rows of each of several concatenated files from 0 or 1."""
        return n_files > 1 and self.first in (0, 1) and self.returns == n_files - 1 == self.count - self.rising

    @property
    def spread(self) -> float:
        """Their standard deviation."""
        if self.count < 2:
            return 0.0
        mean = self.total / self.count
        return math.sqrt(max(0.0, self.squares / self.count - mean * mean))
