"""Rows from any object that gives slices or two-dimensional batches of rows, and the same again on every pass.

A batch is an array of shape (rows, columns), a data frame, an Arrow table or a dict of columns. This covers Hugging
Face data sets, Ray Data and zarr, without a dependency on any of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.arrays import exact_float
from isthmus.tables.arrow_stream import Reading
from isthmus.tables.errors import DataError, said
from isthmus.tables.layout import plain_layout
from isthmus.tables.lists import ListColumns, list_widths
from isthmus.tables.request import Request
from isthmus.tables.roles import choose_columns, require_known
from isthmus.tables.stream import BLOCK_CELLS, TableStream
from isthmus.tables.table import Table, check_finite

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ArrayStream", "BatchStream", "stream_of"]

SEGMENT_CELLS = 1 << 20  # numbers in a segment of an array


def stream_of(X: Any, *, missing: bool = True, request: Request | None = None) -> TableStream | None:
    """X as a stream, if it is one or gives batches; None for arrays, data frames and anything else held in memory.

    Raises
    ------
    DataError
        If X gives its rows only once, as a generator does.
    """
    request = request or Request()
    if isinstance(X, TableStream):
        return X
    if isinstance(X, (str, bytes, Mapping)) or X is None:
        return None
    if isinstance(X, np.memmap) and X.ndim == 2:
        return ArrayStream(X, missing=True)
    if _is_held(X):
        return None
    if len(getattr(X, "shape", ())) == 2 and hasattr(X, "__getitem__"):
        first = X[0:1]
        if not isinstance(first, Mapping) and not hasattr(first, "columns"):
            return ArrayStream(X, missing=True)
        return BatchStream(_Slices(X), request)
    if isinstance(X, (list, tuple)):
        return BatchStream(X, request) if X and _is_batch(X[0]) else None
    if callable(X) and not hasattr(X, "__iter__"):
        return BatchStream(_Called(X), request)
    if hasattr(X, "__array__") or not hasattr(X, "__iter__"):
        return None
    if iter(X) is X:
        raise DataError(
            f"A {type(X).__name__} gives its rows only once, but they are read more than once; give a list of batches, "
            "an object that can be iterated over again, or a function that returns an iterator."
        )
    return BatchStream(X, request)


def _is_held(X: Any) -> bool:
    """Whether X is an array, a sparse matrix or a frame in memory."""
    if hasattr(X, "with_format"):  # a Hugging Face data set, on disk
        return False
    held = ("__array_namespace__", "__arrow_c_stream__", "__dataframe__", "tocsr", "numpy", "iloc")
    return isinstance(X, np.ndarray) or any(hasattr(X, name) for name in held)


def _is_batch(X: Any) -> bool:
    return isinstance(X, Mapping) or len(getattr(X, "shape", ())) == 2


class _Called:
    """An iterable that calls a function for every new iterator."""

    def __init__(self, function: Callable[[], Iterable[Any]]):
        self.function = function

    def __iter__(self) -> Iterator[Any]:
        given = self.function()
        if not hasattr(given, "__iter__"):
            raise DataError(f"A function must return an iterator of batches, got a {type(given).__name__}.")
        return iter(given)


class _Slices:
    """An object whose slices are frames or dicts, as a list of batches."""

    def __init__(self, source: Any):
        self.source, self.rows = source, max(1, BLOCK_CELLS // max(64, source.shape[1]))

    def __len__(self) -> int:
        return -(-self.source.shape[0] // self.rows)

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> Any:
        return self.source[place * self.rows : min((place + 1) * self.rows, self.source.shape[0])]


class ArrayStream(TableStream):
    """A two-dimensional array that stays where it is: a memory-mapped file, or any object with slices of rows."""

    def __init__(
        self,
        array: object,
        columns: Sequence[str] | None = None,
        *,
        segment_rows: int | None = None,
        missing: bool = False,
        where: str = "The array",
    ):
        self.array, self.missing, self._where = array, missing, where
        n_rows, n_columns = array.shape  # pyrefly: ignore[missing-attribute]
        self.columns = tuple(columns) if columns is not None else tuple(f"x{place}" for place in range(n_columns))
        rows = segment_rows or max(1, SEGMENT_CELLS // max(1, n_columns))
        self._rows = rows
        self.segments = tuple(min(rows, n_rows - start) for start in range(0, n_rows, rows))

    def read(self, segment: int, start: int, stop: int) -> Table:
        shape = {"image_shape": self.image_shape, "row_shape": self.row_shape}
        return Table(self.values(segment, start, stop), self.columns, name=self.name, **shape)

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        first = segment * self._rows
        part = np.asarray(self.array[first + start : first + stop])  # pyrefly: ignore[bad-index]
        with np.errstate(over="ignore"):
            values = part.reshape(len(part), -1).astype(exact_float(part.dtype), copy=False)
        check_finite(values, self.columns, self._where, missing=self.missing, first_row=first + start)
        return values


class BatchStream(TableStream):
    """Batches in sequence, each a segment. A list of them may be read in any order.

    Their rows are counted first, which takes one pass over all batches.
    """

    def __init__(self, batches: Iterable[Any], request: Request):
        self._batches, self.missing = batches, True
        self.seekable = isinstance(batches, (Sequence, _Slices))
        self._lock = threading.Lock()
        self._iterator: Iterator[Any] | None = None
        self._next = 0
        self._held: tuple[int, Table] | None = None
        self.segments = tuple(_length(batch, f"batch {place}") for place, batch in enumerate(batches))
        if not sum(self.segments):
            raise DataError("There are no batches, or no rows in them; give at least one row.")
        self._rows: Reading | None = None
        self._find_columns(request)

    def _find_columns(self, request: Request) -> None:
        """Infer the columns from the first batch."""
        first = self._batch(0)
        if _is_bare(first):
            values = np.asarray(first)
            self._width = values.shape[1] if values.ndim == 2 else 0
            table = Table(np.empty((0, self._width)), tuple(f"x{place}" for place in range(self._width)))
            self.columns = choose_columns(table, request, "batch 0").columns
            self._places = [table.columns.index(name) for name in self.columns]
        else:
            self._rows = _reading(as_arrow(first, "batch 0"), request, "batch 0")
            self.layout, self.columns = self._rows.layout, self._rows.layout.names
            self.label_name, self.id_name = self._rows.label_name, self._rows.id_name

    def read(self, segment: int, start: int, stop: int) -> Table:
        with self._lock:
            if self._held is None or self._held[0] != segment:
                self._held = segment, self._table(self._batch(segment), f"batch {segment}")
            table = self._held[1]
        if len(table) != self.segments[segment]:
            raise DataError(
                f"batch {segment}: {len(table)} rows now, {self.segments[segment]} on the first pass; "
                "give the same batches every time."
            )
        return table if (start, stop) == (0, len(table)) else table.take(np.arange(start, stop))

    def _batch(self, segment: int) -> Any:
        if isinstance(self._batches, (Sequence, _Slices)):
            return self._batches[segment]
        if self._iterator is None or segment < self._next:
            self._iterator, self._next = iter(self._batches), 0
        for batch in self._iterator:
            self._next += 1
            if self._next > segment:
                return batch
        self._iterator = None
        raise DataError(
            f"batch {segment}: missing, though it was there on the first pass; give the same batches every time, as a "
            "list or a function that makes a new iterator does."
        )

    def _table(self, batch: Any, where: str) -> Table:
        if self._rows is not None:
            arrow = as_arrow(batch, where)
            absent = [name for name in self._rows.all_columns if name not in arrow.column_names]
            if absent:
                raise DataError(
                    f"{where}: no column {said(absent)}, which the first batch has; "
                    f"the columns are {said(arrow.column_names)}."
                )
            refused = [name for name in self._rows.value_columns if not _holds_numbers(arrow.schema.field(name).type)]
            if refused:
                kinds = [f"{name} ({arrow.schema.field(name).type})" for name in refused]
                raise DataError(
                    f"{where}: {said(kinds)} not numeric, unlike in the first batch; give batches of the same kinds."
                )
            return self._rows.table(arrow, where, self.name)
        values = np.asarray(batch)
        if values.ndim != 2 or values.shape[1] != self._width:
            raise DataError(
                f"{where}: must have shape (rows, {self._width}) like the first, got {values.shape}; "
                "give batches with the same columns."
            )
        if values.dtype.kind not in "fiub":
            raise DataError(f"{where}: must hold real numbers, got {values.dtype}; convert it to float32.")
        if self._places != list(range(self._width)):
            values = np.ascontiguousarray(values[:, self._places])
        values = values.astype(exact_float(values.dtype), copy=False)
        check_finite(values, self.columns, where, missing=True)
        return Table(values, self.columns, image_shape=self.image_shape, row_shape=self.row_shape, name=self.name)


def _reading(arrow: pyarrow.Table, request: Request, where: str) -> Reading:
    """The columns of all batches, inferred from the first of them: numbers, or lists of numbers."""
    import pyarrow

    unused = {request.labels, request.ids, *request.drop}
    widths = {name: width for name, width in list_widths(arrow).items() if name not in unused}
    others = [name for name in arrow.column_names if name not in widths and name not in unused]
    lists = ListColumns(widths, alone_named=len(widths) == 1 and not others)
    names = lists.names(arrow.column_names)
    require_known([*names, *widths], request, where)
    kept = [entry for name in request.columns for entry in lists.names([name])] or [
        name for name in names if name not in unused
    ]
    kinds = {name: str(arrow.schema.field(name).type) for name in others}
    refused = [name for name in kept if name in kinds and not _is_numeric(arrow.schema.field(name).type)]
    if refused:
        raise DataError(
            f"{where}: {said([f'{name} ({kinds[name]})' for name in refused])} not numeric; name each in labels, ids "
            "or drop, or give one DataFrame with all rows."
        )
    if not kept:
        raise DataError(f"{where}: no numeric column is left to learn from; drop fewer.")
    small = pyarrow.types.is_float32
    dtypes = [
        kinds.get(
            name,
            "float"
            if name not in kinds and all(small(arrow.schema.field(one).type.value_type) for one in widths)
            else "double",
        )
        for name in kept
    ]
    return Reading(plain_layout(kept, dtypes), request.ids, request.labels, lists)


def _is_numeric(kind: Any) -> bool:
    from pyarrow import types

    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def _holds_numbers(kind: Any) -> bool:
    return _is_numeric(kind) or _is_numeric(getattr(kind, "value_type", kind))


def _is_bare(batch: Any) -> bool:
    return not isinstance(batch, Mapping) and not hasattr(batch, "columns")


def _length(batch: Any, where: str) -> int:
    """How many rows a batch has; refuses a single row."""
    named = not _is_bare(batch)
    cells = next(iter(batch.values()), ()) if isinstance(batch, Mapping) else batch
    single = isinstance(cells, (str, bytes)) or not hasattr(cells, "__len__") or getattr(cells, "ndim", 1) == 0
    if single or (not named and any(np.ndim(row) != 1 for row in cells[:1])):
        what = "a dict of single cells" if named else f"a {type(batch).__name__} of shape {np.shape(batch)}"
        raise DataError(f"{where}: {what}; it must be rows, of shape (rows, columns), or a dict of whole columns.")
    return len(cells)


def as_arrow(batch: Any, where: str) -> pyarrow.Table:
    """A batch with named columns as an Arrow table; a two-dimensional column becomes one of lists."""
    import pyarrow

    try:
        if isinstance(batch, Mapping):
            return pyarrow.table({str(name): _column(np.asarray(cells)) for name, cells in batch.items()})
        if isinstance(batch, pyarrow.RecordBatch):
            return pyarrow.Table.from_batches([batch])
        if isinstance(batch, pyarrow.Table):
            return batch
        if hasattr(batch, "to_arrow"):
            return batch.to_arrow()
        return pyarrow.Table.from_pandas(batch, preserve_index=False)
    except (pyarrow.ArrowException, TypeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{where}: a {type(batch).__name__} has no columns of numbers ({reason}).") from error


def _column(cells: np.ndarray) -> pyarrow.Array:
    import pyarrow

    if cells.ndim <= 1:
        return pyarrow.array(cells.tolist() if cells.dtype == object else cells)
    flat = np.ascontiguousarray(cells).reshape(len(cells), -1)
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(flat.ravel()), flat.shape[1])
