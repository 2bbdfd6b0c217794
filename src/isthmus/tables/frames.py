"""DataFrames as Arrow tables, and results in the same form, each column in its own type.

pandas, polars (eager and lazy) and pyarrow: a library is only imported for a frame of its own, or for a stored model
that returns such frames.
"""

from __future__ import annotations

import importlib
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.column import DTYPE, Column
from isthmus.tables.errors import DataError, reason_of, said
from isthmus.tables.layout import TableLayout

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "FrameForm",
    "arrow_of",
    "filled_frame",
    "form_of",
    "is_frame",
    "names_of",
    "plain_frame",
    "require_different",
]

LIBRARIES = ("pandas", "polars", "pyarrow")
POLARS_CASTS = {f"{sign}{size}" for sign in ("Int", "UInt") for size in (8, 16, 32, 64)}
POLARS_CASTS |= {"Float32", "Float64", "Boolean", "String", "Categorical", "Date", "Time"}


@dataclass(frozen=True)
class FrameForm:
    """The library of a frame, and its own name for the type of each column."""

    library: str
    dtypes: tuple[str, ...]
    lazy: bool = False
    batch: bool = False

    def __post_init__(self) -> None:
        if self.library not in LIBRARIES or not all(DTYPE.fullmatch(one) for one in self.dtypes):
            raise ValueError("the description of its kind of table is invalid")

    def frame(self, table: pyarrow.Table, layout: TableLayout, index: Any = None) -> Any:
        """An Arrow table with the columns of ``layout`` as a frame of the library, each column in its own type."""
        try:
            return self._frame(table, layout, index)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # a type from an untrusted model, or another release of the library
            reason = reason_of(error)
            raise DataError(
                f"{self.library} cannot restore the columns of the fit ({reason}); fit it again."
            ) from error

    def _frame(self, table: pyarrow.Table, layout: TableLayout, index: Any) -> Any:
        if self.library == "pyarrow":
            return _as_batch(_cast_arrow(table, self.dtypes)) if self.batch else _cast_arrow(table, self.dtypes)
        frames = importlib.import_module(self.library)
        columns = zip(layout.columns, table.columns, self.dtypes, strict=True)
        if self.library == "polars":
            made = frames.DataFrame([_polars_series(column, cells, dtype) for column, cells, dtype in columns])
            return made.lazy() if self.lazy else made
        series = {column.name: _pandas_series(column, cells, dtype) for column, cells, dtype in columns}
        frame = frames.DataFrame(series)
        return frame if index is None else frame.set_axis(index, axis=0)


# ---- frames ------------------------------------------------------------------------------------------------


def is_frame(X: Any) -> bool:
    """Whether X is a table with named columns, of pandas, polars or pyarrow."""
    return _library(X) is not None


def _library(X: Any) -> str | None:
    library = type(X).__module__.partition(".")[0]
    if library == "polars" and type(X).__name__ == "LazyFrame":
        return library
    return library if library in LIBRARIES and len(getattr(X, "shape", ())) == 2 and hasattr(X, "columns") else None


def names_of(X: Any) -> list[str]:
    """Column names as strings; those of several levels are joined by dots."""
    if type(X).__name__ == "LazyFrame":
        return list(X.collect_schema().names())
    names = X.column_names if _library(X) == "pyarrow" else X.columns
    return [
        ".".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name) for name in names
    ]


def _is_batch(X: Any) -> bool:
    return not hasattr(X, "to_batches")


def _as_batch(table: pyarrow.Table) -> pyarrow.RecordBatch:
    import pyarrow

    columns = [column.combine_chunks() for column in table.columns]
    return pyarrow.RecordBatch.from_arrays(columns, names=table.column_names)


def require_different(names: Sequence[str]) -> None:
    """Raise a `DataError` if several columns have the same name."""
    known: set[str] = set()
    twice = sorted({name for name in names if name in known or known.add(name)})
    if twice:
        raise DataError(f"more than one column is named {said(twice)}; rename them.")


def plain_frame(X: Any) -> bool:
    """Whether every column holds numbers, so the frame can be used as an array."""
    library = _library(X)
    if library == "pandas":
        return all(_holds_numbers(X.iloc[:, place]) for place in range(X.shape[1]))
    if library == "polars":
        kinds = X.collect_schema().dtypes() if type(X).__name__ == "LazyFrame" else X.dtypes
        return all(kind.is_numeric() for kind in kinds)
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_decimal)
    return all(any(test(kind) for test in tests) for kind in X.schema.types)


def _holds_numbers(series: Any) -> bool:
    """Whether a pandas column holds numbers, even as Python objects."""
    import pandas as pd

    if series.dtype == object:
        real = (isinstance(value, numbers.Real) and not isinstance(value, bool) for value in series.dropna())
        return not series.isna().all() and all(real)
    return pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)


def form_of(X: Any) -> FrameForm:
    """The form of a frame."""
    library = _library(X) or "pyarrow"
    if library == "pyarrow":
        kinds = tuple(str(kind).partition("<")[0] for kind in X.schema.types)
        return FrameForm(library, kinds, batch=_is_batch(X))
    if library == "polars":
        lazy = type(X).__name__ == "LazyFrame"
        kinds = X.collect_schema().dtypes() if lazy else X.dtypes
        return FrameForm(library, tuple(str(kind).partition("(")[0] for kind in kinds), lazy=lazy)
    kinds = [getattr(kind, "subtype", kind) if str(kind).startswith("Sparse") else kind for kind in X.dtypes]
    return FrameForm(library, tuple(str(kind) if DTYPE.fullmatch(str(kind)) else "object" for kind in kinds))


def arrow_of(X: Any) -> pyarrow.Table:
    """A frame as an Arrow table with the column names of `names_of`; a `DataError` names columns that hold objects."""
    import pyarrow

    library, names = _library(X), names_of(X)
    require_different(names)
    if library == "pyarrow":
        return pyarrow.Table.from_batches([X]) if _is_batch(X) else X
    if library == "polars":
        X = X.collect() if type(X).__name__ == "LazyFrame" else X
        objects = [
            f"{name} ({kind})" for name, kind in zip(names, X.dtypes, strict=True) if str(kind).startswith("Object")
        ]
        if objects:
            raise DataError(_objects_said(objects))
        return X.to_arrow()
    cells, objects = [], []
    for place, name in enumerate(names):
        try:
            cells.append(_pandas_cells(X.iloc[:, place]))
        except (pyarrow.ArrowException, TypeError, ValueError, NotImplementedError):
            objects.append(f"{name} ({_example(X.iloc[:, place])})")
    if objects:
        raise DataError(_objects_said(objects))
    return pyarrow.table(cells, names=names)


def _objects_said(objects: Sequence[str]) -> str:
    kinds = "numbers, booleans, dates, categories or text"
    return f"column {', '.join(objects[:6])} holds objects; a column must be {kinds}, so convert or drop it."


def _example(series: Any) -> str:
    present = series.dropna().tolist()
    example = next((value for value in present if not isinstance(value, str)), "")
    return f"{series.dtype}, {type(example).__name__} such as {str(example)[:40]!r}"


def _pandas_cells(series: Any) -> Any:
    """A pandas column as an Arrow array; objects that are all booleans, numbers or strings in their common type."""
    import pandas as pd
    import pyarrow

    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if isinstance(series.dtype, pd.IntervalDtype) or pd.api.types.is_complex_dtype(series.dtype):
        raise TypeError(series.dtype)
    if isinstance(series.dtype, pd.SparseDtype):
        series = series.sparse.to_dense()
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _pandas_categories(series)
    if series.dtype != object:
        own = hasattr(series.array, "__arrow_array__")
        return _chunked(pyarrow.array(series.array if own else series, from_pandas=True))
    present = series.dropna().tolist()
    kinds = {bool if isinstance(value, (bool, np.bool_)) else type(value) for value in present}
    if kinds == {bool}:
        return _chunked(
            pyarrow.array([None if na else bool(one) for one, na in zip(series, series.isna(), strict=True)])
        )
    if present and all(isinstance(value, (int, float, np.number)) for value in present) and bool not in kinds:
        return _chunked(pyarrow.array(pd.to_numeric(series).to_numpy(np.float64, na_value=np.nan), from_pandas=True))
    return _chunked(pyarrow.array(series.array, from_pandas=True))


def _pandas_categories(series: Any) -> Any:
    import pyarrow

    values = series.cat.categories.tolist()
    codes = series.cat.codes.to_numpy()
    known = pyarrow.array(values)
    return _chunked(
        pyarrow.DictionaryArray.from_arrays(
            pyarrow.array(codes.astype(np.int32), mask=codes < 0), known, ordered=bool(series.cat.ordered)
        )
    )


def _chunked(cells: Any) -> Any:
    import pyarrow

    return cells if isinstance(cells, pyarrow.ChunkedArray) else pyarrow.chunked_array([cells])


def _pandas_series(column: Column, cells: Any, dtype: Any) -> Any:
    import pandas as pd

    if column.kind == "category" and dtype == "category":
        return pd.Series(pd.Categorical(cells.to_pylist(), categories=list(column.categories), ordered=column.ordered))
    if dtype.startswith("period"):
        return cells.to_pandas().dt.to_period(dtype[7:-1])
    if dtype == "object" and column.kind == "date":
        return cells.to_pandas().astype(object)
    if (column.form is not None and dtype in ("object", "str", "string")) or dtype.startswith("string"):
        return pd.Series(column.written(cells)).astype(dtype)
    if column.is_numeric and dtype == "object":
        return pd.Series(cells.to_numpy(zero_copy_only=False), dtype=object)
    if column.is_numeric and cells.null_count and dtype.startswith(("int", "uint")):
        return cells.to_pandas()  # NumPy integers have no missing value
    if dtype in ("boolean", "bool", "object") or dtype[:1].isupper():
        return pd.Series(cells.to_pylist(), dtype=dtype)
    return cells.to_pandas().astype(dtype)


def _polars_series(column: Column, cells: Any, dtype: str) -> Any:
    import polars as pl

    if column.form is not None and dtype == "String":
        return pl.Series(column.name, column.written(cells), dtype=pl.String)
    if dtype == "Enum":
        return pl.Series(column.name, cells.to_pylist(), dtype=pl.Enum(list(map(str, column.categories))))
    series = pl.Series(column.name, cells)
    return series.cast(getattr(pl, dtype)) if dtype in POLARS_CASTS else series


def _cast_arrow(table: pyarrow.Table, dtypes: Sequence[str]) -> pyarrow.Table:
    import pyarrow

    columns = []
    for cells, dtype in zip(table.columns, dtypes, strict=True):
        if dtype == "dictionary":
            columns.append(cells.dictionary_encode())
        elif dtype in ("large_string", "string_view", "float", "double"):
            columns.append(cells.cast(getattr(pyarrow, {"float": "float32", "double": "float64"}.get(dtype, dtype))()))
        else:
            columns.append(cells)
    return pyarrow.table(columns, names=table.column_names)


def filled_frame(X: Any, filled: pyarrow.Table, layout: TableLayout) -> Any:
    """The frame X with its missing cells taken from ``filled``; every other cell is unchanged."""
    form = form_of(X)
    if form.library == "pyarrow":
        table = _filled_arrow(arrow_of(X), filled, layout)
        return _as_batch(table) if form.batch else table
    names = names_of(X)
    own = layout.select([name for name in names if name in layout.names])
    table = filled.select(list(own.names))
    dtypes = dict(zip(names, form.dtypes, strict=True))
    if form.library == "polars":
        given = X.collect() if form.lazy else X
        new = FrameForm("polars", tuple(dtypes[name] for name in own.names)).frame(table, own)
        series = []
        for column in given.get_columns():
            if column.name not in own.names:
                series.append(column)
                continue
            holes = column.is_null() | (column.is_nan().fill_null(False) if column.dtype.is_float() else False)
            holes |= _polars_marks(column, own)
            series.append(column.zip_with(~holes, new[column.name].cast(column.dtype)))
        made = type(given)(series)
        return made.lazy() if form.lazy else made
    result = X.copy()
    new = FrameForm("pandas", tuple(dtypes[name] for name in own.names)).frame(table, own, X.index)
    for place, name in enumerate(names):
        if name in own.names:
            holes = X.iloc[:, place].isna().to_numpy() | _marks(X.iloc[:, place], own.select([name]).columns[0])
            if holes.any():
                result.isetitem(place, X.iloc[:, place].where(~holes, new[name]))
    return result


def _marks(series: Any, column: Column) -> np.ndarray:
    """Which text cells are markers of a missing value."""
    if column.form is None and column.kind != "category":
        return np.zeros(len(series), dtype=bool)
    import pyarrow

    cells = _pandas_cells(series)
    if not pyarrow.types.is_string(cells.type) and not pyarrow.types.is_large_string(cells.type):
        return np.zeros(len(series), dtype=bool)
    return np.concatenate([np.asarray(column.typed(part).is_null()) for part in cells.chunks])


def _polars_marks(series: Any, layout: TableLayout) -> Any:
    import polars as pl

    column = layout.select([series.name]).columns[0]
    if series.dtype != pl.String:
        return pl.Series([False] * len(series), dtype=pl.Boolean)
    return pl.Series(np.asarray(column.typed(series.to_arrow()).is_null()))


def _filled_arrow(table: pyarrow.Table, filled: pyarrow.Table, layout: TableLayout) -> pyarrow.Table:
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are made when it is imported
    made = {}
    for name in table.column_names:
        own = table.column(name)
        if name not in layout.names:
            made[name] = own
            continue
        column = layout.select([name]).columns[0]
        holes = pyarrow.chunked_array(
            [column.typed(part).is_null(nan_is_null=True) for part in own.chunks], pyarrow.bool_()
        )
        new = filled.column(name)
        if pyarrow.types.is_string(own.type) or pyarrow.types.is_large_string(own.type):
            new = pyarrow.chunked_array([pyarrow.array(column.written(new), own.type)])
        new = _chunked(column.typed(new)) if pyarrow.types.is_duration(own.type) else new  # which includes times of day
        whole = new.type if pyarrow.types.is_null(own.type) else own.type
        kind = whole.value_type if pyarrow.types.is_dictionary(whole) else whole
        cells = compute.if_else(
            holes.combine_chunks(), new.cast(kind, safe=False).combine_chunks(), own.cast(kind).combine_chunks()
        )
        made[name] = cells.cast(whole) if kind != whole else cells
    return pyarrow.table(made)
