"""A clock that stops while the test error is measured."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

EARLY_STEPS, EARLY_LOOK, LATE_LOOK = 64, 4, 32  # steps from one measurement to the next, at first and later

__all__ = ["Reconstruct", "Stopwatch", "TimeIsUp", "mean_squared_error"]

Reconstruct = Callable[[np.ndarray], np.ndarray]


class TimeIsUp(Exception):  # noqa: N818, it is no error
    """The budget is spent; raised within a fit to end it."""


def mean_squared_error(reconstruct: Reconstruct, X: np.ndarray) -> float:
    """Per feature, in the units of X."""
    return float(np.mean((np.asarray(reconstruct(X)) - X) ** 2, dtype=np.float64))


class Stopwatch:
    """Started once, with one `lap` per epoch; with ``curve`` each lap also measures the error on the ``test`` rows.

    With ``looks`` some of the steps reported to `step` measure it, too.
    """

    def __init__(self, test: np.ndarray, *, curve: bool = False, looks: bool = False, budget: float | None = None):
        self.test = test
        self._wants_curve, self._looks, self._budget = curve, looks, budget
        self._steps = 0
        self.laps: list[float] = []
        self.curve: list[list[float]] = []
        self.begin()

    def begin(self) -> None:
        """Start at zero, or start again."""
        self._begun, self._stopped = time.perf_counter(), None

    def stop(self) -> None:
        """End the measurement; a later call changes nothing."""
        if self._stopped is None:
            self._stopped = time.perf_counter()

    @property
    def seconds(self) -> float:
        return (self._stopped or time.perf_counter()) - self._begun

    def lap(self, reconstruct: Reconstruct | None = None) -> None:
        """Record the end of an epoch; raises `TimeIsUp` if the budget is spent."""
        self.laps.append(self.seconds)
        if self._wants_curve and reconstruct is not None:
            self._look(reconstruct)
        self._leave_in_time()

    def step(self, reconstruct: Reconstruct, count: int = 1) -> None:
        """Record further steps; raises `TimeIsUp` as `lap` does."""
        self._steps += count
        if self._looks and self._steps % (EARLY_LOOK if self._steps <= EARLY_STEPS else LATE_LOOK) == 0:
            self._look(reconstruct)
            self._leave_in_time()

    def _look(self, reconstruct: Reconstruct) -> None:
        paused = time.perf_counter()
        self.curve.append([self.seconds, mean_squared_error(reconstruct, self.test)])
        self._begun += time.perf_counter() - paused

    def _leave_in_time(self) -> None:
        if self._budget is not None and self.seconds > self._budget:
            raise TimeIsUp

    @property
    def epoch_seconds(self) -> float | None:
        """Median length of an epoch, without the first if there are several."""
        if len(self.laps) > 1:
            return float(np.median(np.diff(self.laps)))
        return self.laps[0] if self.laps else None
