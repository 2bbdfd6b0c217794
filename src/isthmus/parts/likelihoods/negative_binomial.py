"""The negative binomial likelihood: counts that scatter more than Poisson's, each column by its own θ.

    Var x_j = λ_j + λ_j² / θ_j

    -log p(x|z) = Σ_j log Γ(θ_j) + log x_j! - log Γ(x_j + θ_j) + (x_j + θ_j) log(λ_j + θ_j) - x_j log λ_j - θ_j log θ_j

It is a Poisson count whose mean varies as a gamma variable of shape θ, from one row to another with the same code; as θ
grows it becomes the Poisson likelihood. θ is learned with the networks.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.parts.counts import LEAST_MEAN, CountLikelihood

__all__ = ["NegativeBinomialLikelihood"]

FIRST, LEAST, MOST = 10.0, 1e-3, 1e4  # θ: at the start of a fit, and its bounds


class NegativeBinomialLikelihood(CountLikelihood):
    """Counts with mean λ and variance λ + λ²/θ; see `isthmus.parts.counts` for λ."""

    def __init__(self, mean: np.ndarray, n_rows: float):
        super().__init__(mean, n_rows)
        self.log_dispersion = nn.Parameter(torch.full((len(mean),), math.log(FIRST)))

    @property
    def dispersion(self) -> Tensor:
        """θ of each column, shape (n_features,)."""
        return self.log_dispersion.clamp(math.log(LEAST), math.log(MOST)).exp()

    def cost_at(self, log_mean: Tensor, x: Tensor) -> Tensor:
        theta = self.dispersion
        # log(λ + θ) - log θ by log1p, and the difference of gammas as a whole: both are small where θ is large.
        spread = torch.log1p(log_mean.exp() / theta)
        ways = torch.lgamma(theta) + theta.log() * x - torch.lgamma(x + theta)
        return (ways + torch.lgamma(x + 1) + (x + theta) * spread - x * log_mean).sum(1)

    def scattered(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        theta = self.dispersion.detach().expand_as(mean)
        # PyTorch draws gamma variables from its global generator only.
        source = np.random.default_rng(int(torch.randint(2**31 - 1, (), generator=generator)))
        gamma = torch.from_numpy(source.standard_gamma(theta.numpy())).to(mean.dtype)
        return torch.poisson(mean * gamma / theta, generator=generator)

    def variance(self, mean: Tensor) -> Tensor:
        mean = mean.clamp(min=LEAST_MEAN)
        return mean + mean.square() / self.dispersion.detach()
