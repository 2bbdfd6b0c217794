"""The β-TC variational autoencoder: latents that are independent of one another (Chen et al. 2018, arXiv:1802.04942).

The divergence from the prior holds the total correlation of the code, TC = KL( q(z) ‖ Π_j q(z_j) ); here that part
weighs β instead of 1. Both densities are estimated from the batch, log q(z) ≈ log (1/M) Σ_i q(z|x_i).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.autoencoder import ForwardOutput
from isthmus.parts.bottleneck import Bottleneck, GaussianBottleneck
from isthmus.parts.penalty import Divergence, Penalty

__all__ = ["BetaTCAutoencoder"]


class TotalCorrelation(Penalty):
    """log q(z) - Σ_j log q(z_j), each estimated over the batch."""

    of_whole_batch = True

    def __call__(self, forward: ForwardOutput) -> Tensor:
        posterior = forward.posterior
        log_variance = posterior.log_variance
        if log_variance is None:
            raise ValueError("TotalCorrelation: needs a Gaussian bottleneck.")
        distances = (forward.code[:, None] - posterior.mean[None]).square() / log_variance.exp()[None]
        log_density = -0.5 * (distances + log_variance[None] + math.log(2 * math.pi))  # (row, component, latent)
        count = math.log(len(forward.x))
        joint = torch.logsumexp(log_density.sum(2), 1) - count
        marginals = (torch.logsumexp(log_density, 1) - count).sum(1)
        return joint - marginals


class BetaTCAutoencoder(BaseAutoencoder):
    """Adds (β - 1) TC to the evidence lower bound."""

    variance: float | str | None = hyper("learned", "decoder variance σ²", choices=("learned",), above=0)
    total_correlation: float = hyper(4.0, "weight β of the total correlation; 1 is the bound itself", at_least=1)

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """A mean and a variance for each latent."""
        return GaussianBottleneck()

    def make_penalties(self) -> dict[str, Penalty]:
        """The divergence, and what is asked of its total correlation beyond."""
        return {"divergence": Divergence(1.0), "total_correlation": TotalCorrelation(self.total_correlation - 1)}
