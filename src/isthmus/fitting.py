"""Fitting: from the user's rows to the record of what was learned."""

from __future__ import annotations

import copy
import dataclasses
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from isthmus.announcement import announce
from isthmus.choices import choose_plan, choose_turns, needs_search
from isthmus.closed_form_start import start_at_closed_form
from isthmus.distributed import ProcessGroup, process_group
from isthmus.fitted import FittedState
from isthmus.fitting_run import FittingRun, PlannedFit, set_noise_variance, trained
from isthmus.history import History
from isthmus.inference.alternation import no_turns
from isthmus.inference.bands import Bands, learn_bands
from isthmus.inference.code_buffer import CodeBuffer, RecentRows, buffered_codes
from isthmus.inference.code_spread import CodeSpread, latent_gains, latent_variances
from isthmus.inference.cross_validation import PCADistances, pca_distances
from isthmus.inference.rotation import recoded, rotate_linear_code
from isthmus.initialization import as_encoded, closed_form_is_best, closed_form_kept, initialize, rows_for_fitted
from isthmus.parts.draws import seeded
from isthmus.parts.principal import Principal
from isthmus.pca_attributes import has_linear_code
from isthmus.refitting import refit
from isthmus.rehearsal import epochs_of_budget
from isthmus.rows.augmented import augmenting
from isthmus.rows.marginals import learn_marginals
from isthmus.rows.rows import Rows
from isthmus.rows.validation import validation_count
from isthmus.size_by_fits import fewest_keeping, supported
from isthmus.tables.input_rows import ValidRows
from isthmus.training.callbacks import EpochCallbacks
from isthmus.training.checkpointing import FitCheckpointer
from isthmus.training.devices import threads_for
from isthmus.training.linear_order import order_linear_code
from isthmus.training.loop import Training, means
from isthmus.training.objective import Objective
from isthmus.training.state import RunState

__all__ = ["PartialFit", "fit_partially", "fit_rows", "raising_interrupts"]

PARTIAL_FIT_SAMPLE = 2048  # rows that evaluate a pass of `partial_fit`


def fit_rows(
    estimator: Any,
    source: ValidRows,
    started: float,
    callbacks: EpochCallbacks | None,
    state: RunState | None = None,
    checkpointer: FitCheckpointer | None = None,
) -> None:
    """Initialize and train; ``estimator.fitted_`` is set at the start and updated during training.

    ``started`` is when the fit started, by `time.perf_counter`; ``state`` is that of a fit to resume.
    """
    group = process_group()
    if state is None:
        size = _searched(estimator, source, group)
        rows, estimator.fitted_ = initialize(estimator, source, group, size)
    else:
        rows = rows_for_fitted(estimator, source, estimator.fitted_, group)
    _train(estimator, source, rows, group, started, callbacks, state, checkpointer)


def _searched(estimator: Any, source: ValidRows, group: ProcessGroup) -> int | None:
    """The number of latents found by fits; None if the settings determine it otherwise."""
    if not needs_search(estimator):
        return None

    def fit(settings: Any, rows_to_learn: ValidRows) -> FittedState:
        rows, settings.fitted_ = initialize(settings, rows_to_learn, group)
        with raising_interrupts():
            _train(settings, rows_to_learn, rows, group, time.perf_counter())
        return settings.fitted_

    search = supported if estimator.n_components == "auto" else fewest_keeping
    return search(estimator, source, group, fit)


@contextmanager
def raising_interrupts() -> Iterator[None]:
    """A context in which Ctrl-C during a fit is a `KeyboardInterrupt`, rather than ending that fit alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*training ended early, interrupted", ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as interrupted:
            raise KeyboardInterrupt from interrupted


def _train(
    estimator: Any,
    source: ValidRows,
    rows: Rows,
    group: ProcessGroup,
    started: float,
    callbacks: EpochCallbacks | None = None,
    state: RunState | None = None,
    checkpointer: FitCheckpointer | None = None,
) -> None:
    """Train the model that ``estimator.fitted_`` was initialized with."""
    if checkpointer is not None:
        checkpointer.require_same(rows)
    is_announced = callbacks is not None and state is None  # neither a fit inside a search nor a resumed one
    planned = _planned(estimator, source, rows, group, started, is_announced=is_announced)
    run = trained(estimator, rows, source.mean_weight, planned, group, callbacks, state, checkpointer)
    _keep(estimator, source, rows, planned, run, group)
    if callbacks is not None:
        callbacks.close()
    if run.stopped is not None:
        warnings.warn(
            f"{type(estimator).__name__}: training ended early, {run.stopped}. "
            f"The best weights so far, of epoch {run.best_epoch}, were kept.",
            ConvergenceWarning,
            stacklevel=5,
        )


def _planned(
    estimator: Any, source: ValidRows, rows: Rows, group: ProcessGroup, started: float, *, is_announced: bool
) -> PlannedFit:
    """How long to train and in which steps; ``estimator.fitted_`` has the number of epochs from then on."""
    fitted: FittedState = estimator.fitted_
    augmented = augmenting(estimator, source.row_shape, fitted.scaling)
    copies = len(augmented(rows)) // len(rows)
    plan = choose_plan(estimator, len(rows), fitted, copies=copies)
    n_held_out = validation_count(len(rows), estimator.validation_fraction)
    with threads_for(plan.batch_size * fitted.n_weights):
        spent = time.perf_counter() - started
        epochs = epochs_of_budget(estimator, fitted, plan, augmented(rows), n_held_out, group, spent)
    plan = choose_plan(estimator, len(rows), fitted, epochs, copies=copies)
    if closed_form_is_best(estimator, fitted):
        plan = dataclasses.replace(plan, epochs=0)
    estimator.fitted_ = fitted = dataclasses.replace(fitted, planned_epochs=plan.epochs)
    if is_announced:
        with threads_for(plan.batch_size * fitted.n_weights):
            announce(estimator, fitted, plan, rows, augmented(rows), n_held_out, group)
    # Turns need all rows in one process; with slots a single process must take the same steps as several would.
    turns = no_turns(plan) if group.slots > 1 else choose_turns(estimator, rows, fitted, plan)
    return PlannedFit(fitted, plan, turns, n_held_out, augmented)


def _keep(
    estimator: Any, source: ValidRows, rows: Rows, planned: PlannedFit, run: FittingRun, group: ProcessGroup
) -> None:
    """Learn from all rows after a trial, and put what was learned into ``estimator.fitted_``."""
    fitted, history = planned.fitted, run.training.history
    n_iter = len(history) - 1
    if n_iter > 0:
        _order_linear_code(fitted, rows)
    with seeded(fitted.seed):
        closed_form = closed_form_kept(fitted, run.best_epoch)
        codes = buffered_codes(fitted.model, run.learned, run.validation or run.learned, fitted.device, closed_form)
    kept = dataclasses.replace(fitted, codes=codes, polish=estimator.polish_steps)
    is_pca = closed_form is not None
    bands = None if run.held_out is None else _bands(kept, run.held_out, run.learned, is_pca=is_pca)
    refit_rows = 0
    if run.validation is not None and run.is_trial and run.has_improved:
        codes, refit_rows = _refitted(estimator, rows, planned, run, group, codes)
    spread, codes = _spread(estimator, codes, rows, closed_form)
    is_table = fitted.row_shape is None and (fitted.layout is not None or fitted.names is not None)
    estimator.fitted_ = dataclasses.replace(
        estimator.fitted_,
        history=history,
        best_epoch=run.best_epoch,
        n_iter=n_iter,
        codes=codes,
        noise_variance=codes.noise_variance * fitted.scaling.unit**2,
        polish=estimator.polish_steps,
        refit_rows=refit_rows,
        spread=spread,
        marginals=learn_marginals(source, rows.n_features, fitted.layout) if is_table else None,
        cells=run.cells,
        bands=bands,
    )


def _refitted(
    estimator: Any, rows: Rows, planned: PlannedFit, run: FittingRun, group: ProcessGroup, codes: CodeBuffer
) -> tuple[CodeBuffer, int]:
    """The codes of a model that repeats the run on all rows, and their number; 0 if it was rejected."""
    fitted, validation = planned.fitted, run.validation
    assert validation is not None  # without held-out rows the run had all rows
    with seeded(fitted.seed), threads_for(planned.plan.batch_size * fitted.n_weights):

        def init_closed_form() -> None:
            start_at_closed_form(estimator, fitted, rows, group)

        rejected = refit(run.training, run.turns, run.alternated, planned.augmented(rows), validation, init_closed_form)
        if rejected is None:
            _order_linear_code(fitted, rows)
            return buffered_codes(fitted.model, rows, validation, fitted.device, None, codes), len(rows)
    if rejected == "interrupted":
        run.stopped = rejected
    return codes, 0


def _spread(
    estimator: Any, codes: CodeBuffer, rows: Rows, closed_form: Principal | None
) -> tuple[CodeSpread, CodeBuffer]:
    """The spread of codes, as far as the model's attributes or its code need it; and the codes, rotated if asked."""
    fitted = dataclasses.replace(estimator.fitted_, codes=codes, polish=estimator.polish_steps)
    model, size, linear = fitted.model, fitted.n_components, has_linear_code(fitted)
    spread = CodeSpread(len(rows))
    if fitted.whitened or linear:
        if closed_form is not None and size <= len(closed_form.variances):
            variances = (closed_form.variances if closed_form.spectrum is None else closed_form.spectrum)[:size]
        else:
            variances = latent_variances(fitted.codes_of, rows, fitted.device, size)
        spread = dataclasses.replace(spread, variances=variances.double().cpu())
    if model.bottleneck.ordered and not linear:
        gains = latent_gains(model, fitted.principal, rows, fitted.device, size)
        spread = dataclasses.replace(spread, gains=gains)
    if estimator.rotate is not None:
        transform, spread = rotate_linear_code(model, spread, whitened=fitted.whitened)
        codes = recoded(codes, transform)
    return spread, codes


@dataclass
class PartialFit:
    """The state of `partial_fit`: the training run, and the latest rows."""

    training: Training
    recent: RecentRows


def fit_partially(estimator: Any, source: ValidRows, partial: PartialFit | None) -> PartialFit:
    """One pass over rows at a constant learning rate, continuing from ``partial``."""
    group = process_group()
    if "fitted_" in vars(estimator):
        rows = rows_for_fitted(estimator, source, estimator.fitted_, group)
    else:
        rows, estimator.fitted_ = initialize(estimator, source, group)
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
            row = means(training.measure(rows.for_evaluation(PARTIAL_FIT_SAMPLE)), "train")
            partial.recent.add(rows)
    finally:
        training.finish()
    set_noise_variance(estimator, row)
    n_iter = fitted.n_iter + 1
    figures = {"epoch": float(n_iter), **row, "learning_rate": plan.learning_rate}
    # The history of a `fit` has other columns, so a new one is started.
    history = copy.deepcopy(fitted.history) if fitted.history.columns.keys() == figures.keys() else History()
    history.append(figures)
    codes = partial.recent.buffer(fitted.model, fitted.device, fitted.seed)
    estimator.fitted_ = dataclasses.replace(
        estimator.fitted_,
        history=history,
        best_epoch=n_iter,
        n_iter=n_iter,
        codes=codes,
        polish=estimator.polish_steps,
        spread=None,
        cells=None,
        bands=None,
    )
    return partial


def _bands(fitted: FittedState, held_out: Rows, learned: Rows, *, is_pca: bool) -> Bands | None:
    """Bands for new rows; PCA's distances are not available for counts, where PCA is that of their profiles."""

    def by_pca() -> PCADistances | None:
        if fitted.model.likelihood.counts_deviance:
            return None
        return pca_distances([learned, held_out], fitted.n_components, fitted.principal.effect)

    return learn_bands(fitted.reconstructed, held_out, learned, fitted.device, by_pca=by_pca, is_pca=is_pca)


def _order_linear_code(fitted: FittedState, rows: Rows) -> None:
    """Give a linear model's latents the order and directions of PCA's."""
    if fitted.architecture.linear and fitted.model.bottleneck.is_gate:
        order_linear_code(fitted.model, as_encoded(fitted.model.likelihood, rows, fitted.model.completion))
