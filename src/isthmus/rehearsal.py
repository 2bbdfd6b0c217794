"""How many epochs a time budget allows: a few steps on a copy of the model tell how long an epoch takes.

The clock decides the number of epochs and nothing else: with that number as ``max_iter`` a fit gives the same bits.
It is stored with the model and with every checkpoint, so a resumed fit keeps its plan on any computer.
"""

from __future__ import annotations

import copy
import itertools
import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from isthmus.choices import choose_refit, choose_turns
from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.inference.alternation import DESCENT, ENCODER_SHARE, ORDINARY
from isthmus.inference.code_buffer import most_examined
from isthmus.inference.polishing import STEPS, can_polish, curvature_sample, polishing_of, target_of
from isthmus.inference.state import EXACT_STEPS, is_costly
from isthmus.parts.draws import seeded
from isthmus.rows.rows import Rows
from isthmus.training.budget import budget_seconds, epochs_within
from isthmus.training.loop import UNVALIDATED_SAMPLE, Training
from isthmus.training.objective import Objective
from isthmus.training.plan import Plan, most_useful_epochs

__all__ = ["epochs_of_budget", "expected_seconds"]

WARM_UP, TIMED = 2, 8  # steps that are slower, and steps that are timed
DECODER_STEP, ENCODER_STEP = 0.75, 1.1  # time of a step on one network alone, relative to a step on both
POLISHED_ROWS, FEWEST_POLISHED, POLISHED_CELLS = 1024, 64, 1 << 21


def epochs_of_budget(
    settings: Any, fitted: FittedState, plan: Plan, rows: Rows, held_out: int, group: ProcessGroup, spent: float
) -> int | None:
    """How many epochs the time budget allows, after ``spent`` seconds; None if there is no time budget.

    ``plan`` is the plan without a budget; ``held_out`` rows are evaluated after each epoch.
    """
    seconds = budget_seconds(settings.budget)
    if seconds is None:
        return None
    if fitted.planned_epochs:  # the fit is resumed
        return fitted.planned_epochs
    cost = _cost(settings, fitted, plan, rows, held_out, group)
    epochs = torch.tensor(epochs_within(seconds - spent, cost, most_useful_epochs(plan.epochs)))
    epochs = int(group.broadcast_(epochs))
    if group.is_main and cost(1) > seconds - spent:
        warnings.warn(
            f"{type(settings).__name__}: one epoch takes about {cost(1):.1f} s, more than is left of "
            f"budget={settings.budget!r}; one is run nevertheless.",
            RuntimeWarning,
            stacklevel=5,
        )
    return epochs


def expected_seconds(
    settings: Any, fitted: FittedState, plan: Plan, rows: Rows, held_out: int, group: ProcessGroup
) -> float:
    """The estimated time of the planned run, without early stopping."""
    return _cost(settings, fitted, plan, rows, held_out, group)(plan.epochs)


def _cost(
    settings: Any, fitted: FittedState, plan: Plan, rows: Rows, held_out: int, group: ProcessGroup
) -> Callable[[int], float]:
    """The seconds of a fit with so many epochs; short plans have no turns, and long ones more of them."""
    model = copy.deepcopy(fitted.model)
    trial = Training(model, Objective(settings.make_penalties()), plan, fitted.device, fitted.seed, group)
    n_learned = len(rows) - held_out
    sample = rows.some(2 * held_out if held_out else UNVALIDATED_SAMPLE)
    with seeded(fitted.seed):
        batches = rows.epoch(fitted.seed, 1, plan.batch_size, group=group)
        step = statistics.median(list(_timed_steps(trial, itertools.islice(batches, WARM_UP + TIMED), plan))[-TIMED:])
        started = time.perf_counter()
        trial.measure(sample)
        measuring = time.perf_counter() - started
        trial.finish()
        inference = _time_inference(model, rows, fitted.device) if can_polish(model) else _Inference(0.0, 0.0, 0.0)
    steps = step * math.ceil(n_learned / plan.batch_size)
    again = len(rows) / n_learned if choose_refit(settings, rows) else 0.0
    times = 2 if again else 1

    def seconds(epochs: int) -> float:
        count = choose_turns(settings, rows, fitted, replace(plan, epochs=epochs)).count if group.slots == 1 else 0
        if not count:
            return inference.at_the_end * times + (steps * (1 + again) + measuring) * epochs
        share = ORDINARY + DECODER_STEP + ENCODER_SHARE * ENCODER_STEP
        in_turns = inference.step * (STEPS + DESCENT * count) * (1 + again) + inference.metric * (2 + count) * times
        per_epoch = steps * share * (1 + again) + (ORDINARY + ENCODER_SHARE) * measuring
        return inference.at_the_end * times + in_turns + per_epoch * epochs

    return seconds


def _timed_steps(trial: Training, batches: Any, plan: Plan) -> Any:
    started = time.perf_counter()
    for batch in batches:
        trial.step(batch, plan.learning_rate)
        yield time.perf_counter() - started
        started = time.perf_counter()


class _Inference(NamedTuple):
    """Seconds of a step of polishing all rows, of the metric of these steps, and of what is learned after the fit."""

    step: float
    metric: float
    at_the_end: float


def _time_inference(model: Any, rows: Rows, device: torch.device) -> _Inference:
    """Timed on some of the rows, and multiplied."""
    some = rows.some(max(FEWEST_POLISHED, min(POLISHED_ROWS, POLISHED_CELLS // rows.n_features)))
    batch = some.batch_of(some.take(torch.arange(len(some)))).to(device)
    target = target_of(model.likelihood, model.complete(batch.x), batch.given)
    with torch.no_grad():
        codes = model.encode(batch.x, batch.given).mean
        started = time.perf_counter()
        polishing = polishing_of(model, target, codes)
        metric = time.perf_counter() - started
        polishing.codes(model, target, codes, STEPS)
    step = (time.perf_counter() - started - metric) / STEPS * len(rows) / len(some)
    per_row = step / len(rows) if is_costly(target, codes) else metric / len(curvature_sample(codes, rows.n_features))
    n_examined = min(len(rows), most_examined(rows.n_features))
    return _Inference(step, metric, 3 * metric + 2 * EXACT_STEPS * per_row * n_examined)
