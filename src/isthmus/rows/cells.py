"""Checks of the cells: they must be finite, or NaN if cells may be missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.rows.scaling import chunks, require_finite

__all__ = ["has_gaps", "require_cells"]


def require_cells(X: Any, names: list[str], who: str, *, missing: bool, reset: bool) -> None:
    """Refuse infinite cells, and NaN unless ``missing``; with ``missing``, at fit, columns without any value."""
    require_finite(X, names, who, missing=missing)
    if reset and missing:
        _require_some_observed(X, names, who)


def has_gaps(X: Any) -> bool:
    """Whether a cell is NaN."""
    return any(bool(np.isnan(part.sum())) and bool(np.isnan(part).any()) for part in chunks(X))


def _require_some_observed(X: Any, names: list[str], who: str) -> None:
    """Raise a `ValueError` that names the first column in which every cell is missing."""
    seen = np.zeros(X.shape[1], dtype=bool)
    for part in chunks(X):
        seen |= ~np.isnan(part).all(0)
    if not seen.all():
        empty = [names[place] for place in np.flatnonzero(~seen)]
        others = "" if len(empty) == 1 else f" and in {len(empty) - 1} more"
        raise ValueError(f"{who}: X has no value at all in column {empty[0]}{others}; drop empty columns.")
