"""Rows as a denoiser takes them: numbers, with NaN only where a lost cell may be marked by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data  # pyrefly: ignore[missing-module-attribute]

__all__ = ["checked_rows"]


def checked_rows(estimator: Any, X: Any, *, reset: bool, missing: bool) -> np.ndarray:
    """X as float32 or float64 of shape (n_samples, n_features); a `ValueError` for what it may not hold.

    ``missing`` allows NaN; ``reset`` remembers the columns, else they must be those remembered.
    """
    rows = validate_data(
        estimator,
        X,
        dtype=[np.float64, np.float32],
        ensure_all_finite="allow-nan" if missing else True,
        ensure_min_samples=2 if reset else 1,
        reset=reset,
    )
    if missing and reset and np.isnan(rows).all():
        raise ValueError(f"{type(estimator).__name__}: every cell of X is NaN; there is nothing to learn from.")
    return rows
