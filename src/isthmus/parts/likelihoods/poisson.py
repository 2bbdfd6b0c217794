"""The Poisson likelihood: counts whose variance is their mean, given the row's total.

-log p(x|z) = Σ_j λ_j - x_j log λ_j + log x_j!
"""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.parts.count_noise import drawn_counts, variance_of_counts
from isthmus.parts.counts import CountLikelihood

__all__ = ["PoissonLikelihood"]


class PoissonLikelihood(CountLikelihood):
    """Counts with mean and variance λ; see `isthmus.parts.counts` for λ."""

    def cost_at(self, log_mean: Tensor, x: Tensor) -> Tensor:
        return log_mean.exp().sum(1) - torch.linalg.vecdot(x, log_mean) + torch.lgamma(x + 1).sum(1)

    def scattered(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        return drawn_counts(mean, None, generator)

    def variance(self, mean: Tensor) -> Tensor:
        return variance_of_counts(mean, None)
