"""The face: one scikit-learn transformer for every variant.

`fit` scales, finds the principal directions, builds the model at them and trains; `transform` gives codes,
`inverse_transform` rebuilds. A variant overrides up to three seams, `make_corruption`, `make_bottleneck` and
`make_penalties`, and declares its own hyperparameters; nothing else is overridden.
"""

from __future__ import annotations

import copy
import dataclasses
import typing
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data  # pyrefly: ignore[missing-module-attribute]
from torch import Tensor

from isthmus.assembly import (
    choose_plan,
    closed_form_is_best,
    order_linear_code,
)
from isthmus.code_size import full_code, narrowed, takes_size
from isthmus.distributed import processes
from isthmus.generation.code_buffer import remember
from isthmus.generation.mixin import GenerationMixin
from isthmus.history import History
from isthmus.inference.density import LatentReport, latent_report, log_density
from isthmus.missing import (
    VALIDATION_DRAWS,
    complete_batches,
    impute,
    learn_trust,
    observed_log_volume,
    require_cells,
)
from isthmus.mixed.encoding import encode_table, in_given_form
from isthmus.mixed.layout import TableLayout
from isthmus.parts.bottleneck import PointBottleneck
from isthmus.parts.likelihood import GaussianLikelihood
from isthmus.rows.rows import DenseRows, Rows, in_company, rows_once
from isthmus.rows.validation import validation_count
from isthmus.settings import AutoencoderSettings
from isthmus.start import begin, begin_again
from isthmus.stream_input import over_blocks, validated_stream
from isthmus.torch_modules import Half, to_torch
from isthmus.training.callbacks import CallbackSupportMixin, EpochCallbacks, with_callbacks
from isthmus.training.checkpointing import Checkpointing, FitCheckpointer
from isthmus.training.devices import seeded, threads_for
from isthmus.training.loop import Training, means
from isthmus.training.objective import Objective
from isthmus.training.progress import progress_bar

__all__ = ["BaseAutoencoder"]


def _has_prior(estimator: BaseAutoencoder) -> bool:
    if estimator.make_bottleneck().outputs_per_latent == 2:
        return True
    raise AttributeError(f"{type(estimator).__name__} has no prior over its codes; VariationalAutoencoder has one.")


@takes_size
class BaseAutoencoder(
    CallbackSupportMixin,  # pyrefly: ignore[invalid-inheritance]
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    GenerationMixin,
    AutoencoderSettings,
    BaseEstimator,
):
    """What every variant shares. Abstract: use `Autoencoder` for the plain one.

    Attributes
    ----------
    n_components_ : int
        Size of the code.
    model_ : AutoencoderModel
        The torch module, in the model's units.
    principal_ : Principal
        PCA of the training rows, the start and the yardstick.
    history_ : History
        One row an epoch; row 0 is the start.
    n_iter_, best_epoch_ : int
        Epochs run, and the one whose weights were kept.
    noise_variance_ : float
        σ² of the Gaussian likelihood in the units of the (scaled) data: learned, fixed, or the held-out error.
    """

    _layout: typing.ClassVar[TableLayout | None] = None  # of a DataFrame that holds more than numbers

    # ---- fitting ---------------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, X: Any, y: Any = None, *, checkpoints: Checkpointing | None = None) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features): array, DataFrame or sparse matrix; y is ignored.

        More than memory holds may be a stream of `isthmus.open_table`, a mapped array, or anything that gives
        two-dimensional batches each time it is iterated. With ``checkpoints``, an `isthmus.Checkpoints`, a fit that
        was cut off goes on where it was.
        """
        with nullcontext() if checkpoints is None else checkpoints.watching(self) as checkpointer:
            return self._fit(X, checkpointer)

    def _fit(self, X: Any, checkpointer: FitCheckpointer | None) -> typing.Self:
        state = None if checkpointer is None else checkpointer.restored(self)
        rows = begin(self, X) if state is None else begin_again(self, X)
        if checkpointer is not None:
            checkpointer.require_same(rows)
        group = processes()
        plan = choose_plan(self, len(rows), self.principal_.unexplained(self.n_components_))
        if self._layout is None and closed_form_is_best(self, self._architecture):
            plan = dataclasses.replace(plan, epochs=0)
        training = Training(self.model_, Objective(self.make_penalties()), plan, self._device, self._seed, group, state)
        with (
            seeded(self._seed, self._device),
            threads_for(plan.batch_size * self._n_weights),
            progress_bar(plan.epochs, shown=self.verbose and group.first) as advance,
        ):
            learned, validation = rows.divided(validation_count(len(rows), self.validation_fraction))
            if validation is not None and self.missing == "mask":
                validation = validation.repeated(VALIDATION_DRAWS)
            callbacks = EpochCallbacks(self, plan.epochs, X, self._state)

            def on_epoch(row: Mapping[str, float]) -> bool:
                self._keep_noise(row)
                advance(row)
                return callbacks.epoch()

            training.run(learned, validation, on_epoch, checkpointer)
            learn_trust(self.model_, validation or rows, self._device)
        training.finish()
        if not len(training.history):
            raise ValueError(
                f"{type(self).__name__}: the loss is no number before the first step; X is too large for float32 "
                f"as it stands, use scale='standard'."
            )
        self.history_, self.best_epoch_ = training.history, training.best_epoch
        self.n_iter_ = len(self.history_) - 1
        self._keep_noise(self.history_[self.best_epoch_])
        if self._architecture.linear and isinstance(self.model_.bottleneck, PointBottleneck) and self.n_iter_ > 0:
            order_linear_code(self.model_, complete_batches(rows, self.model_.completion))
        with seeded(self._seed, self._device):
            self._memory = remember(self.model_, learned, validation or learned, self._device)
        callbacks.close()
        if training.troubled:
            warnings.warn(
                f"{type(self).__name__}: training ended early, {training.stopped}. "
                f"The best weights so far, of epoch {self.best_epoch_}, were kept.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def partial_fit(self, X: Any, y: Any = None) -> typing.Self:
        """One pass over the rows X at a constant rate; the first call also sets scaling, start and size.

        Nothing is held out, so nothing is chosen: after `partial_fit` the model is as good as its last step.
        """
        if hasattr(self, "model_"):
            rows = begin_again(self, X)
        else:
            rows = begin(self, X)
            self.history_, self.n_iter_, self.best_epoch_ = History(), 0, 0
        plan = dataclasses.replace(
            choose_plan(self, len(rows), self.principal_.unexplained(self.n_components_)), schedule="constant"
        )
        if self._training is None:
            self._training: Training | None = Training(
                self.model_, Objective(self.make_penalties()), plan, self._device, self._seed, processes()
            )
        else:
            self._training.resume()
        try:
            with (
                seeded(self._seed + self.n_iter_, self._device),
                threads_for(plan.batch_size * self._n_weights),
            ):
                for batch in rows.epoch(self._seed, self.n_iter_, plan.batch_size, group=processes()):
                    self._training.step(batch, plan.learning_rate)
                row = means(self._training.measure(rows if isinstance(rows, DenseRows) else rows.some(2048)), "train")
                self._note_rows(rows)
        finally:
            self._training.finish()
        self._keep_noise(row)
        self.n_iter_ += 1
        self.best_epoch_ = self.n_iter_
        if "validation_loss" in self.history_.columns:
            self.history_ = History()  # rows of a `fit` are measured otherwise; a new record begins
        self.history_.append({"epoch": float(self.n_iter_), **row, "learning_rate": plan.learning_rate})
        return self

    # ---- using -----------------------------------------------------------------------------------------

    def transform(self, X: Any, size: int | None = None) -> np.ndarray:
        """Codes of rows X: float32, shape (n_samples, n_components); for a variational model the posterior mean.

        Of an ordered code ``size=k`` gives the first k numbers.
        """
        if (codes := over_blocks(self, X, self.transform)) is not None:
            return codes
        return self._each_batch(X, lambda x: self.model_.encode(x).mean[:, : self.n_components_] * self._code_unit)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Rows rebuilt from codes X of shape (n_samples, n_components), in the units of the data given to `fit`.

        An ordered code may have fewer numbers: its first.
        """
        check_is_fitted(self)
        return in_given_form(self, self._decoded(X))

    def reconstruct(self, X: Any, size: int | None = None) -> np.ndarray:
        """Rows rebuilt from their own codes: ``inverse_transform(transform(X, size))``."""
        if (rebuilt := over_blocks(self, X, self.reconstruct)) is not None:
            return rebuilt
        if size is not None:
            check_is_fitted(self)
            codes = narrowed(self, size, "reconstruct")._each_batch(X, lambda x: self.model_.encode(x).mean)
            return self.inverse_transform(codes[:, :size] * np.float32(self._code_unit))
        return in_given_form(self, self._rebuilt(X), X)

    def score_samples(self, X: Any, importance_samples: int | None = None) -> np.ndarray:
        """Log density of each row, in nats, shape (n_samples,); larger is more usual.

        A variational model gives the evidence lower bound, or with ``importance_samples=k`` the tighter
        importance-weighted one. The others give the density of a row given its own code, a falling function
        of its squared error.
        """
        check_is_fitted(self)
        if (densities := over_blocks(self, X, lambda part: self.score_samples(part, importance_samples))) is not None:
            return densities
        density = log_density(
            self.model_,
            self.n_components_,
            importance_samples,
            seed=self._seed,
            noise_variance=self.noise_variance_ / self.scaling_.unit**2,
        )
        scores = self._each_batch(X, density)
        if self.missing == "mask":
            return scores - observed_log_volume(self._validated(X, reset=False), self.scaling_)
        return scores - np.float32(self.scaling_.log_volume)

    def impute(self, X: Any) -> Any:
        """X with its missing cells filled by what the model rebuilds there; all others stay exactly as they are.

        An array gives an array, a DataFrame a DataFrame. Needs ``missing="mask"``.
        """
        check_is_fitted(self)
        return impute(self, X)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`, as for scikit-learn's PCA; larger is better."""
        return float(self.score_samples(X).mean(dtype=np.float64))

    @available_if(_has_prior)
    def latent_report(self, X: Any) -> LatentReport:
        """Divergence from the prior of each latent, in nats, and the number of active units, over rows X."""
        check_is_fitted(self)
        rows = rows_once(self._validated(X, reset=False), self.scaling_)
        with torch.inference_mode():
            return latent_report(self.model_, (batch.to(self._device) for batch in rows.batches()))

    @property
    def encoder(self) -> Half:
        """The fitted encoder; ``encoder.to_torch()`` is a plain module that does what `transform` does."""
        check_is_fitted(self)
        return Half(self, "encoder")

    @property
    def decoder(self) -> Half:
        """The fitted decoder; ``decoder.to_torch()`` is a plain module that does what `inverse_transform` does."""
        check_is_fitted(self)
        return Half(self, "decoder")

    def to_torch(self) -> torch.nn.Module:
        """A plain, trainable module that does what `reconstruct` does, on its own copy of the weights."""
        check_is_fitted(self)
        return to_torch(self)

    @property
    def components_(self) -> np.ndarray:
        """Of a linear model: ordered orthonormal directions, shape (n_components, n_features), as PCA's."""
        check_is_fitted(self)
        if not self._architecture.linear or not isinstance(self.model_.bottleneck, PointBottleneck):
            raise AttributeError(
                f"{type(self).__name__}: only a linear model (hidden_layer_sizes=()) of a point code has components_."
            )
        weight = self.model_.decoder.straight.weight.detach()
        return torch.nn.functional.normalize(weight, dim=0).T.cpu().numpy()

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

    def _decoded(self, X: Any) -> np.ndarray:
        codes = full_code(self, check_array(X, dtype=np.float32, input_name="codes"))
        rows = DenseRows(torch.from_numpy(codes / np.float32(self._code_unit)))
        return self._in_user_units(self._each_row_batch(rows, self.model_.decode))

    def _rebuilt(self, X: Any) -> np.ndarray:
        return self._in_user_units(self._each_batch(X, lambda x: self.model_.reconstruct(x)))

    def _validated(self, X: Any, *, reset: bool) -> Any:
        if (loaded := validated_stream(self, X, reset=reset)) is not None:
            return loaded
        encoded = encode_table(self, X, reset=reset)
        if encoded is None:
            rules = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "ensure_all_finite": False}
            X = validate_data(self, X, **rules, ensure_min_samples=2 if reset else 1, reset=reset)
        else:
            X = encoded
        names = self._column_names(X.shape[1])
        require_cells(X, names, type(self).__name__, missing=self.missing == "mask", reset=reset)
        return X

    def _column_names(self, n_columns: int) -> list[str]:
        names = [str(name) for name in getattr(self, "feature_names_in_", range(n_columns))]
        return names if self._layout is None else [names[place] for place in self._layout.owners]

    def _keep_noise(self, row: Mapping[str, float]) -> None:
        """σ² as it stands: the likelihood's own, or where the loss is the plain squared error, that error."""
        likelihood = self.model_.likelihood
        variance = row.get("validation_mse", row["train_mse"])
        if isinstance(likelihood, GaussianLikelihood) and self.variance is not None:
            variance = likelihood.variance
        self.noise_variance_ = max(variance, 1e-12) * self.scaling_.unit**2

    def _state(self) -> dict[str, Any]:
        """What a callback needs to use the model as it stands."""
        learned = ("n_components_", "scaling_", "principal_", "noise_variance_", "n_features_in_")
        names = (*learned, "_code_unit", "_seed", "_device", "_dtype", "_layout")
        return {"model_": copy.deepcopy(self.model_)} | {name: getattr(self, name) for name in names}

    def _each_batch(self, X: Any, function: Callable[[Tensor], Tensor]) -> np.ndarray:
        check_is_fitted(self)
        return self._each_row_batch(rows_once(self._validated(X, reset=False), self.scaling_), function)

    def _each_row_batch(self, rows: Rows, function: Callable[[Tensor], Tensor]) -> np.ndarray:
        with torch.inference_mode(), threads_for(min(len(rows), rows.batch_rows) * self._n_weights):
            results, begin = torch.empty(0), 0
            for batch in rows.batches():
                part = function(in_company(batch).to(self._device))[: len(batch)].cpu()
                if begin == 0:
                    # One block for all: small results kept between large temporaries would splinter the heap.
                    results = part.new_empty((len(rows), *part.shape[1:]))
                results[begin : begin + len(part)] = part
                begin += len(part)
            return results.numpy()

    def _in_user_units(self, rebuilt: np.ndarray) -> np.ndarray:
        return self.scaling_.undo(rebuilt).astype(self._dtype)
