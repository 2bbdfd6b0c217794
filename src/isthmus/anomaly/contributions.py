"""Contributions: an anomaly score split into one number per column, and the expected value of each column.

Every score is a sum over columns or is attributed in proportion to such a sum, so

    Σ_j contribution_j(x) = score(x)          exactly, up to float64 rounding.

A part with surprise -log p and amount a = Σ_j a_j gives column j the contribution (a_j / a)(-log p).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.tables.layout import TableLayout

__all__ = ["Explanation", "attribute_to_columns", "decoded_cells"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Anomaly scores explained by columns.

    Attributes
    ----------
    scores : ndarray of shape (n_samples,)
        Anomaly scores; larger is more anomalous.
    contributions : ndarray of shape (n_samples, n_features)
        Contribution of each column; a row's sum is its score.
    values, expected : ndarray of shape (n_samples, n_features)
        The rows, and their reconstructions, in the units of the data.
    columns : tuple of str
        Names of the columns.
    """

    scores: np.ndarray
    contributions: np.ndarray
    values: np.ndarray
    expected: np.ndarray
    columns: tuple[str, ...]

    def top(self, n_columns: int = 3) -> np.ndarray:
        """Indices of the columns that contribute most to each row, largest first, shape (n_samples, ≤ n_columns)."""
        return np.argsort(-self.contributions, axis=1, kind="stable")[:, :n_columns]


def attribute_to_columns(totals: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Split ``totals`` of shape (n,) over columns in proportion to ``amounts`` ≥ 0 of shape (n, n_features).

    The total of a row whose amounts are all 0 is split equally.

    >>> attribute_to_columns(np.array([6.0, 4.0]), np.array([[1.0, 2.0], [0.0, 0.0]]))
    array([[2., 4.],
           [2., 2.]])
    """
    sums = amounts.sum(1, keepdims=True)
    shares = np.where(sums > 0, amounts / np.where(sums > 0, sums, 1.0), 1 / amounts.shape[1])
    return totals[:, None] * shares


def decoded_cells(X: np.ndarray, layout: TableLayout) -> np.ndarray:
    """Encoded rows as objects, shape (n_rows, n_columns): each cell as its column has it, None where one is missing."""
    found = np.empty((len(X), len(layout.columns)), dtype=object)
    for place, (column, cells) in enumerate(zip(layout.columns, layout.decode(X).columns, strict=True)):
        worded = column.kind == "date" or (column.kind == "boolean" and column.form is not None)
        found[:, place] = column.written(cells.combine_chunks()) if worded else cells.to_pylist()
    return found
