"""The marginal distributions of a table's columns, independent of the model: quantiles, and where cells are missing.

Generated rows of a table take their range, whole numbers and spikes from here (`isthmus.generation.tables`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.rows.rows import Rows
from isthmus.rows.scaling import Scaling

__all__ = ["Marginals", "learn_marginals"]

N_QUANTILES = 257
MAX_ROWS, MAX_COLUMNS = 2048, 4096
ROUNDING = 1e-6  # of a column's spread


@dataclass(frozen=True, eq=False)
class Marginals:
    """The marginals of training rows, in the user's units.

    Attributes
    ----------
    quantiles : ndarray of shape (257, n_features)
        From the smallest to the largest value of each column, float64.
    gaps : ndarray of shape (n_rows, n_features)
        Booleans that say which cells of a sample of rows are missing; no rows if none are.
    """

    quantiles: np.ndarray
    gaps: np.ndarray


def learn_marginals(rows: Rows, scaling: Scaling) -> Marginals | None:
    """Marginals of at most 2,048 rows, evenly spaced; None if the rows are too wide."""
    if rows.n_features > MAX_COLUMNS:
        return None
    scaled = np.concatenate([batch.x.double().cpu().numpy() for batch in rows.some(MAX_ROWS).records()])
    values = scaled * scaling.spread + scaling.center
    gaps = np.isnan(values)
    # Rows are float32: values that are whole to within its rounding are whole, and the range excludes its rounding.
    off = ROUNDING * scaling.spread
    values = np.where(gaps, np.nan, np.where(np.abs(values - np.rint(values)) < off, np.rint(values), values))
    levels = np.linspace(0, 1, N_QUANTILES)
    known = np.where(gaps.all(0), 0.0, values)  # a column without any value has no quantiles
    quantiles = np.nanquantile(known, levels, axis=0, method="inverted_cdf")
    low, high = quantiles[0].copy(), quantiles[-1].copy()
    low, high = (np.where(end == np.rint(end), end, end + sign * off) for end, sign in ((low, 1), (high, -1)))
    quantiles = np.clip(quantiles, np.minimum(low, high), np.maximum(low, high))
    return Marginals(quantiles, gaps if gaps.any() else gaps[:0])
