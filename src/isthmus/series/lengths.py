"""How long a window should be: the period of the series, and two lengths that don't depend on it.

The period is the highest local maximum of the autocorrelation at lags from 3 to 400, as in TSB-AD (Liu & Paparrizos,
NeurIPS 2024). A window of a few steps is useless, so the minimum is 32; windows of 96 and 192 steps see slower changes.
"""

from __future__ import annotations

import numpy as np

from isthmus.series.series import Series
from isthmus.series.windows import Units

__all__ = ["autocorrelation", "period_of", "require_stride", "stride_of", "window_lengths"]

LONGEST_LAG, SHORTEST_LAG = 400, 3
PERIODS = (6, 303)  # shorter ones are noise, longer ones have been seen too seldom
WITHOUT_PERIOD = 125
STEPS_LOOKED_AT = 20_000
MIN_LENGTH, FIXED_LENGTHS = 32, (96, 192)
MAX_CELLS = 1_200  # of a window
WINDOWS_IN_SERIES = 8  # minimum number of windows that fit side by side
SHORTEST_WINDOW = 4
WELL_COVERED = 0.9  # share of the steps that windows of the longest length should cover


def autocorrelation(u: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelation at lags 0 to ``lags`` of each column, shape (lags + 1, n_channels); NaN counts as the mean.

    Divided by that at lag 0; of a constant column it is 0.
    """
    n_steps = len(u)
    centred = np.nan_to_num(u - np.nan_to_num(np.nanmean(u, 0, where=np.isfinite(u))) if np.isfinite(u).any() else u)
    size = 1 << int(np.ceil(np.log2(2 * n_steps)))
    spectrum = np.fft.rfft(centred, size, axis=0)
    found = np.fft.irfft(spectrum * np.conj(spectrum), axis=0)[: min(lags, n_steps - 1) + 1]
    return np.where(found[0] > 1e-12, found / np.where(found[0] > 1e-12, found[0], 1.0), 0.0)


def period_of(series: Series, units: Units) -> int | None:
    """The period in steps, by the mean autocorrelation of all channels over the longest segment; None without one."""
    start, stop = series.segments[np.argmax(series.segments[:, 1] - series.segments[:, 0])]
    u = units.apply(series.part(int(start), int(min(stop, start + STEPS_LOOKED_AT))))
    u = u[:, np.isfinite(u).any(0)]
    if len(u) <= SHORTEST_LAG + 2 or not u.shape[1]:
        return None
    lags = autocorrelation(u, LONGEST_LAG).mean(1)[SHORTEST_LAG:]
    top = np.flatnonzero((lags[1:-1] > lags[:-2]) & (lags[1:-1] > lags[2:])) + 1
    if not len(top):
        return None
    found = int(top[np.argmax(lags[top])]) + SHORTEST_LAG
    return found if PERIODS[0] <= found <= PERIODS[1] else None


def window_lengths(series: Series, units: Units, window: int | str, who: str) -> tuple[int, ...]:
    """The lengths of windows in steps, ascending: the one asked for, or for "auto" those that suit the series.

    No window is longer than an eighth of the series, has more than 1,200 numbers, or is so long that the segments that
    can hold two windows cover less than nine tenths of the steps. Raises a `ValueError` if nothing fits.
    """
    n_steps = len(series)
    sizes = series.segments[:, 1] - series.segments[:, 0]
    if window != "auto":
        length = int(window)
        if length > sizes.max():
            raise ValueError(
                f"{who}: a window of {length} steps is longer than the longest stretch of the series without a gap, "
                f"{sizes.max()} of {n_steps} steps; choose a shorter window."
            )
        if n_steps < 4 * length:
            raise ValueError(
                f"{who}: {n_steps} steps are too few for a window of {length}; at least 4 windows "
                f"({4 * length} steps) are needed, {WINDOWS_IN_SERIES} are better."
            )
        return (length,)
    if n_steps < WINDOWS_IN_SERIES * SHORTEST_WINDOW:
        raise ValueError(
            f"{who}: the series has {n_steps} {'step' if n_steps == 1 else 'steps'}, and at least "
            f"{WINDOWS_IN_SERIES * SHORTEST_WINDOW} are needed: windows are compared with others of the same series."
        )
    most = min(n_steps // WINDOWS_IN_SERIES, max(MAX_CELLS // series.n_channels, SHORTEST_WINDOW), _covering(sizes))
    if most < SHORTEST_WINDOW:
        raise ValueError(
            f"{who}: the series is cut by gaps into {len(sizes)} segments of {n_steps / len(sizes):.0f} steps on "
            f"average, and windows need at least {2 * SHORTEST_WINDOW}; name a window= they can hold."
        )
    period = period_of(series, units) or WITHOUT_PERIOD
    wanted = (max(period, MIN_LENGTH), *FIXED_LENGTHS)
    return tuple(sorted({min(length, most) for length in wanted}))


def stride_of(length: int) -> int:
    """The default stride of windows of a length: the largest prime number up to a quarter of it, and at least 1.

    Windows a quarter of a window apart would start at the same few phases of any period that shares a factor with
    that, and a network would learn no others.

    >>> [stride_of(length) for length in (4, 40, 96, 168)]
    [1, 7, 23, 41]
    """
    up_to = range(length // 4, 1, -1)
    return next((stride for stride in up_to if all(stride % part for part in range(2, int(stride**0.5) + 1))), 1)


def require_stride(stride: int | None, shortest: int) -> None:
    """A `ValueError` if windows at every ``stride`` steps would leave steps out that no window of the shortest sees."""
    if stride is not None and stride > shortest:
        raise ValueError(
            f"a stride of {stride} steps is longer than the window of {shortest}, so steps between two windows would "
            "not be looked at; choose a shorter stride."
        )


def _covering(sizes: np.ndarray) -> int:
    """The longest window such that segments that hold two cover nine tenths of the steps."""
    ascending = np.sort(sizes)[::-1]
    covered = np.cumsum(ascending) / ascending.sum()
    return int(ascending[np.searchsorted(covered, WELL_COVERED)]) // 2
