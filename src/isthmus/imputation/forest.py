"""Cells predicted from the row's other columns by a small forest per column, for nonlinear relations.

Extremely randomised trees (Geurts, Ernst & Wehenkel 2006), grown on the rows that have the column. Their inputs are
rows whose missing cells have been filled by simpler models, so one forest per column serves every pattern of missing
cells, without the iterations of missForest (Stekhoven & Bühlmann 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Forest", "grow_forest"]

TREES, LEAF = 30, 2
MAX_COLUMNS = 100
WORK = 2_000_000  # rows times columns squared, so the forests of wide tables are grown on fewer rows
MIN_ROWS = 20  # with an observed cell in the column


@dataclass(frozen=True)
class Forest:
    """One regression per column; None where too few rows have it."""

    trees: tuple[Any, ...]
    groups: np.ndarray

    def fill(self, rows: np.ndarray, filled: np.ndarray) -> np.ndarray:
        """Rows with NaN predicted from the other columns of ``filled``, the same rows without NaN."""
        answer = np.where(np.isnan(rows), filled, rows)
        for column, trees in enumerate(self.trees):
            holes = np.isnan(rows[:, column])
            if trees is not None and holes.any():
                answer[holes, column] = trees.predict(filled[np.ix_(holes, self.groups != self.groups[column])])
        return answer


def grow_forest(rows: np.ndarray, filled: np.ndarray, groups: np.ndarray, seed: int) -> Forest | None:
    """Forests for all columns of standardised rows with NaN, shape (n_rows, d); None for too wide a table.

    ``filled`` holds the rows without NaN. Columns of one group, ``groups`` of shape (d,), encode one cell of a table,
    so none of them predicts another.
    """
    # scikit-learn's trees take a second to import, and only filling cells needs them.
    from sklearn.ensemble import ExtraTreesRegressor

    n_rows, d = rows.shape
    if d > MAX_COLUMNS or groups.max() == 0:
        return None
    most = max(10 * MIN_ROWS, WORK // (d * d))
    some = np.random.default_rng(seed).permutation(n_rows)[:most]
    trees: list[Any] = []
    for column in range(d):
        observed = some[~np.isnan(rows[some, column])]
        if len(observed) < MIN_ROWS:
            trees.append(None)
            continue
        grown = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=seed)
        inputs = filled[np.ix_(observed, groups != groups[column])]
        trees.append(grown.fit(inputs, rows[observed, column]))
    return Forest(tuple(trees), groups)
