"""The model of a series and its scores: windows of several lengths, each with its own reference windows.

The score of a window is the sum of its parts' surprises (`isthmus.series.neighbours`); that of a step is the mean over
the windows of a length that cover it, and over lengths. Windows are computed at every eighth of their length, or at the
stride asked for, and interpolated in between. A score is thus a weighted sum over windows. The surprise of a window is
attributed to channels in proportion to what they add to the amount beyond their typical share, and within a channel to
lags in proportion to what they add, so

    Σ over channels and lags of contribution(t; channel, lag)  =  score(t)

exactly, up to float64 rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from isthmus.series.neighbours import MAX_REFERENCES, PARTS, Reference, Surprises
from isthmus.series.series import Series
from isthmus.series.ssa import SingularSpectrum
from isthmus.series.windows import MAX_MISSING, Units, WindowGrid, overlap_mean, window_chunks

__all__ = ["Scored", "SeriesModel", "WindowModel", "chosen_windows", "learn", "stride_of"]

WINDOWS_IN_LENGTH = 8  # by default the stride is an eighth of the length
QUARTILES_OF_NORMAL = 1.349
STEPS_EXPECTED = 1 << 14
TYPICAL_WINDOWS = 100
CANDIDATES = 8  # windows considered per reference window


@dataclass(frozen=True, eq=False)
class WindowModel:
    """Windows of one length: the reference windows, and the distribution of each part of the score among them.

    ``typical`` is the median amount of each part in each channel, shape (n_parts, n_channels): what a channel of noise
    adds to every window is no reason for an alarm. ``stride`` is the number of steps between two windows that are
    computed.
    """

    reference: Reference
    surprises: Surprises
    typical: np.ndarray
    stride: int

    @property
    def length(self) -> int:
        """Steps in a window."""
        return self.reference.length

    def grid(self, series: Series) -> WindowGrid:
        """The windows of a series that are computed."""
        return WindowGrid.of(series.segments, self.length, self.stride)

    def attributed(
        self, reference: Reference, rows: np.ndarray, present: np.ndarray | None, starts: np.ndarray
    ) -> np.ndarray:
        """The score of each window attributed to its cells, shape (k, n_channels, length)."""
        cells = reference.cells(rows, present, starts)
        surprises = self.surprises(reference.amounts(rows, present, starts))
        of_channel = cells.sum(3)
        excess = np.maximum(of_channel - self.typical[:, None], 0.0)
        excess = np.where(excess.sum(2, keepdims=True) > 0, excess, of_channel)
        return np.einsum("pncl,pnc,np->ncl", _shares(cells, 3), _shares(excess, 2), surprises)

    def window_scores(self, amounts: np.ndarray) -> np.ndarray:
        """Score of each window from its parts' amounts."""
        return self.surprises(amounts).sum(1)


@dataclass(frozen=True, eq=False)
class Scored:
    """A series and the scores of its windows; those of its steps are derived.

    ``same`` says whether the reference windows are from this series, so trivial matches must be left out.
    """

    series: Series
    grids: tuple[WindowGrid, ...]
    amounts: tuple[np.ndarray, ...]
    totals: tuple[np.ndarray, ...]
    same: bool

    @cached_property
    def scores(self) -> np.ndarray:
        """Score of each step, shape (n_steps,); NaN where no window covers it."""
        return self.between(0, len(self.series))

    def between(self, start: int, stop: int) -> np.ndarray:
        """Scores of steps ``start`` to ``stop``."""
        return _mean_known(
            grid.per_step(total, start, stop) for grid, total in zip(self.grids, self.totals, strict=True)
        )

    @cached_property
    def trailing(self) -> np.ndarray:
        """Score of each step by the windows that end at it or shortly before: without later steps."""
        return _mean_known(
            grid.trailing(total, 0, len(self.series)) for grid, total in zip(self.grids, self.totals, strict=True)
        )


@dataclass(frozen=True, eq=False)
class SeriesModel:
    """A fitted model of a series.

    Attributes
    ----------
    units : Units
        Of the channels.
    windows : tuple of WindowModel
        By length, ascending.
    spectrum : SingularSpectrum
        Gives the expected values.
    deviation : ndarray of shape (n_channels,)
        Robust standard deviation of values around their expected values, in the units of the data.
    """

    units: Units
    windows: tuple[WindowModel, ...]
    spectrum: SingularSpectrum
    deviation: np.ndarray

    def elsewhere(self) -> SeriesModel:
        """The same model with its reference windows as if of another series."""
        windows = tuple(replace(window, reference=window.reference.elsewhere()) for window in self.windows)
        return replace(self, windows=windows)

    def score(self, series: Series) -> Scored:
        """Score the windows of another series."""
        windows = self.elsewhere().windows
        grids = tuple(window.grid(series) for window in windows)
        amounts = tuple(
            _amounts(series, self.units, grid, window.reference) for grid, window in zip(grids, windows, strict=True)
        )
        totals = tuple(window.window_scores(some) for window, some in zip(windows, amounts, strict=True))
        return Scored(series, grids, amounts, totals, same=False)

    def contributions(self, scored: Scored, start: int, stop: int) -> np.ndarray:
        """What each channel adds to the scores of steps ``start`` to ``stop``, shape (stop - start, n_channels)."""
        parts = []
        for window, grid, amounts in zip(self.windows, scored.grids, scored.amounts, strict=True):
            low, high = np.searchsorted(grid.starts, [start - 2 * window.length, stop + window.length])
            shares = np.full((len(grid), scored.series.n_channels), np.nan)
            for places, cells in self._cells(scored, window, grid, amounts, np.arange(low, high)):
                shares[places] = cells.sum(2)
            parts.append(grid.per_step(shares, start, stop))
        return _mean_known(parts)

    def contribution_map(self, scored: Scored, step: int) -> np.ndarray:
        """What each channel at each lag adds to the score of a step, shape (n_channels, 2 L - 1).

        L is the longest window; column L - 1 is the step itself, those before it are earlier steps.
        """
        reach = self.windows[-1].length
        found, n_known = np.zeros((scored.series.n_channels, 2 * reach - 1)), 0
        for window, grid, amounts in zip(self.windows, scored.grids, scored.amounts, strict=True):
            places, hats = grid.weights_at(step)
            known = np.isfinite(amounts[places]).all(1).astype(np.float64)
            weight = hats @ known
            valid = weight > 1e-12
            if not valid.any():
                continue
            n_known += 1
            of_window = (hats * known)[valid] / weight[valid, None]
            share = dict(zip(places.tolist(), of_window.mean(0).tolist(), strict=True))
            for some, cells in self._cells(scored, window, grid, amounts, places[known > 0]):
                for place, row in zip(some.tolist(), cells, strict=True):
                    at = int(grid.starts[place]) - step + reach - 1
                    self._add(found, row * share[place], at)
        return found / max(n_known, 1)

    @staticmethod
    def _add(found: np.ndarray, row: np.ndarray, at: int) -> None:
        """Add a window that starts at column ``at``; interpolated windows may reach slightly beyond the map's edges."""
        length = row.shape[1]
        low, high = max(at, 0), min(at + length, found.shape[1])
        found[:, low:high] += row[:, low - at : high - at]
        found[:, 0] += row[:, : low - at].sum(1)
        found[:, -1] += row[:, high - at :].sum(1)

    def _cells(
        self, scored: Scored, window: WindowModel, grid: WindowGrid, amounts: np.ndarray, places: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Places of windows, and the surprise of each attributed to its cells, shape (k, n_channels, length)."""
        places = places[np.isfinite(amounts[places]).all(1)]
        reference = window.reference if scored.same else window.reference.elsewhere()
        for some, rows, present in window_chunks(scored.series, self.units, grid, places):
            yield some, window.attributed(reference, rows, present, grid.starts[some])

    def expected(self, series: Series, start: int, stop: int) -> np.ndarray:
        """What singular spectrum analysis expects of steps ``start`` to ``stop``, shape (stop - start, n_channels).

        Each value predicted from the rest of every window that covers it, averaged; NaN where no window does.
        """
        length = self.spectrum.mean.shape[1]
        stride = stride_of(length)
        grid = WindowGrid.of(series.segments, length, stride)
        found = np.full((stop - start, series.n_channels), np.nan)
        for first in range(start, stop, STEPS_EXPECTED):
            last = min(first + STEPS_EXPECTED, stop)
            low, high = np.searchsorted(grid.starts, [first - length + 1, last])
            if high <= low:
                continue
            origin = int(grid.starts[low])
            span = int(grid.starts[high - 1]) + length - origin
            rows = np.empty((high - low, series.n_channels, length))
            weights = np.ones((high - low, 1, length))
            for places, some, present in window_chunks(series, self.units, grid, np.arange(low, high)):
                rows[places - low] = self.spectrum.expected(some, present)
                if present is not None:  # nothing is expected of a window that is mostly missing
                    full = 1 - present.mean((1, 2)) <= 1 - MAX_MISSING
                    weights[places - low] = full[:, None, None]
            mean = overlap_mean(rows, grid.starts[low:high] - origin, span, np.broadcast_to(weights, rows.shape))
            inside = slice(max(first, origin), min(last, origin + span))
            found[inside.start - start : inside.stop - start] = mean[inside.start - origin : inside.stop - origin]
        return self.units.undo(found)


def stride_of(length: int, stride: int | None = None) -> int:
    """Steps between two windows that are computed: those asked for, by default an eighth of the window."""
    return stride or max(1, length // WINDOWS_IN_LENGTH)


def learn(
    series: Series, lengths: tuple[int, ...], units: Units, until: int | None = None, stride: int | None = None
) -> tuple[SeriesModel, Scored]:
    """Learn from a series, or from its steps before ``until``, and score all of it by windows at every ``stride``."""
    known = series if until is None else series.before(until)
    windows, grids, amounts = [], [], []
    for length in lengths:
        spacing = max(1, len(known) // (CANDIDATES * MAX_REFERENCES))
        candidates = WindowGrid.of(known.segments, length, spacing)
        reference = Reference(*chosen_windows(known, units, candidates, MAX_REFERENCES))
        grid = WindowGrid.of(series.segments, length, stride_of(length, stride))
        some = _amounts(series, units, grid, reference)
        surprises = Surprises.of(some[grid.starts + length <= len(known)])
        windows.append(WindowModel(reference, surprises, _typical(reference), grid.stride))
        grids.append(grid)
        amounts.append(some)
    first = windows[0].reference
    spectrum = SingularSpectrum.of(first.rows, first.present)
    model = SeriesModel(units, tuple(windows), spectrum, np.ones(series.n_channels))
    model = replace(model, deviation=_deviation(model, known))
    totals = tuple(window.window_scores(some) for window, some in zip(windows, amounts, strict=True))
    return model, Scored(series, tuple(grids), tuple(amounts), totals, same=True)


def _shares(amounts: np.ndarray, axis: int) -> np.ndarray:
    """Shares of the sum along an axis; equal shares where that is 0."""
    total = amounts.sum(axis, keepdims=True)
    return np.where(total > 0, amounts / np.where(total > 0, total, 1.0), 1 / amounts.shape[axis])


def _typical(reference: Reference) -> np.ndarray:
    """The median amount of each part in each channel, over reference windows."""
    some = slice(None, None, max(1, len(reference.rows) // TYPICAL_WINDOWS))
    present = None if reference.present is None else reference.present[some]
    cells = reference.cells(reference.rows[some], present, reference.starts[some])
    return np.median(cells.sum(3), axis=1)


def chosen_windows(
    series: Series, units: Units, grid: WindowGrid, most: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """At most ``most`` windows, evenly spaced: rows, present cells (None if all are), and starts.

    Windows with more than a fifth missing are left out; a `ValueError` if none is left.
    """
    # Twice as many are considered where cells may be missing, so that enough are left.
    places = np.unique(np.linspace(0, len(grid) - 1, min(len(grid), 2 * most)).round().astype(np.int64))
    dense = places[::2] if len(places) > most else places
    for some in (dense, places):
        rows, present, starts = [], [], []
        for found, part, mask in window_chunks(series, units, grid, some):
            full = np.ones(len(part), bool) if mask is None else 1 - mask.mean((1, 2)) <= MAX_MISSING
            rows.append(np.array(part[full]))
            present.append(np.ones(rows[-1].shape, bool) if mask is None else mask[full])
            starts.append(grid.starts[found][full])
        kept = sum(map(len, rows))
        if kept >= min(most, len(some)) // 2:
            break
    if not kept:
        raise ValueError(
            f"no window of {grid.length} steps has less than {MAX_MISSING:.0%} of its values missing; choose a "
            "shorter window, or leave out the channels that are mostly empty."
        )
    everything = np.concatenate(present)
    return np.concatenate(rows), None if everything.all() else everything, np.concatenate(starts)


def _amounts(series: Series, units: Units, grid: WindowGrid, reference: Reference) -> np.ndarray:
    """Amounts of each part, shape (n_windows, n_parts); NaN for windows with too much missing."""
    found = np.full((len(grid), len(PARTS)), np.nan)
    for places, rows, present in window_chunks(series, units, grid):
        some = reference.amounts(rows, present, grid.starts[places])
        if present is not None:
            some[1 - present.mean((1, 2)) > MAX_MISSING] = np.nan
        found[places] = some
    return found


def _deviation(model: SeriesModel, series: Series) -> np.ndarray:
    """Spread of values around their expected values, by quartiles, over some stretches of the series."""
    stretches = np.unique(np.linspace(0, max(len(series) - STEPS_EXPECTED, 0), 4).astype(int))
    residuals = np.concatenate(
        [
            series.part(start, start + STEPS_EXPECTED)
            - model.expected(series, int(start), int(min(start + STEPS_EXPECTED, len(series))))
            for start in stretches
        ]
    )
    known = np.isfinite(residuals)
    spread = np.zeros(series.n_channels)
    for channel in range(series.n_channels):
        if known[:, channel].any():
            low, high = np.percentile(residuals[known[:, channel], channel], [25, 75])
            spread[channel] = (high - low) / QUARTILES_OF_NORMAL
    return spread


def _mean_known(parts: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of arrays of equal shape over those that are known, NaN where none is."""
    total, count = np.zeros(()), np.zeros(())
    for part in parts:
        known = np.isfinite(part)
        total, count = total + np.where(known, part, 0.0), count + known
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
