"""The Gaussian likelihood: the squared error as a log density (the tutorial's Part 4).

    -log N(x; x̂, σ²I) = ‖x - x̂‖² / 2σ² + (n/2) log 2πσ²

With σ² = 1/2 that is the squared error plus a constant. A learned σ² also balances the error against a divergence:
σ² *is* the β of a β-VAE, β = 2σ² (Rybkin et al. 2021, arXiv:2006.13202).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from isthmus.parts.likelihood import Columns, Likelihood, squared_error

if TYPE_CHECKING:
    from isthmus.rows.scaling import Scaling

__all__ = ["GaussianLikelihood"]

MIN_VARIANCE = 1e-30  # of a fixed σ²: squared errors divided by it are still finite in float32
MIN_LOG_VARIANCE = math.log(1e-6)  # noiseless data would drive a learned σ² to zero and the loss to -∞
SQUARED_ERROR_VARIANCE = 0.5  # with σ² = 1/2 the Gaussian -log p is ‖x - x̂‖² plus a constant


class GaussianLikelihood(Likelihood):
    """N(x; x̂, σ²I); ``learned`` makes log σ² a parameter of the model.

    ``bounded`` sends the output through a sigmoid first, as the tutorial's decoder does.
    """

    is_gaussian = True

    def __init__(self, variance: float = 0.5, *, learned: bool = False, bounded: bool = False):
        super().__init__()
        self.bounded = bounded
        self.fixed_variance = variance
        self.log_variance = nn.Parameter(torch.tensor(math.log(variance))) if learned else None
        self.leaves_noise_open = False

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        variance = settings.variance
        likelihood = cls(
            SQUARED_ERROR_VARIANCE if variance in (None, "learned") else float(variance),
            learned=variance == "learned",
            bounded=settings.output_activation == "sigmoid",
        )
        likelihood.leaves_noise_open = variance is None
        return likelihood

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        variance = self.fixed_variance / scaling.unit**2
        if self.log_variance is None and not self.leaves_noise_open and variance < MIN_VARIANCE:
            spread = float(columns.statistics.variance.mean())
            raise ValueError(
                f"{who}: variance={self.fixed_variance:g} is too small for columns of variance {spread:.3g}: "
                "the loss would overflow in float32. Use a larger variance, or variance='learned'."
            )

    def in_model_units(self, scaling: Scaling) -> None:
        if self.log_variance is None and not self.leaves_noise_open:
            self.fixed_variance /= scaling.unit**2

    def init_noise(self, variance: float) -> None:
        if self.log_variance is not None:
            with torch.no_grad():
                self.log_variance.fill_(max(math.log(max(variance, 1e-30)), MIN_LOG_VARIANCE))

    @property
    def mean_is_output(self) -> bool:  # pyrefly: ignore[bad-override]
        """False if the output is bounded."""
        return not self.bounded

    def with_noise(self, variance: float) -> GaussianLikelihood:
        if not self.leaves_noise_open:
            return self
        known = GaussianLikelihood(variance, bounded=self.bounded)
        known.some_missing = self.some_missing
        return known

    @property
    def is_squared_error(self) -> bool:  # pyrefly: ignore[bad-override]
        """True if σ² is fixed."""
        return self.log_variance is None

    @property
    def noise_variance(self) -> float | None:  # pyrefly: ignore[bad-override]
        """The current σ²; None if held-out rows estimate it."""
        return None if self.leaves_noise_open else self.variance

    @property
    def variance(self) -> float:
        """The current σ²."""
        if self.log_variance is None:
            return self.fixed_variance
        return math.exp(max(float(self.log_variance.detach()), MIN_LOG_VARIANCE))

    def mean(self, output: Tensor) -> Tensor:
        return output.sigmoid() if self.bounded else output

    def value_and_jacobian(self, stacked: Tensor) -> Tensor:
        if not self.bounded:
            return stacked
        mean = stacked[:, :1].sigmoid()
        return torch.cat([mean, stacked[:, 1:] * (mean * (1 - mean))], 1)

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        mean = self.mean(output)
        if self.some_missing:
            return self._of_observed(mean, x)
        if self.log_variance is None:
            constant = 0.5 * x.shape[1] * math.log(2 * math.pi * self.fixed_variance)
            return _SquaredError.apply(mean, x, 0.5 / self.fixed_variance, constant)
        squared_error = _SquaredError.apply(mean, x, 1.0, 0.0)
        log_variance = self.log_variance.clamp(min=MIN_LOG_VARIANCE)
        constant = 0.5 * x.shape[1] * (math.log(2 * math.pi) + log_variance)
        return 0.5 * squared_error * torch.exp(-log_variance) + constant

    def _of_observed(self, mean: Tensor, x: Tensor) -> Tensor:
        count = (~x.isnan()).sum(1)
        error = squared_error(mean, x)
        if self.log_variance is None:
            return 0.5 * (error / self.fixed_variance + count * math.log(2 * math.pi * self.fixed_variance))
        log_variance = self.log_variance.clamp(min=MIN_LOG_VARIANCE)
        return 0.5 * (error * torch.exp(-log_variance) + count * (math.log(2 * math.pi) + log_variance))

    def of_squares(self, squares: Tensor, n_features: int) -> Tensor:
        """-log p of rows from their squared errors, with σ² fixed; shape as ``squares``."""
        return 0.5 * (squares / self.fixed_variance + n_features * math.log(2 * math.pi * self.fixed_variance))

    def output_gradient(self, output: Tensor, x: Tensor) -> Tensor:
        """∂/∂output of the batch's mean -log p(x|z), shape (batch, n_features): (x̂ - x) / (batch · σ²)."""
        mean = self.mean(output)
        gradient = (mean - x).mul_(1 / (x.shape[0] * self.variance))
        return torch.ops.aten.sigmoid_backward.default(gradient, mean) if self.bounded else gradient

    def log_prob(self, output: Tensor, x: Tensor, noise_variance: float) -> Tensor:
        mean = self.mean(output)
        if self.some_missing:
            count = (~x.isnan()).sum(1)
            return -0.5 * (squared_error(mean, x) / noise_variance + count * math.log(2 * math.pi * noise_variance))
        squares = (mean - x).square().sum(1)
        return -0.5 * (squares / noise_variance + x.shape[1] * math.log(2 * math.pi * noise_variance))

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + noise * noise_variance.sqrt()

    def curvature(self, mean: Tensor) -> Tensor:
        """1/σ² of every cell."""
        return torch.full_like(mean, 1 / self.variance)

    def mean_module(self) -> GaussianLikelihood:
        return GaussianLikelihood(bounded=self.bounded)

    def page_program(self) -> dict[str, Any]:
        return {"kind": "sigmoid" if self.bounded else "identity"}


class _SquaredError(torch.autograd.Function):
    """weight · ‖x̂ - x‖² + constant of each row, shape (batch,), as one autograd function; x gets no gradient."""

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
