"""The target of inference: the cells of a row, each with its precision, and the cost of a decoder's output in nats.

    cost(z) = Σ_i w_i (x_i - g_i(z))² / 2 σ_i²          w_i = 0 for a missing cell

A target whitens a decoder's value and Jacobian: r = W^½ (g(z) - x) and A = W^½ J, with W the precision of each cell.
Then the gradient of the cost is Aᵀr and its Gauss-Newton matrix AᵀA. For a likelihood that isn't Gaussian the
gradient is computed by autograd, and W is the Fisher information of the mean, so AᵀA is the matrix of Fisher scoring.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from isthmus.inference.solving import gram
from isthmus.parts.likelihood import Likelihood
from isthmus.parts.linearization import product

__all__ = ["GaussianTarget", "LikelihoodTarget", "Normal", "Target", "observed_target"]


class Normal(NamedTuple):
    """Cost and normal equations of a block of rows at their codes: shapes (batch,), (batch, p) and (batch, p, p)."""

    cost: Tensor
    gradient: Tensor
    curvature: Tensor


class Target:
    """Rows x to be reconstructed, shape (batch, n_features), in the model's units, and their conditions."""

    x: Tensor
    given: Tensor | None = None

    @property
    def n_features(self) -> int:
        return self.x.shape[1]

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction, shape (batch, n_features)."""
        return output

    def cost(self, output: Tensor) -> Tensor:
        """-log p(x|z) up to a constant of the row, shape (batch,), for outputs of shape (batch, n_features)."""
        raise NotImplementedError

    def cost_and_gradient(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """`cost` and its gradient in the output, shapes (batch,) and (batch, n_features)."""
        raise NotImplementedError

    def curvature_along(self, output: Tensor, tangent: Tensor) -> Tensor:
        """tᵀ W t of a tangent t at an output, both of shape (batch, n_features): shape (batch,)."""
        raise NotImplementedError

    def normal(self, stacked: Tensor) -> Normal:
        """Cost, gradient and curvature from a decoder's value and Jacobian, (batch, 1 + p, n_features); overwritten."""
        raise NotImplementedError

    def whitened(self, stacked: Tensor) -> Tensor:
        """R and Aᵀ stacked, from a decoder's value and Jacobian, both (batch, 1 + p, n_features); overwritten."""
        raise NotImplementedError

    def precision_at(self, mean: Tensor) -> Tensor:
        """W, shape (batch, n_features), where the reconstruction is ``mean``."""
        raise NotImplementedError

    def nearest(self, outputs: Tensor) -> Tensor:
        """For each row the index of the output, of (n_outputs, n_features), that is closest to it."""
        raise NotImplementedError

    def constant(self) -> Tensor:
        """The part of -log p(x|z) that `cost` leaves out, shape (batch,)."""
        raise NotImplementedError

    def rows(self, indices: slice | Tensor) -> Target:
        """Some of the rows, by index."""
        raise NotImplementedError


class GaussianTarget(Target):
    """Cells with independent Gaussian noise.

    Parameters
    ----------
    x
        Rows; a cell whose precision is 0 may be anything finite.
    precision
        1/σ²: one number, one per column, shape (n_features,), or one per cell, shape (batch, n_features).
    """

    def __init__(self, x: Tensor, precision: float | Tensor = 1.0, given: Tensor | None = None):
        self.x, self.given = x, given
        self.precision = precision
        self._root = precision.sqrt() if isinstance(precision, Tensor) else None

    def cost(self, output: Tensor) -> Tensor:
        difference = output - self.x
        if self._root is not None:
            difference.mul_(self._root)
        squares = torch.linalg.vecdot(difference, difference)
        return squares.mul_(0.5 if isinstance(self.precision, Tensor) else 0.5 * self.precision)

    def cost_and_gradient(self, output: Tensor) -> tuple[Tensor, Tensor]:
        difference = output - self.x
        gradient = difference * self.precision
        return torch.linalg.vecdot(difference, gradient).mul_(0.5), gradient

    def curvature_along(self, output: Tensor, tangent: Tensor) -> Tensor:
        return torch.linalg.vecdot(tangent, tangent * self.precision)

    def normal(self, stacked: Tensor) -> Normal:
        # A single precision multiplies the small matrices; otherwise the large ones must be scaled.
        scaled = self._root is not None
        stacked[:, 0] -= self.x
        normal = gram(self._weighted(stacked) if scaled else stacked)
        if not scaled and self.precision != 1.0:
            normal *= self.precision
        return Normal(0.5 * normal[:, 0, 0], normal[:, 1:, 0], normal[:, 1:, 1:])

    def whitened(self, stacked: Tensor) -> Tensor:
        stacked[:, 0] -= self.x
        return self._weighted(stacked)

    def _weighted(self, stacked: Tensor) -> Tensor:
        if self._root is None:
            return stacked.mul_(math.sqrt(self.precision))  # pyrefly: ignore[bad-argument-type]
        return stacked.mul_(self._root if self._root.dim() == 1 else self._root[:, None])

    def precision_at(self, mean: Tensor) -> Tensor:
        return torch.as_tensor(self.precision, dtype=mean.dtype, device=mean.device).expand_as(mean)

    def nearest(self, outputs: Tensor) -> Tensor:
        if self._root is None or self._root.dim() == 1:
            weighted = outputs if self._root is None else outputs * self.precision
            lengths = torch.linalg.vecdot(outputs, weighted)
            return (lengths - 2 * product(self.x, weighted)).argmin(1)
        precision: Any = self.precision
        return (product(precision, outputs.square()) - 2 * product(self.x * precision, outputs)).argmin(1)

    def constant(self) -> Tensor:
        if not isinstance(self.precision, Tensor):
            value = 0.5 * self.x.shape[1] * math.log(2 * math.pi / self.precision)
            return self.x.new_full((len(self.x),), value)
        observed = self.precision > 0
        logs = torch.where(observed, 2 * math.pi / torch.where(observed, self.precision, 1.0), 1.0).log()
        return 0.5 * logs.expand_as(self.x).sum(1)

    def rows(self, indices: slice | Tensor) -> GaussianTarget:
        precision = self.precision
        if isinstance(precision, Tensor) and precision.dim() == 2:
            precision = precision[indices]
        return GaussianTarget(self.x[indices], precision, _part(self.given, indices))


def _part(given: Tensor | None, indices: slice | Tensor) -> Tensor | None:
    return None if given is None else given[indices]


def observed_target(x: Tensor, precision: float | Tensor, given: Tensor | None = None) -> GaussianTarget:
    """The target of rows whose missing cells (NaN) get precision 0; ``precision`` is one number or one per column."""
    missing = x.isnan()
    if not bool(missing.any()):
        return GaussianTarget(x, precision, given)
    precisions = torch.as_tensor(precision, dtype=x.dtype, device=x.device).expand_as(x)
    return GaussianTarget(torch.where(missing, 0.0, x), torch.where(missing, 0.0, precisions), given)


class LikelihoodTarget(Target):
    """Any likelihood that defines its `curvature`; cells that are NaN have weight 0."""

    def __init__(self, likelihood: Likelihood, x: Tensor, given: Tensor | None = None):
        self.x, self.given = x, given
        missing = x.isnan()
        self._missing = missing if bool(missing.any()) else None
        self._filled = x if self._missing is None else torch.where(missing, 0.0, x)
        self._likelihood = likelihood.with_missing(self._missing is not None)  # not bound to rows
        self.likelihood = self._likelihood.at(x)

    def mean(self, output: Tensor) -> Tensor:
        return self.likelihood.mean(output)

    def cost(self, output: Tensor) -> Tensor:
        return self.likelihood(output, self.x)

    def cost_and_gradient(self, output: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            at = output.detach().clone().requires_grad_()
            cost = self.likelihood(at, self.x.clone())  # inference tensors can't be saved for a backward pass
            (gradient,) = torch.autograd.grad(cost.sum(), at)
        return cost.detach(), gradient

    def curvature_along(self, output: Tensor, tangent: Tensor) -> Tensor:
        stacked = self.likelihood.value_and_jacobian(torch.stack([output, tangent], 1))
        return torch.linalg.vecdot(stacked[:, 1].square(), self.precision_at(stacked[:, 0]))

    def normal(self, stacked: Tensor) -> Normal:
        # The gradient is that of the cost itself: W and the residual are inaccurate where a probability saturates.
        cost, cotangent = self.cost_and_gradient(stacked[:, 0].contiguous())
        gradient = torch.bmm(stacked[:, 1:], cotangent[:, :, None])[:, :, 0]
        return Normal(cost, gradient, gram(self.whitened(stacked)[:, 1:].contiguous()))

    def whitened(self, stacked: Tensor) -> Tensor:
        stacked = self.likelihood.value_and_jacobian(stacked)
        precision = self.precision_at(stacked[:, 0])
        stacked[:, 0] -= self._filled
        return stacked.mul_(precision.sqrt()[:, None])

    def precision_at(self, mean: Tensor) -> Tensor:
        curvature = self.likelihood.curvature(mean)
        return curvature if self._missing is None else torch.where(self._missing, 0.0, curvature)

    def nearest(self, outputs: Tensor) -> Tensor:
        """By the likelihood's own distance, over observed cells."""
        return self._likelihood.distances(outputs, self._filled, self._missing).argmin(1)

    def constant(self) -> Tensor:
        return self.x.new_zeros(len(self.x))

    def rows(self, indices: slice | Tensor) -> LikelihoodTarget:
        return LikelihoodTarget(self._likelihood, self.x[indices], _part(self.given, indices))
