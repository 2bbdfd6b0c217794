"""The logarithm of a count's expectation, where the closed form gives the expectation itself and may go below zero.

    log s(v)        s(v) = τ log(1 + e^{v/τ})

PCA is linear in a count, or in its ratio to what is expected, and may ask for fewer counts than none. s is the identity
well above zero and positive everywhere, so a reconstruction by PCA has a likelihood.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

__all__ = ["log_ratio", "log_softened"]

SOFTNESS = 0.25  # τ of a ratio; see docs/decisions/0020-counts.md
LOWEST = -40.0  # below which softplus(a) is e^a to rounding


def log_softened(steep: Tensor) -> Tensor:
    """log(s(v) / τ) from v/τ, elementwise."""
    inside = steep.clamp(min=LOWEST)
    return functional.softplus(inside).log() + (steep - inside)


def log_ratio(excess: Tensor) -> Tensor:
    """A ratio less one to the logarithm of the ratio made positive, elementwise."""
    return math.log(SOFTNESS) + log_softened((1 + excess) / SOFTNESS)
