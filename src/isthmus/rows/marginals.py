"""What single columns of a table look like, whatever the model: quantiles, and where cells are missing.

New rows of a table take their range, their whole numbers and their spikes from here (`isthmus.generation.tables`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.rows.rows import Rows
from isthmus.rows.scaling import Scaling

__all__ = ["Marginals", "learn_marginals"]

N_QUANTILES = 257
MOST_ROWS, MOST_COLUMNS = 2048, 4096


@dataclass(frozen=True, eq=False)
class Marginals:
    """Of training rows, in the user's units.

    Attributes
    ----------
    quantiles : ndarray of shape (257, n_features)
        From the least to the largest value of each column, float64.
    gaps : ndarray of shape (n_rows, n_features)
        Booleans, which cells of some rows are missing; no rows where none are.
    """

    quantiles: np.ndarray
    gaps: np.ndarray


def learn_marginals(rows: Rows, scaling: Scaling) -> Marginals | None:
    """Marginals of at most 2,048 rows, evenly spread; None of rows that are too wide for a table."""
    if rows.n_features > MOST_COLUMNS:
        return None
    parts = [batch.x.double().cpu().numpy() for batch in rows.some(MOST_ROWS).records()]
    units = np.concatenate(parts)
    values = units * scaling.spread + scaling.center
    gaps = np.isnan(values)
    values = np.where(gaps, np.nan, np.where(np.abs(values - np.rint(values)) < 1e-4, np.rint(values), values))
    levels = np.linspace(0, 1, N_QUANTILES)
    known = np.where(gaps.all(0), 0.0, values)  # a column without any value has no quantiles
    quantiles = np.nanquantile(known, levels, axis=0, method="inverted_cdf")
    return Marginals(quantiles, gaps if gaps.any() else gaps[:0])
