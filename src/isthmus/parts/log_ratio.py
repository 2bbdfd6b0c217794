"""The logarithm of a count's ratio to its expectation, where the closed form gives the ratio itself, less one.

    log s(1 + a)        s(v) = τ log(1 + e^{v/τ})

PCA of Pearson residuals is linear in that ratio, and may ask for fewer counts than none. s is the identity well above
zero and positive everywhere, so a reconstruction by PCA has a likelihood.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

__all__ = ["log_ratio"]

SOFTNESS = 0.25  # τ; see docs/decisions/0020-counts.md
LOWEST = -40.0  # below which softplus(a) is e^a to rounding


def log_ratio(excess: Tensor) -> Tensor:
    """A ratio less one to the logarithm of the ratio made positive, elementwise."""
    steep = (1 + excess) / SOFTNESS
    inside = steep.clamp(min=LOWEST)
    return math.log(SOFTNESS) + functional.softplus(inside).log() + (steep - inside)
