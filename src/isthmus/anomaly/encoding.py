"""A detector's input as numbers: arrays, sparse matrices, and tables with columns of several kinds.

A category is one-hot encoded, a boolean and a date are one number each; a missing cell is NaN. A category not seen at
fit is all zeros. Every encoded column belongs to a column of the data, its owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.anomaly.contributions import cells_as_objects, decoded_cells
from isthmus.input_validation import feature_names, set_columns, without_name_warnings
from isthmus.tables.cells import plain_cells
from isthmus.tables.errors import DataError
from isthmus.tables.finite import require_finite, require_some_observed
from isthmus.tables.input_rows import InputRows, arrow_cells, in_memory, input_rows, large_stream
from isthmus.tables.layout import TableLayout, layout_of, plain_layout
from isthmus.tables.not_rows import numbers_required
from isthmus.tables.row_shape import RowShape

__all__ = ["Encoded", "decoded", "read", "spans_of", "summed_over_columns"]

MAX_FITTED_ROWS = 100_000  # of an out-of-core stream


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows as numbers.

    Attributes
    ----------
    values : ndarray of float64, shape (n_rows, n_numbers)
        NaN where a cell is missing.
    layout : TableLayout or None
        How the columns were encoded; None if all of them are numbers.
    unseen : dict of int to list of str
        The columns in which a row has a category not seen at fit.
    cells : ndarray of shape (n_rows, n_columns)
        The cells as given.
    row_shape : RowShape or None
        The shape of a row, if it is a picture, a sound or the like.
    """

    values: np.ndarray
    layout: TableLayout | None
    unseen: dict[int, list[str]]
    cells: np.ndarray
    row_shape: RowShape | None = None

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """(start, stop) of the columns of each category and boolean."""
        return spans_of(self.layout)


def read(estimator: Any, X: Any, layout: TableLayout | None = None, *, reset: bool, least: int = 1) -> Encoded:
    """Validate and encode X; with ``reset`` its columns become the estimator's, else they must match.

    Of an out-of-core stream a fit gets as many evenly spaced rows as may be held, at most 100,000; other methods refuse
    one.
    """
    who = type(estimator).__name__
    try:
        if reset:
            stream = large_stream(X)
            most = 0 if stream is None else max(least, stream.held_bytes // (8 * max(1, stream.width)))
            X, _ = in_memory(X, min(MAX_FITTED_ROWS, most))
        rows = input_rows(X)
        if rows.stream is not None:
            raise DataError(
                f"X has {len(rows.stream):,} rows, more than are held in memory; score it block by block, as "
                "isthmus.anomaly.detect_stream does."
            )
        if layout is not None:
            return _mixed(estimator, X, rows, layout, reset=reset, least=least)
        if rows.cells is not None:
            found = rows.layout or layout_of(rows.cells)
            if not found.is_plain and not reset:
                kinds = ", ".join(
                    f"{column.name} ({column.kind})" for column in found.columns if column.kind != "number"
                )
                raise DataError(f"fitted on numbers alone, and X has {kinds}; pass numbers, or fit again.")
            if not found.is_plain:
                return _mixed(estimator, X, rows, found, reset=reset, least=least)
            rows = InputRows(found.encode(rows.cells), names=found.names)
        return _plain(estimator, rows, reset=reset, least=least)
    except DataError as error:
        raise ValueError(f"{who}: {error}") from error


def _plain(estimator: Any, rows: InputRows, *, reset: bool, least: int) -> Encoded:
    rules: dict[str, Any] = {"accept_sparse": "csr", "dtype": np.float64, "ensure_all_finite": "allow-nan"}
    values, names = rows.values, rows.names
    if names is not None and not reset:
        values = _in_order(estimator, values, names)
    with nullcontext() if names is None else without_name_warnings(), numbers_required(type(estimator).__name__):
        values = validate_data(estimator, values, **rules, reset=reset, ensure_min_samples=least)
    if reset and names is not None:
        set_columns(estimator, len(names), names)
    values = values.toarray() if hasattr(values, "toarray") else values
    _require_cells(estimator, values, feature_names(estimator, values.shape[1]), reset=reset)
    return Encoded(values, None, {}, values, rows.row_shape)


def _in_order(estimator: Any, values: Any, names: Sequence[str]) -> Any:
    """The columns in the order of the fit, where both have names."""
    known = getattr(estimator, "feature_names_in_", None)
    if known is None or tuple(known) == tuple(names):
        return values
    plain_layout(list(map(str, known))).require(names)
    place = {name: index for index, name in enumerate(names)}
    order = [place[str(name)] for name in known]
    return values.iloc[:, order] if hasattr(values, "iloc") else values[:, order]


def _mixed(estimator: Any, X: Any, rows: InputRows, layout: TableLayout, *, reset: bool, least: int) -> Encoded:
    table = rows.cells if rows.cells is not None else arrow_cells(X)
    if table is None:
        raise DataError(
            f"fitted on a table with the columns {', '.join(layout.names[:6])}, got {type(X).__name__}; pass a "
            "DataFrame or a table of isthmus.read."
        )
    layout.require(table.column_names)
    if table.num_rows < least:
        raise DataError(f"X has {table.num_rows} rows, and at least {least} are needed.")
    values, unseen = layout.encode(table, "missing"), {}
    cells, faults = np.empty((len(values), len(layout.columns)), dtype=object), []
    for place, (column, (start, stop)) in enumerate(zip(layout.columns, layout.spans(), strict=True)):
        given = plain_cells(table.column(column.name))
        typed = column.typed(given)
        faults.append(None if column.kind == "category" else column.unread(given, typed))
        cells[:, place] = cells_as_objects(column, typed)
        if column.kind == "category":
            unknown = np.isnan(values[:, start]) & ~np.asarray(typed.is_null())
            values[unknown, start:stop] = 0.0
            for row in np.flatnonzero(unknown):
                unseen.setdefault(int(row), []).append(column.name)
    if any(faults):
        raise DataError(f"{'; '.join(filter(None, faults))}; correct it, or leave the cell empty.")
    if reset:
        set_columns(estimator, len(layout.columns), layout.names)
    _require_cells(estimator, values, layout.encoded_names, reset=reset)
    return Encoded(values, layout, unseen, cells)


def _require_cells(estimator: Any, values: np.ndarray, names: Sequence[str], *, reset: bool) -> None:
    """Refuse infinite cells and, at fit, columns without any value."""
    require_finite(values, names, type(estimator).__name__, missing=True)
    if reset:
        require_some_observed(values, names, type(estimator).__name__)


def spans_of(layout: TableLayout | None) -> tuple[tuple[int, int], ...]:
    """(start, stop) of the encoded columns of each category and boolean."""
    if layout is None:
        return ()
    pairs = zip(layout.columns, layout.spans(), strict=True)
    return tuple(span for column, span in pairs if column.kind in ("category", "boolean"))


def decoded(encoded: Encoded, numbers: np.ndarray) -> np.ndarray:
    """Encoded rows, shape (n_rows, n_numbers), as cells of the columns, shape (n_rows, n_columns)."""
    if encoded.layout is None:
        return numbers
    return decoded_cells(numbers, encoded.layout)


def summed_over_columns(amounts: np.ndarray, owners: Sequence[int] | None) -> np.ndarray:
    """Sums of the amounts of encoded columns, shape (n_rows, n_numbers), over those of each column.

    >>> summed_over_columns(np.array([[1.0, 2.0, 3.0]]), [0, 1, 1])
    array([[1., 5.]])
    """
    if owners is None:
        return amounts
    totals = np.zeros((len(amounts), max(owners) + 1))
    np.add.at(totals.T, np.asarray(owners), amounts.T)
    return totals
