"""Likelihoods p(x|z): what the decoder's output says about the data, and what being wrong costs, in nats.

The Gaussian turns the squared error into a log density (the tutorial's Part 4):

    -log N(x; x̂, σ²I) = ‖x - x̂‖² / 2σ² + (n/2) log 2πσ²

With σ² = 1/2 that is the squared error and a constant. With a learned σ² it is also what balances the error
against a divergence: σ² *is* the β of a β-VAE, β = 2σ² (Rybkin et al. 2021, arXiv:2006.13202). The Bernoulli
reads a value in [0, 1] as a probability; its floor is the data's own entropy, not zero.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["LIKELIHOODS", "BernoulliLikelihood", "GaussianLikelihood", "Likelihood", "squared_error"]

LEAST_LOG_VARIANCE = math.log(1e-6)  # noiseless data would drive a learned σ² to zero and the loss to -∞
CLIP_SOFTNESS = 0.02


class Likelihood(nn.Module):
    """Compares a decoder's output with x; both have shape (batch, n_features).

    With ``some_missing`` a cell of x that is NaN costs nothing: the row is judged by those it has.
    """

    some_missing = False

    def mean(self, output: Tensor) -> Tensor:
        """The rebuilt row x̂ = E[x|z]."""
        raise NotImplementedError

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z), one number a row, in nats, summed over features."""
        raise NotImplementedError


class GaussianLikelihood(Likelihood):
    """N(x; x̂, σ²I); ``learned`` makes log σ² a parameter of the model.

    ``bounded`` squeezes the output through a sigmoid first, as the tutorial's decoder does.
    """

    def __init__(self, variance: float = 0.5, *, learned: bool = False, bounded: bool = False):
        super().__init__()
        self.bounded = bounded
        self.fixed_variance = variance
        self.log_variance = nn.Parameter(torch.tensor(math.log(variance))) if learned else None

    def begin_at(self, variance: float) -> None:
        """Set a learned σ² to a closed-form answer."""
        if self.log_variance is not None:
            with torch.no_grad():
                self.log_variance.fill_(max(math.log(max(variance, 1e-30)), LEAST_LOG_VARIANCE))

    @property
    def variance(self) -> float:
        """σ² as it stands."""
        if self.log_variance is None:
            return self.fixed_variance
        return math.exp(max(float(self.log_variance.detach()), LEAST_LOG_VARIANCE))

    def mean(self, output: Tensor) -> Tensor:
        return output.sigmoid() if self.bounded else output

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        mean = self.mean(output)
        if self.some_missing:
            return self._of_observed(mean, x)
        if self.log_variance is None:
            constant = 0.5 * x.shape[1] * math.log(2 * math.pi * self.fixed_variance)
            return _SquaredError.apply(mean, x, 0.5 / self.fixed_variance, constant)
        squared_error = _SquaredError.apply(mean, x, 1.0, 0.0)
        log_variance = self.log_variance.clamp(min=LEAST_LOG_VARIANCE)
        constant = 0.5 * x.shape[1] * (math.log(2 * math.pi) + log_variance)
        return 0.5 * squared_error * torch.exp(-log_variance) + constant

    def _of_observed(self, mean: Tensor, x: Tensor) -> Tensor:
        count = (~x.isnan()).sum(1)
        error = squared_error(mean, x)
        if self.log_variance is None:
            return 0.5 * (error / self.fixed_variance + count * math.log(2 * math.pi * self.fixed_variance))
        log_variance = self.log_variance.clamp(min=LEAST_LOG_VARIANCE)
        return 0.5 * (error * torch.exp(-log_variance) + count * (math.log(2 * math.pi) + log_variance))

    def of_squares(self, squares: Tensor, n_features: int) -> Tensor:
        """-log p of rows whose squared error is known, with σ² fixed; shape as ``squares``."""
        return 0.5 * (squares / self.fixed_variance + n_features * math.log(2 * math.pi * self.fixed_variance))

    def output_gradient(self, output: Tensor, x: Tensor) -> Tensor:
        """∂/∂output of the batch's mean -log p(x|z), shape (batch, n_features): (x̂ - x) / (batch · σ²)."""
        mean = self.mean(output)
        gradient = (mean - x).mul_(1 / (x.shape[0] * self.variance))
        return torch.ops.aten.sigmoid_backward.default(gradient, mean) if self.bounded else gradient


class BernoulliLikelihood(Likelihood):
    """Binary cross-entropy, x in [0, 1].

    The usual link from output to probability is the sigmoid. A model that starts at PCA needs one that is
    the identity between 0 and 1, so that its start is still PCA: the ``soft_clip``, straight inside and
    logistic outside, where it can never saturate beyond recall.
    """

    def __init__(self, *, soft_clip: bool = False):
        super().__init__()
        self.soft_clip = soft_clip

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


LIKELIHOODS = ("gaussian", "bernoulli")


def squared_error(mean: Tensor, x: Tensor) -> Tensor:
    """‖x̂ - x‖² over the cells of x that are not NaN, shape (batch,)."""
    missing = x.isnan()
    return torch.where(missing, 0.0, mean - torch.where(missing, 0.0, x)).square().sum(1)


class _SquaredError(torch.autograd.Function):
    """weight · ‖x̂ - x‖² + constant of each row, shape (batch,), as one step of autograd; x gets no gradient."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, x: Tensor, weight: float, constant: float) -> Tensor:
        difference = mean - x
        ctx.weight = weight
        ctx.save_for_backward(difference)
        return torch.linalg.vecdot(difference, difference).mul_(weight).add_(constant)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyrefly: ignore[bad-override]
        (difference,) = ctx.saved_tensors
        return difference * (2 * ctx.weight * grad_outputs[0])[:, None], None, None, None


def log_soft_clip(value: Tensor) -> Tensor:
    """Log s(v), s(v) = τ softplus(v/τ) - τ softplus((v-1)/τ): s is v inside [0, 1] and never leaves it."""
    steep = value / CLIP_SOFTNESS
    # Far below zero softplus(a) is e^a to rounding, and its logarithm a: taken there, no digit underflows.
    inside = steep.clamp(min=-12)
    clipped = functional.softplus(inside) - functional.softplus(inside - 1 / CLIP_SOFTNESS)
    return math.log(CLIP_SOFTNESS) + clipped.log() + (steep - inside)
