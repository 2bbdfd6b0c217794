"""One error, as every loss in use would print it.

A log says "loss 0.05" and hides three questions: summed over the numbers of a row or averaged, of which likelihood, in
which unit. The same row rebuilt the same way is ‖x - x̂‖² to one program, that over n to another (`nn.MSELoss`), its
negative log density in nats to a third, and a cross-entropy to a fourth, whose least value is not zero. Whatever is
added to a loss with a weight λ has to know which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from isthmus.closed_form import bernoulli_entropy, gaussian_negative_log_likelihood

__all__ = ["LossReadings", "explain_loss"]


@dataclass(frozen=True)
class LossReadings:
    """One error as every loss in use prints it, summed over the n numbers of a row unless said otherwise.

    Attributes
    ----------
    n : int
    squared_error, mean_squared_error : float
        ‖x - x̂‖², and that divided by n: also the σ² under which the row is likeliest.
    gaussian : float
        -log N(x; x̂, σ²I), in nats.
    cross_entropy, cross_entropy_floor : float
        -Σ x log x̂ + (1-x) log(1-x̂) in nats, and what it is at x̂ = x; nan for numbers outside [0, 1].
    """

    n: int
    squared_error: float
    mean_squared_error: float
    gaussian: float
    cross_entropy: float
    cross_entropy_floor: float

    @property
    def gaussian_bits(self) -> float:
        """The Gaussian reading in bits: nats / log 2."""
        return self.gaussian / math.log(2)


def explain_loss(x: ArrayLike, rebuilt: ArrayLike, variance: float = 0.5) -> LossReadings:
    """What a row x and its reconstruction x̂, both of shape (n,), cost by each loss; ``variance`` is the Gaussian's σ².

    >>> reading = explain_loss([0.0, 1.0], [0.5, 0.5], variance=0.25)
    >>> reading.squared_error, reading.mean_squared_error, round(reading.cross_entropy, 4)
    (0.5, 0.25, 1.3863)
    """
    x, rebuilt = np.asarray(x, dtype=float), np.asarray(rebuilt, dtype=float)
    if x.shape != rebuilt.shape or x.ndim != 1 or not x.size:
        raise ValueError(
            f"explain_loss: x and rebuilt must be vectors of one length; got shapes {x.shape} and {rebuilt.shape}."
        )
    if not variance > 0:
        raise ValueError(f"explain_loss: variance must be above 0, got {variance}.")
    squared_error, n = float(((x - rebuilt) ** 2).sum()), len(x)
    probabilities = bool(((x >= 0) & (x <= 1) & (rebuilt >= 0) & (rebuilt <= 1)).all())
    return LossReadings(
        n,
        squared_error,
        squared_error / n,
        gaussian_negative_log_likelihood(squared_error, variance, n),
        _cross_entropy(x, rebuilt) if probabilities else math.nan,
        n * bernoulli_entropy(x) if probabilities else math.nan,
    )


def _cross_entropy(x: np.ndarray, rebuilt: np.ndarray) -> float:
    """In nats, summed; what has no probability, and happens, costs infinitely much."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(x > 0, x * np.log(rebuilt), 0.0) + np.where(x < 1, (1 - x) * np.log1p(-rebuilt), 0.0)
    return float(-terms.sum())
