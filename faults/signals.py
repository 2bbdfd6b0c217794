"""Signals, clock jumps, values that are not finite, and lack of memory."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faults.worker import SETTINGS, ended, fit, forked, rows, valid_steps, weights
from isthmus import Autoencoder
from isthmus.rows.rows import Batch
from isthmus.training.loop import Training


def _at_step(step: int, does: object) -> None:
    taken = Training.step

    def disturbed(self: Training, *arguments: object) -> None:
        taken(self, *arguments)
        if self.state.steps == step:
            does()

    Training.step = disturbed


def _signalled(number: int) -> object:
    return lambda: os.kill(os.getpid(), number)


def terminated(n_tries: int = 20) -> Iterator[str | None]:
    """SIGTERM at a random step: exit 143, a checkpoint, the handler restored, the same bits after resuming."""
    expected, drawn = weights(fit(None)), random.Random(0)
    for _ in range(n_tries):
        step = drawn.randrange(1, 100)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)

            def disturbed() -> None:
                before = signal.getsignal(signal.SIGTERM)
                _at_step(step, _signalled(signal.SIGTERM))  # noqa: B023
                try:
                    fit(folder)  # noqa: B023
                finally:
                    if signal.getsignal(signal.SIGTERM) is not before:
                        os._exit(9)

            code, kept = ended(forked(disturbed)), valid_steps(folder)
            whole = code == 143 and max(kept, default=-1) == step and weights(fit(folder)) == expected
            yield None if whole else f"step {step}: exit {code}, kept {kept}"


def interrupted_once(n_tries: int = 10) -> Iterator[str | None]:
    """Ctrl-C: the best model so far is returned and usable."""
    drawn = random.Random(1)
    for _ in range(n_tries):
        step = drawn.randrange(1, 100)

        def disturbed() -> None:
            _at_step(step, _signalled(signal.SIGINT))  # noqa: B023
            model = fit(None)
            assert np.isfinite(model.reconstruct(rows())).all()
            assert model.n_iter_ < SETTINGS["max_iter"]

        code = ended(forked(disturbed))
        yield None if code == 0 else f"step {step}: exit {code}"


def interrupted_twice(n_tries: int = 10) -> Iterator[str | None]:
    """Ctrl-C again while the model is being finished: the program stops."""
    for number in range(n_tries):

        def disturbed() -> None:
            _at_step(5 * number + 3, _signalled(signal.SIGINT))  # noqa: B023
            finish = Training.finish

            def again(self: Training) -> None:
                os.kill(os.getpid(), signal.SIGINT)
                finish(self)

            Training.finish = again
            fit(None)

        code = ended(forked(disturbed))
        yield None if code == 130 else f"exit {code}"


def no_number() -> Iterator[str | None]:
    """NaN or infinity in any column is refused by name before the first step."""
    for bad in (np.nan, np.inf, -np.inf):
        for column in range(6):
            X = rows()
            X[37, column] = bad
            try:
                Autoencoder(2, **SETTINGS).fit(X)
            except ValueError as error:
                yield None if "37" in str(error) and str(column) in str(error) else f"not named: {error}"
            else:
                yield "not refused"


def runs_away() -> Iterator[str | None]:
    """A learning rate of a million: the fit ends with finite best weights, no worse than the start."""
    for seed in range(10):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = fit(None, learning_rate=1e6, random_state=seed)
        finite = all(bool(part.isfinite().all()) for part in model.model_.parameters())
        losses = model.history_.columns["validation_loss"]
        yield None if finite and losses[model.best_epoch_] <= losses[0] else f"seed {seed}: not the finite best"


def short_of_memory() -> Iterator[str | None]:
    """Gradients of more than k rows do not fit in memory: batches are split, and the result is the same.

    Losses are compared, not weights: near the start, which is an optimum, Adam's steps are rounding errors.
    """
    ample = fit(None, max_iter=5).history_.columns["validation_loss"]
    gradients_of = Training._gradients_of
    for most in (16, 8, 4, 2, 1):

        def short(self: Training, batch: Batch, *others: object) -> object:
            if batch.n_rows > most:  # noqa: B023
                raise RuntimeError("DefaultCPUAllocator: not enough memory")
            return gradients_of(self, batch, *others)

        Training._gradients_of = short
        try:
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                same = np.allclose(fit(None, max_iter=5).history_.columns["validation_loss"], ample, rtol=1e-3, atol=0)
        finally:
            Training._gradients_of = gradients_of
        yield None if same and heard else f"at most {most} rows: other results, or no warning"


def clock_jumps(n_tries: int = 10) -> Iterator[str | None]:
    """The wall clock jumps by decades between any two readings."""
    expected, drawn, now = weights(fit(None)), random.Random(2), time.time
    for _ in range(n_tries):
        time.time = lambda: drawn.uniform(-1e9, 1e10)
        try:
            with tempfile.TemporaryDirectory() as place:
                same = weights(fit(Path(place))) == expected
        finally:
            time.time = now
        yield None if same else "other weights"
