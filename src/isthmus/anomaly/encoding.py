"""What a detector is given, as numbers: arrays, sparse matrices, and tables with columns of several kinds.

A category is one number per value, a boolean and a date are one; a missing cell is NaN. A category that was not there
at fit is none of its values, so all of its numbers are 0. Every number belongs to a column, its owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.input_validation import feature_names, set_columns, without_name_warnings
from isthmus.mixed.column import MixedTableError
from isthmus.mixed.frames import cells_of
from isthmus.mixed.layout import TableLayout, layout_of
from isthmus.rows.cells import require_cells
from isthmus.tables.table import Table

__all__ = ["Encoded", "read", "summed_over_columns"]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows as numbers.

    Attributes
    ----------
    values : ndarray of float64, shape (n_rows, n_numbers)
        NaN where a cell is missing.
    layout : TableLayout or None
        How they came about; None where all columns are numbers.
    unseen : dict of int to list of str
        For rows with a category that was not there at fit, which columns those are in.
    cells : ndarray of shape (n_rows, n_columns)
        As they were given.
    """

    values: np.ndarray
    layout: TableLayout | None
    unseen: dict[int, list[str]]
    cells: np.ndarray


def read(estimator: Any, X: Any, layout: TableLayout | None = None, *, reset: bool, least: int = 1) -> Encoded:
    """X as an estimator's rows; with ``reset`` its columns become the estimator's, else they must be those."""
    who = type(estimator).__name__
    unseen: dict[int, list[str]] = {}
    named = None
    if isinstance(X, Table):
        named, X = X.columns if X.has_names else None, X.rows
    try:
        layout = layout_of(X) if reset and layout is None else layout
        if layout is None:
            rules = {"accept_sparse": "csr", "dtype": np.float64, "ensure_all_finite": "allow-nan"}
            with nullcontext() if named is None else without_name_warnings():
                values = validate_data(estimator, X, **rules, reset=reset, ensure_min_samples=least)
            if reset and named is not None:
                set_columns(estimator, len(named), named)
            values = values.toarray() if hasattr(values, "toarray") else values
            cells, names = values, feature_names(estimator, values.shape[1])
        else:
            values, unseen, cells = _encoded(X, layout)
            names = list(layout.encoded_names)
    except MixedTableError as error:
        raise ValueError(f"{who}: {error}") from error
    if layout is not None and reset:
        if len(values) < least:
            raise ValueError(f"{who}: X has {len(values)} rows, and at least {least} are needed to learn from.")
        set_columns(estimator, len(layout.columns), layout.names)
    require_cells(values, names, who, missing=True, reset=reset)
    return Encoded(values, layout, unseen, cells)


def _encoded(X: Any, layout: TableLayout) -> tuple[np.ndarray, dict[int, list[str]], np.ndarray]:
    values = layout.encode(X, "missing")
    unseen: dict[int, list[str]] = {}
    cells = np.empty((len(values), len(layout.columns)), dtype=object)
    names = [str(name) for name in getattr(X, "column_names", X.columns)]
    for place, (column, (begin, end)) in enumerate(zip(layout.columns, layout.spans(), strict=True)):
        found = cells_of(X, names.index(column.name), column)
        kept = found.values.astype(bool) if column.kind in ("truth", "boolean") else found.values
        cells[:, place] = [None if gap else value for value, gap in zip(kept, found.missing, strict=True)]
        if column.kind == "category":
            unknown = np.isnan(values[:, begin]) & ~found.missing
            values[unknown, begin:end] = 0.0
            for row in np.flatnonzero(unknown):
                unseen.setdefault(int(row), []).append(column.name)
    return values, unseen, cells


def summed_over_columns(amounts: np.ndarray, owners: Sequence[int] | None) -> np.ndarray:
    """Shares of numbers, shape (n_rows, n_numbers), to those of the columns they belong to, shape (n_rows, n_columns).

    >>> summed_over_columns(np.array([[1.0, 2.0, 3.0]]), [0, 1, 1])
    array([[1., 5.]])
    """
    if owners is None:
        return amounts
    totals = np.zeros((len(amounts), max(owners) + 1))
    np.add.at(totals.T, np.asarray(owners), amounts.T)
    return totals
