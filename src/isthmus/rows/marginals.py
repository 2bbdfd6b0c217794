"""The marginal distributions of a table's columns, independent of the model: quantiles, and where cells are missing.

Generated rows of a table take their range, decimals and spikes from here (`isthmus.generation.tables`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.rows.grid import Grid, grid_of
from isthmus.tables.input_rows import ValidRows
from isthmus.tables.layout import TableLayout

__all__ = ["Marginals", "learn_marginals", "marginals_from"]

N_QUANTILES = 257
MAX_ROWS, MAX_COLUMNS = 2048, 4096


@dataclass(frozen=True, eq=False)
class Marginals:
    """The marginals of training rows, in the user's units.

    Attributes
    ----------
    quantiles : ndarray of shape (257, n_features)
        From the smallest to the largest value of each column, float64.
    gaps : ndarray of shape (n_rows, n_features)
        Booleans that say which cells of a sample of rows are missing; no rows if none are.
    grids : dict of int to Grid or None
        For each number, count and date, by position, the grid of its values.
    """

    quantiles: np.ndarray
    gaps: np.ndarray
    grids: dict[int, Grid | None]

    def on_grids(self, values: np.ndarray) -> np.ndarray:
        """A copy of rows in which each column is rounded to its grid."""
        rounded = np.array(values)
        for place, grid in self.grids.items():
            if grid is not None:
                rounded[..., place] = grid.nearest(np.asarray(values[..., place], np.float64))
        return rounded


def learn_marginals(source: ValidRows, n_features: int, layout: TableLayout | None) -> Marginals | None:
    """Marginals of at most 2,048 rows, evenly spaced; None if the rows are too wide."""
    if n_features > MAX_COLUMNS:
        return None
    n_rows = source.shape[0] if source.stream is None else len(source.stream)
    indices = np.unique(np.linspace(0, n_rows - 1, min(MAX_ROWS, n_rows)).astype(int))
    rows = source.values[indices] if source.stream is None else source.stream.take(indices).values
    rows = rows.toarray() if hasattr(rows, "toarray") else rows
    values = np.asarray(rows[:, :n_features], np.float64)
    gaps = np.isnan(values)
    known = np.where(gaps.all(0), 0.0, values)  # a column without any value has no quantiles
    quantiles = np.nanquantile(known, np.linspace(0, 1, N_QUANTILES), axis=0, method="inverted_cdf")
    return marginals_from(quantiles, gaps if gaps.any() else gaps[:0], layout)


def marginals_from(quantiles: np.ndarray, gaps: np.ndarray, layout: TableLayout | None) -> Marginals:
    """Marginals with the grids of their quantiles; without a ``layout`` all columns are numbers."""
    numeric = range(quantiles.shape[1]) if layout is None else layout.blocks.scaled
    dates = set() if layout is None else layout.dates
    return Marginals(quantiles, gaps, {place: grid_of(quantiles[:, place], dates=place in dates) for place in numeric})
