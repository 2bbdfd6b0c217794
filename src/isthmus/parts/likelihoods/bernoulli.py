"""The Bernoulli likelihood: values in [0, 1] as probabilities. The minimum of its cost is the data's entropy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.nn import functional

from isthmus.parts.likelihood import Columns, Likelihood

if TYPE_CHECKING:
    from isthmus.rows.scaling import Scaling

__all__ = ["BernoulliLikelihood", "log_soft_clip"]

CLIP_SOFTNESS = 0.02


class BernoulliLikelihood(Likelihood):
    """Binary cross-entropy, x in [0, 1].

    The usual link from output to probability is the sigmoid. A model that starts at PCA needs one that is
    the identity between 0 and 1, or its start would not be PCA: the ``soft_clip`` is linear inside and logistic
    outside, where its gradient never vanishes.
    """

    takes_any_scale = False

    def __init__(self, *, soft_clip: bool = False):
        super().__init__()
        self.soft_clip = soft_clip

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        return cls(soft_clip=settings.start == "principal")

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        low, high = columns.statistics.low, columns.statistics.high
        below, above = scaling.apply(low), scaling.apply(high)
        outside = (below < 0) | (above > 1)
        if outside.any():
            index = int(outside.argmax())
            scaled = "" if (below[index], above[index]) == (low[index], high[index]) else " once it is scaled"
            raise ValueError(
                f"{who}: likelihood='bernoulli' needs values in [0, 1], but column {columns.names[index]} runs from "
                f"{below[index]:g} to {above[index]:g}{scaled}; use scale='minmax' or likelihood='gaussian'."
            )

    def _log_odds(self, output: Tensor) -> Tensor:
        if not self.soft_clip:
            return output
        return log_soft_clip(output) - log_soft_clip(1 - output)

    def mean(self, output: Tensor) -> Tensor:
        return self._log_odds(output).sigmoid()

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        log_odds = self._log_odds(output)
        if self.some_missing:
            missing = x.isnan()
            x = torch.where(missing, 0.0, x)
            costs = functional.binary_cross_entropy_with_logits(log_odds, x, reduction="none")
            return torch.where(missing, 0.0, costs).sum(1)
        return functional.binary_cross_entropy_with_logits(log_odds, x, reduction="none").sum(1)

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return (draws < mean).to(mean.dtype)

    def curvature(self, mean: Tensor) -> Tensor:
        """1 / p(1-p), with p clipped to [0.001, 0.999]."""
        probability = mean.clamp(1e-3, 1 - 1e-3)
        return 1 / (probability * (1 - probability))

    def page_program(self) -> dict[str, Any]:
        return {"kind": "bernoulli", "soft_clip": self.soft_clip}


def log_soft_clip(value: Tensor) -> Tensor:
    """Log s(v), s(v) = τ softplus(v/τ) - τ softplus((v-1)/τ): s is v inside [0, 1] and never leaves it."""
    steep = value / CLIP_SOFTNESS
    # Far below zero softplus(a) is e^a to rounding and would underflow; its logarithm, a, is added separately.
    inside = steep.clamp(min=-12)
    clipped = functional.softplus(inside) - functional.softplus(inside - 1 / CLIP_SOFTNESS)
    return math.log(CLIP_SOFTNESS) + clipped.log() + (steep - inside)
