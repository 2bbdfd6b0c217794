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
from typing import Any

import torch

from isthmus.choices import choose_refit, choose_turns
from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.inference.alternation import DESCENT, ENCODER_SHARE, ORDINARY, can_alternate
from isthmus.inference.code_buffer import MAX_ROWS, rows_for_inference
from isthmus.inference.polishing import STEPS, polishing_of, target_of
from isthmus.inference.state import EXACT_STEPS
from isthmus.parts.draws import seeded
from isthmus.rows.rows import Rows
from isthmus.training.budget import budget_seconds, epochs_within
from isthmus.training.loop import UNVALIDATED_SAMPLE, Training
from isthmus.training.objective import Objective
from isthmus.training.plan import Plan, most_useful_epochs

__all__ = ["epochs_of_budget", "expected_seconds"]

WARM_UP, TIMED = 2, 8  # steps that are slower, and steps that are timed
DECODER_STEP, ENCODER_STEP = 0.75, 1.1  # time of a step on one network alone, relative to a step on both
POLISHED_ROWS, MIN_POLISHED_ROWS, POLISHED_CELLS = 1024, 32, 1 << 20  # that are timed, fewer if they are wide
CURVATURES = 3  # computed at the end of a fit


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
    fixed, per_epoch = _cost(settings, fitted, plan, rows, held_out, group)
    epochs = torch.tensor(epochs_within(seconds - spent, fixed, per_epoch, most_useful_epochs(plan.epochs)))
    epochs = int(group.broadcast_(epochs))
    if group.is_main and fixed + per_epoch > seconds - spent:
        warnings.warn(
            f"{type(settings).__name__}: one epoch takes about {fixed + per_epoch:.1f} s, more than is left of "
            f"budget={settings.budget!r}; one is run nevertheless.",
            RuntimeWarning,
            stacklevel=5,
        )
    return epochs


def expected_seconds(
    settings: Any, fitted: FittedState, plan: Plan, rows: Rows, held_out: int, group: ProcessGroup
) -> float:
    """The estimated time of the planned run, without early stopping."""
    fixed, per_epoch = _cost(settings, fitted, plan, rows, held_out, group)
    return fixed + per_epoch * plan.epochs


def _cost(
    settings: Any, fitted: FittedState, plan: Plan, rows: Rows, held_out: int, group: ProcessGroup
) -> tuple[float, float]:
    """Seconds independent of the number of epochs, and seconds per epoch."""
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
        turns = choose_turns(settings, rows, fitted, plan)
        polish = _polishing(model, rows, fitted.device) if group.slots == 1 and can_alternate(model, rows) else None
    steps = step * math.ceil(n_learned / plan.batch_size)
    again = len(rows) / n_learned if choose_refit(settings, rows) else 0.0
    if polish is None:
        return 0.0, steps * (1 + again) + measuring
    descent, curvature = polish
    fixed = _inferring(descent, curvature, rows, held_out) * (2 if again else 1)
    if not turns.count:
        return fixed, steps * (1 + again) + measuring
    share = ORDINARY + DECODER_STEP + ENCODER_SHARE * ENCODER_STEP
    moving = descent * n_learned * (STEPS + DESCENT * turns.count) + curvature * (2 + turns.count)
    return fixed + moving * (1 + again), steps * share * (1 + again) + (ORDINARY + ENCODER_SHARE) * measuring


def _inferring(descent: float, curvature: float, rows: Rows, held_out: int) -> float:
    """Seconds in which inference is learned after training (`isthmus.inference.code_buffer`), with the bands."""
    most = rows_for_inference(rows.n_features)
    exact = min(len(rows) - held_out, most) + min(held_out, most)
    polished = min(len(rows), MAX_ROWS) + 2 * held_out
    return descent * ((STEPS + EXACT_STEPS) * exact + STEPS * polished) + CURVATURES * curvature


def _timed_steps(trial: Training, batches: Any, plan: Plan) -> Any:
    started = time.perf_counter()
    for batch in batches:
        trial.step(batch, plan.learning_rate)
        yield time.perf_counter() - started
        started = time.perf_counter()


def _polishing(model: Any, rows: Rows, device: torch.device) -> tuple[float, float]:
    """Seconds that a step of polishing takes per row, and those of the mean curvature."""
    some = rows.some(max(MIN_POLISHED_ROWS, min(POLISHED_ROWS, POLISHED_CELLS // rows.n_features)))
    batch = some.batch_of(some.take(torch.arange(len(some)))).to(device)
    target = target_of(model.likelihood, batch.x, batch.given)
    with torch.no_grad():
        codes = model.encode(batch.x, batch.given).mean
        started = time.perf_counter()
        polishing = polishing_of(model, target, codes)
        curved = time.perf_counter()
        polishing.codes(model, target, codes, STEPS)
    return (time.perf_counter() - curved) / STEPS / len(some), curved - started
