"""Finite scalar quantization: each latent takes one of a few levels (Mentzer et al. 2023, arXiv:2309.15505).

    z = round(L/2 · tanh h) / (L/2)

with the gradient of the rounding taken as 1. There is no codebook to learn, and none to collapse.
"""

from __future__ import annotations

import torch
from torch import Tensor

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.bottleneck import Bottleneck, Posterior
from isthmus.parts.principal import LinearStart, Principal

__all__ = ["QuantizedAutoencoder"]

REACH = 2.0  # standard deviations of a principal coordinate at which a level's tanh is 0.96


class FiniteScalarBottleneck(Bottleneck):
    """Rounds each latent to ``levels`` steps between -1 and 1."""

    limits_size = True
    in_data_units = False

    def __init__(self, levels: int):
        super().__init__()
        self.levels = levels

    def forward(self, h: Tensor) -> Posterior:
        half = (self.levels - 1) / 2
        bounded = torch.tanh(h) * half
        return Posterior((bounded + (bounded.round() - bounded).detach()) / half)

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """Principal coordinates, so scaled that the levels cover them."""
        directions = principal.directions[:n_latents]
        spread = REACH * principal.variances[:n_latents].clamp(min=1e-8).sqrt()
        return LinearStart(
            encode_weight=directions / spread[:, None],
            encode_bias=-(directions / spread[:, None]) @ principal.mean,
            decode_weight=directions.T * spread,
            decode_bias=principal.mean,
            code_scale=torch.ones(len(directions)),
        )


class QuantizedAutoencoder(BaseAutoencoder):
    """A code of whole levels: minimises ‖x - x̂‖² through the rounding."""

    levels: int = hyper(9, "levels that each latent can take", at_least=2)

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """Rounded latents."""
        return FiniteScalarBottleneck(self.levels)
