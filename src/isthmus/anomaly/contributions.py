"""Contributions: an anomaly score split into one number per column, and what was expected in each column.

Every score is a sum over columns, or is split in proportion to such a sum, so

    Σ_j contribution_j(x) = score(x)          exactly, up to float64 rounding.

A part with surprise -log p and amount a = Σ_j a_j gives column j the contribution (a_j / a)(-log p).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.tables.column import Column
from isthmus.tables.layout import TableLayout
from isthmus.text_table import ELLIPSIS, aligned

__all__ = ["Explanation", "attribute_to_columns", "cells_as_objects", "decoded_cells"]

SHOWN = 10  # rows, where an explanation is printed


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Anomaly scores explained by columns.

    Attributes
    ----------
    scores : ndarray of shape (n_samples,)
        Anomaly scores; larger is more anomalous.
    contributions : ndarray of shape (n_samples, n_columns)
        Contribution of each column; a row's sum is its score.
    parts : dict of str to ndarray of shape (n_samples,)
        What each part adds to the score.
    values, expected : ndarray of shape (n_samples, n_columns)
        The rows, and what was expected in each cell given the cells of its row that are not suspect; in the units of
        the data.
    suspect : ndarray of bool, shape (n_samples, n_columns)
        Cells that the rest of their row contradicts.
    reasons : tuple of str
        Why each row scores as it does, in words.
    columns : tuple of str
        Names of the columns.
    """

    scores: np.ndarray
    contributions: np.ndarray
    parts: dict[str, np.ndarray]
    values: np.ndarray
    expected: np.ndarray
    suspect: np.ndarray
    reasons: tuple[str, ...]
    columns: tuple[str, ...]

    def __repr__(self) -> str:
        lines = []
        for row, (most, *_) in enumerate(self.top(1)[:SHOWN].tolist()):
            cells = self.scores[row], self.contributions[row, most], self.values[row, most], self.expected[row, most]
            score, *others = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
            lines.append([str(row), score, self.columns[most], *others, self.reasons[row]])
        names = ["row", "score", "first column", "contribution", "value", "expected", "why"]
        return aligned(names, lines + [[ELLIPSIS] * len(names)] * (len(self.scores) > SHOWN))

    def top(self, n_columns: int = 3) -> np.ndarray:
        """Indices of the columns that contribute most to each row, largest first, shape (n_samples, ≤ n_columns)."""
        return np.argsort(-self.contributions, axis=1, kind="stable")[:, :n_columns]

    def take(self, rows: np.ndarray) -> Explanation:
        """The explanation of some rows, by index, in this order."""
        return joined_explanations([self], rows)


def joined_explanations(explanations: list[Explanation], rows: np.ndarray) -> Explanation:
    """Some rows, by index, of concatenated explanations."""

    def chosen(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)[rows]

    reasons = [reason for one in explanations for reason in one.reasons]
    return Explanation(
        scores=chosen([one.scores for one in explanations]),
        contributions=chosen([one.contributions for one in explanations]),
        parts={name: chosen([one.parts[name] for one in explanations]) for name in explanations[0].parts},
        values=chosen([one.values for one in explanations]),
        expected=chosen([one.expected for one in explanations]),
        suspect=chosen([one.suspect for one in explanations]),
        reasons=tuple(reasons[row] for row in rows),
        columns=explanations[0].columns,
    )


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
    """Encoded rows as objects in the types of their columns, shape (n_rows, n_columns); None where missing."""
    found = np.empty((len(X), len(layout.columns)), dtype=object)
    for place, (column, cells) in enumerate(zip(layout.columns, layout.decode(X).columns, strict=True)):
        found[:, place] = cells_as_objects(column, cells.combine_chunks())
    return found


def cells_as_objects(column: Column, cells: Any) -> list[Any]:
    """Typed cells of an Arrow array as numbers, strings and booleans; dates as the column writes them."""
    as_text = column.kind == "date" or (column.kind == "boolean" and column.form is not None)
    return column.written(cells) if as_text else cells.to_pylist()
