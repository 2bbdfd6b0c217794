"""The Poisson likelihood: counts whose variance is their mean, given the row's total.

-log p(x|z) = Σ_j λ_j - x_j log λ_j + log x_j!
"""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.parts.counts import LEAST_MEAN, CountLikelihood

__all__ = ["PoissonLikelihood"]


class PoissonLikelihood(CountLikelihood):
    """Counts with mean and variance λ; see `isthmus.parts.counts` for λ."""

    def cost_at(self, log_mean: Tensor, x: Tensor) -> Tensor:
        return log_mean.exp().sum(1) - torch.linalg.vecdot(x, log_mean) + torch.lgamma(x + 1).sum(1)

    def scattered(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        return torch.poisson(mean, generator=generator)

    def variance(self, mean: Tensor) -> Tensor:
        return mean.clamp(min=LEAST_MEAN)
