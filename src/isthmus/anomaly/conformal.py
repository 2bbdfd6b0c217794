"""Conformal p-values: from anomaly scores to error rates, by means of held-out normal rows.

With scores s_1 … s_n of normal rows that the model has not seen, the conformal p-value of a row with score s is

    p = (1 + #{i : s_i ≥ s}) / (n + 1),

and for a normal row P(p ≤ α) ≤ α, whatever the model and the data (Bates, Candès, Lei, Romano & Sesia, "Testing
for outliers with conformal p-values", Annals of Statistics 51, 2023). The smallest p is 1 / (n + 1), so n rows can't
guarantee a lower rate. Benjamini & Hochberg's step-up rule on these p-values keeps the expected share of false
alarms among the alarms below q (same paper).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.tail import Tail, n_outlying

__all__ = ["Calibration", "Threshold", "benjamini_hochberg", "conformal_p_values", "rows_needed", "threshold_at"]


@dataclass(frozen=True)
class Threshold:
    """Rows that score above ``score`` are alarms, on average a share ``rate`` of normal rows."""

    score: float
    rate: float


def conformal_p_values(scores: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """p-value of each score, shape (n_samples,), given the ascending scores of held-out normal rows.

    >>> conformal_p_values(np.array([0.5, 2.5, 9.0]), np.array([1.0, 2.0, 3.0]))
    array([1.  , 0.5 , 0.25])
    """
    n_rows = len(held_out)
    as_high = n_rows - np.searchsorted(held_out, scores, side="left")
    return (1 + as_high) / (n_rows + 1)


def rows_needed(rate: float) -> int:
    """The number of held-out rows that a false-alarm rate needs: the smallest n with 1 / (n + 1) ≤ rate.

    >>> rows_needed(0.05), rows_needed(0.1)
    (19, 9)
    """
    return math.ceil(1 / rate - 1e-9) - 1


def threshold_at(held_out: np.ndarray, rate: float) -> Threshold:
    """The lowest threshold whose alarms are exactly the rows with p ≤ ``rate``; ``held_out`` is ascending.

    With too few rows for that rate the threshold is the largest score, returned with its own rate.

    >>> threshold_at(np.arange(19.0), 0.05)
    Threshold(score=18.0, rate=0.05)
    >>> threshold_at(np.arange(4.0), 0.05)
    Threshold(score=3.0, rate=0.2)
    """
    n_rows = len(held_out)
    above = max(0, math.floor(rate * (n_rows + 1) + 1e-9) - 1)
    above = min(above, n_rows - 1)
    return Threshold(float(held_out[n_rows - 1 - above]), (above + 1) / (n_rows + 1))


def benjamini_hochberg(p_values: np.ndarray, rate: float) -> np.ndarray:
    """Which rows are alarms, shape (n_samples,), at a false-discovery rate of ``rate``.

    With the largest k for which p_(k) ≤ k · rate / n, the k smallest p-values are alarms.

    >>> benjamini_hochberg(np.array([0.01, 0.02, 0.6, 0.9]), 0.05)
    array([ True,  True, False, False])
    """
    n_rows = len(p_values)
    ascending = np.sort(p_values)
    below = np.flatnonzero(ascending <= rate * np.arange(1, n_rows + 1) / max(1, n_rows))
    if not len(below):
        return np.zeros(n_rows, dtype=bool)
    return p_values <= ascending[below[-1]]


@dataclass(frozen=True, eq=False)
class Calibration:
    """The scores of held-out normal rows, from which p-values and thresholds follow.

    Attributes
    ----------
    scores : ndarray of shape (n_rows,)
        Ascending.
    tail : Tail or None
        Of the scores beyond the largest; None if there are too few to fit one.
    """

    scores: np.ndarray
    tail: Tail | None

    @classmethod
    def of(cls, scores: np.ndarray) -> Calibration:
        """From the scores of held-out rows, without those too large to be normal."""
        ascending = np.sort(scores)
        ascending = ascending[: len(ascending) - n_outlying(ascending)]
        return cls(ascending, Tail.of(ascending))

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """p-values of the scores of new rows, shape (n_samples,)."""
        return self._beyond(scores, conformal_p_values(scores, self.scores), 1 / (len(self.scores) + 1))

    def p_values_within(self, scores: np.ndarray) -> np.ndarray:
        """The same for the held-out rows themselves: each is compared with the others."""
        count = len(self.scores)
        as_high = count - np.searchsorted(self.scores, scores, side="left")
        return self._beyond(scores, np.maximum(as_high, 1) / count, 1 / count)

    def is_approximate(self, scores: np.ndarray) -> np.ndarray:
        """Whether a score is beyond all held-out scores, so its p-value comes from the fitted tail."""
        return (scores > self.scores[-1]) & (self.tail is not None)

    def threshold(self, rate: float) -> Threshold:
        """Rows above it are those with p ≤ ``rate``; without a tail the rate is at least 1 / (n + 1)."""
        least = 1 / (len(self.scores) + 1)
        if self.tail is None or rate >= least:
            return threshold_at(self.scores, rate)
        log_survival = float(self.tail.log_survival(self.scores[-1:])[0]) + math.log(rate / least)
        return Threshold(self.tail.inverse(log_survival), rate)

    def _beyond(self, scores: np.ndarray, p_values: np.ndarray, least: float) -> np.ndarray:
        beyond = np.asarray(scores) > self.scores[-1]
        if self.tail is None or not beyond.any():
            return p_values
        falls = self.tail.log_survival(scores) - self.tail.log_survival(self.scores[-1:])[0]
        return np.where(beyond, np.maximum(least * np.exp(np.minimum(falls, 0.0)), np.finfo(float).tiny), p_values)
