"""Row ids as they are written: dates as timestamps in Parquet and as text elsewhere, in the time zone of their file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isthmus.tables.cells import date_texts
from isthmus.tables.text_dates import dates_of, likely_forms

if TYPE_CHECKING:
    import pyarrow

__all__ = ["as_arrow", "as_text", "dates_in"]


def as_arrow(ids: np.ndarray, zone: str | None = None) -> pyarrow.Array:
    """Ids of shape (rows,) as an Arrow array: dates, which are in UTC, as timestamps in ``zone``."""
    import pyarrow

    if ids.dtype.kind != "M":
        return pyarrow.array(ids)
    return pyarrow.array(ids.astype("datetime64[us]"), pyarrow.timestamp("us", zone))


def as_text(ids: np.ndarray, zone: str | None = None) -> np.ndarray:
    """Ids of shape (rows,), dates among them as text; numbers and words unchanged."""
    if ids.dtype.kind != "M":
        return ids
    return np.array([text or "" for text in date_texts(ids, zone)], np.str_)


def dates_in(ids: np.ndarray, zone: str | None = None) -> tuple[np.ndarray, str | None]:
    """Ids and their time zone; words that all are dates written as year, month, day become dates.

    >>> dates_in(np.array(["2024-03-01", "2024-03-02"]))[0].dtype, dates_in(np.array(["2024-03-01", "n/a"]))[0].dtype
    (dtype('<M8[us]'), dtype('<U10'))
    """
    import pyarrow

    if ids.dtype.kind != "U" or not len(ids):
        return ids, zone
    words = ids.tolist()
    form = next(iter(likely_forms(words)), None)
    if form is None or form.pattern != "%Y-%m-%d" or form.also:
        return ids, zone
    found = dates_of(pyarrow.array(words), form)
    if found.null_count:
        return ids, zone
    return np.asarray(found).astype("datetime64[us]"), "UTC" if form.zoned else None
