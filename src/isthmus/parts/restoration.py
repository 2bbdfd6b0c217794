"""The best linear restoration of corrupted rows: the start of a denoiser, as PCA is the start of a plain model.

A corruption that treats cells independently keeps a cell with probability k, otherwise replaces it by a value of
mean m and some variance, and may add noise. Then, with μ and C the mean and covariance of the rows,

    E x̃ = k μ + (1-k) m        Cov(x, x̃) = k C        Cov(x̃) = k² C + diag(d)

and the best affine map is μ + L (x̃ - E x̃), L = k C (k² C + diag(d))⁻¹. For Gaussian noise that is the Wiener filter
U diag(λ/(λ+σ²)) Uᵀ: every direction is multiplied by its share of signal, so it is never worse than PCA of any rank.

A blind spot hides a cell and predicts it: the best linear map gives the cell itself no weight, and follows from
the precision matrix P of the masked rows, w_ij = -P_ij / P_ii.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.parts.principal import LinearStart, Principal

__all__ = ["CellNoise", "restoring_start"]


@dataclass(frozen=True)
class CellNoise:
    """What happens to each cell; tensors have shape (n_features,), in the model's units.

    ``kept`` is the probability that a cell stays; ``blind`` says that the loss counts the replaced cells only.
    """

    kept: float
    replaced_mean: Tensor
    replaced_variance: Tensor
    added_variance: Tensor
    blind: bool = False


@dataclass(frozen=True)
class _Covariance:
    """V diag(w) Vᵀ + diag(d), and its inverse by Woodbury's identity: no n_features × n_features matrix is made."""

    directions: Tensor
    weights: Tensor
    diagonal: Tensor

    def of_cells(self) -> Tensor:
        return (self.directions.square() * self.weights[:, None]).sum(0) + self.diagonal

    def times(self, rows: Tensor) -> Tensor:
        """Rows (m, n_features) times the matrix."""
        return (rows @ self.directions.T * self.weights) @ self.directions + rows * self.diagonal

    def inverse_root(self) -> tuple[Tensor, Tensor]:
        """The inverse as diag(a) - Bᵀ B; a of shape (n_features,), B of shape (n_directions, n_features)."""
        scaled = self.directions * self.weights.sqrt()[:, None] / self.diagonal
        inner = torch.eye(len(scaled), dtype=scaled.dtype) + scaled @ (self.directions * self.weights.sqrt()[:, None]).T
        return 1 / self.diagonal, torch.linalg.solve_triangular(torch.linalg.cholesky(inner), scaled, upper=False)


def restoring_start(start: LinearStart, principal: Principal, noise: CellNoise) -> LinearStart:
    """The closed-form start whose encoder restores the row, then encodes it; the decoder is unchanged.

    Parameters
    ----------
    start
        A point code's principal start.
    principal
        PCA of the training rows: clean rows, or for a blind spot the noisy ones. The remaining variance is shared
        evenly by the directions it leaves out, as in probabilistic PCA.
    noise
        What the corruption does, in the model's units.
    """
    size = len(principal.directions)
    rest = principal.noise_variance(size) if size < principal.rank else 0.0
    tiny = 1e-6 * max(principal.total_variance / len(principal.mean), 1e-12)
    directions = principal.directions.double()
    mean = principal.mean.double()
    rows = _Covariance(
        directions, (principal.variances.double() - rest).clamp(min=0), torch.full_like(mean, max(rest, tiny))
    )
    encode = start.encode_weight.double() * start.code_scale.double()[:, None]
    kept = noise.kept
    variance = rows.of_cells()
    if noise.blind:
        seen = _Covariance(directions, kept * rows.weights, kept * rows.diagonal + (1 - kept) * variance)
        inverse, root = seen.inverse_root()
        own = 1 / (inverse - root.square().sum(0))
        precise = (encode * own) * inverse - (encode * own) @ root.T @ root
        weight = (encode - precise) / kept
        # A hidden cell is 0 in the model's centred units, which is its mean, so hiding leaves the mean unchanged.
        corrupted_mean = mean
        spread = kept * (weight * rows.times(weight)).sum(1)
    else:
        replaced_mean = noise.replaced_mean.double()
        corrupted_mean = kept * mean + (1 - kept) * replaced_mean
        power = kept * (variance + mean**2) + (1 - kept) * (noise.replaced_variance.double() + replaced_mean**2)
        diagonal = (power - corrupted_mean**2 + noise.added_variance.double() - kept**2 * variance).clamp(min=tiny)
        corrupted = _Covariance(directions, kept**2 * rows.weights, kept**2 * rows.diagonal + diagonal)
        inverse, root = corrupted.inverse_root()
        crossed = kept * rows.times(encode)
        weight = crossed * inverse - crossed @ root.T @ root
        spread = (weight * corrupted.times(weight)).sum(1)
    scale = spread.clamp(min=0).sqrt()
    # A direction lost in noise has almost no code, but the residual networks divide by its scale.
    scale = scale.clamp(min=1e-3 * float(scale.max()) or 1.0).float()
    weight = weight / scale[:, None]
    return dataclasses.replace(
        start,
        encode_weight=weight.float(),
        encode_bias=-(weight @ corrupted_mean).float(),
        decode_weight=start.decode_weight * (scale / start.code_scale),
        code_scale=scale,
    )
