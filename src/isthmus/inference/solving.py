"""Small symmetric systems, one per row: products, factors and solutions independent of a row's position in its block.

Linear algebra libraries may round differently depending on where in a cache line a matrix starts. Here every matrix of
a batch is padded to start at a cache line, so a row's result is the same to the last bit wherever it is in its block.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["factor", "gram", "solve", "solve_with"]

LINE = 16  # float32 values in a cache line of 64 bytes
SIDE = 4  # a square matrix whose side is a multiple of 4 fills whole lines


def gram(rows: Tensor) -> Tensor:
    """R Rᵀ of every matrix of a batch: (batch, k, n) to (batch, k, k)."""
    rows = functional.pad(rows, (0, -rows.shape[2] % LINE)) if rows.shape[2] % LINE else rows
    return torch.bmm(rows, rows.mT)


def factor(matrices: Tensor, added: Tensor) -> Tensor:
    """Cholesky factors of symmetric matrices (batch, p, p) with ``added`` (batch, p) on the diagonal.

    Their side is p padded to a multiple of 4. The factor of a matrix that isn't positive definite is invalid and its
    solutions are NaN or wrong: the caller must check.
    """
    n_latents = matrices.shape[1]
    padded = functional.pad(matrices, (0, -n_latents % SIDE, 0, -n_latents % SIDE))
    padded = padded.clone() if padded.data_ptr() == matrices.data_ptr() else padded
    diagonal = padded.diagonal(dim1=1, dim2=2)
    diagonal[:, :n_latents] += added
    diagonal[:, n_latents:] = 1.0
    return torch.linalg.cholesky_ex(padded)[0]


def solve_with(factors: Tensor, right: Tensor) -> Tensor:
    """(L Lᵀ)⁻¹ right, for ``right`` of shape (batch, p, k) and factors as `factor` gives them."""
    n_latents = right.shape[1]
    padded = functional.pad(right, (0, 0, 0, factors.shape[1] - n_latents))
    return torch.cholesky_solve(padded, factors)[:, :n_latents]


def solve(matrices: Tensor, right: Tensor, added: Tensor) -> Tensor:
    """(M + diag added)⁻¹ right, shape (batch, p), for ``right`` of shape (batch, p)."""
    n_latents = right.shape[1]
    if n_latents == 1:
        return right / (matrices[:, 0] + added)
    if n_latents == 2:
        return _solve_two(matrices, right, added)
    return solve_with(factor(matrices, added), right[:, :, None])[:, :, 0]


def _solve_two(matrices: Tensor, right: Tensor, added: Tensor) -> Tensor:
    """Cramer's rule in float64: a few products, whereas factorizing each matrix would dominate the cost of a step."""
    diagonal = matrices.diagonal(dim1=1, dim2=2).double() + added
    off, sides = matrices[:, 0, 1:].double(), right.double()
    determinant = diagonal[:, :1] * diagonal[:, 1:] - off * off
    return ((diagonal.flip(1) * sides - off * sides.flip(1)) / determinant).to(right.dtype)
