"""Time stamps: the order of the readings, the length of a step, and the gaps.

A sensor log is seldom a regular grid. Readings come out of order, twice, late or not at all, and windows can be
compared only if their steps are equally long. So the stamps are mapped to a grid whose step is the median difference of
consecutive stamps:

    equal stamps            one step, the mean of its readings
    a gap of a few steps    missing steps, masked: windows with more than a fifth of them get no score
    a longer gap            a new segment; no window spans it

A log whose stamps follow no grid (irregular sampling) has one step per reading instead, in order, and only very long
gaps start a new segment.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Grid", "as_dates", "grid_of", "in_utc", "length_text", "stamp_text", "stamps_of"]

LONGEST_FILLED = 16  # steps in a gap that is masked; a longer one starts a new segment
MAX_FILLED = 0.2  # share of masked steps beyond which the stamps follow no grid
MAX_CLOSE = 0.05  # share of differences below half a step beyond which they follow none either
LONGEST_IRREGULAR = 100  # median steps of a gap that ends a segment of an irregular log
SECOND = 1_000_000
CLOCKS_BACK = (
    "one hour is repeated, as when clocks go back in autumn; give the time zone of the stamps "
    "(--time-zone Europe/Berlin, or stamps with a zone) to keep the two hours apart."
)


@dataclass(frozen=True, eq=False)
class Grid:
    """The steps of a series and the readings on them.

    Attributes
    ----------
    place : ndarray of shape (n_readings,)
        The step of each reading.
    stamps : ndarray of shape (n_steps,)
        The stamp of each step: datetime64[us] in UTC, or numbers.
    segments : ndarray of shape (n_segments, 2)
        First step and the one after the last of each segment.
    step : float
        Median difference of stamps: seconds for dates, else in the stamps' own unit.
    is_identity : bool
        Whether step i is reading i.
    notes : tuple of str
        Remarks on the stamps, in sentences.
    n_repeated : int
        Readings that have the stamp of another and share its step.
    """

    place: np.ndarray
    stamps: np.ndarray
    segments: np.ndarray
    step: float
    is_identity: bool
    notes: tuple[str, ...] = ()
    n_repeated: int = 0

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def is_dated(self) -> bool:
        """Whether the stamps are dates."""
        return self.stamps.dtype.kind == "M"


def stamps_of(times: Any, n_readings: int, who: str) -> np.ndarray | None:
    """Stamps as datetime64[us] or float64; None without any.

    Raises a `ValueError` unless there is one stamp per reading and none is missing.
    """
    if times is None:
        return None
    if getattr(times, "tz", None) is not None:  # a pandas index with a time zone
        times = times.tz_convert("UTC").tz_localize(None)
    stamps = np.asarray(times)
    if stamps.dtype.kind in "OUS":
        try:
            stamps = as_dates(stamps)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{who}: times must be dates or numbers, got {stamps.ravel()[:1].tolist()!r}.") from error
    if stamps.shape != (n_readings,):
        raise ValueError(f"{who}: times must have shape ({n_readings},), one per step, got {stamps.shape}.")
    if stamps.dtype.kind == "M":
        stamps = stamps.astype("datetime64[us]")
        missing = np.isnat(stamps)
    elif stamps.dtype.kind in "iuf":
        stamps = stamps.astype(np.float64)
        missing = ~np.isfinite(stamps)
    else:
        raise ValueError(f"{who}: times must be dates or numbers, got {stamps.dtype}.")
    if missing.any():
        raise ValueError(
            f"{who}: {int(missing.sum())} of {n_readings} times are missing, the first is that of row "
            f"{int(np.argmax(missing))}; fill them, or leave those rows out."
        )
    return stamps


def as_dates(moments: Any) -> Any:
    """Dates of any kind as datetime64[us], those with a time zone in UTC."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NumPy converts to UTC, and warns of it
        found = np.asarray(moments).astype("datetime64[us]")
    return found if found.ndim else found[()]


def grid_of(stamps: np.ndarray | None, n_readings: int) -> Grid:
    """The grid of readings, whose stamps may be in any order; without stamps, one step per reading."""
    if stamps is None or n_readings < 2:
        own = np.arange(float(n_readings)) if stamps is None else stamps
        return Grid(np.arange(n_readings), own, np.array([[0, n_readings]]), 1.0, True)
    notes = []
    differences = np.diff(_numbers(stamps))
    order, backward = None, int((differences < 0).sum())
    if backward:
        order = np.argsort(stamps, kind="stable")
        notes.append(f"the stamps run backwards in {_times(backward)}; the readings were put in order.")
        if stamps.dtype.kind == "M" and _is_clock_change(differences):
            notes.append(CLOCKS_BACK)
        differences = np.diff(_numbers(stamps[order]))
    ahead = differences[differences > 0]
    if not len(ahead):
        raise ValueError(f"all {n_readings} time stamps are the same; a series needs at least two.")
    step = float(np.median(ahead))
    repeated = int((differences == 0).sum())
    if repeated:
        notes.append(f"{_count(repeated, 'stamp')} repeated; readings of the same stamp are averaged.")
        ordered = stamps if order is None else stamps[order]
        dated = stamps.dtype.kind == "M" and CLOCKS_BACK not in notes
        if dated and _is_one_sunday_hour(ordered, differences):
            notes.append(CLOCKS_BACK)
    steps = differences / step
    irregular = _is_irregular(steps)
    if irregular:
        notes.append(
            "the stamps are irregular; a step is a reading, in order, and windows are not equally long in time."
        )
        advance = (differences > 0).astype(np.int64)
        breaks = steps > LONGEST_IRREGULAR
    else:
        breaks = steps > LONGEST_FILLED + 0.5
        advance = np.where(breaks | (differences == 0), differences > 0, np.maximum(np.rint(steps), 1)).astype(np.int64)
        filled = int(np.maximum(advance - 1, 0).sum())
        if filled:
            notes.append(f"{_count(filled, 'step')} missing in short gaps, and masked.")
    place = np.concatenate([[0], np.cumsum(advance)])
    bounds = np.concatenate([[0], place[1:][breaks], [place[-1] + 1]])
    segments = np.stack([bounds[:-1], bounds[1:]], 1)
    if len(segments) > 1:
        notes.append(f"{_count(len(segments) - 1, 'long gap')} found; no window spans a gap.")
    ordered = stamps if order is None else stamps[order]
    place_of = place
    if order is not None:
        place_of = np.empty_like(place)
        place_of[order] = place
    identity = order is None and len(place) == place[-1] + 1
    found = ordered if identity else _stamps_of_steps(ordered, place)
    unit = SECOND if stamps.dtype.kind == "M" else 1
    return Grid(place_of, found, segments, step / unit, identity, tuple(notes), repeated)


def in_utc(stamps: np.ndarray, time_zone: str, who: str) -> np.ndarray:
    """Local stamps of a time zone (datetime64[us], in the order written), in UTC.

    An hour that clocks repeat in autumn occurs twice: the second time starts where the stamps run backwards. An hour
    that clocks skip in spring doesn't exist; stamps in it are read as if the clock had not been changed yet.
    """
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    local = pyarrow.array(stamps.astype("datetime64[us]"))

    def read(ambiguous: str) -> np.ndarray:
        try:
            zoned = compute.assume_timezone(local, time_zone, ambiguous=ambiguous, nonexistent="latest")
        except pyarrow.ArrowException as error:
            raise ValueError(
                f"{who}: there is no time zone {time_zone!r}; a name such as 'Europe/Berlin' or 'UTC' is needed."
            ) from error
        return zoned.cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64()).to_numpy(zero_copy_only=False)

    early, late = read("earliest"), read("latest")
    ambiguous = early != late
    if not ambiguous.any():
        return early.astype("datetime64[us]")
    raw = stamps.astype("datetime64[us]").astype(np.int64)
    # Within each run of ambiguous stamps, those from the first backward jump on are of the second pass. Readings an
    # hour apart don't jump: the same stamp comes twice.
    steps = np.diff(raw)
    is_hourly = bool((steps > 0).any()) and np.median(steps[steps > 0]) >= 3600 * SECOND
    back = np.concatenate([[False], (steps < 0) | ((steps == 0) & is_hourly)]) & ambiguous
    starts = ambiguous & ~np.concatenate([[False], ambiguous[:-1]])
    passes = np.cumsum(back)
    before = np.maximum.accumulate(np.where(starts, passes - back, 0))
    second = ambiguous & (passes > before)
    return np.where(second, late, early).astype("datetime64[us]")


def _numbers(stamps: np.ndarray) -> np.ndarray:
    return stamps.astype(np.int64).astype(np.float64) if stamps.dtype.kind == "M" else stamps


def _is_clock_change(differences: np.ndarray) -> bool:
    """Whether the stamps jump back by about an hour (less a step) and no more."""
    back = differences[differences < 0] / SECOND
    return len(back) <= 4 and bool(((back < 0) & (back >= -3600)).all()) and bool(back.min() <= -1800)


def _is_one_sunday_hour(ordered: np.ndarray, differences: np.ndarray) -> bool:
    """Whether exactly one hour of a Sunday is repeated; with hourly steps no stamp runs backwards then."""
    ahead = differences[differences > 0] / SECOND
    again = ordered[1:][differences == 0]
    in_hour = bool((again - again[0]).max() < np.timedelta64(1, "h"))
    sunday = (int(again[0].astype("datetime64[D]").astype(np.int64)) + 4) % 7 == 0  # day 0 was a Thursday
    return in_hour and sunday and len(again) == max(1, round(3600 / float(np.median(ahead))))


def _is_irregular(steps: np.ndarray) -> bool:
    short = steps[(steps > 0) & (steps <= LONGEST_FILLED + 0.5)]
    filled = float(np.maximum(np.rint(short) - 1, 0).sum())
    close = float((short < 0.5).mean()) if len(short) else 0.0
    return filled > MAX_FILLED * (filled + len(steps) + 1) or close > MAX_CLOSE


def _stamps_of_steps(ordered: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The stamp of each step: its reading's, and between two readings in proportion."""
    n_steps = int(place[-1]) + 1
    numbers = _numbers(ordered)
    found = np.interp(np.arange(n_steps), place, numbers)
    return np.rint(found).astype(np.int64).astype("datetime64[us]") if ordered.dtype.kind == "M" else found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun} is" if number == 1 else f"{number:,} {noun}s are"


def _times(number: int) -> str:
    return "1 place" if number == 1 else f"{number:,} places"


def stamp_text(stamp: np.generic) -> str:
    """A date without trailing zeros of time; a number in its shortest form.

    >>> stamp_text(np.datetime64("2024-01-01T06:00:00.000000")), stamp_text(np.float64(12.0))
    ('2024-01-01 06:00', '12')
    """
    if stamp.dtype.kind == "M":
        text = str(stamp.astype("datetime64[us]")).replace("T", " ")
        return text.removesuffix(".000000").removesuffix(":00")
    number = float(stamp)
    return str(int(number)) if number.is_integer() else f"{number:.10g}"


def length_text(seconds: float) -> str:
    """A length of time in its largest unit.

    >>> length_text(3600.0), length_text(1800.0), length_text(2_678_400.0)
    ('1 hour', '30 minutes', '31 days')
    """
    for size, word in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.4g} {word[:-1] if seconds == size else word}"
    return "1 second" if seconds == 1 else f"{seconds:.4g} seconds"
