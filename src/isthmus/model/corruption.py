"""Corruptions q(x̃|x): what a denoising autoencoder must undo (Vincent et al. 2008).

A corruption changes the encoder's input only; the loss still compares with the clean x. It acts while
training and while the loss is measured, never when a user encodes or rebuilds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = [
    "CORRUPTIONS",
    "Corruption",
    "GaussianNoise",
    "Masking",
    "NoCorruption",
    "SaltAndPepper",
    "SwapNoise",
    "make_corruption",
]


class Corruption(nn.Module):
    """Maps clean rows (batch, n_features) to corrupted rows of the same shape, with torch's generator."""

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class NoCorruption(Corruption):
    """x̃ = x."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class GaussianNoise(Corruption):
    """x̃ = x + σε with ε ~ N(0, I); σ in the model's units (1 = the data's overall standard deviation)."""

    def __init__(self, sigma: float):
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x + self.sigma * torch.randn_like(x)


class Masking(Corruption):
    """Each cell becomes 0 with probability ``rate``: the column's mean where the model centres its input."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) >= self.rate)


class SaltAndPepper(Corruption):
    """Each cell becomes, with probability ``rate``, its column's smallest or largest value, at even odds."""

    def __init__(self, rate: float, low: Tensor, high: Tensor):
        super().__init__()
        self.rate = rate
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x: Tensor) -> Tensor:
        # One draw decides both: below rate/2 pepper, from there to rate salt.
        draw = torch.rand_like(x)
        return torch.where(draw < self.rate, torch.where(draw < self.rate / 2, self.low, self.high), x)


class SwapNoise(Corruption):
    """Each cell becomes, with probability ``rate``, the same column's value in another row of the batch.

    The corruption for tables: what replaces a value is always a value that column really takes.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if len(x) < 2:
            return x
        # A shift by 1 … batch-1 rows, drawn for each cell, never lands on the row itself.
        shift = torch.randint(1, len(x), x.shape, device=x.device)
        donor = (torch.arange(len(x), device=x.device)[:, None] + shift) % len(x)
        return torch.where(torch.rand_like(x) < self.rate, x.gather(0, donor), x)


CORRUPTIONS = ("none", "gaussian", "masking", "salt_and_pepper", "swap")


def make_corruption(kind: str, level: float, low: Tensor, high: Tensor) -> Corruption:
    """A corruption by name; ``low`` and ``high``, shape (n_features,), are the columns' ranges in model units."""
    if kind not in ("none", "gaussian") and level > 1:
        raise ValueError(f"corruption_level: {kind} takes a share of cells between 0 and 1, got {level}.")
    made = {
        "none": NoCorruption,
        "gaussian": lambda: GaussianNoise(level),
        "masking": lambda: Masking(level),
        "salt_and_pepper": lambda: SaltAndPepper(level, low, high),
        "swap": lambda: SwapNoise(level),
    }
    return made[kind]()
