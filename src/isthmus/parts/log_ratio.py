"""The logarithm of a count's expectation from a linear reconstruction of it, which may be negative.

    log s(v)        s(v) = τ log(1 + e^{v/τ})

PCA is linear in a count, or in its ratio to the expected count, so its reconstruction may be below zero. s is the
identity well above zero and positive everywhere, so every reconstruction has a likelihood.
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
    """The logarithm of the ratio 1 + excess, made positive by s, elementwise."""
    return math.log(SOFTNESS) + log_softened((1 + excess) / SOFTNESS)
