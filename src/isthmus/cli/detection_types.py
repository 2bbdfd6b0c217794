"""The types that columns of scored rows have in Parquet, where text would do elsewhere: dates are timestamps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.tables import Table
    from isthmus.tables.column import Column

__all__ = ["timestamps_of"]


def timestamps_of(table: Table, places: Sequence[int], words: Sequence[str | None]) -> Any:
    """Cells of the columns at ``places``, as those write them, as an Arrow array of timestamps.

    In the time zone of their columns, UTC if these differ; None unless all of the columns hold dates, and all or none
    of them have a time zone.
    """
    import numpy as np
    import pyarrow

    if table.layout is None:
        return None
    known = {int(place): table.layout.columns[place] for place in places}
    if not all(_holds_dates(column) for column in known.values()):
        return None
    zones = {_zone(column) for column in known.values()}
    if None in zones and len(zones) > 1:
        return None
    moments = np.empty(len(words), "datetime64[us]")
    for place, column in known.items():
        own = np.flatnonzero(np.asarray(places) == place)
        cells = pyarrow.array([words[row] for row in own.tolist()], pyarrow.string())
        moments[own] = _read(column, cells).cast(pyarrow.timestamp("us")).to_numpy(zero_copy_only=False)
    return pyarrow.array(moments, pyarrow.timestamp("us", zones.pop() if len(zones) == 1 else "UTC"))


def _holds_dates(column: Column) -> bool:
    is_span = column.dtype.startswith(("duration", "time32", "time64")) or getattr(column.form, "is_span", False)
    return column.kind == "date" and not is_span


def _zone(column: Column) -> str | None:
    from isthmus.tables.cells import zone_of

    return "UTC" if getattr(column.form, "zoned", False) else zone_of(column.dtype)


def _read(column: Column, cells: Any) -> Any:
    """Text as the column writes it, as timestamps in UTC."""
    import pyarrow

    if column.form is not None:
        return column.typed(cells)
    return cells.cast(pyarrow.timestamp("us", None if _zone(column) is None else "UTC"))
