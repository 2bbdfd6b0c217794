"""The training run of a fit: on the rows that are not held out, in ordinary epochs and then in turns."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.choices import choose_refit
from isthmus.closed_form_start import start_at_closed_form
from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.imputation.learning import learn_cells
from isthmus.inference.alternation import Alternated, Turns, alternate
from isthmus.parts.draws import seeded
from isthmus.rows.rows import Rows
from isthmus.training.backtracking import backtracks, share_of_rate
from isthmus.training.callbacks import EpochCallbacks
from isthmus.training.checkpointing import FitCheckpointer
from isthmus.training.completion import VALIDATION_DRAWS, learn_trust
from isthmus.training.devices import threads_for
from isthmus.training.loop import Training
from isthmus.training.objective import Objective
from isthmus.training.plan import Plan
from isthmus.training.progress import progress_bar
from isthmus.training.state import RunState

__all__ = ["FittingRun", "PlannedFit", "callback_state", "set_noise_variance", "trained"]


@dataclass(frozen=True)
class PlannedFit:
    """How a fit is to train: the model at its start, the plan, the number of rows held out, how rows are augmented."""

    fitted: FittedState
    plan: Plan
    turns: Turns
    n_held_out: int
    augmented: Callable[[Rows], Rows]


@dataclass
class FittingRun:
    """What a training run learned from, and how it ended.

    Attributes
    ----------
    learned, held_out, validation
        The training rows, augmented; those held out; and these as they are evaluated, several times where cells are
        missing. The last two are None where no rows are held out.
    is_trial : bool
        Whether the fit is to learn from all rows afterwards.
    n_back : int
        How often training went back to an earlier epoch.
    stopped : str or None
        Why training ended early.
    halted : bool
        Whether a callback ended it.
    """

    training: Training
    turns: Turns
    learned: Rows
    held_out: Rows | None
    validation: Rows | None
    is_trial: bool
    cells: Any = None
    alternated: Alternated = Alternated(0, False)  # noqa: RUF009  a named tuple
    n_back: int = 0
    best_epoch: int = 0
    stopped: str | None = None
    halted: bool = False

    @property
    def has_improved(self) -> bool:
        """Whether it ended by itself, with a model better than that at the start."""
        went_on = self.n_back == 0 or self.alternated.kept > 0
        return self.best_epoch > 0 and self.stopped is None and not self.halted and went_on


def trained(
    estimator: Any,
    rows: Rows,
    mean_weight: float,
    planned: PlannedFit,
    group: ProcessGroup,
    callbacks: EpochCallbacks | None,
    state: RunState | None,
    checkpointer: FitCheckpointer | None,
) -> FittingRun:
    """The run of a plan; the model then has the weights of its best epoch."""
    fitted, turns = planned.fitted, planned.turns
    n_rows = turns.ordinary.epochs + turns.count
    with (
        seeded(fitted.seed),
        threads_for(planned.plan.batch_size * fitted.n_weights),
        progress_bar(n_rows, shown=estimator.verbose and group.is_main) as advance,
    ):
        run = _started(estimator, rows, mean_weight, planned, group, state)
        if callbacks is not None:
            callbacks.begin(n_rows, lambda: callback_state(estimator))

        def on_epoch(row: Mapping[str, float]) -> bool:
            set_noise_variance(estimator, row)
            advance(row)
            run.halted = callbacks is not None and callbacks.epoch()
            return run.halted

        _train_in_epochs(run, fitted, rows, type(estimator).__name__, on_epoch, checkpointer)
        _train_in_turns(run, planned, mean_weight, on_epoch)
        if run.is_trial and run.best_epoch == 0:
            start_at_closed_form(estimator, fitted, rows, group)
    return run


def _started(
    estimator: Any, rows: Rows, mean_weight: float, planned: PlannedFit, group: ProcessGroup, state: RunState | None
) -> FittingRun:
    """The run before its first step: rows are held out, and a trial starts at the closed form of the others."""
    fitted = planned.fitted
    learned, held_out = rows.split(planned.n_held_out)
    is_trial = held_out is not None and planned.plan.epochs > 0 and choose_refit(estimator, rows)
    if is_trial and state is None:
        start_at_closed_form(estimator, fitted, learned, group)
    learned = planned.augmented(learned)
    objective, ordinary = Objective(estimator.make_penalties()), planned.turns.ordinary
    training = Training(
        fitted.model, objective, ordinary, fitted.device, fitted.seed, group, state, mean_weight=mean_weight
    )
    validation = held_out.repeated(VALIDATION_DRAWS) if held_out is not None and fitted.masked else held_out
    return FittingRun(training, planned.turns, learned, held_out, validation, is_trial)


def _train_in_epochs(
    run: FittingRun,
    fitted: FittedState,
    rows: Rows,
    who: str,
    on_epoch: Callable[[Mapping[str, float]], bool],
    checkpointer: FitCheckpointer | None,
) -> None:
    """Take the ordinary steps, and learn from the held-out rows how missing cells are filled."""
    training = run.training
    training.run(run.learned, run.validation, on_epoch, checkpointer)
    run.cells = learn_cells(fitted.model, run.learned, run.held_out, fitted.owners, fitted.seed)
    if run.cells is None:
        learn_trust(fitted.model, run.validation or rows, fitted.device)
    training.finish(resumable=False)
    run.best_epoch = training.best_epoch
    run.stopped = training.stop_reason if training.stopped_abnormally else None
    if not len(training.history):
        raise ValueError(
            f"{who}: the loss is not finite before the first step; values of X are too large for float32 (use "
            "scale='standard'), or a weight of the loss is."
        )


def _train_in_turns(
    run: FittingRun, planned: PlannedFit, mean_weight: float, on_epoch: Callable[[Mapping[str, float]], bool]
) -> None:
    """Alternate between code and decoder, at a lower rate where the ordinary epochs went back."""
    fitted, plan, history = planned.fitted, planned.plan, run.training.history
    run.alternated = Alternated(run.best_epoch, False)
    run.n_back = backtracks(history) if plan.backtracks else 0
    if run.n_back:
        rate = run.turns.plan.learning_rate * share_of_rate(run.training)
        slower = dataclasses.replace(run.turns.plan, learning_rate=rate)
        count = run.turns.count if run.n_back < plan.backtracks else 0
        run.turns = dataclasses.replace(run.turns, plan=slower, count=count)
    if not run.turns.count or run.validation is None or run.halted or run.stopped is not None:
        return
    run.alternated = alternate(
        fitted.model,
        run.learned,
        run.validation,
        run.turns,
        fitted.seed,
        history,
        run.best_epoch,
        on_epoch,
        mean_weight,
    )
    run.best_epoch = run.alternated.best_epoch
    run.stopped = "interrupted" if run.alternated.interrupted else None


def set_noise_variance(estimator: Any, row: Mapping[str, float]) -> None:
    """Update σ²: the likelihood's own, or the mean squared error if the likelihood leaves it open."""
    fitted: FittedState = estimator.fitted_
    variance = fitted.model.likelihood.noise_variance
    if variance is None:
        variance = row.get("validation_mse", row["train_mse"])
    unit = fitted.scaling.unit
    estimator.fitted_ = dataclasses.replace(fitted, noise_variance=max(variance, 1e-12) * unit**2)


def callback_state(estimator: Any) -> dict[str, Any]:
    """The fitted attributes that let a callback use the model during training."""
    fitted: FittedState = estimator.fitted_
    learned = dataclasses.replace(fitted, model=copy.deepcopy(fitted.model))
    return {"fitted_": learned, "n_features_in_": estimator.n_features_in_}
