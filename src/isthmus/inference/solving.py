"""Small symmetric systems, one a row: products, factors and solutions that do not depend on a row's place.

A library of linear algebra may round otherwise where a matrix begins in another place of a cache line. Here every
matrix of a batch begins at one, so a row's answer is the same, to the last bit, wherever in its block it stands.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["factor", "gram", "solve", "solve_with"]

LINE = 16  # float32 numbers in a cache line of 64 bytes
SIDE = 4  # a square matrix whose side is a multiple of it fills whole lines


def gram(rows: Tensor) -> Tensor:
    """R Rᵀ of every matrix of a batch: (batch, k, n) to (batch, k, k)."""
    rows = functional.pad(rows, (0, -rows.shape[2] % LINE)) if rows.shape[2] % LINE else rows
    return torch.bmm(rows, rows.mT)


def factor(matrices: Tensor, added: Tensor) -> Tensor:
    """Cholesky factors of symmetric matrices (batch, p, p) with ``added`` (batch, p) on the diagonal.

    Their side is p filled up to a multiple of 4. Of a matrix that isn't positive definite the factor is of no use, and
    what is solved with it is no number or not what was asked; who asks must see to that.
    """
    n_latents = matrices.shape[1]
    filled = functional.pad(matrices, (0, -n_latents % SIDE, 0, -n_latents % SIDE))
    filled = filled.clone() if filled is matrices or filled.data_ptr() == matrices.data_ptr() else filled
    diagonal = filled.diagonal(dim1=1, dim2=2)
    diagonal[:, :n_latents] += added
    diagonal[:, n_latents:] = 1.0
    return torch.linalg.cholesky_ex(filled)[0]


def solve_with(factors: Tensor, right: Tensor) -> Tensor:
    """(L Lᵀ)⁻¹ right, for ``right`` of shape (batch, p, k) and factors as `factor` gives them."""
    n_latents = right.shape[1]
    filled = functional.pad(right, (0, 0, 0, factors.shape[1] - n_latents))
    return torch.cholesky_solve(filled, factors)[:, :n_latents]


def solve(matrices: Tensor, right: Tensor, added: Tensor) -> Tensor:
    """(M + diag added)⁻¹ right, shape (batch, p), for ``right`` of shape (batch, p)."""
    n_latents = right.shape[1]
    if n_latents == 1:
        return right / (matrices[:, 0] + added)
    if n_latents == 2:
        return _solve_two(matrices, right, added)
    return solve_with(factor(matrices, added), right[:, :, None])[:, :, 0]


def _solve_two(matrices: Tensor, right: Tensor, added: Tensor) -> Tensor:
    """By Cramer's rule: a few products, where a factorisation of each row costs most of a step. In float64."""
    diagonal = matrices.diagonal(dim1=1, dim2=2).double() + added
    off, sides = matrices[:, 0, 1:].double(), right.double()
    determinant = diagonal[:, :1] * diagonal[:, 1:] - off * off
    return ((diagonal.flip(1) * sides - off * sides.flip(1)) / determinant).to(right.dtype)
