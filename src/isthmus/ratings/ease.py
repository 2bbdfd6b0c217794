"""EASE: the linear autoencoder of items, in closed form (Steck 2019, arXiv:1905.03375).

Every item's column is predicted from all others by one ridge regression, and all of these share one inverse:

    min ‖X - X B‖² + λ ‖B‖²,  diag B = 0        P = (XᵀX + λI)⁻¹        B_ij = -P_ij / P_jj,  B_jj = 0

A user's scores are x B. Nothing is stored per user, so new users are scored like those of the fit.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from isthmus.ratings.interactions import Sparse

__all__ = ["RIDGES", "ease_weights", "gram_of"]

RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)


def gram_of(likes: Sparse) -> np.ndarray:
    """XᵀX of likes, how often two items are liked together: dense, shape (n_items, n_items)."""
    counts = likes.astype(np.float64)
    return np.asarray((counts.T @ counts).todense())


def ease_weights(gram: np.ndarray, ridge: float) -> np.ndarray:
    """B, float32 of shape (n_items, n_items)."""
    inverse = gram.copy()
    inverse[np.diag_indices_from(inverse)] += ridge
    factorise, invert = linalg.get_lapack_funcs(("potrf", "potri"), (inverse,))
    factor, fault = factorise(inverse, lower=1, overwrite_a=1)
    inverse, fault = invert(factor, lower=1, overwrite_c=1) if fault == 0 else (factor, fault)
    if fault:
        raise ValueError(f"the products of items can't be inverted with a ridge of {ridge:g}")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = (-inverse / np.diag(inverse)).astype(np.float32)
    np.fill_diagonal(weights, 0)
    return weights
