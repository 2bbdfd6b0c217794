"""A series on the page: its readings, their expected values, episodes, and the start of each window.

A page holds a few hundred thousand numbers. A longer series is shown in stretches of a few steps, each by its smallest
and largest value, which draws the same line; every episode keeps its first and last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.explorer.packing import Packer
from isthmus.series import SeriesDetection
from isthmus.series.series import Series

__all__ = ["ShownSeries", "robust_deviation"]

MAX_CELLS = 240_000  # readings on a page, above which a series is shown in stretches
MAX_EPISODES = 500
UNITS = (0.001, 1.0, 60.0, 3600.0, 86400.0)  # seconds: units in which times may be whole numbers
MICROSECONDS = 1e6
LARGEST = 2**31 - 1
NORMAL = 1.4826  # standard deviations in a median of absolute deviations


@dataclass(frozen=True, eq=False)
class ShownSeries:
    """One series of a page.

    Attributes
    ----------
    name : str
        Name of the entity, or empty.
    series : Series
    expected : ndarray of shape (n_steps, n_channels) or None
        The mean reconstruction of each step, in the units of the data; None if the series is too long.
    deviation : ndarray of shape (n_channels,)
        A robust standard deviation of the readings from ``expected``.
    detection : SeriesDetection or None
        Scores, contributions and episodes, if they were computed.
    held_out : ndarray of shape (n_blocks, 2)
        First and last step of the blocks held out from training.
    """

    name: str
    series: Series
    expected: np.ndarray | None
    deviation: np.ndarray
    detection: SeriesDetection | None
    held_out: np.ndarray

    def facts(self, packer: Packer, *, room: int = MAX_CELLS) -> dict[str, Any]:
        """The entries for the page's JSON; ``room`` is the number of readings it may hold."""
        n_steps, n_channels = len(self.series), self.series.n_channels
        width = max(1, -(-n_steps * n_channels // room))
        values = self.series.part(0, n_steps)
        low, high = _stretches(values, width, "low"), _stretches(values, width, "high")
        found = {
            "name": self.name,
            "steps": n_steps,
            "width": width,
            "times": _times(self.series, packer),
            "segments": self.series.segments.tolist(),
            "heldOut": self.held_out.tolist(),
            "low": packer.floats(low),
            "high": None if width == 1 else packer.floats(high),
            "expected": None if self.expected is None else packer.floats(_stretches(self.expected, width, "mean")),
            "deviation": [float(f"{one:.6g}") for one in self.deviation],
            "episodes": [],
            "score": None,
            "threshold": None,
            "adds": None,
        }
        return found if self.detection is None else found | _found(self.detection, width, packer, self.expected)


def robust_deviation(residual: np.ndarray) -> np.ndarray:
    """Standard deviation of each column from its median absolute deviation; 0 for a column without numbers."""
    known = np.isfinite(residual).any(0)
    spread = np.zeros(residual.shape[1])
    spread[known] = NORMAL * np.nanmedian(np.abs(residual[:, known]), axis=0)
    return spread


def _found(detection: SeriesDetection, width: int, packer: Packer, expected: np.ndarray | None) -> dict[str, Any]:
    """Scores and episodes; contributions relative to the largest, a byte each."""
    adds = None
    if expected is not None:  # short enough to be explained step by step
        adds = np.nan_to_num(_stretches(np.maximum(detection.contributions(), 0), width, "high"))
    top = 0.0 if adds is None else float(adds.max(initial=0))
    episodes = sorted(sorted(detection.episodes, key=lambda one: -one.score)[:MAX_EPISODES], key=lambda one: one.first)
    return {
        "score": packer.floats(_stretches(detection.scores[:, None], width, "high")[:, 0]),
        "threshold": packer.floats(_stretches(detection.thresholds[:, None], width, "mean")[:, 0]),
        "adds": None if adds is None or top == 0 else packer.shares(adds / top, 255) | {"top": top},
        "nEpisodes": len(detection.episodes),
        "episodes": [
            {
                "first": one.first,
                "last": one.last,
                "peak": one.highest,
                "score": float(f"{one.score:.6g}"),
                "channels": list(one.channels[:3]),
                "adds": [float(f"{amount:.6g}") for amount in one.contributions[:3]],
            }
            for one in episodes
        ],
    }


def _stretches(values: np.ndarray, width: int, which: str) -> np.ndarray:
    """The smallest, the largest or the mean of each stretch of steps, shape (n_stretches, n_channels)."""
    if width == 1:
        return values
    n_steps = len(values)
    padded = np.full((-(-n_steps // width) * width, values.shape[1]), np.nan)
    padded[:n_steps] = values
    parts, known = padded.reshape(-1, width, values.shape[1]), np.isfinite(padded).reshape(-1, width, values.shape[1])
    if which == "mean":
        total = np.where(known, parts, 0).sum(1)
        return np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)
    far = np.inf if which == "low" else -np.inf
    edge = np.where(known, parts, far)
    found = edge.min(1) if which == "low" else edge.max(1)
    return np.where(known.any(1), found, np.nan)


def _times(series: Series, packer: Packer) -> dict[str, Any]:
    """Moments of the steps: an origin, and whole multiples of a unit from there on; floats where numbers aren't whole.

    Of dates all are in seconds, the origin counted from 1970.
    """
    stamps, dated = series.grid.stamps, bool(series.grid.is_dated)
    moments = stamps.astype("datetime64[us]").astype(np.int64) / MICROSECONDS if dated else stamps.astype(np.float64)
    origin = float(moments[0])
    offsets = moments - origin
    span = float(np.abs(offsets).max(initial=0))
    unit = next((one for one in UNITS if span / one < LARGEST), UNITS[-1])
    if not dated:
        unit = 1.0 if np.array_equal(offsets, np.rint(offsets)) and span < LARGEST else 0.0
    kept = packer.whole_numbers(np.rint(offsets / unit)) if unit else packer.floats(offsets)
    return {"dated": dated, "origin": origin, "unit": unit or 1.0, "step": float(series.grid.step), "offsets": kept}
