"""Series from a file: a column of time stamps, channels of numbers, and in long format a column of entities.

The file is read like any table (`isthmus.tables`), so its format, dates and marks for missing values are detected. In
long format one table holds the rows of several machines; each is a separate series, with its own stamps and gaps.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.series.series import Series, scratch, series_on
from isthmus.series.stamps import grid_of, in_utc
from isthmus.tables import DataError, open_table
from isthmus.tables.roles import WHOLE_NUMBER
from isthmus.tables.text_dates import DateForm

if TYPE_CHECKING:
    from isthmus.tables.stream import TableStream

__all__ = ["SeriesFile", "read_series"]

EPOCHS = (1e9, 1e12, 1e15, 1e18)  # 2001 in seconds, milliseconds, microseconds, nanoseconds since 1970
LATEST = 4.2  # times those: the year 2103
MICROSECONDS = 1e6
ZONE = re.compile(r"tz=([^\]]+)")
MIXED = 1.5  # readings a stamp from which several series may be mixed


@dataclass(frozen=True, eq=False)
class SeriesFile:
    """The series of a file.

    Attributes
    ----------
    entities : tuple
        Their names; (None,) without a column of entities.
    series : tuple of Series
        One for each.
    rows : tuple of ndarray
        For each, its rows in the file, in order.
    stamps : ndarray
        The stamp of each row of the file.
    labels : ndarray or None
        The label of each row, if a column of labels was named.
    notes : tuple of str
        Remarks on the file, in sentences.
    zone : str or None
        The time zone of the file, whose stamps are given here in UTC; None if they are not converted.
    whole_entities : bool
        Whether all entities are plain whole numbers, which are words here.
    """

    entities: tuple[Any, ...]
    series: tuple[Series, ...]
    rows: tuple[np.ndarray, ...]
    stamps: np.ndarray
    labels: np.ndarray | None
    notes: tuple[str, ...]
    zone: str | None = None
    whole_entities: bool = False

    def __len__(self) -> int:
        return len(self.stamps)

    def entity(self, name: Any) -> Any:
        """The name of an entity as it is written: a number if all are whole numbers."""
        return int(name) if self.whole_entities and name is not None else name


def read_series(
    source: str,
    *,
    time: str,
    entity: str | None = None,
    labels: str | None = None,
    drop: Sequence[str] = (),
    time_zone: str | None = None,
    channels: Sequence[str] | None = None,
    held_bytes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> SeriesFile:
    """Read the series of a file.

    Parameters
    ----------
    source
        As `isthmus.tables.open_table` takes it.
    time, entity, labels
        Names of columns.
    drop
        Columns to leave out.
    time_zone
        Of stamps without one, such as "Europe/Berlin"; by default they are not converted.
    channels
        The channels of a fitted model: each is read as numbers even if it is constant here.
    held_bytes
        As in `open_table`; a larger file is read piece by piece into a scratch file.
    options
        Further options of `open_table`, for the format of the file.

    Raises
    ------
    DataError
        One sentence with all that is wrong.
    """
    _require_different({"--time": time, "--entity": entity, "--labels": labels}, drop, source)
    if labels is not None:
        drop = (*drop, labels)
    chosen = dict(options or {})
    kinds = dict(chosen.pop("kinds", None) or {})
    names = open_table(source, **chosen).all_columns
    _require(names, {"--time": time, "--entity": entity}, source)
    kinds = {name: "number" for name in channels or () if name in names} | kinds
    if entity is not None:
        kinds.setdefault(entity, "category")
    absent = [name for name in drop if name not in names and name != labels]
    if labels is not None and labels not in names:
        raise DataError(f"{source!r}: no column {labels!r} for --labels; the columns are {_said(names)}.")
    if absent:
        raise DataError(f"{source!r}: no column {absent[0]!r} to drop; the columns are {_said(names)}.")
    stream = open_table(source, drop=drop, kinds=kinds, held_bytes=held_bytes, **chosen)
    if time not in stream.columns:  # a row counter may have been read as an id
        why = _why(stream, time)
        try:
            stream = open_table(source, drop=drop, kinds=kinds | {time: "number"}, held_bytes=held_bytes, **chosen)
        except DataError as error:
            raise DataError(f"{source!r}: column {time!r} holds no times: {why}.") from error
    if time not in stream.columns:
        raise DataError(f"{source!r}: column {time!r} holds no times: {_why(stream, time)}.")
    wanted = _channels(stream, time, entity, source)
    stamps, values, whose = _gathered(stream, time, entity, wanted)
    where = f"{source!r}: column {time!r}"
    zone = _zone_of(stream, time)
    stamps, notes = _understood(stamps, time_zone, where, zoned=zone is not None)
    notes += _notes(stream, {time, *wanted}, {*drop, entity})
    if entity is None:
        notes += _about_entities(stream, {time, *wanted, *drop}, stamps)
    words = None if labels is None else open_table(source, columns=[time], labels=labels, **chosen).load().labels
    entities = [None] if whose is None else _entities(whose)
    found, rows = [], []
    for name in entities:
        own = np.arange(len(stamps)) if whose is None else np.flatnonzero(whose == name)
        of_entity = f"{where}, {entity} {name!r}" if entity is not None else where
        try:
            grid = grid_of(stamps[own], len(own))
        except ValueError as error:
            raise DataError(f"{of_entity}: {error}") from error
        some = values if whose is None else values[own]
        found.append(series_on(grid, some, wanted, grid.notes, has_names=True))
        rows.append(own)
    whole = whose is not None and all(re.fullmatch(WHOLE_NUMBER, str(name)) for name in entities)
    return SeriesFile(tuple(entities), tuple(found), tuple(rows), stamps, words, tuple(notes), zone or time_zone, whole)


def _require(names: Sequence[str], flags: dict[str, str | None], source: str) -> None:
    for flag, name in flags.items():
        if name is not None and name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            guess = f" (did you mean {close[0]!r}?)" if close else ""
            raise DataError(f"{source!r}: no column {name!r} for {flag}{guess}; the columns are {_said(names)}.")


def _require_different(flags: Mapping[str, str | None], drop: Sequence[str], source: str) -> None:
    """Refuse a column with two roles."""
    named: dict[str, list[str]] = {}
    for flag, name in (*flags.items(), *(("--drop", name) for name in dict.fromkeys(drop))):
        if name is not None:
            named.setdefault(name, []).append(flag)
    faults = [f"column {name!r} is named by {' and '.join(of)}" for name, of in named.items() if len(of) > 1]
    if faults:
        raise DataError(f"{source!r}: {'; '.join(faults)}; leave one of them out.")


def _said(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:12]))
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


def _why(stream: TableStream, name: str) -> str:
    findings = () if stream.description is None else stream.description.findings
    return next((one.why or f"it is a {one.kind}" for one in findings if one.name == name), "it is left out")


def _channels(stream: TableStream, time: str, entity: str | None, source: str) -> tuple[str, ...]:
    kinds = dict.fromkeys(stream.columns, "number")
    if stream.layout is not None:
        kinds = {column.name: column.kind for column in stream.layout.columns}
    if kinds[time] not in ("date", "number"):
        raise DataError(f"{source!r}: column {time!r} holds no times: it is a {kinds[time]}.")
    found = tuple(
        name for name, kind in kinds.items() if kind in ("number", "count", "boolean") and name not in (time, entity)
    )
    if not found:
        findings = () if stream.description is None else stream.description.findings
        others = [one for one in findings if one.name != time]
        reasons = "; ".join(f"{one.name!r} {one.why or 'is a ' + one.kind}" for one in others)
        raise DataError(
            f"{source!r}: no column of numbers that vary beside {time!r}{f' ({reasons})' if reasons else ''}."
        )
    return found


def _gathered(
    stream: TableStream, time: str, entity: str | None, channels: tuple[str, ...]
) -> tuple[np.ndarray, Any, np.ndarray | None]:
    """Stamps, values and entities of all rows, read a few megabytes at a time."""
    n_rows = len(stream)
    stamps, values, whose = None, scratch((n_rows, len(channels))), []
    start = 0
    for block in stream.blocks():
        stop = start + len(block)
        if block.frame is None:
            place = {name: at for at, name in enumerate(block.columns)}
            values[start:stop] = block.values[:, [place[name] for name in channels]]
            some = np.asarray(block.values[:, place[time]], dtype=np.float64)
            own = None if entity is None else block.values[:, place[entity]]
        else:
            frame = block.frame
            for at, name in enumerate(channels):
                values[start:stop, at] = _floats(frame.column(name))
            some = _moments(frame.column(time))
            own = None if entity is None else _words(frame.column(entity))
        stamps = np.empty(n_rows, some.dtype) if stamps is None else stamps
        stamps[start:stop] = some
        whose += [] if own is None else [own]
        start = stop
    if stamps is None:
        raise DataError(f"{stream.name!r}: the table has no rows.")
    return stamps, values, np.concatenate(whose) if whose else None


def _floats(cells: Any) -> np.ndarray:
    import pyarrow

    if pyarrow.types.is_boolean(cells.type):
        cells = cells.cast(pyarrow.int8())
    return np.asarray(cells.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _moments(cells: Any) -> np.ndarray:
    import pyarrow

    kinds = pyarrow.types
    if kinds.is_timestamp(cells.type) or kinds.is_date(cells.type):
        cells = cells.cast(pyarrow.timestamp("us"), safe=False)
        return np.asarray(cells.to_numpy(), dtype="datetime64[us]")
    if kinds.is_temporal(cells.type):  # a length of time or a time of day
        cells = cells.cast(pyarrow.int64())
        return _floats(cells) / MICROSECONDS
    return _floats(cells)


def _words(cells: Any) -> np.ndarray:
    return np.array(["" if cell is None else str(cell) for cell in cells.to_pylist()])


def _zone_of(stream: TableStream, time: str) -> str | None:
    """The time zone that a Parquet file names, UTC for stamps with an offset from it; None for other stamps."""
    columns = () if stream.layout is None else stream.layout.columns
    column = next((one for one in columns if one.name == time), None)
    if column is None:
        return None
    if named := ZONE.search(column.dtype):
        return named[1]
    return "UTC" if isinstance(column.form, DateForm) and column.form.zoned else None


def _understood(stamps: np.ndarray, time_zone: str | None, where: str, *, zoned: bool) -> tuple[np.ndarray, list[str]]:
    """Stamps as datetime64[us] in UTC or as numbers.

    A `DataError` if one is missing, or if a time zone is given to ``zoned`` stamps.
    """
    missing = np.isnat(stamps) if stamps.dtype.kind == "M" else ~np.isfinite(stamps)
    if missing.any():
        at = int(np.argmax(missing))
        count = "1 time is" if missing.sum() == 1 else f"{int(missing.sum()):,} times are"
        raise DataError(
            f"{where}: {count} missing or can't be read, the first in row {at}; correct it, or leave out the row."
        )
    notes = []
    if stamps.dtype.kind == "f":
        unit = next(
            (one for one in EPOCHS if len(stamps) and one <= stamps.min() and stamps.max() < LATEST * one), None
        )
        if unit is not None:
            word = {1e9: "seconds", 1e12: "milliseconds", 1e15: "microseconds", 1e18: "nanoseconds"}[unit]
            notes.append(f"the times are read as {word} since 1970.")
            return np.rint(stamps * (MICROSECONDS * EPOCHS[0] / unit)).astype(np.int64).astype("datetime64[us]"), notes
    if zoned and time_zone is not None:
        raise DataError(f"{where}: its stamps have a time zone of their own; leave out --time-zone {time_zone}.")
    if zoned:
        notes.append("the stamps have a time zone; times are given in UTC.")
    if time_zone is not None:
        if stamps.dtype.kind != "M":
            raise DataError(f"{where}: --time-zone needs dates, and the times are numbers.")
        try:
            stamps = in_utc(stamps, time_zone, where)
        except ValueError as error:
            raise DataError(str(error)) from error
        notes.append(f"the times of {time_zone} are given in UTC.")
    return stamps, notes


def _notes(stream: TableStream, used: set[str], dropped: set[str | None]) -> list[str]:
    """The reader's notes on the columns used, and the columns that are not channels."""
    findings = () if stream.description is None else stream.description.findings
    notes = [f"column {one.name!r}: {note}." for one in findings if one.name in used for note in one.notes]
    aside = [one for one in findings if one.name not in used and one.name not in dropped]
    if aside:
        listed = ", ".join(f"{one.name!r} ({one.why or one.kind})" for one in aside[:8])
        notes.append(f"no channels: {listed}{' and more' if len(aside) > 8 else ''}.")
    return notes


def _about_entities(stream: TableStream, used: set[str], stamps: np.ndarray) -> list[str]:
    """A note if most stamps are repeated beside a category: averaging readings would mix several series."""
    findings = () if stream.description is None else stream.description.findings
    categories = [one.name for one in findings if one.kind == "category" and one.name not in used]
    if not categories or len(stamps) < MIXED * len(np.unique(stamps)):
        return []
    return [f"if each {categories[0]!r} is a series of its own, give --entity {shlex.quote(categories[0])}."]


def _entities(whose: np.ndarray) -> list[Any]:
    """Each entity once, in the order of first appearance."""
    found, first = np.unique(whose, return_index=True)
    return [found[place].item() for place in np.argsort(first)]
