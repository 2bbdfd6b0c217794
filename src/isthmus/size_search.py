"""Sizes tried one after the other, each by models of its own, until the smallest that serves is known.

Two questions are asked of a curve over sizes. Where is its minimum, within one standard error (Breiman et al.
1984)? And where does it first reach a threshold? Both curves turn once, so few sizes need be tried: a widening
grid first, then what lies between its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Trial", "best_of", "grid", "smallest_below", "trials_around", "within_one_error"]

RISES = 2  # sizes in a row that bring nothing before the grid ends
GROWTH = 1.4


@dataclass(frozen=True, eq=False)
class Trial:
    """One size's errors: of each held-out row, for each split; shape (n_splits, n_rows)."""

    size: int
    errors: np.ndarray

    @property
    def mean(self) -> float:
        """Over all splits and rows."""
        return float(self.errors.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean: over rows, or over splits where those differ more than their rows explain."""
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
    """The size tried whose mean error is least."""
    return min(trials.values(), key=lambda trial: trial.mean).size


def trials_around(
    attempt: Callable[[int], Trial],
    most: int,
    chosen: Callable[[Mapping[int, Trial]], int] = within_one_error,
    known: Mapping[int, Trial] | None = None,
    also: Iterable[int] = (),
    decided: Callable[[Mapping[int, Trial]], bool] = lambda trials: False,
) -> dict[int, Trial]:
    """Trials around the minimum, by size: a grid until it rises, then every size beside the best and ``chosen``.

    ``known`` are trials already made, of sizes the grid doesn't have. The sizes ``also`` are tried whatever the grid
    says: a second minimum may lie there. Where the trials of the grid have ``decided`` the question, no more are made.
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
        indices = sorted({best_of(trials), chosen(trials)})
        untried = next((size for index in indices for size in _between(trials, index, most)), None)
        if untried is None:
            return dict(sorted(trials.items()))
        trials[untried] = attempt(untried)


def smallest_below(reaches: Callable[[int], bool], most: int, guess: int) -> int | None:
    """The smallest size that reaches, if reaching at a size is reaching at all larger ones; None if none does."""
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


def _between(trials: Mapping[int, Trial], index: int, most: int) -> list[int]:
    """Untried sizes beside ``place``, halfway to its neighbours on either side; the smaller first."""
    below = max((size for size in trials if size < index), default=0)
    above = min((size for size in trials if size > index), default=min(index + 2, most + 1))
    halves = [(below + index) // 2 if index - below > 1 else 0, (index + above) // 2 if above - index > 1 else 0]
    return [half for half in halves if half > 0 and half not in trials]
