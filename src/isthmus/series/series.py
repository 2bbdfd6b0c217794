"""A series: numbers on a grid of time steps, NaN where missing, in segments that no window may cross."""

from __future__ import annotations

import dataclasses
import numbers
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.series.stamps import Grid, as_dates, grid_of, stamps_of
from isthmus.tables.frames import is_frame
from isthmus.tables.not_rows import require_rows

__all__ = [
    "HELD_CELLS",
    "Series",
    "dates_of_index",
    "joined_series",
    "on_grid",
    "scratch",
    "series_of",
    "series_on",
    "with_channels_of",
]

HELD_CELLS = 1 << 25  # most cells that are sorted in memory; a larger series uses a scratch file
CHUNK_STEPS = 1 << 17


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers of shape (n_steps, n_channels) and the grid they lie on.

    ``values`` is an array or a memory-mapped file; it is only ever sliced. ``repeated`` holds the readings as they
    were given if several have the same stamp, and so share a step, whose value is their mean.
    """

    values: Any
    grid: Grid
    channels: tuple[str, ...]
    notes: tuple[str, ...] = ()
    has_names: bool = False
    repeated: Any = None

    def __len__(self) -> int:
        return self.values.shape[0]

    @property
    def n_channels(self) -> int:
        """Numbers in a step."""
        return self.values.shape[1]

    @property
    def segments(self) -> np.ndarray:
        """First step and the one after the last of each segment, shape (n_segments, 2)."""
        return self.grid.segments

    def part(self, start: int, stop: int) -> np.ndarray:
        """Steps ``start`` to ``stop`` as float64, NaN where missing or infinite."""
        values = np.asarray(self.values[start:stop], dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan) if not np.isfinite(values).all() else values

    def before(self, stop: int) -> Series:
        """The steps before ``stop``, on the same grid."""
        segments = self.segments[self.segments[:, 0] < stop].copy()
        segments[-1:, 1] = np.minimum(segments[-1:, 1], stop)
        grid = dataclasses.replace(self.grid, stamps=self.grid.stamps[:stop], segments=segments)
        return dataclasses.replace(self, values=self.values[:stop], grid=grid)

    def step_at(self, moment: Any) -> int:
        """The first step not before a moment, a date or a number in the stamps' unit."""
        stamps = self.grid.stamps
        dated = self.grid.is_dated
        try:
            if dated and isinstance(moment, numbers.Number):
                raise TypeError
            place = as_dates(moment) if dated else float(moment)
            if place != place:  # NaT and NaN
                raise ValueError
        except (ValueError, TypeError) as error:
            wanted = "date; write it as 2024-03-01 or 2024-03-01T12:00" if dated else "number, as the times are"
            raise ValueError(f"{moment!r} is no {wanted}.") from error
        return int(np.searchsorted(stamps, place))

    def of_readings(self, of_steps: np.ndarray) -> np.ndarray:
        """Values of steps as values of readings, in the order the readings were given."""
        return of_steps if self.grid.is_identity else of_steps[self.grid.place]

    def readings(self) -> np.ndarray:
        """The readings as they were given, shape (n_readings, n_channels); NaN where missing or infinite."""
        if self.repeated is None:
            return self.of_readings(self.part(0, len(self)))
        values = np.asarray(self.repeated, dtype=np.float64)
        return np.where(np.isfinite(values), values, np.nan)

    def completed(self, of_steps: np.ndarray) -> np.ndarray:
        """The readings as they were given, those that are missing filled with the value of their step."""
        readings = self.readings()
        return np.where(np.isnan(readings), self.of_readings(of_steps), readings)


def series_of(X: Any, times: Any = None, *, who: str, channels: Sequence[str] | None = None) -> Series:
    """A series from an array of shape (n_steps,) or (n_steps, n_channels), or a DataFrame.

    Parameters
    ----------
    X
        Numbers; NaN where a cell is missing, and infinite ones count as missing. The index of a pandas DataFrame or
        Series gives the times if it holds dates, periods (their beginnings) or time differences (in seconds).
    times
        A stamp per step: dates or numbers, in any order.
    who
        Named in messages.
    channels
        Names of the channels.
    """
    if isinstance(X, Series):
        return X
    require_rows(X, who)
    names, has_names, notes = channels, channels is not None, []
    if type(X).__module__.split(".")[0] == "pandas":
        if times is None:
            times, notes = _times_of_index(X.index, who)
        X = X.to_frame() if X.ndim == 1 else X
    if is_frame(X):
        names, has_names = [str(name) for name in X.columns], True
        if hasattr(X, "column_names"):  # `columns` of an Arrow table are its data
            names = list(X.column_names)
        X = _numbers_of_frame(X, names, who)
    values = X if isinstance(X, np.ndarray) else np.asarray(X)
    if values.dtype.kind not in "fiub":
        try:
            if values.dtype.kind == "c":
                raise TypeError("pass the real and the imaginary part, or the magnitude, as channels")
            values = values.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{who}: a series must be numbers, got {values.dtype} ({error}).") from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"{who}: a series must have shape (n_steps,) or (n_steps, n_channels), got {values.shape}.")
    if len(values) == 0:
        raise ValueError(f"{who}: the series has no steps.")
    names = tuple(f"x{place}" for place in range(values.shape[1])) if names is None else tuple(map(str, names))
    if len(names) != values.shape[1]:
        raise ValueError(f"{who}: {len(names)} names for {values.shape[1]} channels; give one per channel.")
    stamps = stamps_of(times, len(values), who)
    try:
        grid = grid_of(stamps, len(values))
    except ValueError as error:
        raise ValueError(f"{who}: {error}") from error
    n_infinite = sum(int(np.isinf(part).sum()) for part in _floats(values))
    if n_infinite:
        notes.append(
            f"{n_infinite:,} {'value is' if n_infinite == 1 else 'values are'} infinite and counted as missing."
        )
    return series_on(grid, values, names, (*notes, *grid.notes), has_names=has_names)


def _floats(values: Any) -> Iterator[np.ndarray]:
    """An array of floats in pieces; nothing of other numbers, which are never infinite."""
    if values.dtype.kind == "f":
        for start in range(0, len(values), CHUNK_STEPS):
            yield np.asarray(values[start : start + CHUNK_STEPS])


def dates_of_index(X: Any, who: str) -> Any:
    """The dates that the index of a pandas frame holds; None without them."""
    times = _times_of_index(X.index, who)[0] if type(X).__module__.split(".")[0] == "pandas" else None
    return times if getattr(times, "dtype", np.dtype(float)).kind == "M" else None


def _times_of_index(index: Any, who: str) -> tuple[Any, list[str]]:
    """The times that an index of pandas holds, None for row numbers; and remarks."""
    if index.nlevels > 1:
        levels = ", ".join(str(name) for name in index.names)
        raise ValueError(
            f"{who}: the index has {index.nlevels} levels ({levels}), and a series has one time per row; pass the rows "
            "of one series, with its times as the index or as times=."
        )
    if hasattr(index, "to_timestamp"):
        return index.to_timestamp(), []
    kind = getattr(index.dtype, "kind", "O")
    if kind == "M":
        return index, []
    if kind == "m":
        return index.total_seconds(), []
    if kind in ("O", "T", "U"):
        return None, [
            "the index holds no dates, so the rows were taken as equally spaced; if it holds times, pass "
            "times=pandas.to_datetime(frame.index)."
        ]
    return None, []


def with_channels_of(series: Series, like: Series, who: str) -> Series:
    """The series with the channels of ``like``, in their order; a `ValueError` if one is missing."""
    if series.has_names and like.has_names:
        absent = [name for name in like.channels if name not in series.channels]
        if absent:
            raise ValueError(
                f"{who}: the series has no {'channel' if len(absent) == 1 else 'channels'} "
                f"{', '.join(map(repr, absent))}, learned from at fit; it has {', '.join(map(repr, series.channels))}."
            )
        if series.channels == like.channels:
            return series
        order = [series.channels.index(name) for name in like.channels]
        extra = [name for name in series.channels if name not in like.channels]
        notes = (f"not at fit, and left out: {', '.join(extra)}.",) if extra else ()
        return dataclasses.replace(
            series,
            values=series.values[:, order],
            channels=like.channels,
            notes=(*series.notes, *notes),
            repeated=None if series.repeated is None else series.repeated[:, order],
        )
    if series.n_channels != like.n_channels:
        count = "1 channel" if series.n_channels == 1 else f"{series.n_channels} channels"
        raise ValueError(f"{who}: the series has {count}, and {like.n_channels} were fitted.")
    return dataclasses.replace(series, channels=like.channels, has_names=like.has_names)


def series_on(grid: Grid, values: Any, channels: tuple[str, ...], notes: tuple[str, ...], *, has_names: bool) -> Series:
    """The series of readings on their grid."""
    repeated = values if grid.n_repeated else None
    return Series(on_grid(values, grid), grid, channels, notes, has_names, repeated)


def on_grid(values: Any, grid: Grid) -> Any:
    """Readings averaged on the steps of a grid, NaN where there is none; a large result is in a scratch file."""
    if grid.is_identity:
        return values
    n_steps, n_channels = len(grid), values.shape[1]
    sums = scratch((n_steps, n_channels))
    order = np.argsort(grid.place, kind="stable")
    places = grid.place[order]
    for start in range(0, n_steps, CHUNK_STEPS):
        stop = min(start + CHUNK_STEPS, n_steps)
        low, high = np.searchsorted(places, [start, stop])
        part = np.asarray(values[order[low:high]], dtype=np.float64)
        known = np.isfinite(part)
        total, count = np.zeros((stop - start, n_channels)), np.zeros((stop - start, n_channels))
        np.add.at(total, places[low:high] - start, np.where(known, part, 0.0))
        np.add.at(count, places[low:high] - start, known)
        sums[start:stop] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return sums


def scratch(shape: tuple[int, int]) -> Any:
    """An uninitialized array: in memory, or if too large in a file that is deleted with the process."""
    if shape[0] * shape[1] <= HELD_CELLS:
        return np.empty(shape)
    with tempfile.TemporaryFile(prefix="isthmus-series-") as file:
        return np.memmap(file, dtype=np.float64, mode="w+", shape=shape)


def _numbers_of_frame(X: Any, names: Sequence[str], who: str) -> np.ndarray:
    from isthmus.tables.frames import arrow_of

    import pyarrow  # isort: skip  (a frame was given; an array needs no Arrow)

    table, kinds = arrow_of(X), pyarrow.types
    texts = [
        name
        for name, kind in zip(table.column_names, table.schema.types, strict=True)
        if not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind) or kinds.is_decimal(kind))
        and not kinds.is_null(kind)
    ]
    if texts:
        verb = "holds" if len(texts) == 1 else "hold"
        raise ValueError(
            f"{who}: {', '.join(map(repr, texts[:5]))} {verb} no numbers; leave out what is no number, or pass "
            "times=frame[name] for the stamps."
        )
    return np.stack(
        [
            np.asarray(column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
            for column in table.columns
        ],
        1,
    )


def joined_series(several: list[Series], who: str) -> Series:
    """Series with the same channels one after another, each in its own segments."""
    first = several[0]
    others = [with_channels_of(one, first, who) for one in several[1:]]
    if not others:
        return first
    parts, segments, start = [], [], 0
    for one in (first, *others):
        parts.append(one.part(0, len(one)))
        segments.append(one.segments + start)
        start += len(one)
    values = np.concatenate(parts)
    grid = dataclasses.replace(
        first.grid,
        place=np.arange(start),
        stamps=np.concatenate([one.grid.stamps for one in (first, *others)]),
        segments=np.concatenate(segments),
        is_identity=True,
    )
    return dataclasses.replace(first, values=values, grid=grid, repeated=None)
