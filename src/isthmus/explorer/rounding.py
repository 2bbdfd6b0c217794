"""Rounding of weights: the coarsest with which the page still gives the model's results.

A decoder must reproduce every row shown to within 1e-5 of PyTorch, an encoder every code to within a thousandth of its
standard deviation. Both are checked on those rows to find the coarsest rounding; it takes 12 to 20 bits per weight,
where float32 takes 32. (float16 is off by 1e-4 and more.)
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.explorer.packing import FLOAT_LEVELS, rounded_rows
from isthmus.parts.network import Network

__all__ = ["fewest_levels", "largest", "rounded_network"]

MIN_BITS, MAX_BITS, PARTS_OF_A_BIT = 6, 23, 4


def rounded_network(network: Network, levels: int) -> Network:
    """A copy with every matrix rounded as on the page; vectors are unchanged."""
    rounded = copy.deepcopy(network)
    if levels < FLOAT_LEVELS:
        for part in rounded.modules():
            weight = getattr(part, "weight", None)
            if isinstance(weight, nn.Parameter):
                whole, scales = rounded_rows(weight.numpy(), levels)
                values = (whole * scales[:, None].astype(np.float64)).astype(np.float32)
                part.weight = nn.Parameter(torch.from_numpy(values.reshape(weight.shape)), False)
    return rounded


def fewest_levels(network: Network, deviation: Callable[[Network], float], tolerance: float) -> int:
    """The fewest steps on either side of 0 with which ``deviation`` is within ``tolerance``, to a quarter of a bit."""
    low, high = MIN_BITS * PARTS_OF_A_BIT, MAX_BITS * PARTS_OF_A_BIT
    while low < high:
        middle = (low + high) // 2
        if deviation(rounded_network(network, _levels(middle))) <= tolerance:
            high = middle
        else:
            low = middle + 1
    return _levels(high)


def _levels(step: int) -> int:
    return round(2 ** (step / PARTS_OF_A_BIT))


def largest(differences: Tensor) -> float:
    """The largest absolute entry; infinite if any is not finite."""
    size = float(differences.abs().max()) if differences.numel() else 0.0
    return size if np.isfinite(size) else np.inf
