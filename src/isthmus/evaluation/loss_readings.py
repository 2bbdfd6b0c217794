"""One reconstruction error, as each of the common losses reports it.

A log that says "loss 0.05" leaves three questions open: summed over features or averaged, of which likelihood, in which
unit. The same reconstruction costs ‖x - x̂‖² in one program, that over n in another (`nn.MSELoss`), the negative log
density in nats in a third, and in a fourth a cross-entropy, whose minimum is not zero. The weight λ of a penalty only
has a meaning relative to one of them.
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
    """One error as the common losses report it, summed over the n features of a row unless stated otherwise.

    Attributes
    ----------
    n : int
    squared_error, mean_squared_error : float
        ‖x - x̂‖², and that divided by n, which is also the maximum-likelihood σ².
    gaussian : float
        -log N(x; x̂, σ²I), in nats.
    cross_entropy, cross_entropy_floor : float
        -Σ x log x̂ + (1-x) log(1-x̂) in nats, and its minimum, at x̂ = x; nan for values outside [0, 1].
    """

    n: int
    squared_error: float
    mean_squared_error: float
    gaussian: float
    cross_entropy: float
    cross_entropy_floor: float

    @property
    def gaussian_bits(self) -> float:
        """The Gaussian loss in bits: nats / log 2."""
        return self.gaussian / math.log(2)


def explain_loss(x: ArrayLike, reconstruction: ArrayLike, variance: float = 0.5) -> LossReadings:
    """The losses of a row x and its reconstruction x̂, both of shape (n,); ``variance`` is the Gaussian's σ².

    >>> reading = explain_loss([0.0, 1.0], [0.5, 0.5], variance=0.25)
    >>> reading.squared_error, reading.mean_squared_error, round(reading.cross_entropy, 4)
    (0.5, 0.25, 1.3863)
    """
    x, reconstruction = np.asarray(x, dtype=float), np.asarray(reconstruction, dtype=float)
    if x.shape != reconstruction.shape or x.ndim != 1 or not x.size:
        raise ValueError(
            f"explain_loss: x and reconstruction must be vectors of equal length; got shapes {x.shape} and "
            f"{reconstruction.shape}."
        )
    if not variance > 0:
        raise ValueError(f"explain_loss: variance must be above 0, got {variance}.")
    squared_error, n = float(((x - reconstruction) ** 2).sum()), len(x)
    probabilities = bool(((x >= 0) & (x <= 1) & (reconstruction >= 0) & (reconstruction <= 1)).all())
    return LossReadings(
        n,
        squared_error,
        squared_error / n,
        gaussian_negative_log_likelihood(squared_error, variance, n),
        _cross_entropy(x, reconstruction) if probabilities else math.nan,
        n * bernoulli_entropy(x) if probabilities else math.nan,
    )


def _cross_entropy(x: np.ndarray, reconstruction: np.ndarray) -> float:
    """In nats, summed; infinite if the reconstruction gives an event that happened probability zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ones = np.where(x > 0, x * np.log(reconstruction), 0.0)
        zeros = np.where(x < 1, (1 - x) * np.log1p(-reconstruction), 0.0)
    return float(-(ones + zeros).sum())
