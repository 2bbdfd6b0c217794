"""A clock that stops while the test error is measured."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

__all__ = ["Reconstruct", "Stopwatch", "TimeIsUp", "mean_squared_error"]

Reconstruct = Callable[[np.ndarray], np.ndarray]


class TimeIsUp(Exception):  # noqa: N818, it is no error
    """The budget is spent; ends a fit from inside."""


def mean_squared_error(reconstruct: Reconstruct, X: np.ndarray) -> float:
    """Per feature, in the units of X."""
    return float(np.mean((np.asarray(reconstruct(X)) - X) ** 2, dtype=np.float64))


class Stopwatch:
    """Begun once, one `lap` an epoch; with ``curve`` each lap also measures the error on the ``test`` rows."""

    def __init__(self, test: np.ndarray, *, curve: bool = False, budget: float | None = None):
        self.test = test
        self._wants_curve, self._budget = curve, budget
        self.laps: list[float] = []
        self.curve: list[list[float]] = []
        self.begin()

    def begin(self) -> None:
        """Start at zero (again)."""
        self._begun, self._stopped = time.perf_counter(), None

    def stop(self) -> None:
        """The work is done; later stops change nothing."""
        if self._stopped is None:
            self._stopped = time.perf_counter()

    @property
    def seconds(self) -> float:
        return (self._stopped or time.perf_counter()) - self._begun

    def lap(self, reconstruct: Reconstruct | None = None) -> None:
        """An epoch is over; raises `TimeIsUp` if it was the last one affordable."""
        self.laps.append(self.seconds)
        if self._wants_curve and reconstruct is not None:
            paused = time.perf_counter()
            self.curve.append([self.laps[-1], mean_squared_error(reconstruct, self.test)])
            self._begun += time.perf_counter() - paused
        if self._budget is not None and self.laps[-1] > self._budget:
            raise TimeIsUp

    @property
    def epoch_seconds(self) -> float | None:
        """Median length of an epoch, the first one left out where there are several."""
        if len(self.laps) > 1:
            return float(np.median(np.diff(self.laps)))
        return self.laps[0] if self.laps else None
