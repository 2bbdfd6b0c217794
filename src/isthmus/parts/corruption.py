"""Corruptions q(x̃|x): what a denoising autoencoder must undo (Vincent et al. 2008).

A corruption changes the encoder's input only; the loss still compares with the clean x. It acts during
training and validation, never when a user encodes or reconstructs.

A ``restoring`` corruption is one that a denoiser must undo in the user's own data: its level is in the data's
units, a masked cell is 0, salt and pepper are the data's extremes, and the model starts at the best linear
restoration (`isthmus.parts.restoration`) instead of at PCA.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isthmus.parts.draws import normal_like, uniform, uniform_like
from isthmus.parts.part import Part
from isthmus.parts.principal import LinearStart, Principal
from isthmus.parts.restoration import CellNoise, restoring_start

__all__ = [
    "CORRUPTIONS",
    "BlindSpot",
    "Corruption",
    "GaussianNoise",
    "Masking",
    "NoCorruption",
    "SaltAndPepper",
    "SwapNoise",
    "make_corruption",
]


class Corruption(Part):
    """Maps clean rows (batch, n_features) to corrupted rows of the same shape.

    Attributes
    ----------
    is_identity : bool
        Whether it leaves every row unchanged.
    restoring : bool
        Whether the model must undo it in the user's own data.
    blind : bool
        Whether the loss counts the corrupted cells only.
    varying : bool
        Whether each row draws a level of its own.
    """

    cautious: ClassVar = {"is_identity": False}

    is_identity = False
    restoring = False
    blind = False
    varying = False

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def in_data_units(self, center: Tensor, spread: Tensor) -> None:
        """Interpret the level in the data's units, ``center + spread · (model's)``, both of shape (n_features,)."""

    def cell_noise(self, n_features: int) -> CellNoise | None:
        """The noise of each cell; None if no linear restoration is better than the model's own start."""
        return None

    def restoration(self, start: LinearStart, principal: Principal) -> LinearStart:
        """The linear start of a model that must undo this corruption; ``start`` itself if none is better."""
        noise = self.cell_noise(len(principal.mean)) if self.restoring else None
        return start if noise is None else restoring_start(start, principal, noise)

    def _level(self, level: Tensor | float, x: Tensor) -> Tensor | float:
        """The level; if it varies, a share u² of it for each row with u uniform, so small levels are common."""
        return level * uniform(x, 1).square() if self.varying else level

    @property
    def _mean_share(self) -> float:
        """The mean of `_level` as a share of the level: E[u²] = 1/3."""
        return 1 / 3 if self.varying else 1.0


class NoCorruption(Corruption):
    """x̃ = x."""

    is_identity = True

    def forward(self, x: Tensor) -> Tensor:
        return x


class GaussianNoise(Corruption):
    """x̃ = x + σε with ε ~ N(0, I); σ in the model's units (1 = the data's overall standard deviation)."""

    def __init__(self, sigma: float):
        super().__init__()
        self.sigma = sigma
        self.unit: Tensor
        self.register_buffer("unit", None)

    def in_data_units(self, center: Tensor, spread: Tensor) -> None:
        self.unit = 1 / spread

    def forward(self, x: Tensor) -> Tensor:
        noise = self._level(self.sigma, x) * normal_like(x)
        return x + (noise if self.unit is None else noise * self.unit)

    def cell_noise(self, n_features: int) -> CellNoise:
        deviation = self.sigma * self._mean_share * torch.ones(n_features)
        nothing = torch.zeros(n_features)
        return CellNoise(1.0, nothing, nothing, (deviation * (1 if self.unit is None else self.unit)).square())


class Masking(Corruption):
    """Each cell becomes 0 with probability ``rate``: the column's mean where the model centres its input."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate
        self.value: Tensor
        self.register_buffer("value", None)

    def in_data_units(self, center: Tensor, spread: Tensor) -> None:
        self.value = -center / spread

    def forward(self, x: Tensor) -> Tensor:
        kept = uniform_like(x) >= self._level(self.rate, x)
        return x * kept if self.value is None else torch.where(kept, x, self.value)

    def cell_noise(self, n_features: int) -> CellNoise:
        nothing = torch.zeros(n_features)
        value = nothing if self.value is None else self.value
        return CellNoise(1 - self.rate * self._mean_share, value, nothing, nothing)


class BlindSpot(Masking):
    """Hides cells as `Masking` does, and takes the loss on the hidden cells only.

    The reconstruction of a cell then can't depend on that cell's own noise, so training on noisy rows has the same
    optimum as training on clean ones (Batson & Royer 2019, Noise2Self, arXiv:1901.11365).
    """

    blind = True

    def in_data_units(self, center: Tensor, spread: Tensor) -> None:
        """Nothing to do: a hidden cell is the column's mean in any units."""

    def cell_noise(self, n_features: int) -> CellNoise:
        nothing = torch.zeros(n_features)
        return CellNoise(1 - self.rate, nothing, nothing, nothing, blind=True)


class SaltAndPepper(Corruption):
    """Each cell becomes, with probability ``rate``, its column's smallest or largest value, each equally likely."""

    def __init__(self, rate: float, low: Tensor, high: Tensor):
        super().__init__()
        self.rate = rate
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, x: Tensor) -> Tensor:
        # One draw decides both: below rate/2 pepper, from there to rate salt.
        draw, rate = uniform_like(x), self._level(self.rate, x)
        return torch.where(draw < rate, torch.where(draw < rate / 2, self.low, self.high), x)

    def in_data_units(self, center: Tensor, spread: Tensor) -> None:
        if (spread == spread[0]).all():  # columns on one scale, such as pixels, share their extremes
            self.low = ((self.low * spread + center).min() - center) / spread
            self.high = ((self.high * spread + center).max() - center) / spread

    def cell_noise(self, n_features: int) -> CellNoise:
        nothing = torch.zeros(n_features)
        mean, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return CellNoise(1 - self.rate * self._mean_share, mean, half.square(), nothing)


class SwapNoise(Corruption):
    """Each cell becomes, with probability ``rate``, the same column's value in another row of the batch.

    The corruption for tables: the replacement is always a value that occurs in the column.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if len(x) < 2:
            return x
        # A shift by 1 … batch-1 rows, drawn for each cell, never lands on the row itself.
        shift = 1 + (uniform_like(x) * (len(x) - 1)).long().clamp(max=len(x) - 2)
        donor = (torch.arange(len(x), device=x.device)[:, None] + shift) % len(x)
        return torch.where(uniform_like(x) < self.rate, x.gather(0, donor), x)


CORRUPTIONS = ("none", "gaussian", "masking", "salt_and_pepper", "swap", "blind_spot")


def make_corruption(
    kind: str, level: float, low: Tensor, high: Tensor, *, restoring: bool = False, varying: bool = False
) -> Corruption:
    """A corruption by name; ``low`` and ``high``, shape (n_features,), are the columns' ranges in model units.

    ``varying`` gives each row a level of its own, from 0 to ``level``.
    """
    if kind not in ("none", "gaussian") and level > 1:
        raise ValueError(f"corruption_level: {kind} takes a share of cells between 0 and 1, got {level}.")
    made = {
        "none": NoCorruption,
        "gaussian": lambda: GaussianNoise(level),
        "masking": lambda: Masking(level),
        "salt_and_pepper": lambda: SaltAndPepper(level, low, high),
        "swap": lambda: SwapNoise(level),
        "blind_spot": lambda: BlindSpot(level),
    }
    corruption: Corruption = made[kind]()
    corruption.restoring = restoring
    corruption.varying = varying and kind not in ("none", "swap", "blind_spot")
    return corruption
