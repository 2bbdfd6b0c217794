"""Missing (NaN) and infinite cells of an array or sparse matrix, found in dense slices and refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["CHUNK_CELLS", "chunks", "has_gaps", "require_finite", "require_some_observed"]

CHUNK_CELLS = 1 << 21


def chunks(X: Any, cells: int = CHUNK_CELLS) -> Iterator[np.ndarray]:
    """Dense slices of an array or sparse matrix, each of about ``cells`` cells."""
    step = max(1, cells // max(1, X.shape[1]))
    for start in range(0, X.shape[0], step):
        part = X[start : start + step]
        yield part.toarray() if hasattr(part, "toarray") else np.asarray(part)


def has_gaps(X: Any) -> bool:
    """Whether a cell is NaN."""
    return any(bool(np.isnan(part.sum())) and bool(np.isnan(part).any()) for part in chunks(X))


def require_finite(X: Any, names: Sequence[str], who: str, *, missing: bool = False, first: int = 0) -> None:
    """Raise a `ValueError` that names the first missing or infinite cell, and how many there are.

    With ``missing`` a NaN is allowed. Rows are counted from ``first``.
    """
    total, found, start = 0, None, first
    for part in chunks(X):
        # Short of overflow, the sum of a slice is finite if its cells are: a cheap test that usually suffices.
        with np.errstate(over="ignore", invalid="ignore"):
            suspicious = not np.isfinite(part.sum())
        if suspicious:
            bad = np.isinf(part) if missing else ~np.isfinite(part)
            if found is None and bad.any():
                row, column = np.argwhere(bad)[0]
                found = (start + int(row), int(column), part[row, column])
            total += int(bad.sum())
        start += len(part)
    if found is not None:
        row, column, value = found
        what = "NaN" if np.isnan(value) else "infinity"
        others = ("", " and one more such cell")[total - 1] if total <= 2 else f" and {total - 1} more such cells"
        cure = "drop or fill them first" + (", or use missing='mask'" if what == "NaN" else "")
        raise ValueError(f"{who}: X has {what} in row {row}, column {names[column]}{others}; {cure}.")


def require_some_observed(X: Any, names: Sequence[str], who: str) -> None:
    """Raise a `ValueError` that names the first column in which every cell is missing."""
    seen = np.zeros(X.shape[1], dtype=bool)
    for part in chunks(X):
        seen |= ~np.isnan(part).all(0)
    if not seen.all():
        empty = [names[place] for place in np.flatnonzero(~seen).tolist()]
        others = "" if len(empty) == 1 else f" and in {len(empty) - 1} more"
        raise ValueError(f"{who}: X has no value at all in column {empty[0]}{others}; drop empty columns.")
