"""isthmus.

``settings``: those of the estimator, ``recipe="tutorial"`` for the tutorial's network and recipe at the job's
widths and batch, and ``variant`` for another variant than vanilla. Without a recipe only the size of
the code and the number of epochs, if any, come from the job: everything else is the default.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from isthmus.estimator import BaseAutoencoder
from isthmus.fitting_run import callback_state
from isthmus.training.loop import Training
from isthmus.tutorial import tutorial_recipe
from isthmus.variants import variant
from race.compete import compete
from race.job import Job
from race.stopwatch import Reconstruct, Stopwatch


class _EpochCallback:
    """What scikit-learn asks of a callback, with nothing to do."""

    def setup(self, estimator: Any, context: Any) -> None: ...

    def teardown(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...


class StopBelow(_EpochCallback):
    """Ends the fit when the squared error on held-out rows is below ``target``; the test rows are not used."""

    def __init__(self, target: float):
        self.target = target

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        # The variance the estimator keeps is the held-out error itself, in the units of the data.
        return context.task_name == "epoch" and estimator.noise_variance_ < self.target


class Lap(_EpochCallback):
    """Reports every epoch to the stopwatch, including the start."""

    def __init__(self, watch: Stopwatch):
        self.watch = watch

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        if context.task_name == "epoch":
            self.watch.lap(fitted_estimator.reconstruct)
        return False


def look_within_epochs(estimator: BaseAutoencoder, watch: Stopwatch) -> None:
    """Report every step to the stopwatch; scikit-learn's callbacks have no hook for steps."""
    ordinary = Training.step

    def reconstruct(X: np.ndarray) -> np.ndarray:
        model = copy.copy(estimator)
        vars(model).update(callback_state(estimator))
        return model.reconstruct(X)

    def step(training: Training, *asked: Any) -> None:
        ordinary(training, *asked)
        if training.model is estimator.fitted_.model:  # and no trial
            watch.step(reconstruct)

    Training.step = step


def estimator_for(job: Job) -> BaseAutoencoder:
    """The unfitted estimator, by the job's settings."""
    settings = dict(job.settings)
    recipe, kind = settings.pop("recipe", None), settings.pop("variant", "vanilla")
    if job.epochs is not None:
        settings["max_iter"] = job.epochs
    if recipe == "tutorial":
        settings |= {"hidden_layer_sizes": job.widths[:-1], "batch_size": job.batch_size}
        return tutorial_recipe(job.widths[-1], job.seed).set_params(**settings)
    return variant(kind)(job.widths[-1], random_state=job.seed, **settings)


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    torch.set_num_threads(job.threads)
    estimator = estimator_for(job)
    if job.curve:
        estimator.set_callbacks(Lap(watch))
    elif job.stop_below is not None:
        estimator.set_callbacks(StopBelow(job.stop_below))
    if job.looks:
        look_within_epochs(estimator, watch)
    estimator.fit(train)
    watch.stop()
    if not job.curve:
        watch.laps = estimator.history_["seconds"]
    return estimator.reconstruct


if __name__ == "__main__":
    compete(fit)
