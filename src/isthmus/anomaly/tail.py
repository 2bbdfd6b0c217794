"""The tail of the scores of normal rows, beyond the largest held-out one.

n held-out scores give no p-value below 1 / (n + 1). Beyond the largest of them the excesses y over a high threshold
follow, whatever the distribution of scores, approximately a generalised Pareto distribution (Balkema & de Haan 1974,
Pickands 1975),

    P(Y > y) = (1 + ξ y / σ)^(-1/ξ)

so p-values continue below 1 / (n + 1) with its shape. That is an approximation, not a guarantee, and is labelled as
one. ξ is not allowed below zero: no upper bound of the scores is assumed.

Anomalies among the held-out rows would look like a heavy tail and hide one another. So the largest scores are set
aside at first, the tail is fitted to the rest with those as censored, and they are added again from the smallest
outward until one is too far out (outward testing; Barnett & Lewis 1994, "Outliers in Statistical Data", chapter 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MIN_TAIL", "SHARE_OF_TAIL", "Tail", "n_outlying"]

MIN_TAIL = 12  # scores above the threshold that a fit of the tail needs
SHARE_OF_TAIL = 0.2
SUSPECTS = 0.1  # the largest share of the held-out rows that may be anomalies
OUTLYING = 0.01  # the chance that any held-out score is taken for an anomaly if none is
MIN_RISE = np.log(10)  # of the log survival, up to the smallest anomaly: a tail that merely bends has no such gap
STEEPEST, FLATTEST = 1e-6, 1e3  # θ = ξ / σ in units of 1 / mean excess


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto distribution: ``shape`` is ξ, ``scale`` σ > 0, above ``threshold``."""

    threshold: float
    scale: float
    shape: float

    def log_survival(self, scores: np.ndarray) -> np.ndarray:
        """Log P(Y > y) of scores above the threshold."""
        excess = np.maximum(np.asarray(scores, dtype=np.float64) - self.threshold, 0.0) / self.scale
        return -excess if self.shape == 0 else -np.log1p(self.shape * excess) / self.shape

    def inverse(self, log_survival: float) -> float:
        """The score with this log survival."""
        if self.shape == 0:
            return self.threshold - self.scale * log_survival
        return self.threshold + self.scale * float(np.expm1(-self.shape * log_survival)) / self.shape

    @classmethod
    def of(cls, scores: np.ndarray, n_censored: int = 0) -> Tail | None:
        """Maximum-likelihood fit to ascending scores; ``n_censored`` more are known only to be larger.

        None if there are too few scores, or they are equal.
        """
        n_tail = int(SHARE_OF_TAIL * (len(scores) + n_censored)) - n_censored
        if n_tail < MIN_TAIL:
            return None
        threshold = float(scores[-n_tail - 1])
        excess = scores[-n_tail:] - threshold
        mean = (float(excess.sum()) + n_censored * float(excess[-1])) / n_tail
        if not mean > 0:
            return None
        shape, scale = _most_likely(excess / mean, n_censored)
        return cls(threshold, scale * mean, shape)


def _most_likely(excess: np.ndarray, n_censored: int) -> tuple[float, float]:
    """ξ and σ of excesses whose mean is about 1; along θ = ξ / σ the best ξ is known (Grimshaw 1993)."""
    from scipy.optimize import minimize_scalar

    most, count = excess[-1], len(excess)

    def shape_at(theta: float) -> tuple[float, float]:
        logs = float(np.log1p(theta * excess).sum())
        return (logs + n_censored * float(np.log1p(theta * most))) / count, logs

    def loss(log_theta: float) -> float:
        theta = np.exp(log_theta)
        shape, logs = shape_at(theta)
        return count * np.log(shape / theta) + logs + count

    found = minimize_scalar(loss, bounds=(np.log(STEEPEST), np.log(FLATTEST)), method="bounded")
    scale = float(excess.sum() + n_censored * most) / count
    exponential = count * np.log(scale) + count
    if found.fun >= exponential - 1e-9:
        return 0.0, scale
    theta = float(np.exp(found.x))
    shape, _ = shape_at(theta)
    return shape, shape / theta


def n_outlying(scores: np.ndarray) -> int:
    """How many of these ascending scores are too large to be those of normal rows.

    >>> scores = np.sort(np.random.default_rng(0).exponential(size=300))
    >>> n_outlying(scores), n_outlying(np.append(scores, [60.0, 61.0, 62.0]))
    (0, 3)
    """
    n_rows = len(scores)
    most = int(SUSPECTS * n_rows)
    for n_suspects in range(most, 0, -1):
        rest = scores[: n_rows - n_suspects]
        tail = Tail.of(rest, n_suspects)
        if tail is None:
            return 0
        # the smallest of the suspects, given that it is above all of the rest: the minimum of n_suspects
        inside, outside = tail.log_survival(scores[n_rows - n_suspects - 1 : n_rows - n_suspects + 1])
        rise = inside - outside
        if rise > max(MIN_RISE, np.log(most / OUTLYING) / n_suspects):
            return n_suspects
    return 0
