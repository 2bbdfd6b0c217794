"""Judging a table by itself: every row by a detector that has not seen it.

The rows are cut into folds; each is judged by a detector fitted to the others. Scores of all folds are in the
same units (-log p of the parts) and p-values hold as for new rows. Strange rows among those held out make the
p-values larger than they need be, never too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isthmus.anomaly.contributions import Explanation

if TYPE_CHECKING:
    from isthmus.anomaly.detector import AutoencoderOutlierDetector

__all__ = ["Judgement", "judge", "judge_within"]

N_FOLDS = 4


@dataclass(frozen=True, eq=False)
class Judgement:
    """Rows judged: why, how probable such a score is of a usual row, and whether it is above the threshold."""

    explanation: Explanation
    p_values: np.ndarray
    above: np.ndarray


def judge(detector: AutoencoderOutlierDetector, X: np.ndarray) -> Judgement:
    """Judge rows by a fitted detector."""
    return Judgement(detector.explain(X), detector.p_values(X), detector.alarms(X))


def judge_within(detector: AutoencoderOutlierDetector, X: np.ndarray, seed: int = 0) -> Judgement:
    """Judge the rows of a table by one another; ``detector`` is unfitted, and copies of it are fitted."""
    from sklearn.base import clone

    X = np.asarray(X, dtype=np.float64)
    if len(X) < 2 * N_FOLDS:
        raise ValueError(
            f"{type(detector).__name__}: {len(X)} rows are too few to judge by one another; give at least "
            f"{2 * N_FOLDS}, or fit to others."
        )
    fold_of = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    scores, p_values, above = np.empty(len(X)), np.empty(len(X)), np.empty(len(X), dtype=bool)
    contributions, expected = np.empty(X.shape), np.empty(X.shape)
    columns: tuple[str, ...] = ()
    for fold in range(N_FOLDS):
        rows = fold_of == fold
        found = judge(clone(detector).fit(X[~rows]), X[rows])
        scores[rows], p_values[rows], above[rows] = found.explanation.scores, found.p_values, found.above
        contributions[rows], expected[rows] = found.explanation.contributions, found.explanation.expected
        columns = found.explanation.columns
    return Judgement(Explanation(scores, contributions, X, expected, columns), p_values, above)
