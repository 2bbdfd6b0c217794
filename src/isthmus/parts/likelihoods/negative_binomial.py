"""The negative binomial likelihood: counts with more variance than Poisson's, with a dispersion θ for each column.

    Var x_j = λ_j + λ_j² / θ_j

    -log p(x|z) = Σ_j log Γ(θ_j) + log x_j! - log Γ(x_j + θ_j) + (x_j + θ_j) log(λ_j + θ_j) - x_j log λ_j - θ_j log θ_j

It is a Poisson count whose mean, for rows of the same code, is a gamma variable of shape θ; as θ grows it becomes the
Poisson likelihood. θ is learned with the networks.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.parts.count_noise import (
    FIRST_DISPERSION,
    bounded_dispersion,
    drawn_counts,
    negative_binomial_cost,
    variance_of_counts,
)
from isthmus.parts.counts import CountLikelihood

__all__ = ["NegativeBinomialLikelihood"]


class NegativeBinomialLikelihood(CountLikelihood):
    """Counts with mean λ and variance λ + λ²/θ; see `isthmus.parts.counts` for λ."""

    def __init__(self, mean: np.ndarray, n_rows: float):
        super().__init__(mean, n_rows)
        self.log_dispersion = nn.Parameter(torch.full((len(mean),), math.log(FIRST_DISPERSION)))

    @property
    def dispersion(self) -> Tensor:
        """θ of each column, shape (n_features,)."""
        return bounded_dispersion(self.log_dispersion)

    def cost_at(self, log_mean: Tensor, x: Tensor) -> Tensor:
        return negative_binomial_cost(log_mean, x, self.dispersion).sum(1)

    def scattered(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        return drawn_counts(mean, self.dispersion.detach(), generator)

    def variance(self, mean: Tensor) -> Tensor:
        return variance_of_counts(mean, self.dispersion.detach())
