"""Activation functions by name, and multilayer perceptrons built from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

__all__ = ["ACTIVATIONS", "perceptron"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def perceptron(widths: Sequence[int], activation: str, *, plain: bool = False) -> nn.Sequential:
    """Linear layers of the given widths with the activation between them, none after the last.

    ``plain`` keeps PyTorch's default initialization; otherwise hidden layers start at He et al.'s scale
    (arXiv:1502.01852), which keeps the signal's size through ReLU-like layers.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        linear = nn.Linear(n_in, n_out)
        if not plain:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
