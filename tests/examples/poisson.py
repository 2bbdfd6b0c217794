"""A Poisson autoencoder: counts, whose variance is their mean.

    -log p(x|z) = Σ_j λ_j - x_j log λ_j + log x_j!        λ = τ log(1 + e^{v/τ}) of the decoder's output v

The link is the identity for counts well above zero, so a model that starts at PCA still does, and never below zero.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from isthmus.estimator import BaseAutoencoder
from isthmus.parts.likelihood import Columns, Likelihood
from isthmus.rows.scaling import Scaling

__all__ = ["PoissonAutoencoder"]

SOFTNESS, LEAST = 0.1, 1e-6


class PoissonLikelihood(Likelihood):
    """Counts with mean λ."""

    takes_any_scale = False
    passes: ClassVar = ("forward", "mean")

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        return cls()

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        statistics = columns.statistics
        if (scaling.spread != 1).any() or (scaling.center != 0).any():
            raise ValueError(f"{who}: counts must be left as they are; use scale=None.")
        wrong = (statistics.low < 0) | ~statistics.whole
        if wrong.any():
            place = int(np.argmax(wrong))
            raise ValueError(f"{who}: needs counts, whole numbers from 0; column {columns.names[place]} has others.")

    def mean(self, output: Tensor) -> Tensor:
        return functional.softplus(output / SOFTNESS) * SOFTNESS + LEAST

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        mean = self.mean(output)
        return (mean - x * mean.log() + torch.lgamma(x + 1)).sum(1)

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        return torch.poisson(mean.clamp(min=0), generator=generator)

    def curvature(self, mean: Tensor) -> Tensor:
        return 1 / mean.clamp(min=LEAST)


class PoissonAutoencoder(BaseAutoencoder):
    """Minimises the Poisson deviance of counts."""

    def make_likelihood(self, columns: Columns) -> Likelihood:
        """Counts."""
        return PoissonLikelihood()
