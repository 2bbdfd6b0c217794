"""The noise of a count with expectation λ: Poisson or negative binomial, cell by cell.

    Poisson              Var x = λ             -log p = λ - x log λ + log x!
    negative binomial    Var x = λ + λ²/θ      -log p = log Γ(θ) + log x! - log Γ(x + θ) + (x + θ) log(λ + θ)
                                                        - x log λ - θ log θ

A negative binomial count is a Poisson count whose mean varies as a gamma variable of shape θ; as θ grows it becomes
Poisson. λ is given by its logarithm throughout.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "FIRST_DISPERSION",
    "MIN_MEAN",
    "bounded_dispersion",
    "drawn_counts",
    "negative_binomial_cost",
    "poisson_cost",
    "poisson_deviance",
    "variance_of_counts",
]

FIRST_DISPERSION, MIN_DISPERSION, MAX_DISPERSION = 10.0, 1e-3, 1e4  # the initial θ, and its bounds
MIN_MEAN = 1e-10  # of a count, in logarithms and denominators


def bounded_dispersion(log_dispersion: Tensor) -> Tensor:
    """θ from its logarithm, within bounds."""
    return log_dispersion.clamp(math.log(MIN_DISPERSION), math.log(MAX_DISPERSION)).exp()


def poisson_cost(log_mean: Tensor, x: Tensor) -> Tensor:
    """-log p of each count, elementwise."""
    return log_mean.exp() - x * log_mean + torch.lgamma(x + 1)


def negative_binomial_cost(log_mean: Tensor, x: Tensor, theta: Tensor) -> Tensor:
    """-log p of each count, elementwise, with dispersion ``theta``."""
    # log(λ + θ) - log θ by log1p, and the log gammas as one difference: both are small if θ is large.
    spread = torch.log1p(log_mean.exp() / theta)
    ways = torch.lgamma(theta) + theta.log() * x - torch.lgamma(x + theta)
    return ways + torch.lgamma(x + 1) + (x + theta) * spread - x * log_mean


def variance_of_counts(mean: Tensor, theta: Tensor | None) -> Tensor:
    """The variance of counts with these means, elementwise; Poisson's without ``theta``."""
    mean = mean.clamp(min=MIN_MEAN)
    return mean if theta is None else mean + mean.square() / theta


def drawn_counts(mean: Tensor, theta: Tensor | None, generator: torch.Generator) -> Tensor:
    """Counts with these means, shape (batch, n_features); Poisson's without ``theta``, of shape (n_features,)."""
    if theta is None:
        return torch.poisson(mean, generator=generator)
    # PyTorch draws gamma variables from its global generator only.
    source = np.random.default_rng(int(torch.randint(2**31 - 1, (), generator=generator)))
    gamma = torch.from_numpy(source.standard_gamma(theta.expand_as(mean).numpy())).to(mean.dtype)
    return torch.poisson(mean * gamma / theta, generator=generator)


def poisson_deviance(mean: Tensor, x: Tensor) -> Tensor:
    """2 Σ_j x_j log(x_j / λ_j) - x_j + λ_j of each row, shape (batch,): 0 where every mean is its count."""
    ratio = x.clamp(min=MIN_MEAN) / mean.clamp(min=MIN_MEAN)
    return 2 * (torch.where(x > 0, x * ratio.log(), 0.0) - x + mean).sum(1)
