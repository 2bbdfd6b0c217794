"""Arrow tables, as the command line reads them from CSV and Parquet: the third kind of DataFrame.

An empty text is a missing cell, as it is in a file of text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.mixed.column import Cells, Column

if TYPE_CHECKING:
    import pyarrow

__all__ = ["cells_of", "column_of", "fill_table", "is_plain", "table_of"]

MICROSECONDS_A_DAY = 86_400_000_000


def is_plain(table: pyarrow.Table) -> bool:
    """Whether every column is one of numbers."""
    return all(_is_number(field.type) for field in table.schema)


def column_of(name: str, cells: pyarrow.ChunkedArray, from_texts: Callable[[str, str, list[Any]], Column]) -> Column:
    """What a column is; ``from_texts`` decides about one of texts."""
    from pyarrow import types

    kind = cells.type
    if types.is_boolean(kind):
        return Column(name, "truth", "bool")
    if _is_number(kind):
        return Column(name, "number", "double" if types.is_decimal(kind) else str(kind), whole=types.is_integer(kind))
    if types.is_date(kind):
        return Column(name, "date", str(kind), whole=True)
    if types.is_timestamp(kind):
        present = _days(cells.drop_null())
        whole = bool((present == np.rint(present)).all())
        return Column(name, "date", f"timestamp|{kind.unit}|{kind.tz or ''}", whole=whole)
    present = [value for value in _plain(cells).drop_null().to_pylist() if value != ""]
    return from_texts(name, "string", present)


def cells_of(cells: pyarrow.ChunkedArray, column: Column) -> Cells:
    """The cells of a column, read as ``column`` says."""
    import pyarrow

    cells = _plain(cells)
    missing = np.array(cells.is_null())
    if column.kind == "date":
        return Cells(np.where(missing, 0.0, _days(cells)), missing)
    if column.kind == "category":
        values = np.array(cells.cast(pyarrow.string()).to_pylist(), dtype=object)
        return Cells(values, missing | (values == ""))
    if column.kind == "truth":
        cells = cells.cast(pyarrow.bool_()).cast(pyarrow.uint8())
    numbers = np.asarray(cells.cast(pyarrow.float64()).to_numpy(), dtype=np.float64)
    return Cells(numbers, missing | np.isnan(numbers))


def table_of(columns: Sequence[Column], values: Sequence[np.ndarray], within: Callable[..., Any]) -> pyarrow.Table:
    """A table with each column's own type; ``values`` as `Column.decode` gives them."""
    import pyarrow

    made = {}
    for column, part in zip(columns, values, strict=True):
        if column.kind == "category":
            made[column.name] = pyarrow.array([column.categories[index] for index in part], pyarrow.string())
        elif column.kind == "date":
            stamps = pyarrow.array(np.rint(part * MICROSECONDS_A_DAY).astype(np.int64)).cast(pyarrow.timestamp("us"))
            made[column.name] = stamps.cast(_date_type(column.dtype), safe=False)
        else:
            made[column.name] = pyarrow.array(within(part, column)).cast(pyarrow.type_for_alias(column.dtype))
    return pyarrow.table(made)


def fill_table(table: pyarrow.Table, filled: pyarrow.Table, places: Sequence[int]) -> pyarrow.Table:
    """The table with its missing cells taken from ``filled``, whose columns ``places`` gives in the table's order."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are made when it is imported
    made = {}
    for name, place in zip(table.column_names, places, strict=True):
        own, new = table.column(name), filled.column(place)
        holes = own.is_null(nan_is_null=True)
        if pyarrow.types.is_string(own.type):
            holes = compute.or_(holes, compute.fill_null(compute.equal(own, ""), True))
        kind = new.type if pyarrow.types.is_null(own.type) else own.type
        made[name] = compute.if_else(holes, new.cast(kind, safe=False), own.cast(kind))
    return pyarrow.table(made)


def _date_type(said: str) -> Any:
    import pyarrow

    if not said.startswith("timestamp"):
        return pyarrow.type_for_alias(said)
    _, unit, zone = said.split("|")
    return pyarrow.timestamp(unit, zone or None)


def _days(cells: pyarrow.ChunkedArray) -> np.ndarray:
    import pyarrow

    stamps = cells.cast(pyarrow.timestamp("us"), safe=False).cast(pyarrow.int64()).fill_null(0)
    return np.asarray(stamps.to_numpy(), dtype=np.float64) / MICROSECONDS_A_DAY


def _plain(cells: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    from pyarrow import types

    return cells.cast(cells.type.value_type) if types.is_dictionary(cells.type) else cells


def _is_number(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return any(test(kind) for test in (types.is_integer, types.is_floating, types.is_decimal))
