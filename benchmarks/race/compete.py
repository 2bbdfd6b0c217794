"""The process of every competitor: it reads a job, times the fit and prints a result."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from race.data import load
from race.job import Job, Result
from race.memory import forget_peak, peak_mb, resident_mb
from race.stopwatch import Reconstruct, Stopwatch, TimeIsUp, mean_squared_error

__all__ = ["compete"]

WARM_UP_ROWS = 512


def compete(fit: Callable[[Job, np.ndarray, Stopwatch], Reconstruct | None]) -> None:
    """Read a job from standard input, run ``fit(job, rows, stopwatch)``, print a result.

    An untimed fit of a few rows comes first, since libraries load parts of themselves at the first step.
    """
    job = Job.from_json(sys.stdin.read())
    train, test = load(job)
    with contextlib.redirect_stdout(sys.stderr):
        fit(replace(job, epochs=1, stop_below=None, curve=False, looks=False), train[:WARM_UP_ROWS], Stopwatch(test))
        forget_peak()
        before = resident_mb()
        watch = Stopwatch(test, curve=job.curve, looks=job.looks, budget=job.budget)
        error = None
        try:
            reconstruct = fit(job, train, watch)
            watch.stop()
            peak = peak_mb()
            if reconstruct is not None:
                error = mean_squared_error(reconstruct, test)
        except TimeIsUp:
            watch.stop()
            peak = peak_mb()
            error = watch.curve[-1][1] if watch.curve else None
    print(Result(watch.seconds, error, watch.epoch_seconds, watch.curve, peak, before).to_json())
