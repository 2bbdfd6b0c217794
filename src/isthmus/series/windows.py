"""Windows: W consecutive steps of a series as one row with a shape, (channel, time); and the way back to the steps.

Windows are views: the W · n numbers of n steps are never copied as a whole, only a few million at a time where a
product of matrices needs them. Values of windows become values of steps by the mean over the windows that cover a step,
in O(n) with cumulative sums. Windows lie within segments, so none spans a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from isthmus.series.series import Series

__all__ = ["CHUNK_CELLS", "Units", "WindowGrid", "overlap_mean", "window_chunks"]

CHUNK_CELLS = 1 << 22  # numbers of windows that are copied at once
MAX_MISSING = 0.2  # share of a window that may be missing
CLIP = 1e3  # standard deviations
STEPS_AT_ONCE = 1 << 19
MIN_SPREAD = 0.01  # of a reference channel, relative to the channel's spread in the series scored


@dataclass(frozen=True, eq=False)
class Units:
    """Mean and standard deviation of each channel, shape (n_channels,).

    A constant channel has standard deviation 1; that of an empty channel is infinite, and its standard units are 0.
    """

    center: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, series: Series, beside: Series | None = None) -> Units:
        """Of all known steps; the spread is at least 1% of that of the series ``beside``."""
        center, spread = _moments(series)
        if beside is not None:
            spread = np.maximum(spread, MIN_SPREAD * _moments(beside)[1])
        tiny = 1e-9 * np.abs(center)  # of a constant channel, rounding is all that varies
        spread = np.where(np.isnan(center), np.inf, np.where(spread > tiny, spread, 1.0))
        return cls(np.nan_to_num(center), spread)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values in standard units, within ±1,000; NaN stays NaN."""
        with np.errstate(over="ignore"):
            u = np.clip((values - self.center) / self.spread, -CLIP, CLIP)
        return np.where(np.isinf(self.spread), 0.0, u) if np.isinf(self.spread).any() else u

    def undo(self, u: np.ndarray) -> np.ndarray:
        """Values in the units of the data."""
        unknown = np.isinf(self.spread)
        return np.where(unknown, np.nan, u * np.where(unknown, 0.0, self.spread) + self.center)


def _moments(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, in two passes; NaN and 0 for an empty channel."""
    count, total = np.zeros(series.n_channels), np.zeros(series.n_channels)
    for start in range(0, len(series), STEPS_AT_ONCE):
        part = series.part(start, start + STEPS_AT_ONCE)
        count += np.isfinite(part).sum(0)
        total += np.nansum(part, 0)
    center = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    squares = np.zeros(series.n_channels)
    for start in range(0, len(series), STEPS_AT_ONCE):
        with np.errstate(over="ignore"):
            squares += np.nansum((series.part(start, start + STEPS_AT_ONCE) - center) ** 2, 0)
    return center, np.sqrt(squares / np.maximum(count, 1))


@dataclass(frozen=True, eq=False)
class WindowGrid:
    """Windows of one length at a stride, within segments.

    Attributes
    ----------
    length, stride : int
        Steps in a window, and between two that are computed.
    starts : ndarray of shape (n_windows,)
        First step of each window, ascending.
    segments : ndarray of shape (n_segments, 2)
        Those in which a window fits.
    """

    length: int
    stride: int
    starts: np.ndarray
    segments: np.ndarray

    @classmethod
    def of(cls, segments: np.ndarray, length: int, stride: int) -> WindowGrid:
        """Windows at every ``stride`` steps of each segment, and the last one of each."""
        fitting = segments[segments[:, 1] - segments[:, 0] >= length]
        starts = [
            np.append(np.arange(start, stop - length, stride), stop - length).astype(np.int64)
            for start, stop in fitting
        ]
        return cls(length, stride, np.concatenate([np.empty(0, np.int64), *starts]), fitting)

    def __len__(self) -> int:
        return len(self.starts)

    def per_step(self, of_windows: np.ndarray, start: int, stop: int) -> np.ndarray:
        """The mean over covering windows, for steps ``start`` to ``stop``.

        Windows between two computed ones are interpolated. A window that is NaN (in its first column) is ignored, and a
        step that no window covers is NaN.

        Parameters
        ----------
        of_windows
            Shape (n_windows,) or (n_windows, k), for the windows at ``starts``.
        """
        values = of_windows[:, None] if of_windows.ndim == 1 else of_windows
        found = np.full((stop - start, values.shape[1]), np.nan)
        for low, high in self.segments:
            if low < stop and high > start:
                for first in range(max(start, low), min(stop, high), STEPS_AT_ONCE):
                    last = min(first + STEPS_AT_ONCE, stop, high)
                    found[first - start : last - start] = self._covered(values, first, last, int(low), int(high))
        return found[:, 0] if of_windows.ndim == 1 else found

    def _covered(self, values: np.ndarray, first: int, last: int, low: int, high: int) -> np.ndarray:
        """Steps ``first`` to ``last`` of the segment from ``low`` to ``high``."""
        start, stop = max(low, first - self.length + 1), min(high - self.length, last - 1) + 1
        a, b = np.searchsorted(self.starts, [start, stop - 1], side="right")
        a, b = max(a - 1, 0), min(b + 1, len(self.starts))
        starts, some = self.starts[a:b], values[a:b]
        known = np.isfinite(some[:, 0]).astype(np.float64)
        where = np.arange(start, stop)
        weight = np.interp(where, starts, known)
        valid = weight > 1e-12
        counts = np.concatenate([[0.0], np.cumsum(valid)])
        steps = np.arange(first, last)
        lower, upper = np.maximum(steps - self.length + 1, start) - start, np.minimum(steps, stop - 1) + 1 - start
        n_covering = counts[upper] - counts[lower]
        found = np.full((last - first, values.shape[1]), np.nan)
        covered = n_covering > 0
        for column in range(values.shape[1]):
            full = np.interp(where, starts, np.where(known > 0, some[:, column], 0.0))
            full = np.where(valid, full / np.where(valid, weight, 1.0), 0.0)
            sums = np.concatenate([[0.0], np.cumsum(full)])
            found[covered, column] = (sums[upper] - sums[lower])[covered] / n_covering[covered]
        return found

    def weights_at(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Which windows are near a step, and a matrix of hat functions that interpolates between them.

        Returns the places of the computed windows, shape (k,), and the weight of each in every window that covers the
        step, shape (n_covering, k).
        """
        inside = (self.segments[:, 0] <= step) & (step < self.segments[:, 1])
        if not inside.any():
            return np.empty(0, np.int64), np.empty((0, 0))
        low, high = self.segments[np.argmax(inside)]
        where = np.arange(max(low, step - self.length + 1), min(high - self.length, step) + 1)
        a, b = np.searchsorted(self.starts, [where[0], where[-1]], side="right")
        places = np.arange(max(a - 1, 0), min(b + 1, len(self.starts)))
        eye = np.eye(len(places))
        return places, np.stack([np.interp(where, self.starts[places], row) for row in eye], 1)

    def trailing(self, of_windows: np.ndarray, start: int, stop: int) -> np.ndarray:
        """The value of the latest window that is complete at each step from ``start`` to ``stop``."""
        steps = np.arange(start, stop)
        last = np.searchsorted(self.starts, steps - self.length + 1, side="right") - 1
        found = (
            np.where(last >= 0, of_windows[np.maximum(last, 0)], np.nan) if len(self) else np.full(len(steps), np.nan)
        )
        segment = np.searchsorted(self.segments[:, 0], steps, side="right") - 1
        inside = (segment >= 0) & (last >= 0)
        if not inside.any():
            return np.full(len(steps), np.nan)
        same = self.starts[np.maximum(last, 0)] >= self.segments[np.maximum(segment, 0), 0]
        return np.where(inside & same & (steps < self.segments[np.maximum(segment, 0), 1]), found, np.nan)


def window_chunks(
    series: Series, units: Units, grid: WindowGrid, places: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Windows in standard units, a few million numbers at a time.

    Yields their places in ``grid``, the rows of shape (k, n_channels, length) with 0 for what is missing, and which
    cells are present in the same shape, or None if all are.
    """
    places = np.arange(len(grid)) if places is None else places
    length = grid.length
    height = max(1, CHUNK_CELLS // (series.n_channels * length))
    start = 0
    while start < len(places):
        first = int(grid.starts[places[start]])
        stop = min(start + height, len(places))
        # Windows that lie far apart are copied in smaller chunks.
        reach = np.searchsorted(grid.starts[places[start:stop]], first + CHUNK_CELLS // series.n_channels, side="right")
        stop = start + max(1, int(reach))
        some = places[start:stop]
        starts = grid.starts[some]
        u = units.apply(series.part(first, int(starts[-1]) + length))
        gone = np.isnan(u)
        if gone.any():
            present = sliding_window_view(~gone, length, axis=0)[starts - first]
            rows = sliding_window_view(np.where(gone, 0.0, u), length, axis=0)[starts - first]
            yield some, rows, present
        else:
            yield some, sliding_window_view(u, length, axis=0)[starts - first], None
        start = stop


def overlap_mean(rows: np.ndarray, starts: np.ndarray, n_steps: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Steps from overlapping windows, by the mean over those that cover a step; NaN where none does.

    Parameters
    ----------
    rows
        Windows, shape (n_windows, n_channels, length).
    starts
        First step of each.
    n_steps
        Steps of the series.
    weights
        Of each cell, in the shape of ``rows``; 1 if None.
    """
    _, n_channels, length = rows.shape
    total, count = np.zeros((n_steps, n_channels)), np.zeros((n_steps, n_channels))
    for lag in range(length):  # starts differ, so no step is written twice within a lag
        weight = 1.0 if weights is None else weights[:, :, lag]
        total[starts + lag] += rows[:, :, lag] * weight
        count[starts + lag] += weight
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)
