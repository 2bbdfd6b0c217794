"""A small forest for each column, which sees the row's other columns: bends and steps that no line follows.

Extremely randomised trees (Geurts, Ernst & Wehenkel 2006), grown on the rows that have the column. Their inputs are
rows whose missing cells have been filled by simpler models, so one forest a column serves every pattern of missing
cells, and no rounds are needed as in missForest (Stekhoven & Bühlmann 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Forest", "grow_forest"]

TREES, LEAF = 30, 2
MOST_COLUMNS = 100
WORK = 2_000_000  # rows times columns squared: wide tables have their forests grown on fewer rows
LEAST_ROWS = 20  # that have a column


@dataclass(frozen=True)
class Forest:
    """One regression a column; None where too few rows have it."""

    trees: tuple[Any, ...]
    groups: np.ndarray

    def fill(self, rows: np.ndarray, filled: np.ndarray) -> np.ndarray:
        """Rows, their NaN filled from the other columns of ``filled``, the same rows without NaN."""
        answer = np.where(np.isnan(rows), filled, rows)
        for column, trees in enumerate(self.trees):
            holes = np.isnan(rows[:, column])
            if trees is not None and holes.any():
                answer[holes, column] = trees.predict(filled[np.ix_(holes, self.groups != self.groups[column])])
        return answer


def grow_forest(rows: np.ndarray, filled: np.ndarray, groups: np.ndarray, seed: int) -> Forest | None:
    """Forests for all columns of standardised rows with NaN, shape (n_rows, d); None for a table too wide for them.

    ``filled`` are the rows without NaN. Columns of one group, ``groups`` of shape (d,), encode one cell of a table, so
    none of them predicts another.
    """
    # scikit-learn's trees take a second to import, and only filling cells needs them.
    from sklearn.ensemble import ExtraTreesRegressor

    n_rows, d = rows.shape
    if d > MOST_COLUMNS or groups.max() == 0:
        return None
    most = max(10 * LEAST_ROWS, WORK // (d * d))
    some = np.random.default_rng(seed).permutation(n_rows)[:most]
    trees: list[Any] = []
    for column in range(d):
        there = some[~np.isnan(rows[some, column])]
        if len(there) < LEAST_ROWS:
            trees.append(None)
            continue
        grown = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=seed)
        inputs = filled[np.ix_(there, groups != groups[column])]
        trees.append(grown.fit(inputs, rows[there, column]))
    return Forest(tuple(trees), groups)
