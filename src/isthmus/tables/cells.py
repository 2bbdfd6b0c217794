"""Arrow arrays: types by name, dictionaries decoded, numbers and dates as text, days as dates."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from isthmus.tables.text_dates import DAY

__all__ = ["arrow_type", "as_type", "date_texts", "moments", "plain_cells", "texts", "without_nan", "zone_of"]

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


def as_type(cells: Any, dtype: str) -> Any:
    """Timestamps in UTC, or durations since midnight, as the type of dates or times with this name."""
    import pyarrow

    kind = arrow_type(dtype)
    if pyarrow.types.is_time(kind) and pyarrow.types.is_duration(cells.type):
        cells = cells.cast(pyarrow.int64()).cast(pyarrow.time64("us"))
    return cells if cells.type == kind else cells.cast(kind, safe=False)


def zone_of(dtype: str) -> str | None:
    """The time zone that Arrow's name for a type of timestamps has; None without one.

    >>> zone_of("timestamp[us, tz=Europe/Berlin]"), zone_of("timestamp[us]")
    ('Europe/Berlin', None)
    """
    stamp = STAMP.fullmatch(dtype)
    return None if stamp is None else stamp[2]


def date_texts(dates: Any, zone: str | None = None) -> list[str | None]:
    """Dates (datetime64, or Arrow timestamps in UTC) as text, with the offset of ``zone`` where there is one.

    >>> date_texts(np.array(["2024-07-01T10:30", "NaT"], "datetime64[us]"), "Europe/Berlin")
    ['2024-07-01 12:30:00+02:00', None]
    """
    import pyarrow

    cells = pyarrow.array(np.asarray(dates).astype("datetime64[us]"))
    if zone is not None:
        cells = cells.cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.timestamp("us", zone))
        return [None if one is None else one.isoformat(" ") for one in cells.to_pylist()]
    return [None if one is None else one.removesuffix(".000000") for one in cells.cast(pyarrow.string()).to_pylist()]


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
