"""Which sizes to try, one after the other, until the best is known.

There are two kinds of search: for the minimum of a curve over sizes, within one standard error (Breiman et al. 1984),
and for the smallest size that reaches a threshold. The curves have a single minimum or are monotonic, so few sizes need
to be tried: first a widening grid, then sizes between neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Trial", "best_of", "grid", "smallest_below", "trials_around", "within_one_error"]

RISES = 2  # sizes larger than the best after which the grid ends
GROWTH = 1.4


@dataclass(frozen=True, eq=False)
class Trial:
    """One size's errors: of each held-out row, for each split; shape (n_splits, n_rows)."""

    size: int
    errors: np.ndarray

    @property
    def mean(self) -> float:
        """The mean over all splits and rows."""
        return float(self.errors.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean: from rows, or from splits if these differ by more than their rows explain."""
        n_splits, n_rows = self.errors.shape
        over_rows = self.errors.std() / np.sqrt(max(1, n_splits * n_rows))
        over_splits = self.errors.mean(1).std(ddof=1) / np.sqrt(n_splits) if n_splits > 1 else 0.0
        return float(max(over_rows, over_splits))


def within_one_error(trials: Mapping[int, Trial]) -> int:
    """The smallest size tried whose mean error is within one standard error of the best."""
    best = min(trials.values(), key=lambda trial: trial.mean)
    limit = best.mean + best.standard_error
    return min(size for size, trial in trials.items() if trial.mean <= limit)


def best_of(trials: Mapping[int, Trial]) -> int:
    """The size tried with the smallest mean error."""
    return min(trials.values(), key=lambda trial: trial.mean).size


def trials_around(
    attempt: Callable[[int], Trial],
    most: int,
    chosen: Callable[[Mapping[int, Trial]], int] = within_one_error,
    known: Mapping[int, Trial] | None = None,
    also: Iterable[int] = (),
    decided: Callable[[Mapping[int, Trial]], bool] = lambda trials: False,
) -> dict[int, Trial]:
    """Trials around the minimum, by size: a grid until it rises, then sizes next to the best and the ``chosen`` size.

    ``known`` are trials already made, of sizes not on the grid. The sizes ``also`` are tried in any case, since a
    second minimum may lie there. Once ``decided(trials)`` is true for the grid, no more are made.
    """
    trials: dict[int, Trial] = {} if known is None else dict(known)
    for size in grid(most):
        trials[size] = attempt(size)
        if decided(trials):
            return trials
        if sum(later > best_of(trials) for later in trials) >= RISES:
            break
    for size in set(also) - set(trials):
        trials[size] = attempt(size)
    while True:
        centers = sorted({best_of(trials), chosen(trials)})
        untried = next((size for center in centers for size in _between(trials, center, most)), None)
        if untried is None:
            return dict(sorted(trials.items()))
        trials[untried] = attempt(untried)


def smallest_below(reaches: Callable[[int], bool], most: int, guess: int) -> int | None:
    """The smallest size for which ``reaches`` is true, if it is monotonic in the size; None if there is none."""
    low, high = 0, None
    size = min(max(1, guess), most)
    while high is None or high - low > 1:
        if reaches(size):
            high = size
        else:
            low = size
            if size == most:
                return None
        if high is None:
            size = min(most, size + max(1, round(size * (GROWTH - 1))))
        elif size == high and high - low > 1:
            size = max(low + 1, min(high - 1, round(high / GROWTH)))
        else:
            size = (low + high) // 2
    return high


def grid(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 11 … up to ``most``: each about 1.4 times the last."""
    sizes, size = [], 1
    while size < most:
        sizes.append(size)
        size = max(size + 1, round(size * GROWTH))
    return [*sizes, most]


def _between(trials: Mapping[int, Trial], center: int, most: int) -> list[int]:
    """Untried sizes halfway between ``center`` and its neighbours on either side; the smaller first."""
    below = max((size for size in trials if size < center), default=0)
    above = min((size for size in trials if size > center), default=min(center + 2, most + 1))
    halves = [(below + center) // 2 if center - below > 1 else 0, (center + above) // 2 if above - center > 1 else 0]
    return [half for half in halves if half > 0 and half not in trials]
