"""What recurs throughout a series is its season or one of its states, and no anomaly, however rare it is.

Weekends are two days in seven. A window of a weekend is far from the nearest third of all windows, and its spread isn't
the median spread, so region and spread (`isthmus.series.neighbours`) would name every weekend. Yet as far from the rest
are the weekends before and after it. So the reference windows have amounts of their own, and an amount counts as far
as it exceeds what is common among its like:

    ∛a'(w) = max(∛a(w) - max(c(w) - m, 0), 0)

with m the median of ∛a over all reference windows, and c(w) the level that recurs: the reference windows are divided
into five parts in order of time, the two nearest windows of each part are found, and c(w) is the second lowest of the
parts' mean ∛a. A part that holds trivial matches of w is left out. So a level counts as recurring if it is found in all
other parts but one. A long anomaly, or one repeated within a stretch, has its like in few parts, and keeps its score:
that is the difference to a local outlier factor (Breunig et al., SIGMOD 2000), which calls any dense group normal.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

__all__ = ["Recurrence"]

N_PARTS = 5  # of a series
N_NEAREST = 2  # windows in each
MISSING_FROM = 1  # parts that may be without it
FEWEST_PARTS = 3  # in which there is something to compare with


@dataclass(frozen=True, eq=False)
class Recurrence:
    """Cube roots of the amounts of reference windows, shape (n_references, n_parts), in order of time."""

    levels: np.ndarray

    def excess(self, distances: np.ndarray, own: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """By how much what recurs among windows like these exceeds what is common, shape (n_windows, n_parts).

        Parameters
        ----------
        distances
            To every reference window, shape (n_windows, n_references); infinite for trivial matches. Its entries are
            overwritten.
        own
            The first reference that is a trivial match of each window, and the one after the last, shape (n_windows,).
        """
        bounds = np.linspace(0, len(self.levels), N_PARTS + 1).round().astype(int)
        found = np.full((N_PARTS, len(distances), self.levels.shape[1]), np.inf)
        every = np.arange(len(distances))
        for part, (begin, end) in enumerate(itertools.pairwise(bounds)):
            if end - begin < N_NEAREST:
                continue
            some, total = distances[:, begin:end], np.zeros(found.shape[1:])
            known = (own[0] >= end) | (own[1] <= begin) | (own[0] >= own[1])
            for _ in range(N_NEAREST):
                nearest = some.argmin(1)
                known &= np.isfinite(some[every, nearest])
                some[every, nearest] = np.inf
                total += self.levels[begin + nearest]
            found[part, known] = total[known] / N_NEAREST
        enough = np.isfinite(found[:, :, 0]).sum(0) >= FEWEST_PARTS
        recurring = np.sort(found, axis=0)[MISSING_FROM]
        common = np.nanmedian(self.levels, axis=0)
        return np.where(enough[:, None], np.maximum(recurring - common, 0.0), 0.0)
