"""What a decoder's output is compared with: one row's cells, each with its precision, in nats.

    cost(z) = Σ_i w_i (x_i - g_i(z))² / 2 σ_i²          w_i = 0 for a missing cell

A target whitens a linearized decoder: it turns value and Jacobian into r = W^½ (g(z) - x) and A = W^½ J, with W the
precision of each cell. Then the gradient of the cost is Aᵀr and its Gauss-Newton matrix AᵀA. For a likelihood that isn't
Gaussian W is the Fisher information of the mean; for exponential families the gradient is exact all the same, and the
matrix is that of Fisher scoring.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor

from isthmus.inference.solving import gram
from isthmus.parts.likelihood import Likelihood

__all__ = ["GaussianTarget", "LikelihoodTarget", "Normal", "Target"]


class Normal(NamedTuple):
    """Normal equations of a block of rows at their codes: shapes (batch,), (batch, p) and (batch, p, p)."""

    cost: Tensor
    gradient: Tensor
    curvature: Tensor


class Target:
    """Rows to be explained, shape (batch, n_features), in the model's units."""

    x: Tensor

    @property
    def n_features(self) -> int:
        return self.x.shape[1]

    def cost(self, output: Tensor) -> Tensor:
        """-log p(x|z) up to a constant of the row, shape (batch,), for outputs of shape (batch, n_features)."""
        raise NotImplementedError

    def normal(self, stacked: Tensor) -> Normal:
        """Cost, gradient and curvature from a linearized decoder, shape (batch, 1 + p, n_features), overwritten."""
        raise NotImplementedError

    def slope(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """`cost` and its gradient in the output, shapes (batch,) and (batch, n_features); ``output`` is overwritten."""
        raise NotImplementedError

    def bend(self, output: Tensor, along: Tensor) -> Tensor:
        """tᵀ W t of a tangent t at an output, both of shape (batch, n_features): shape (batch,)."""
        raise NotImplementedError

    def constant(self) -> Tensor:
        """What `cost` leaves out of -log p(x|z), shape (batch,)."""
        raise NotImplementedError

    def rows(self, places: slice | Tensor) -> Target:
        """Some of the rows, by their places."""
        raise NotImplementedError


class GaussianTarget(Target):
    """Cells with independent Gaussian noise.

    Parameters
    ----------
    x
        Rows; a cell whose precision is 0 may hold anything finite.
    precision
        1/σ²: one number, one a column, shape (n_features,), or one a cell, shape (batch, n_features).
    """

    def __init__(self, x: Tensor, precision: float | Tensor = 1.0):
        self.x = x
        self.precision = precision
        self._root = precision.sqrt() if isinstance(precision, Tensor) else None

    def cost(self, output: Tensor) -> Tensor:
        difference = output - self.x
        if self._root is not None:
            difference.mul_(self._root)
        squares = torch.linalg.vecdot(difference, difference)
        return squares.mul_(0.5 if isinstance(self.precision, Tensor) else 0.5 * self.precision)

    def normal(self, stacked: Tensor) -> Normal:
        stacked[:, 0] -= self.x
        if self._root is not None:
            stacked *= self._root if self._root.dim() == 1 else self._root[:, None]
        normal = gram(stacked)
        if not isinstance(self.precision, Tensor) and self.precision != 1.0:
            normal *= self.precision
        return Normal(0.5 * normal[:, 0, 0], normal[:, 1:, 0], normal[:, 1:, 1:])

    def slope(self, output: Tensor) -> tuple[Tensor, Tensor]:
        difference = output.sub_(self.x)
        gradient = difference * self.precision
        return torch.linalg.vecdot(difference, gradient).mul_(0.5), gradient

    def bend(self, output: Tensor, along: Tensor) -> Tensor:
        return torch.linalg.vecdot(along, along * self.precision)

    def constant(self) -> Tensor:
        if not isinstance(self.precision, Tensor):
            each = 0.5 * self.x.shape[1] * math.log(2 * math.pi / self.precision)
            return self.x.new_full((len(self.x),), each)
        observed = self.precision > 0
        logs = torch.where(observed, 2 * math.pi / torch.where(observed, self.precision, 1.0), 1.0).log()
        return 0.5 * logs.expand_as(self.x).sum(1)

    def rows(self, places: slice | Tensor) -> GaussianTarget:
        precision = self.precision
        if isinstance(precision, Tensor) and precision.dim() == 2:
            precision = precision[places]
        return GaussianTarget(self.x[places], precision)


class LikelihoodTarget(Target):
    """Any likelihood that says its `curvature`; a cell that is NaN has weight 0."""

    def __init__(self, likelihood: Likelihood, x: Tensor):
        self.x = x
        self._observed = ~x.isnan()
        self.likelihood = copy.copy(likelihood)  # of one's own, as a flag is set on it; parameters are shared
        self.likelihood.some_missing = not bool(self._observed.all())

    def cost(self, output: Tensor) -> Tensor:
        return self.likelihood(output, self.x)

    def normal(self, stacked: Tensor) -> Normal:
        output = stacked[:, 0].contiguous()
        cost = self.likelihood(output, self.x)
        stacked = self.likelihood.linearized_mean(stacked)
        curvature = self.likelihood.curvature(stacked[:, 0])
        stacked[:, 0] -= torch.where(self._observed, self.x, 0.0)
        stacked *= torch.where(self._observed, curvature, 0.0).sqrt()[:, None]
        normal = gram(stacked)
        return Normal(cost, normal[:, 1:, 0], normal[:, 1:, 1:])

    def constant(self) -> Tensor:
        return self.x.new_zeros(len(self.x))

    def rows(self, places: slice | Tensor) -> LikelihoodTarget:
        return LikelihoodTarget(self.likelihood, self.x[places])
