"""A denoiser's rows: finite numbers, and NaN only where it may mark lost cells; and the scale of their columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.choices import LARGEST
from isthmus.input_validation import feature_names, require_complete_numbers
from isthmus.rows.scaling import observed_statistics
from isthmus.rows.units import choose_scale
from isthmus.tables.not_rows import NUMBERS_ONLY, numbers_required
from isthmus.tables.table import Table

__all__ = ["deviations", "unit_scale", "validate_rows"]


def unit_scale(table: Table) -> str | None:
    """The scale of a table's columns: "standard" if they have different units, else None."""
    if table.row_shape is not None:
        return None
    rows = table.numbers()
    statistics = observed_statistics(lambda: [rows.values])
    return choose_scale(statistics, list(rows.columns), None).scale


def deviations(rows: np.ndarray) -> np.ndarray:
    """The standard deviation of each column, NaN left out; 1 for a constant one."""
    found = np.nanstd(np.where(np.isnan(rows).all(0), 0, rows), axis=0, dtype=np.float64)
    return np.where(found > 0, found, 1.0)


def validate_rows(estimator: Any, X: Any, *, reset: bool, missing: bool) -> np.ndarray:
    """X as float32 or float64 of shape (n_samples, n_features), or a `ValueError`.

    ``missing`` allows NaN; ``reset`` sets the estimator's columns, otherwise X must have them.
    """
    require_complete_numbers(estimator, X, gaps=missing)
    with numbers_required(type(estimator).__name__, NUMBERS_ONLY):
        rows = validate_data(
            estimator,
            X,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan" if missing else True,
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )
    largest = np.abs(rows).max(0, initial=0, where=~np.isnan(rows))
    if not largest.max(initial=0) < LARGEST:
        place = int(largest.argmax())
        raise ValueError(
            f"{type(estimator).__name__}: X has values too large for float32 in column "
            f"{feature_names(estimator, rows.shape[1])[place]}, {largest[place]:.3g}; divide the column first."
        )
    if missing and reset and np.isnan(rows).all():
        raise ValueError(f"{type(estimator).__name__}: every cell of X is NaN; there is nothing to learn from.")
    return rows
