"""An invertible covariance: Ledoit and Wolf's, stored as a few directions and one variance for all others.

The empirical covariance S of n rows with d columns is singular for d ≥ n, and its small eigenvalues are too small long
before that. Ledoit & Wolf (2004, "A well-conditioned estimator for large-dimensional covariance matrices") shrink it:

    Σ = (1 - ρ) S + ρ μ I          μ the mean eigenvalue of S; ρ minimises the expected squared error

to which μ / n is added in every direction, as n rows can't show a smaller variance: a column that is constant in them
may be constant by chance.

With P = Σ⁻¹ the conditional residual of a cell, given all other cells b of its row, is (P b)_j / P_jj, and its variance
1 / P_jj: how far the cell lies from its expectation given the others. Hidden cells get their expectation given the
rest, b_H = -P_HH⁻¹ P_HO b_O, so a cell known to be wrong has no influence on the others.

Σ is stored by the eigenvectors of S, at most min(n, d) of them, so 100 rows of 5,000 columns are no problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ShrunkCovariance", "Spans"]

Spans = Sequence[tuple[int, int]]

MIN_VARIANCE = 1e-9
MAX_DIRECTIONS = 512


@dataclass(frozen=True)
class ShrunkCovariance:
    """Σ = Vᵀ diag(variances) V + rest (I - Vᵀ V).

    Attributes
    ----------
    basis : ndarray of shape (k, n_features)
        V, orthonormal rows.
    variances : ndarray of shape (k,)
        Along the basis.
    rest : float
        Of every direction orthogonal to the basis.
    """

    basis: np.ndarray
    variances: np.ndarray
    rest: float

    @classmethod
    def of(cls, rows: np.ndarray) -> ShrunkCovariance:
        """From rows of shape (n_rows, n_features) about zero.

        >>> from sklearn.covariance import ledoit_wolf
        >>> rows = np.random.default_rng(0).normal(size=(9, 3))
        >>> shrunk = ledoit_wolf(rows, assume_centered=True)[0]
        >>> inverse = np.linalg.inv(shrunk + np.trace(shrunk) / 3 / 9 * np.eye(3))
        >>> bool(np.allclose(ShrunkCovariance.of(rows).precision_times(rows), rows @ inverse, rtol=1e-4))
        True
        """
        n_rows, n_features = rows.shape
        lengths = (rows**2).sum(1)
        _, singular, basis = np.linalg.svd(rows, full_matrices=False)
        eigenvalues = singular**2 / n_rows
        mean = max(float(lengths.sum()) / (n_rows * n_features), MIN_VARIANCE)
        squares = float((eigenvalues**2).sum())
        away = squares - n_features * mean**2  # ‖S - μI‖²
        noise = (float((lengths**2).sum()) / n_rows - squares) / n_rows  # the expected ‖S - Σ‖²
        shrinkage = min(max(noise, 0.0) / away, 1.0) if away > 0 else 1.0
        kept = min(len(eigenvalues), MAX_DIRECTIONS)
        left_out, n_others = eigenvalues[kept:].sum(), n_features - kept
        floor = mean / n_rows
        rest = (1 - shrinkage) * (left_out / n_others if n_others else 0.0) + shrinkage * mean + floor
        variances = (1 - shrinkage) * eigenvalues[:kept] + shrinkage * mean + floor
        return cls(basis[:kept], variances, float(rest))

    @property
    def gains(self) -> np.ndarray:
        """The share by which P shrinks each direction of the basis, relative to the directions outside it."""
        return 1 - self.rest / self.variances

    def precision_times(self, rows: np.ndarray) -> np.ndarray:
        """P b of each row, shape (n_rows, n_features)."""
        return (rows - ((rows @ self.basis.T) * self.gains) @ self.basis) / self.rest

    def precision_block(self, cells: np.ndarray) -> np.ndarray:
        """The block of P of some columns, shape (n_cells, n_cells)."""
        block = self.basis[:, cells]
        return (np.eye(block.shape[1]) - (block.T * self.gains) @ block) / self.rest

    def conditional(self, rows: np.ndarray, spans: Spans = ()) -> tuple[np.ndarray, np.ndarray]:
        """Each cell minus its expectation given all other columns, and that residual's square over its variance.

        Both have shape (n_rows, n_features). ``spans`` are (start, stop) of the columns of categories and booleans. The
        columns of a span determine one another, so their expectation is given the columns outside it, and the squared
        Mahalanobis distance of the span is shared equally among them.
        """
        pull = self.precision_times(rows)
        variances = self.rest / (1 - self.gains @ self.basis**2)
        residuals = pull * variances
        amounts = pull * residuals
        for start, stop in spans:
            block = np.linalg.pinv(self.precision_block(np.arange(start, stop)), hermitian=True)
            residuals[:, start:stop] = pull[:, start:stop] @ block
            total = (residuals[:, start:stop] * pull[:, start:stop]).sum(1, keepdims=True)
            amounts[:, start:stop] = np.maximum(total, 0.0) / (stop - start)
        return residuals, amounts

    def lengths(self, rows: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis length of some columns by their marginal covariance, shape (n_rows,)."""
        block = self.basis[:, cells]
        covariance = (block.T * (self.variances - self.rest)) @ block + self.rest * np.eye(len(cells))
        return (rows[:, cells] * np.linalg.solve(covariance, rows[:, cells].T).T).sum(1)

    def filled(self, rows: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Rows with hidden cells replaced by their expectation given the others; both of shape (n_rows, n_features)."""
        filled = np.where(hidden, 0.0, rows)
        patterns, which = np.unique(hidden, axis=0, return_inverse=True)
        for place, pattern in enumerate(patterns):
            cells = np.flatnonzero(pattern)
            if len(cells):
                chosen = np.flatnonzero(which.ravel() == place)
                pull = self.precision_times(filled[chosen])[:, cells]
                filled[np.ix_(chosen, cells)] = -np.linalg.solve(self.precision_block(cells), pull.T).T
        return filled
