"""Arrow arrays: types by name, dictionaries decoded, numbers and dates as text, days as dates."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from isthmus.tables.text_dates import DAY

__all__ = ["arrow_type", "moments", "plain_cells", "texts", "without_nan"]

STAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=([\w+:/-]{1,60}))?\]")
EXACT = 2**53
FIRST_DAY, LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31
NANOSECOND_DAYS = 106_751  # on either side of 1970, the range of 64-bit nanoseconds


def arrow_type(name: str) -> Any:
    """The Arrow type with this name; float64 for decimals."""
    import pyarrow

    stamp = STAMP.fullmatch(name)
    if stamp is not None:
        return pyarrow.timestamp(stamp[1], stamp[2])
    if name.startswith("decimal"):
        return pyarrow.float64()
    return pyarrow.type_for_alias(name)


def plain_cells(cells: Any) -> Any:
    """The same cells in one array, without dictionaries or large strings."""
    import pyarrow

    types = pyarrow.types
    if isinstance(cells, pyarrow.ChunkedArray):
        cells = cells.combine_chunks()
        cells = cells if isinstance(cells, pyarrow.Array) else pyarrow.concat_arrays(cells.chunks)
    if types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if types.is_large_string(cells.type) or types.is_string_view(cells.type):
        cells = cells.cast(pyarrow.string())
    return cells


def texts(cells: Any) -> Any:
    """Cells of any plain kind as text: integers without a decimal point, dates in ISO 8601."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    cells = plain_cells(cells)
    if pyarrow.types.is_floating(cells.type):
        cells = without_nan(cells)
        if _all_whole(cells):
            cells = cells.cast(pyarrow.int64())
    if pyarrow.types.is_string(cells.type):
        return cells
    try:
        return cells.cast(pyarrow.string())
    except pyarrow.ArrowNotImplementedError:
        return compute.cast(pyarrow.array([None if one is None else str(one) for one in cells.to_pylist()]), "string")


def without_nan(cells: Any) -> Any:
    """The same cells, with null in place of NaN."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    if not pyarrow.types.is_floating(cells.type):
        return cells
    is_nan = compute.fill_null(compute.is_nan(cells), False)
    return compute.if_else(is_nan, None, cells) if compute.any(is_nan).as_py() else cells


def _all_whole(numbers: Any) -> bool:
    import pyarrow.compute

    compute: Any = pyarrow.compute
    if numbers.null_count == len(numbers):
        return False
    edges = compute.min_max(numbers).as_py()
    exact = edges["min"] >= -EXACT and edges["max"] <= EXACT
    return exact and bool(compute.all(compute.equal(compute.round(numbers), numbers)).as_py())


def moments(days: np.ndarray, missing: np.ndarray, dtype: str) -> Any:
    """Days since 1970 as an Arrow array of a type of dates, times or durations; null where ``missing``.

    Dates outside the calendar, which a model may extrapolate to, are clipped to its first or last day.
    """
    import pyarrow

    limit = float(2**62)
    kind = arrow_type(dtype)
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_date(kind):
        nanoseconds = pyarrow.types.is_timestamp(kind) and kind.unit == "ns"
        days = np.clip(days, *((-NANOSECOND_DAYS, NANOSECOND_DAYS) if nanoseconds else (FIRST_DAY, LAST_DAY)))
    micros = np.clip(np.rint(days * DAY), -limit, limit).astype(np.int64)
    if pyarrow.types.is_duration(kind):
        return pyarrow.array(micros, mask=missing).cast(pyarrow.duration("us")).cast(kind, safe=False)
    if pyarrow.types.is_time(kind):
        micros = np.clip(micros, 0, DAY - 1)
        return pyarrow.array(micros, mask=missing).cast(pyarrow.time64("us")).cast(kind, safe=False)
    return pyarrow.array(micros, mask=missing).cast(pyarrow.timestamp("us")).cast(kind, safe=False)
