"""PCA's reconstruction error on held-out rows, for every number of directions, from one pass over them.

With centred rows c = u - m, directions V (orthonormal rows, or nearly) and k of them kept,
û = m + V_kᵀ V_k c. Two sums over the rows are enough for all k and all column weights w:

    S = Σ c ⊙ c      P = V Σ c cᵀ
    Σ_j w_j Σ(u_j - û_j)²  =  w·S - 2 Σ_{i≤k} p_i + Σ_{i,i'≤k} (P Vᵀ ⊙ G)_{ii'}

with p_i = Σ_j w_j P_ij V_ij and G = V diag(w) Vᵀ, which is the identity if all weights are 1. If rows have conditions,
m is the mean given a row's condition, by least squares. The errors of missing cells, which rows come filled with, are
summed by themselves and taken off.
"""

from __future__ import annotations

import numpy as np

from isthmus.parts.principal import Principal

__all__ = ["PrincipalErrors", "equal_error_size"]

SAME_ERROR = 1e-4  # PCA as a float32 network differs from PCA by at most about this share
ROUNDING = 1e-12  # of the mean row's error


class PrincipalErrors:
    """Squared errors of a `Principal` on added rows, in the model's units."""

    deviances: np.ndarray | None = None  # only counts have them

    def __init__(self, principal: Principal):
        self.mean = principal.mean.double().cpu().numpy()
        self.directions = principal.directions.double().cpu().numpy()
        self.effect = None if principal.effect is None else principal.effect.double().cpu().numpy()
        self._squares = np.zeros(len(self.mean))
        self.products = np.zeros_like(self.directions)
        self._missing: np.ndarray | None = None  # (u - û)² of missing cells for every size and column

    def add(self, units: np.ndarray, given: np.ndarray | None = None, missing: np.ndarray | None = None) -> np.ndarray:
        """Add rows of shape (n_rows, n_features), and their conditions; returns their principal coordinates.

        ``missing``, in the shape of the rows, says which cells were filled, and so have no error.
        """
        centred = units - self.mean
        if given is not None and self.effect is not None:
            centred -= given @ self.effect.T
        codes = centred @ self.directions.T
        self._squares += np.einsum("ij,ij->j", centred, centred)
        self.products += codes.T @ centred
        if missing is not None and missing.any():
            rows = missing.any(1)
            self._leave_out(centred[rows], codes[rows], missing[rows])
        return codes

    def _leave_out(self, centred: np.ndarray, codes: np.ndarray, missing: np.ndarray) -> None:
        if self._missing is None:
            self._missing = np.zeros((1 + len(self.directions), len(self.mean)))
        left = np.where(missing, centred, 0.0)
        self._missing[0] += np.einsum("ij,ij->j", left, left)
        for size, (code, direction) in enumerate(zip(codes.T, self.directions, strict=True), 1):
            left -= np.where(missing, code[:, None] * direction, 0.0)
            self._missing[size] += np.einsum("ij,ij->j", left, left)

    @property
    def squares(self) -> np.ndarray:
        """Σ(u_j - m_j)² over the rows for each column, shape (n_features,)."""
        return self._squares if self._missing is None else np.maximum(self._squares - self._missing[0], 0)

    def per_feature(self, size: int) -> np.ndarray:
        """Σ(u_j - û_j)² over the rows for each column, with ``size`` directions: shape (n_features,)."""
        kept, products = self.directions[:size], self.products[:size]
        explained = 2 * products - (products @ kept.T) @ kept
        known = 0 if self._missing is None else self._missing[size]
        return np.maximum(self._squares - np.einsum("ij,ij->j", explained, kept) - known, 0)

    def curve(self, weights: np.ndarray) -> np.ndarray:
        """Σ_j w_j Σ(u_j - û_j)² with 0, 1, 2 … directions: shape (n_directions + 1,)."""
        once = np.cumsum(np.einsum("ij,ij,j->i", self.products, self.directions, weights))
        twice = (self.products @ self.directions.T) * ((self.directions * weights) @ self.directions.T)
        twice = np.diag(twice.cumsum(0).cumsum(1))
        known = 0 if self._missing is None else self._missing @ weights
        return np.maximum(self._squares @ weights - np.concatenate([[0], 2 * once - twice]) - known, 0)


def equal_error_size(curve: np.ndarray, error: float) -> int | None:
    """The fewest directions with which PCA's error is at most ``error`` (0: the mean row); None if all are too few.

    ``curve`` holds PCA's errors with 0, 1, 2 … directions, as from `PrincipalErrors.curve`.
    """
    enough = np.flatnonzero(curve <= error * (1 + SAME_ERROR) + ROUNDING * curve[0])
    return int(enough[0]) if len(enough) else None
