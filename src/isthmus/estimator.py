"""The face: one scikit-learn transformer for every variant.

`fit` initializes a model at the closed form and trains it; `transform` gives codes, `inverse_transform` decodes them.
What was learned is one record, ``fitted_``; the other fitted attributes are read from it. A variant fills the seams of
`isthmus.settings` and declares its own hyperparameters; nothing else is overridden.
"""

from __future__ import annotations

import copy
import dataclasses
import typing
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from isthmus.code_size import narrowed, require_code_size, takes_size
from isthmus.distributed import process_group
from isthmus.fitted import FittedState
from isthmus.fitted_attributes import FittedAttributes
from isthmus.generation.mixin import GenerationMixin
from isthmus.history import History
from isthmus.hyperparameter import check_hyperparameters
from isthmus.inference.alternation import alternate, no_turns
from isthmus.inference.code_buffer import RecentRows, buffered_codes
from isthmus.inference.density import LatentReport, latent_report, log_density
from isthmus.inference.missing import imputed, like_given, observed_log_volume
from isthmus.initialization import (
    choose_plan,
    choose_turns,
    closed_form_is_best,
    closed_form_kept,
    initialize,
    order_linear_code,
    rows_again,
)
from isthmus.input_validation import blockwise, read_rows
from isthmus.parts.draws import seeded
from isthmus.rows.rows import rows_once
from isthmus.rows.validation import validation_count
from isthmus.settings import AutoencoderSettings
from isthmus.torch_modules import Side, to_torch
from isthmus.training.callbacks import CallbackSupportMixin, EpochCallbacks, with_callbacks
from isthmus.training.checkpointing import Checkpointing, FitCheckpointer
from isthmus.training.completion import VALIDATION_DRAWS, complete_batches, learn_trust
from isthmus.training.devices import threads_for
from isthmus.training.loop import Training, means
from isthmus.training.objective import Objective
from isthmus.training.progress import progress_bar

__all__ = ["BaseAutoencoder"]

PARTIAL_FIT_SAMPLE = 2048  # rows measured after a pass of `partial_fit`


def _has_prior(estimator: BaseAutoencoder) -> bool:
    if estimator.make_bottleneck(estimator.n_components or 1).has_prior:
        return True
    raise AttributeError(f"{type(estimator).__name__} has no prior over its codes; VariationalAutoencoder has one.")


@takes_size
class BaseAutoencoder(
    CallbackSupportMixin,  # pyrefly: ignore[invalid-inheritance]
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    GenerationMixin,
    FittedAttributes,
    AutoencoderSettings,
    BaseEstimator,
):
    """What every variant shares. Abstract: use `Autoencoder` for the plain one.

    Attributes
    ----------
    fitted_ : FittedState
        All that was learned, in one record.
    n_components_ : int
        Latent dimensions of the code.
    model_ : AutoencoderModel
        The torch module, in the model's units.
    principal_ : Principal
        PCA of the training rows, the start and the baseline.
    scaling_ : Scaling
        Between the user's units and the model's.
    history_ : History
        One row an epoch; row 0 is the start.
    n_iter_, best_epoch_ : int
        Epochs run, and the one whose weights were kept.
    noise_variance_ : float
        σ² of the noise in the units of the (scaled) data: learned, fixed, or what held-out rows have left beside their
        best codes, over the n - p cells of n that p latents leave free; for PCA itself probabilistic PCA's.
    """

    if TYPE_CHECKING:  # annotated for type checkers only: each annotation in the class would be a hyperparameter
        fitted_: FittedState
        _training: Training | None
        _recent: RecentRows | None
    else:
        _training = _recent = None  # `partial_fit`'s own

    # ---- fitting ---------------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, X: Any, y: Any = None, *, checkpoints: Checkpointing | None = None) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features): array, DataFrame or sparse matrix; y is ignored.

        Data larger than memory may be a stream of `isthmus.open_table`, a mapped array, or anything that gives
        two-dimensional batches each time it is iterated. With ``checkpoints``, an `isthmus.Checkpoints`, an interrupted
        fit resumes where it was.
        """
        check_hyperparameters(self)
        with nullcontext() if checkpoints is None else checkpoints.watching(self) as checkpointer:
            return self._fit(X, checkpointer)

    def _fit(self, X: Any, checkpointer: FitCheckpointer | None) -> typing.Self:
        group = process_group()
        for name in ("_training", "_recent"):  # an earlier `partial_fit`'s
            self.__dict__.pop(name, None)
        state = None if checkpointer is None else checkpointer.restored(self)
        if state is None:
            rows, self.fitted_ = initialize(self, read_rows(self, X, reset=True), group)
        else:
            rows = rows_again(self, read_rows(self, X, self.fitted_.layout, reset=False), self.fitted_, group)
        fitted = self.fitted_
        if checkpointer is not None:
            checkpointer.require_same(rows)
        plan = choose_plan(self, len(rows), fitted)
        if closed_form_is_best(self, fitted):
            plan = dataclasses.replace(plan, epochs=0)
        turns = no_turns(plan) if group.is_distributed else choose_turns(self, rows, fitted, plan)
        training = Training(
            fitted.model, Objective(self.make_penalties()), turns.ordinary, fitted.device, fitted.seed, group, state
        )
        with (
            seeded(fitted.seed),
            threads_for(plan.batch_size * fitted.n_weights),
            progress_bar(turns.ordinary.epochs + turns.count, shown=self.verbose and group.is_main) as advance,
        ):
            learned, validation = rows.divided(validation_count(len(rows), self.validation_fraction))
            if validation is not None and self.missing == "mask":
                validation = validation.repeated(VALIDATION_DRAWS)
            callbacks = EpochCallbacks(self, turns.ordinary.epochs + turns.count, X, self._state)
            halted = False

            def on_epoch(row: Mapping[str, float]) -> bool:
                nonlocal halted
                self._keep_noise(row)
                advance(row)
                halted = callbacks.epoch()
                return halted

            training.run(learned, validation, on_epoch, checkpointer)
            learn_trust(fitted.model, validation or rows, fitted.device)
            training.finish()
            history, stopped = training.history, training.stopped if training.troubled else None
            if not len(history):
                raise ValueError(
                    f"{type(self).__name__}: the loss is no number before the first step; X is too large for float32 "
                    f"as it stands (use scale='standard'), or a weight of the loss is."
                )
            best_epoch = training.best_epoch
            if turns.count and validation is not None and not halted and stopped is None:
                best_epoch, interrupted = alternate(
                    fitted.model, learned, validation, turns, fitted.seed, history, best_epoch, on_epoch
                )
                stopped = "interrupted" if interrupted else None
        n_iter = len(history) - 1
        if fitted.architecture.linear and fitted.model.bottleneck.is_gate and n_iter > 0:
            order_linear_code(fitted.model, complete_batches(rows, fitted.model.completion))
        with seeded(fitted.seed):
            closed_form = closed_form_kept(fitted, best_epoch)
            codes = buffered_codes(fitted.model, learned, validation or learned, fitted.device, closed_form)
        self.fitted_ = dataclasses.replace(
            self.fitted_,
            history=history,
            best_epoch=best_epoch,
            n_iter=n_iter,
            codes=codes,
            polish=self._steps(),
            noise_variance=codes.noise_variance * fitted.scaling.unit**2,
        )
        callbacks.close()
        if stopped is not None:
            warnings.warn(
                f"{type(self).__name__}: training ended early, {stopped}. "
                f"The best weights so far, of epoch {self.best_epoch_}, were kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def partial_fit(self, X: Any, y: Any = None) -> typing.Self:
        """One pass over the rows X at a constant rate; the first call also sets scaling, start and size.

        Nothing is held out, so nothing is chosen: after `partial_fit` the model is as good as its last step.
        """
        group = process_group()
        if hasattr(self, "fitted_"):
            rows = rows_again(self, read_rows(self, X, self.fitted_.layout, reset=False), self.fitted_, group)
        else:
            check_hyperparameters(self)
            rows, self.fitted_ = initialize(self, read_rows(self, X, reset=True), group)
        fitted = self.fitted_
        plan = dataclasses.replace(choose_plan(self, len(rows), fitted), schedule="constant")
        if self._training is None:
            self._training = Training(
                fitted.model, Objective(self.make_penalties()), plan, fitted.device, fitted.seed, group
            )
        else:
            self._training.resume()
        recent = self._recent = self._recent or RecentRows(fitted.codes)
        try:
            with (
                seeded(fitted.seed + fitted.n_iter),
                threads_for(plan.batch_size * fitted.n_weights),
            ):
                for batch in rows.epoch(fitted.seed, fitted.n_iter, plan.batch_size, group=group):
                    self._training.step(batch, plan.learning_rate)
                row = means(self._training.measure(rows.for_measuring(PARTIAL_FIT_SAMPLE)), "train")
                recent.add(rows)
        finally:
            self._training.finish()
        self._keep_noise(row)
        n_iter = fitted.n_iter + 1
        # Rows of a `fit` are measured otherwise; a new record begins.
        history = History() if "validation_loss" in fitted.history.columns else copy.deepcopy(fitted.history)
        history.append({"epoch": float(n_iter), **row, "learning_rate": plan.learning_rate})
        codes = recent.buffer(fitted.model, fitted.device, fitted.seed)
        self.fitted_ = dataclasses.replace(self.fitted_, history=history, best_epoch=n_iter, n_iter=n_iter, codes=codes)
        return self

    # ---- using -----------------------------------------------------------------------------------------

    @blockwise
    def transform(self, X: Any, size: int | None = None, *, return_std: bool = False) -> Any:
        """Codes of rows X: float32, shape (n_samples, n_components); for a variational model the posterior mean.

        A point code is where the decoder comes closest to the row, as far as ``polish`` steps from the encoder's guess
        lead. Of an ordered code ``size=k`` gives the first k latents. With ``return_std`` the standard error of each
        latent comes too, in the same shape.
        """
        fitted, rows = self._known(), self.to_numbers(X)
        return fitted.encode_with_errors(rows) if return_std else fitted.encode(rows)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Rows decoded from codes X of shape (n_samples, n_components), in the units of the data given to `fit`.

        An ordered code may have fewer latents: its first.
        """
        fitted = self._known()
        codes = check_array(X, dtype=np.float32, input_name="codes")
        require_code_size(self, codes)
        return fitted.in_given_form(fitted.decode(codes))

    @blockwise
    def reconstruct(self, X: Any, size: int | None = None) -> np.ndarray:
        """Rows decoded from their own codes: ``inverse_transform(transform(X, size))``."""
        fitted, rows = self._known(), self.to_numbers(X)
        if size is not None:
            return self.inverse_transform(narrowed(self, size, "reconstruct").fitted_.encode(rows))
        return fitted.in_given_form(fitted.reconstruct(rows), X)

    @blockwise
    def score_samples(self, X: Any, importance_samples: int | None = None) -> np.ndarray:
        """Log density of each row, in nats, shape (n_samples,); larger is more normal.

        The evidence of the row: with noise and a Gaussian density of codes the decoder is a generative model, and this
        is the integral over all codes, by Laplace's approximation (`isthmus.inference.evidence`). For a linear model it
        is exact and scikit-learn's ``PCA.score_samples``. A latent that explains only noise lowers it, so on rows never
        seen it is highest at the size the data support. It is no better than its Gaussian density of codes, and says
        nothing of codes that fall into groups. Over the cells a row has, where some are missing.

        A variational model gives the evidence lower bound instead, or with ``importance_samples=k`` the tighter
        importance-weighted one.
        """
        fitted, rows = self._known(), self.to_numbers(X)
        masked = self.missing == "mask"
        volume = observed_log_volume(rows, fitted.scaling) if masked else fitted.scaling.log_volume
        if importance_samples is None and (scores := fitted.log_evidence(rows)) is not None:
            return scores - np.float32(volume)
        density = log_density(
            fitted.model,
            fitted.n_components,
            importance_samples,
            seed=fitted.seed,
            noise_variance=fitted.noise_variance / fitted.scaling.unit**2,
        )
        return fitted.map_rows(rows, density) - np.float32(volume)

    def impute(self, X: Any) -> Any:
        """X with its missing cells filled by what the model expects there; all others stay exactly as they are.

        An array gives an array, a DataFrame a DataFrame. A model of point codes imputes whatever its fit was like, each
        row by the code of the cells it has; others need ``missing="mask"``.
        """
        fitted = self._known()
        by_codes = fitted.inference is not None and fitted.inference.takes_gaps
        if self.missing != "mask" and not by_codes:
            raise ValueError(
                f"{type(self).__name__}: impute needs missing='mask' at fit, got missing={self.missing!r}."
            )
        filled = imputed(fitted, self.to_numbers(X, gaps=True))
        return like_given(X, filled) if fitted.layout is None else fitted.layout.fill(X, filled)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`, as for scikit-learn's PCA; larger is better."""
        return float(self.score_samples(X).mean(dtype=np.float64))

    @available_if(_has_prior)
    def latent_report(self, X: Any) -> LatentReport:
        """Divergence from the prior of each latent, in nats, and the number of active units, over rows X."""
        fitted = self._known()
        rows = rows_once(self.to_numbers(X), fitted.scaling)
        with torch.inference_mode():
            return latent_report(fitted.model, (batch.to(fitted.device) for batch in rows.batches()))

    def to_numbers(self, X: Any, *, gaps: bool | None = None) -> Any:
        """Rows as the model reads them, in the user's units: an array or CSR matrix, shape (n_samples, n_numbers).

        A DataFrame's booleans, categories and dates are encoded; X is refused unless it has the columns of the fit.
        Cells may be missing where ``gaps`` says so, by default where the model learned from such rows.
        """
        return read_rows(self, X, self._known().layout, reset=False, gaps=gaps).values

    encoder = Side("encoder")
    decoder = Side("decoder")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings as they were given, a module of one's own too, which after `fit` is no longer ``encoder``."""
        given: dict[str, Any] = {"encoder": None, "decoder": None, **self.own_modules()}
        names = (name for name in self._get_param_names() if name not in given)
        return {name: getattr(self, name) for name in names} | given

    def to_torch(self) -> torch.nn.Module:
        """A plain, trainable module that does what `reconstruct` does, on its own copy of the weights."""
        return to_torch(self._known())

    # ---- for scikit-learn ------------------------------------------------------------------------------

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.missing == "mask"
        tags.transformer_tags.preserves_dtype = []
        return tags

    # ---- inside ----------------------------------------------------------------------------------------

    def _known(self) -> FittedState:
        check_is_fitted(self)
        steps = self._steps()
        return self.fitted_ if self.fitted_.polish == steps else dataclasses.replace(self.fitted_, polish=steps)

    def _steps(self) -> int | None:
        return None if self.polish == "auto" else int(self.polish)

    def _keep_noise(self, row: Mapping[str, float]) -> None:
        """σ² as it stands: the likelihood's own, or where it leaves the noise open, the squared error."""
        variance = self.model_.likelihood.noise_variance
        if variance is None:
            variance = row.get("validation_mse", row["train_mse"])
        self.fitted_ = dataclasses.replace(self.fitted_, noise_variance=max(variance, 1e-12) * self.scaling_.unit**2)

    def _state(self) -> dict[str, Any]:
        """What a callback needs to use the model as it stands."""
        learned = dataclasses.replace(self.fitted_, model=copy.deepcopy(self.model_))
        return {"fitted_": learned, "n_features_in_": self.n_features_in_}
