"""How finely weights must be kept: the fewest steps with which the page still answers as the model does.

A decoder must reproduce every row shown to within 1e-5 of what PyTorch decodes, an encoder must place every row to
within a thousandth of a code number's spread. Both are tried, on those very rows, until the coarsest rounding that
holds is found; it costs between 12 and 20 bits a weight where float32 takes 32. (float16 is off by 1e-4 and more.)
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

LEAST_BITS, MOST_BITS, PARTS_OF_A_BIT = 6, 23, 4


def rounded_network(network: Network, levels: int) -> Network:
    """A copy with every matrix as the page will have it; vectors are left alone."""
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
    """The fewest steps to either side, in quarters of a bit, with which ``deviation`` stays within ``tolerance``."""
    low, high = LEAST_BITS * PARTS_OF_A_BIT, MOST_BITS * PARTS_OF_A_BIT
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
    """The largest entry in size; infinite where any is not a number."""
    size = float(differences.abs().max()) if differences.numel() else 0.0
    return size if np.isfinite(size) else np.inf
