"""Which columns give a row away: a score cut into one number a column, and what was expected there.

Every score here is a sum over columns or is shared out in proportion to such sums, so that

    Σ_j contribution_j(x) = score(x)          exactly, to the rounding of float64.

A part that is surprising by -log p, and whose amount is a = Σ_j a_j, gives column j the share (a_j / a)(-log p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Explanation", "shared_out"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why rows score as they do.

    Attributes
    ----------
    scores : ndarray of shape (n_samples,)
        Anomaly scores; larger is more unusual.
    contributions : ndarray of shape (n_samples, n_features)
        What each column adds; the sum over a row is its score.
    values, expected : ndarray of shape (n_samples, n_features)
        The rows, and the rows as the autoencoder rebuilds them, in the units of the data.
    columns : tuple of str
        Names of the columns.
    """

    scores: np.ndarray
    contributions: np.ndarray
    values: np.ndarray
    expected: np.ndarray
    columns: tuple[str, ...]

    def top(self, n_columns: int = 3) -> np.ndarray:
        """Indices of the columns that add most to each row, largest first, shape (n_samples, ≤ n_columns)."""
        return np.argsort(-self.contributions, axis=1, kind="stable")[:, :n_columns]


def shared_out(totals: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Share ``totals`` of shape (n,) out over columns in proportion to ``amounts`` ≥ 0 of shape (n, n_features).

    A row whose amounts are all 0 is shared out equally.

    >>> shared_out(np.array([6.0, 4.0]), np.array([[1.0, 2.0], [0.0, 0.0]]))
    array([[2., 4.],
           [2., 2.]])
    """
    sums = amounts.sum(1, keepdims=True)
    shares = np.where(sums > 0, amounts / np.where(sums > 0, sums, 1.0), 1 / amounts.shape[1])
    return totals[:, None] * shares
