"""The posterior of a code, and of each cell given the others, from the curvature H at the best code.

The posterior of a code is N(z*, H⁻¹) to second order; the diagonal of H⁻¹ gives standard errors, and draws of codes
can be decoded.

The expectation of a cell given the others of its row needs no second fit: leaving cell j out moves the code by
H₋ⱼ⁻¹ aⱼ rⱼ, with a and r the whitened Jacobian and residual (Allen 1974, the PRESS statistic), so

    x_j - E[x_j | others] = (x_j - g_j) / (1 - h_j)          h_j = aⱼᵀ H⁻¹ aⱼ, the leverage of the cell on its own code
    Var[x_j | others]     = σ_j² / (1 - h_j)

Exact for a linear decoder, first order for any other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from isthmus.inference.blocks import blocks, rows_at_once
from isthmus.inference.codes import Decoder, Inferred
from isthmus.inference.solving import factor, solve_with
from isthmus.inference.target import Target

__all__ = ["LeftOut", "covariances", "draw_codes", "left_out", "standard_errors"]

MIN_COMPLEMENT = 1e-3  # of 1 - h: a cell that alone determines a latent is hardly predicted by the others
MIN_CURVATURE = 1e-9  # of the mean diagonal of H, added to each diagonal entry


class LeftOut(NamedTuple):
    """Each cell's expectation and variance given the other cells of its row; shapes (batch, n_features).

    The variance is NaN for a missing cell.
    """

    mean: Tensor
    variance: Tensor


def _factors(curvature: Tensor) -> Tensor:
    """Cholesky factors of H in float64, regularized so that H is not singular."""
    exact = curvature.double()
    diagonal = exact.diagonal(dim1=1, dim2=2)
    floor = MIN_CURVATURE * diagonal.mean(1, keepdim=True) + torch.finfo(torch.float32).tiny
    return factor(exact, floor.expand_as(diagonal))


def standard_errors(curvature: Tensor) -> Tensor:
    """The standard error of each latent, shape (batch, p), from H of shape (batch, p, p)."""
    return covariances(curvature).diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()


def covariances(curvature: Tensor) -> Tensor:
    """H⁻¹ of every row, shape (batch, p, p)."""
    n_latents = curvature.shape[1]
    identity = torch.eye(n_latents, dtype=torch.float64, device=curvature.device).expand(len(curvature), -1, -1)
    return solve_with(_factors(curvature), identity).to(curvature.dtype)


def draw_codes(codes: Tensor, curvature: Tensor, noise: Tensor) -> Tensor:
    """Codes from N(z*, H⁻¹).

    Parameters
    ----------
    codes, curvature
        z* and H, shapes (batch, p) and (batch, p, p).
    noise
        Standard normal draws, shape (n_draws, batch, p).

    Returns
    -------
    Shape (n_draws, batch, p).
    """
    n_latents = codes.shape[1]
    upper = _factors(curvature)[:, :n_latents, :n_latents].mT
    deviations = torch.linalg.solve_triangular(upper, noise.double().permute(1, 2, 0), upper=True)
    return codes + deviations.permute(2, 0, 1).to(codes.dtype)


@torch.no_grad()
def left_out(decoder: Decoder, target: Target, found: Inferred) -> LeftOut:
    """The expectation of each cell given the others; ``found`` holds the codes of the target's rows, and H."""
    if found.curvature is None:
        raise ValueError("left_out: the curvature at the codes is needed; ask `infer` for it.")
    count, size = len(found.codes), rows_at_once(target.n_features, 1 + found.codes.shape[1])
    parts = [
        _left_out_block(decoder, target.rows(indices), found.codes[indices], found.curvature[indices])
        for indices in blocks(count, size, found.codes.device)
    ]
    return LeftOut(torch.cat([one.mean for one in parts])[:count], torch.cat([one.variance for one in parts])[:count])


def _left_out_block(decoder: Decoder, target: Target, codes: Tensor, curvature: Tensor) -> LeftOut:
    mean = target.mean(decoder(codes, target.given))
    whitened = target.whitened(decoder.value_and_jacobian(codes, target.given))
    precision = target.precision_at(mean)
    jacobian = whitened[:, 1:].double()
    solved = solve_with(_factors(curvature), jacobian)
    complement = (1 - (jacobian * solved).sum(1)).clamp(min=MIN_COMPLEMENT).to(mean.dtype)
    observed = precision > 0
    root = torch.where(observed, precision, 1.0).sqrt()
    # r = W^½ (g - x): dividing by W^½ gives the residual again, which is 0 for a missing cell.
    residual = torch.where(observed, whitened[:, 0] / root, 0.0)
    expected = mean + residual * (1 / complement - 1)
    return LeftOut(expected, torch.where(observed, 1 / (root.square() * complement), torch.nan))
