"""pandas and polars: which kind a column is, its cells in plain NumPy, and columns from NumPy again.

Neither library is imported unless a DataFrame of it was given, or asked for by a stored model.
"""

from __future__ import annotations

import importlib
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.mixed import arrow
from isthmus.mixed.column import SHOWN_LETTERS, Cells, Column, MixedTableError

__all__ = ["LIBRARIES", "cells_of", "column_of", "fill_frame", "frame_of", "library_of", "names_of"]

MICROSECONDS_A_DAY = 86_400_000_000
LIBRARIES = ("pandas", "polars", "pyarrow")
LEAST_TEXTS = 20  # text with more values than this, and than every second row has, is no category


def library_of(X: Any) -> str | None:
    """The name of the library whose DataFrame X is, pandas, polars or pyarrow; else None."""
    library = type(X).__module__.partition(".")[0]
    return library if library in LIBRARIES and len(getattr(X, "shape", ())) == 2 and hasattr(X, "columns") else None


def names_of(X: Any) -> list[str]:
    """Column names, as words."""
    return [str(name) for name in (X.column_names if library_of(X) == "pyarrow" else X.columns)]


def is_plain(X: Any) -> bool:
    """Whether every column is one of numbers, so the frame is as good as an array."""
    if library_of(X) == "pyarrow":
        return arrow.is_plain(X)
    if library_of(X) == "polars":
        return all(dtype.is_numeric() for dtype in X.dtypes)
    return all(_holds_numbers(X.iloc[:, place]) for place in range(X.shape[1]))


def _holds_numbers(series: Any) -> bool:
    """Whether a pandas column is one of numbers, be it as Python objects."""
    import pandas as pd

    if series.dtype == object:
        real = (isinstance(value, numbers.Real) and not isinstance(value, bool) for value in series.dropna())
        return not series.isna().all() and all(real)
    return pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)


def column_of(X: Any, place: int) -> Column:
    """What the column at ``place`` is; a `MixedTableError` if it is nothing that can be learned from."""
    name = names_of(X)[place]
    if library_of(X) == "pyarrow":
        return arrow.column_of(name, X.column(place), _from_texts)
    if library_of(X) == "polars":
        return _polars_column(name, X.to_series(place))
    return _pandas_column(name, X.iloc[:, place])


def cells_of(X: Any, place: int, column: Column) -> Cells:
    """The cells of a frame's column, read as ``column`` says."""
    library = library_of(X)
    polars = library == "polars"
    series = X.iloc[:, place] if library == "pandas" else X.to_series(place) if polars else X.column(place)
    try:
        if library == "pyarrow":
            return arrow.cells_of(series, column)
        missing = np.asarray(series.is_null() if polars else series.isna(), dtype=bool)
        if column.kind == "date":
            values = _days(series, missing, polars=polars)
        elif column.kind == "category":
            values = np.array(series.to_list() if polars else series.tolist(), dtype=object)
        else:
            listed = series.to_list() if polars else series.astype(object).tolist()
            values = np.array([np.nan if hole else float(value) for value, hole in zip(listed, missing, strict=True)])
            missing = missing | np.isnan(values)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        kind = series.type if library == "pyarrow" else series.dtype
        raise MixedTableError(
            f"column {column.name} was a {column.kind} at fit and is {kind} here; give it its old type."
        ) from error
    return Cells(values, missing)


def _days(series: Any, missing: np.ndarray, *, polars: bool) -> np.ndarray:
    if polars:
        import polars as pl

        stamps = series.cast(pl.Datetime("us")).to_physical().fill_null(0).to_numpy().astype(np.float64)
        return stamps / MICROSECONDS_A_DAY
    if getattr(series.dt, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    stamps = series.to_numpy().astype("datetime64[us]").astype(np.int64).astype(np.float64)
    return np.where(missing, 0.0, stamps) / MICROSECONDS_A_DAY


def _whole_days(series: Any, *, polars: bool) -> bool:
    """Whether no date has a time of day: then none will be reconstructed with one."""
    present = series.drop_nulls() if polars else series.dropna()
    days = _days(present, np.zeros(len(present), dtype=bool), polars=polars)
    return bool((days == np.rint(days)).all())


def _pandas_column(name: str, series: Any) -> Column:
    import pandas as pd

    kinds, dtype = pd.api.types, series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(name, "category", _plain_values(name, dtype.categories.tolist()), bool(dtype.ordered))
    if kinds.is_bool_dtype(dtype):
        return Column(name, "truth", str(dtype))
    if _holds_numbers(series):
        return Column(name, "number", str(dtype), whole=kinds.is_integer_dtype(dtype))
    if kinds.is_datetime64_any_dtype(dtype):
        return Column(name, "date", str(dtype), whole=_whole_days(series, polars=False))
    present = series.dropna().tolist()
    if present and all(isinstance(value, bool) for value in present):
        return Column(name, "truth", str(dtype))
    return _from_texts(name, str(dtype), present)


def _polars_column(name: str, series: Any) -> Column:
    import polars as pl

    dtype = series.dtype
    if dtype == pl.Boolean:
        return Column(name, "truth", "Boolean")
    if dtype.is_numeric():
        return Column(name, "number", str(dtype).partition("(")[0], whole=dtype.is_integer())
    if dtype == pl.Date:
        return Column(name, "date", "Date", whole=True)
    if isinstance(dtype, pl.Datetime):
        zone = dtype.time_zone or ""
        return Column(name, "date", f"Datetime|{dtype.time_unit}|{zone}", whole=_whole_days(series, polars=True))
    if isinstance(dtype, pl.Enum):
        return _category(name, "Enum", dtype.categories.to_list(), False)
    present = series.drop_nulls().to_list()
    if dtype == pl.Categorical:
        return _category(name, "Categorical", sorted(set(present)), False)
    return _from_texts(name, "String", present, str(dtype))


def _from_texts(name: str, dtype: str, present: list[Any], said: str | None = None) -> Column:
    stranger = next((value for value in present if not isinstance(value, str)), None)
    if stranger is not None:
        raise MixedTableError(
            f"column {name} ({said or dtype}) holds {type(stranger).__name__} such as "
            f"{str(stranger)[:SHOWN_LETTERS]!r}; a column must be numbers, booleans, dates, categories or text, "
            "so convert or drop it."
        )
    different = sorted(set(present))
    many = len(different) > max(LEAST_TEXTS, len(present) / 2)
    if len(different) == len(present) > 2 or many:
        raise MixedTableError(
            f"column {name} has {len(different)} different texts in {len(present)} rows, such as "
            f"{different[0][:SHOWN_LETTERS]!r}, and so is no category; drop it, or make it one first."
        )
    return _category(name, dtype, different, False)


def _category(name: str, dtype: str, categories: Sequence[Any], ordered: bool) -> Column:
    if not categories:
        raise MixedTableError(f"column {name} has no value at all; leave out what is empty.")
    return Column(name, "category", dtype, categories=tuple(categories), ordered=ordered)


def _plain_values(name: str, values: list[Any]) -> list[Any]:
    if not all(isinstance(value, (str, int, float, bool)) for value in values):
        raise MixedTableError(f"column {name}: its categories must be words or numbers; convert or drop it.")
    return values


def frame_of(library: str, columns: Sequence[Column], values: Sequence[np.ndarray], index: Any = None) -> Any:
    """A DataFrame with each column's own dtype; ``values`` as `Column.decode` gives them."""
    try:
        return _frame_of(library, columns, values, index)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # a dtype that a stranger's model names, or another release of the library
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
        raise MixedTableError(f"{library} cannot make the columns of the fit ({reason}); fit it again.") from error


def _frame_of(library: str, columns: Sequence[Column], values: Sequence[np.ndarray], index: Any) -> Any:
    if library == "pyarrow":
        return arrow.table_of(columns, values, _within)
    frames = importlib.import_module(library)
    make = _pandas_series if library == "pandas" else _polars_series
    made = {column.name: make(column, part) for column, part in zip(columns, values, strict=True)}
    if library == "polars":
        return frames.DataFrame(list(made.values()))
    frame = frames.DataFrame(made)
    return frame if index is None else frame.set_axis(index, axis=0)


def _pandas_series(column: Column, values: np.ndarray) -> Any:
    import pandas as pd

    dtype: Any = column.dtype
    if column.kind == "category":
        if column.dtype == "category":
            return pd.Series(
                pd.Categorical.from_codes(values.tolist(), pd.Index(column.categories), ordered=column.ordered)
            )
        return pd.Series([column.categories[index] for index in values], dtype=dtype)
    if column.kind == "date":
        stamps = np.rint(values * MICROSECONDS_A_DAY).astype("datetime64[us]")
        series: Any = pd.Series(stamps)
        if "," in column.dtype:  # datetime64[ns, Europe/Berlin]
            series = series.dt.tz_localize("UTC")
        return series.astype(dtype)
    return pd.Series(_within(values, column)).astype(dtype)


def _polars_series(column: Column, values: np.ndarray) -> Any:
    import polars as pl

    if column.kind == "category":
        words = [column.categories[index] for index in values]
        dtype = pl.Enum([*map(str, column.categories)]) if column.dtype == "Enum" else getattr(pl, column.dtype)
        return pl.Series(column.name, words, dtype=dtype)
    if column.kind == "date":
        dates: Any = column.dtype.split("|")
        stamps = pl.Series(column.name, np.rint(values * MICROSECONDS_A_DAY).astype(np.int64)).cast(pl.Datetime("us"))
        if column.dtype == "Date":
            return stamps.dt.round("1d").cast(pl.Date)
        _, unit, zone = dates
        stamps = stamps.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else stamps
        return stamps.cast(pl.Datetime(unit, zone or None))
    dtype = pl.Float64 if column.dtype == "Decimal" else getattr(pl, column.dtype)
    return pl.Series(column.name, _within(values, column)).cast(dtype)


def _within(values: np.ndarray, column: Column) -> np.ndarray:
    """Whole numbers within their type's range: an Int8 column cannot hold the 130 that was reconstructed."""
    if not column.whole:
        return values
    limits = np.iinfo(column.dtype.lower().partition("[")[0])
    # The largest float64 below 2^63 is 2^63 - 1024.
    return np.clip(values, max(limits.min, -(2**63)), min(limits.max, 2**63 - 1024)).astype(limits.dtype)


def fill_frame(X: Any, filled: Any, places: Sequence[int]) -> Any:
    """X with its missing cells taken from ``filled``, whose columns ``places`` gives in X's order."""
    if library_of(X) == "pyarrow":
        return arrow.fill_table(X, filled, places)
    if library_of(X) == "polars":
        series = []
        for own, place in zip(X.get_columns(), places, strict=True):
            holes = own.is_null() | (own.is_nan().fill_null(False) if own.dtype.is_float() else False)
            series.append(own.zip_with(~holes, filled.to_series(place).cast(own.dtype)))
        return type(X)(series)
    result = X.copy()
    for own, place in zip(range(X.shape[1]), places, strict=True):
        holes = X.iloc[:, own].isna().to_numpy()
        if holes.any():
            result.isetitem(own, X.iloc[:, own].where(~holes, filled.iloc[:, place]))
    return result
