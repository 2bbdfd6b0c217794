"""The tutorial's network at any widths, for the competitors that take a torch module."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from race.stopwatch import Reconstruct

__all__ = ["Autoencoder", "perceptron", "reconstruct_with"]


def perceptron(widths: Sequence[int]) -> list[nn.Module]:
    """Linear layers from each width to the next, ReLU between them."""
    layers: list[nn.Module] = []
    for begin, end in itertools.pairwise(widths):
        layers += [nn.Linear(begin, end), nn.ReLU()]
    return layers[:-1]


class Autoencoder(nn.Module):
    """n-32-16-2-16-32-n by default: ReLU inside, no activation on the code, a sigmoid at the end."""

    def __init__(self, n_features: int, widths: Sequence[int]):
        super().__init__()
        layers = (n_features, *widths)
        self.encoder = nn.Sequential(*perceptron(layers))
        self.decoder = nn.Sequential(*perceptron(layers[::-1]), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


def reconstruct_with(model: nn.Module) -> Reconstruct:
    """Reconstructed rows, as arrays."""

    def reconstruct(X: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(X)).numpy()

    return reconstruct
