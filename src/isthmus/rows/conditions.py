"""How conditions (``given``) become numbers: numbers unchanged, categories one-hot, dates in days.

    given --layout--> numbers, shape (n_rows, n_given) --standardized--> columns appended to the rows

An array of numbers is used unchanged. Columns with names or with words (a DataFrame, a Series, a list of strings) have
a layout, like the columns of a mixed-type table: `fit` determines it, and it encodes later rows. Text that repeats is a
category, even "3": a class or a batch. A level not seen in `fit` has no column, so it is refused rather than encoded as
zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.array_forms import is_torch
from isthmus.tables.errors import DataError, said
from isthmus.tables.frames import arrow_of, is_frame
from isthmus.tables.layout import TableLayout, layout_of
from isthmus.tables.table import Table
from isthmus.text_table import counted

if TYPE_CHECKING:
    import pyarrow

__all__ = ["condition_names", "conditions_at_fit", "given_for"]

NAME = "given"  # of a column without a name
SHOWN_LEVELS = 8
LOOKED_AT = 10_000  # rows with a level unseen, to name all of these


def conditions_at_fit(given: Any, n_rows: int, who: str) -> tuple[np.ndarray, TableLayout | None]:
    """Conditions as float64 of shape (n_rows, n_given), and the layout of named columns or words."""
    cells = _cells_of(given, who)
    if cells is None:
        return _checked(given, n_rows, who), None
    try:
        layout = layout_of(cells, words=True)
    except DataError as error:
        raise ValueError(f"{who}: given: {error}") from error
    return _encoded(cells, layout, n_rows, who), layout


def given_for(estimator: Any, given: Any, n_rows: int) -> np.ndarray | None:
    """The conditions of rows for a fitted model, shape (n_rows, n_given), from those in the form of the fit or encoded.

    Raises
    ------
    ValueError
        If they are missing or not expected, of another length, or contain a level not seen in `fit`.
    """
    who, known, layout = type(estimator).__name__, estimator.fitted_.given, estimator.fitted_.given_layout
    if known is None and given is not None:
        raise ValueError(f"{who}: fitted without given; leave it out, or fit with it.")
    if known is None:
        return None
    if given is None:
        columns = f"{len(known.center)} columns" if layout is None else said(layout.names)
        raise ValueError(f"{who}: fitted with given, {columns}; pass given for these rows too.")
    cells = _cells_of(given, who)
    if layout is None:
        return _checked(given if cells is None else _numbers_of(cells, who), n_rows, who, len(known.center))
    if cells is None:
        values = _checked(given, n_rows, who)
        if values.shape[1] == layout.width:
            return values
        if values.shape[1] != len(layout.columns):
            raise ValueError(
                f"{who}: given has {values.shape[1]} columns, but was fitted with {len(layout.columns)}: "
                f"{said(layout.names)}."
            )
        import pyarrow

        cells = pyarrow.table(list(values.T), names=list(layout.names))
    elif not is_frame(given) and cells.num_columns == len(layout.columns):
        cells = cells.rename_columns(list(layout.names))  # words without column names
    return _encoded(cells, layout, n_rows, who)


def condition_names(layout: TableLayout | None, n_given: int) -> tuple[str, ...]:
    """A name for each number of a condition, such as ``batch=A``."""
    if layout is not None:
        return layout.encoded_names
    return (NAME,) if n_given == 1 else tuple(f"{NAME}{index}" for index in range(n_given))


def _cells_of(given: Any, who: str) -> pyarrow.Table | None:
    """Columns that have names or hold words, as an Arrow table; None for numbers."""
    if isinstance(given, Table):
        return given.to_arrow()
    try:
        if is_frame(given):
            return arrow_of(given)
        if hasattr(given, "to_frame"):  # a Series, of pandas or polars
            name = NAME if given.name in (None, "") else str(given.name)
            return arrow_of(given.to_frame(name))
    except DataError as error:
        raise ValueError(f"{who}: given: {error}") from error
    if is_torch(given) or hasattr(given, "toarray"):
        return None
    values = np.asarray(given)
    if values.dtype.kind == "U" and not isinstance(given, np.ndarray):
        values = np.asarray(given, dtype=object)  # NumPy would convert the numbers of a mixed list to strings
    if values.dtype.kind in "biuf" or values.ndim not in (1, 2):
        return None
    import pyarrow

    columns = [values] if values.ndim == 1 else list(values.T)
    names = [NAME] if len(columns) == 1 else [f"{NAME}{index}" for index in range(len(columns))]
    try:
        return pyarrow.table([pyarrow.array(column.tolist()) for column in columns], names=names)
    except pyarrow.ArrowException as error:
        raise ValueError(
            f"{who}: given must hold numbers, words or dates, one kind a column ({' '.join(str(error).split())})."
        ) from error


def _numbers_of(cells: pyarrow.Table, who: str) -> np.ndarray:
    """Named columns as numbers, for a model fitted with an array of numbers."""
    try:
        return np.column_stack([np.asarray(column, dtype=np.float64) for column in cells.columns])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{who}: fitted with given as numbers; pass numbers, or fit with the words.") from error


def _checked(given: Any, n_rows: int, who: str, n_columns: int | None = None) -> np.ndarray:
    """Numbers as float64 of shape (n_rows, n_columns); a `ValueError` says what is wrong."""
    try:
        values = np.asarray(given.toarray() if hasattr(given, "toarray") else given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{who}: given must be one row per row of X, of numbers or words.") from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"{who}: given must have shape (n_samples, n_given), got {values.shape}.")
    _require_length(len(values), n_rows, who)
    if n_columns is not None and values.shape[1] != n_columns:
        raise ValueError(f"{who}: given has {values.shape[1]} columns, but was fitted with {n_columns}.")
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(f"{who}: given has {values[row, column]} in row {row}, column {column}; fill it first.")
    return values


def _encoded(cells: pyarrow.Table, layout: TableLayout, n_rows: int, who: str) -> np.ndarray:
    _require_length(cells.num_rows, n_rows, who)
    try:
        layout.require(cells.column_names)
        values = layout.encode(cells, unseen="missing")
    except DataError as error:
        raise ValueError(f"{who}: given: {error}".replace("given: X ", "given ")) from error
    faults = []
    for column, (start, _) in zip(layout.columns, layout.spans(), strict=True):
        wrong = np.flatnonzero(~np.isfinite(values[:, start]))
        if not len(wrong):
            continue
        cell = cells.column(column.name)[int(wrong[0])].as_py()
        if column.kind == "category" and cell is not None and cell == cell and cell != "":
            levels = said([str(level) for level in column.categories], SHOWN_LEVELS)
            found = [cells.column(column.name)[row].as_py() for row in wrong[:LOOKED_AT].tolist()]
            new = dict.fromkeys(str(one) for one in found if one is not None and one == one and one != "")
            others = f", nor was {said(list(new)[1:], SHOWN_LEVELS)}" if len(new) > 1 else ""
            faults.append(
                f"{column.name}={cell} in row {wrong[0]} was not there at fit{others}; the levels are {levels}"
            )
        elif cell is not None and isinstance(cell, str) and cell != "":
            faults.append(f"column {column.name} has {cell!r} in row {wrong[0]}, and was a {column.kind} at fit")
        else:
            faults.append(f"column {column.name} has no value in row {wrong[0]}; fill it first")
    if faults:
        raise ValueError(f"{who}: given: {'; '.join(faults)}.")
    return values


def _require_length(n_given: int, n_rows: int, who: str) -> None:
    if n_given != n_rows:
        raise ValueError(f"{who}: given has {counted(n_given, 'row')}, but X has {n_rows}; it needs one per row of X.")
