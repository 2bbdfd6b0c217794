"""One fit, from rows as they were given to the record of what was learned."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from isthmus.choices import choose_plan
from isthmus.distributed import process_group
from isthmus.fitted import FittedState
from isthmus.history import History
from isthmus.inference.code_buffer import RecentRows, buffered_codes
from isthmus.initialization import closed_form_is_best, initialize, rows_again
from isthmus.input_validation import read_for_fit
from isthmus.parts.draws import seeded
from isthmus.rows.validation import validation_count
from isthmus.training.callbacks import EpochCallbacks
from isthmus.training.checkpointing import FitCheckpointer
from isthmus.training.completion import VALIDATION_DRAWS, complete_records, learn_trust
from isthmus.training.devices import threads_for
from isthmus.training.linear_order import order_linear_code
from isthmus.training.loop import Training, means
from isthmus.training.objective import Objective
from isthmus.training.progress import progress_bar

__all__ = ["PartialFit", "fit_partially", "fit_rows"]

PARTIAL_FIT_SAMPLE = 2048  # rows measured after a pass of `partial_fit`


def fit_rows(estimator: Any, X: Any, sample_weight: Any, given: Any, checkpointer: FitCheckpointer | None) -> None:
    """Initialize and train: ``estimator.fitted_`` is set at the start, and again as training goes on."""
    group = process_group()
    state = None if checkpointer is None else checkpointer.restored(estimator)
    source = read_for_fit(estimator, X, sample_weight, given, reset=state is None)
    if state is None:
        rows, estimator.fitted_ = initialize(estimator, source, group)
    else:
        rows = rows_again(estimator, source, estimator.fitted_, group)
    fitted: FittedState = estimator.fitted_
    if checkpointer is not None:
        checkpointer.require_same(rows)
    plan = choose_plan(estimator, len(rows), fitted)
    if closed_form_is_best(estimator, fitted):
        plan = dataclasses.replace(plan, epochs=0)
    training = Training(
        fitted.model,
        Objective(estimator.make_penalties()),
        plan,
        fitted.device,
        fitted.seed,
        group,
        state,
        mean_weight=source.mean_weight,
    )
    with (
        seeded(fitted.seed),
        threads_for(plan.batch_size * fitted.n_weights),
        progress_bar(plan.epochs, shown=estimator.verbose and group.is_main) as advance,
    ):
        learned, validation = rows.divided(validation_count(len(rows), estimator.validation_fraction))
        if validation is not None and estimator.missing == "mask":
            validation = validation.repeated(VALIDATION_DRAWS)
        callbacks = EpochCallbacks(estimator, plan.epochs, X, lambda: _as_it_stands(estimator))

        def on_epoch(row: Mapping[str, float]) -> bool:
            _keep_noise(estimator, row)
            advance(row)
            return callbacks.epoch()

        training.run(learned, validation, on_epoch, checkpointer)
        learn_trust(fitted.model, validation or rows, fitted.device)
    training.finish()
    if not len(training.history):
        raise ValueError(
            f"{type(estimator).__name__}: the loss is no number before the first step; X is too large for float32 "
            f"as it stands (use scale='standard'), or a weight of the loss is."
        )
    _keep_noise(estimator, training.history[training.best_epoch])
    n_iter = len(training.history) - 1
    if fitted.architecture.linear and fitted.model.bottleneck.is_gate and n_iter > 0:
        order_linear_code(fitted.model, complete_records(rows, fitted.model.completion))
    with seeded(fitted.seed):
        codes = buffered_codes(fitted.model, learned, validation or learned, fitted.device)
    estimator.fitted_ = dataclasses.replace(
        estimator.fitted_, history=training.history, best_epoch=training.best_epoch, n_iter=n_iter, codes=codes
    )
    callbacks.close()
    if training.troubled:
        warnings.warn(
            f"{type(estimator).__name__}: training ended early, {training.stopped}. "
            f"The best weights so far, of epoch {training.best_epoch}, were kept.",
            ConvergenceWarning,
            stacklevel=4,
        )


@dataclass
class PartialFit:
    """Where `partial_fit` stands: the optimiser's run, and the latest rows."""

    training: Training
    recent: RecentRows


def fit_partially(estimator: Any, X: Any, sample_weight: Any, given: Any, partial: PartialFit | None) -> PartialFit:
    """One pass over rows at a constant rate, from where an earlier one stood."""
    group = process_group()
    first = "fitted_" not in vars(estimator)
    source = read_for_fit(estimator, X, sample_weight, given, reset=first)
    if first:
        rows, estimator.fitted_ = initialize(estimator, source, group)
    else:
        rows = rows_again(estimator, source, estimator.fitted_, group)
    fitted: FittedState = estimator.fitted_
    plan = dataclasses.replace(choose_plan(estimator, len(rows), fitted), schedule="constant")
    if partial is None:
        objective = Objective(estimator.make_penalties())
        training = Training(fitted.model, objective, plan, fitted.device, fitted.seed, group)
        partial = PartialFit(training, RecentRows(fitted.codes, rows.widths))
    else:
        partial.training.resume()
    training = partial.training
    training.mean_weight = source.mean_weight
    try:
        with seeded(fitted.seed + fitted.n_iter), threads_for(plan.batch_size * fitted.n_weights):
            for batch in rows.epoch(fitted.seed, fitted.n_iter, plan.batch_size, group=group):
                training.step(batch, plan.learning_rate)
            row = means(training.measure(rows.for_measuring(PARTIAL_FIT_SAMPLE)), "train")
            partial.recent.add(rows)
    finally:
        training.finish()
    _keep_noise(estimator, row)
    n_iter = fitted.n_iter + 1
    # Rows of a `fit` are measured otherwise; a new record begins.
    history = History() if "validation_loss" in fitted.history.columns else copy.deepcopy(fitted.history)
    history.append({"epoch": float(n_iter), **row, "learning_rate": plan.learning_rate})
    codes = partial.recent.buffer(fitted.model, fitted.device, fitted.seed)
    estimator.fitted_ = dataclasses.replace(
        estimator.fitted_, history=history, best_epoch=n_iter, n_iter=n_iter, codes=codes
    )
    return partial


def _keep_noise(estimator: Any, row: Mapping[str, float]) -> None:
    """σ² as it stands: the likelihood's own, or where it leaves the noise open, the squared error."""
    fitted: FittedState = estimator.fitted_
    variance = fitted.model.likelihood.noise_variance
    if variance is None:
        variance = row.get("validation_mse", row["train_mse"])
    unit = fitted.scaling.unit
    estimator.fitted_ = dataclasses.replace(fitted, noise_variance=max(variance, 1e-12) * unit**2)


def _as_it_stands(estimator: Any) -> dict[str, Any]:
    """What a callback needs to use the model while it is trained."""
    fitted: FittedState = estimator.fitted_
    learned = dataclasses.replace(fitted, model=copy.deepcopy(fitted.model))
    return {"fitted_": learned, "n_features_in_": estimator.n_features_in_}
