"""Which column is what: the numbers to learn from, the labels, the row ids, and those left out."""

from __future__ import annotations

import difflib
import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.table import DataError, Table, check_finite, place

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "Request",
    "Roles",
    "assign_roles",
    "choose_columns",
    "is_numeric",
    "require_numeric",
    "said",
    "single_precision",
    "table_from_arrow",
]

SHOWN_NAMES = 12
SHOWN_CHARACTERS = 24
MOST_LETTERS, MOST_LETTERS_IN_ALL = 256, 1 << 26  # of an id or label; of all of them, at the width of the longest


@dataclass(frozen=True)
class Request:
    """What the user asked; no ``columns`` means all that are left, ``missing`` that cells may be empty.

    ``mixed`` asks for columns of every kind, not of numbers alone; None where that can't be had.
    """

    labels: str | None = None
    ids: str | None = None
    drop: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    missing: bool = False
    mixed: bool | None = None


@dataclass(frozen=True)
class Roles:
    """The same, settled against the columns that there are."""

    values: tuple[str, ...]
    labels: str | None
    ids: str | None


def said(names: Sequence[str], limit: int | None = SHOWN_NAMES) -> str:
    """Names as they stand in a message.

    >>> said(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(map(repr, names[:limit]))
    return shown if limit is None or len(names) <= limit else f"{shown} and {len(names) - limit} more"


def assign_roles(names: Sequence[str], request: Request, where: str) -> Roles:
    """Settle ``request`` against the column ``names`` of a file; a `DataError` where the two do not agree.

    >>> assign_roles(["id", "x", "y", "kind"], Request(labels="kind", drop=("id",)), "'f.csv'").values
    ('x', 'y')
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{where}: more than one column is named {said(repeated, None)}; rename them.")
    named = [name for name in (request.labels, request.ids) if name is not None]
    absent = [name for name in dict.fromkeys([*named, *request.drop, *request.columns]) if name not in names]
    if absent:
        close = difflib.get_close_matches(absent[0], names, n=1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        word = "no column" if len(absent) == 1 else "no columns"
        raise DataError(f"{where}: {word} {said(absent, None)}{guess}; the columns are {said(names)}.")
    torn = [name for name in request.drop if name in named or name in request.columns]
    if torn:
        raise DataError(f"{where}: {said(torn, None)} cannot be both used and dropped; take it out of --drop.")
    values = request.columns or tuple(name for name in names if name not in {*named, *request.drop})
    if "" in values:
        raise DataError(
            f"{where}: column {list(names).index('')} has no name, as an index saved by pandas has none; "
            "name it in the file, or use --ids '' or --drop ''."
        )
    if not values:
        raise DataError(f"{where}: no numeric column is left to learn from; name fewer columns in --drop.")
    return Roles(tuple(values), request.labels, request.ids)


def choose_columns(table: Table, request: Request, where: str) -> Table:
    """The same settling for a table whose columns are all numbers already, such as an array's.

    Labels and ids that the table came with stay, unless the request names others.
    """
    if request.labels is not None and request.labels == table.label_name:
        request = replace(request, labels=None)
    if request.ids is not None and request.ids == table.id_name:
        request = replace(request, ids=None)
    if table.label_name in request.drop:
        request = replace(request, drop=tuple(name for name in request.drop if name != table.label_name))
        table = replace(table, labels=None, label_name=None)
    if table.id_name in request.drop:
        request = replace(request, drop=tuple(name for name in request.drop if name != table.id_name))
        table = replace(table, ids=None, id_name=None)
    if request == Request(missing=request.missing, mixed=request.mixed):
        return table
    roles = assign_roles(table.columns, request, where)
    position = {name: index for index, name in enumerate(table.columns)}
    chosen = table
    if roles.labels is not None:
        chosen = replace(chosen, labels=_numbers(table, position[roles.labels]), label_name=roles.labels)
    if roles.ids is not None:
        chosen = replace(chosen, ids=_numbers(table, position[roles.ids]), id_name=roles.ids)
    if roles.values == table.columns:
        return chosen
    values = np.ascontiguousarray(table.values[:, [position[name] for name in roles.values]])
    return replace(chosen, values=values, columns=roles.values, image_shape=None)


def _numbers(table: Table, index: int) -> np.ndarray:
    column = np.array(table.values[:, index])
    whole = np.all(column == np.rint(column)) and np.all(np.abs(column) < 2**53)
    return column.astype(np.int64) if whole else column


def table_from_arrow(
    arrow: pyarrow.Table,
    roles: Roles,
    *,
    where: str,
    name: str,
    line_of: Callable[[int], int | None] | None = None,
    missing: bool = False,
    mixed: bool | None = None,
    first_row: int = 0,
) -> Table:
    """A `Table` from typed columns: truth values become 0 and 1, every other kind that is no number an error.

    The values are float32 where that holds every column exactly (small integers, float32), else float64.
    """
    if not arrow.num_rows:
        raise DataError(f"{where}: no rows of data; add at least one below the column names.")
    columns = {column: arrow.column(column) for column in roles.values}
    strangers = require_numeric(columns, where, mixed=mixed)
    small = single_precision(columns)
    values = _same_floats(arrow, roles.values)
    if values is None:
        values = np.empty((arrow.num_rows, len(roles.values)), np.float32 if small else np.float64)
        for index, column in enumerate(columns):
            values[:, index] = (_marks if column in strangers else _floats)(columns[column])
    check_finite(values, roles.values, where, line_of, missing=missing, first_row=first_row)

    def words(column: str | None, what: str) -> np.ndarray | None:
        return (
            None
            if column is None
            else _words(arrow.column(column), f"{where}: {what} column {column!r}", line_of, first_row)
        )

    return Table(
        values,
        roles.values,
        ids=words(roles.ids, "id"),
        id_name=roles.ids,
        labels=words(roles.labels, "label"),
        label_name=roles.labels,
        name=name,
        frame=arrow.select(roles.values) if mixed else None,
    )


def require_numeric(columns: Mapping[str, Any], where: str, *, mixed: bool | None) -> list[str]:
    """Refuse columns that are not numeric, unless the table may be mixed; gives those names. Types or cells do."""
    strangers = [name for name, column in columns.items() if not is_numeric(getattr(column, "type", column))]
    if strangers and not mixed:
        listed = ", ".join(f"{name!r} ({_kind(columns[name])})" for name in strangers)
        count = "1 column is" if len(strangers) == 1 else f"{len(strangers)} columns are"
        offered = "" if mixed is None else ", or use --mixed"
        raise DataError(f"{where}: {count} not numeric: {listed}; name each in --labels, --ids or --drop{offered}.")
    return strangers


def single_precision(columns: Mapping[str, Any]) -> bool:
    """Whether float32 holds every column exactly."""
    return all(_fits_float32(getattr(column, "type", column)) for column in columns.values())


def _same_floats(arrow: pyarrow.Table, names: Sequence[str]) -> np.ndarray | None:
    """The values at once, where all columns are floats of one kind and none has an empty cell."""
    from pyarrow import types

    kinds = {arrow.schema.field(name).type for name in names}
    if len(kinds) != 1 or not (types.is_float32(one := kinds.pop()) or types.is_float64(one)):
        return None
    if any(arrow.column(name).null_count for name in names):
        return None
    parts = [batch.to_tensor(row_major=True).to_numpy() for batch in arrow.select(list(names)).to_batches()]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def is_numeric(kind: pyarrow.DataType) -> bool:
    """Whether a column of this kind is read as numbers."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(test(kind) for test in tests)


def _fits_float32(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    exact = types.is_float32(kind) or types.is_float16(kind) or types.is_boolean(kind)
    return exact or (types.is_integer(kind) and kind.bit_width <= 16)


def _floats(column: pyarrow.ChunkedArray) -> np.ndarray:
    import pyarrow
    from pyarrow import types

    if types.is_decimal(column.type) or types.is_null(column.type):
        column = column.cast(pyarrow.float64())
    return column.to_numpy()


def _marks(column: pyarrow.ChunkedArray) -> list[float]:
    """A number for every cell that is no number, equal where cells are; NaN where it is empty."""
    cells = column.to_pylist()
    return [math.nan if cell is None or cell == "" else zlib.crc32(str(cell).encode()) for cell in cells]


def _kind(column: Any) -> str:
    """A column in words, with an example of its cells where it has cells."""
    import pyarrow
    from pyarrow import types

    if isinstance(column, pyarrow.DataType):
        column = pyarrow.chunked_array([], column)
    if types.is_temporal(column.type):
        return "dates or times"
    if types.is_dictionary(column.type) and types.is_string(column.type.value_type):
        column = column.cast(column.type.value_type)
    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return "bytes that are not UTF-8 text" if types.is_binary(column.type) else str(column.type)
    cells = column.drop_null().to_pylist()
    example = next((cell for cell in cells if not _reads_as_number(cell)), cells[0] if cells else "")
    return f"text such as {example[:SHOWN_CHARACTERS]!r}"


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _words(
    column: pyarrow.ChunkedArray, what: str, line_of: Callable[[int], int | None] | None, first_row: int
) -> np.ndarray:
    """Ids or labels, shape (rows,), never of Python objects: they must go into .npz files."""
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_nested(column.type) or types.is_binary(column.type) or types.is_large_binary(column.type):
        raise DataError(f"{what} holds {column.type}; it must hold words, numbers or dates.")
    missing = [row for row, cell in enumerate(column.to_pylist()) if cell is None or cell == ""]
    if missing:
        cells = "1 empty cell, it is" if len(missing) == 1 else f"{len(missing)} empty cells, the first is"
        raise DataError(f"{what} has {cells} in {place(first_row + missing[0], line_of)}; fill it, or use --drop.")
    entries = column.to_numpy()
    if entries.dtype != object:
        return entries
    # all as wide as the longest
    longest = max(map(len, entries))
    if longest > MOST_LETTERS and longest * len(entries) > MOST_LETTERS_IN_ALL:
        raise DataError(f"{what} has a cell of {longest:,} characters; ids and labels are words, shorten it.")
    return entries.astype(np.str_)
