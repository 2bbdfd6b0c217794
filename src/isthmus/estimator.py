"""The estimator: one scikit-learn transformer for every variant.

`fit` initializes a model at the closed form and trains it; `transform` gives codes, `inverse_transform` decodes them.
What was learned is one record, ``fitted_``; the other fitted attributes are views of it. A variant overrides the
``make_*`` methods of `isthmus.settings` and declares its own hyperparameters, nothing else.
"""

from __future__ import annotations

import dataclasses
import numbers
import time
import typing
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from isthmus.code_size import reconstructed, require_code_size, takes_size
from isthmus.fitted import FittedState
from isthmus.fitted_attributes import FittedAttributes
from isthmus.fitting import PartialFit, fit_partially, fit_rows
from isthmus.generation.mixin import GenerationMixin
from isthmus.hyperparameter import check_hyperparameters
from isthmus.inference.banded import with_bands
from isthmus.inference.density import LatentReport, finite_or_warned, latent_report, log_density
from isthmus.inference.draws import drawn
from isthmus.inference.missing import imputed, observed_log_volume
from isthmus.input_validation import blockwise, fit_columns, input_rules, set_columns
from isthmus.loadings import Loadings, find_loadings
from isthmus.parts.linearization import NotDifferentiableError
from isthmus.pca_attributes import PCAAttributes
from isthmus.rows.conditions import conditions_at_fit, given_for
from isthmus.rows.metadata import check_weights, only_sample_weight, with_metadata
from isthmus.settings import AutoencoderSettings
from isthmus.tables.finite import has_gaps
from isthmus.tables.fit_columns import FitColumns
from isthmus.tables.input_rows import ValidRows, in_memory, large_stream, rows_to_fit
from isthmus.torch_modules import Side, to_torch
from isthmus.training.callbacks import CallbackSupportMixin, EpochCallbacks, with_callbacks
from isthmus.training.checkpointing import Checkpointing

__all__ = ["BaseAutoencoder"]

LOADING_ROWS = 20_000  # rows of out-of-core data that loadings are computed from


def _has_prior(estimator: BaseAutoencoder) -> bool:
    if estimator.make_bottleneck(1).has_prior:
        return True
    raise AttributeError(f"{type(estimator).__name__} has no prior over its codes; VariationalAutoencoder has one.")


def _can_fit_partially(estimator: BaseAutoencoder) -> bool:
    needs_all_rows = {
        "whiten": estimator.whiten,
        "rotate": estimator.rotate is not None,
        "n_components": not isinstance(estimator.n_components, (numbers.Integral, type(None))),
    }
    for name, needed in needs_all_rows.items():
        if needed:
            raise AttributeError(
                f"{type(estimator).__name__}: partial_fit sees only some of the rows, and "
                f"{name}={getattr(estimator, name)!r} needs all of them; use fit."
            )
    return True


@takes_size
class BaseAutoencoder(
    CallbackSupportMixin,  # pyrefly: ignore[invalid-inheritance]
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    GenerationMixin,
    FittedAttributes,
    PCAAttributes,
    AutoencoderSettings,
    BaseEstimator,
):
    """The base class of every variant; use `Autoencoder` for the plain one.

    Attributes
    ----------
    fitted_ : FittedState
        Everything that was learned, in one record.
    n_components_ : int
        Latent dimensions of the code.
    model_ : AutoencoderModel
        The torch module, in the model's units.
    principal_ : Principal
        PCA of the training rows, the start and the baseline.
    scaling_ : Scaling
        The map between the user's units and the model's.
    history_ : History
        One row per epoch; row 0 is the start.
    n_iter_, best_epoch_ : int
        Epochs run, and the epoch chosen on held-out rows: the model has its weights, or those of a refit as long.
    noise_variance_ : float
        σ² of the noise in the units of the (scaled) data: learned, fixed, or the squared error of held-out rows at
        their best codes over n - p degrees of freedom, for n cells and p latents; for PCA itself probabilistic PCA's.
    """

    if TYPE_CHECKING:  # for type checkers only: at run time each annotation would become a hyperparameter
        fitted_: FittedState
        _partial: PartialFit | None
    else:
        _partial = None  # the state of `partial_fit`

    # Metadata that scikit-learn may route in addition to the signatures' arguments. The signatures don't name
    # sample_weight: scikit-learn's checks would then demand that a weight of 3 gives exactly the result of three equal
    # rows, which training on random batches can't.
    __metadata_request__fit: typing.ClassVar = {"sample_weight": None}
    __metadata_request__partial_fit: typing.ClassVar = {"sample_weight": None}

    # ---- fitting ---------------------------------------------------------------------------------------

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        given: Any = None,
        checkpoints: Checkpointing | None = None,
        **weights: Any,
    ) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features): array, DataFrame or sparse matrix; y is ignored.

        Out-of-core data (larger than memory) may be a stream of `isthmus.open_table`, a memory-mapped array, or any
        iterable of two-dimensional batches that can be iterated repeatedly.

        Parameters
        ----------
        sample_weight
            Weight of each row, shape (n_samples,), at least 0: in the scaling, the closed form, the loss and its
            validation. Only ratios matter. The linear completion of missing cells is fitted unweighted.
        given
            Condition of each row, shape (n_samples, n_given): encoder and decoder see it, so the code need not contain
            it. It may also be a DataFrame, a Series or strings, whose categories are encoded one-hot. Every method that
            takes rows or codes then needs ``given`` too.
        checkpoints
            An `isthmus.Checkpoints`, from which an interrupted fit resumes.
        """
        check_hyperparameters(self)
        started, callbacks = time.perf_counter(), EpochCallbacks(self, X)
        with nullcontext() if checkpoints is None else checkpoints.watching(self) as checkpointer:
            self.__dict__.pop("_partial", None)  # the state of an earlier `partial_fit`
            state = None if checkpointer is None else checkpointer.restored(self)
            rules = input_rules(self, reset=state is None)
            if state is None:
                rows = rows_to_fit(rules, X)
            else:
                rows = self._fit_columns().rows(rules, X, gaps=self._takes_gaps())
            rows = self._with_metadata(rows, given, only_sample_weight(self, weights), first=state is None)
            fit_rows(self, rows, started, callbacks, state, checkpointer)
        return self

    def fit_transform(self, X: Any, y: Any = None, *, given: Any = None, **fit_params: Any) -> Any:
        """`fit`, then `transform` of the same rows."""
        return self.fit(X, y, given=given, **fit_params).transform(X, given=given)

    @available_if(_can_fit_partially)
    def partial_fit(self, X: Any, y: Any = None, *, given: Any = None, **weights: Any) -> typing.Self:
        """One pass over the rows X at a constant learning rate; the first call also sets scaling, start and size.

        No rows are held out, so no epoch is selected: the model has the weights of the last step.
        """
        check_hyperparameters(self)
        first = "fitted_" not in vars(self)
        rules = input_rules(self, reset=first)
        rows = rows_to_fit(rules, X) if first else self._fit_columns().rows(rules, X, gaps=self._takes_gaps())
        rows = self._with_metadata(rows, given, only_sample_weight(self, weights), first=first)
        self._partial = fit_partially(self, rows, self._partial)
        return self

    # ---- using -----------------------------------------------------------------------------------------

    @blockwise
    def transform(self, X: Any, size: int | None = None, *, given: Any = None, return_std: bool = False) -> Any:
        """Codes of rows X: float32, shape (n_samples, n_components); for a variational model the posterior mean.

        A point code is where the decoder comes closest to the row, approached by ``polish`` steps from the encoder's
        guess. For an ordered code ``size=k`` returns the first k latents. With ``return_std`` the latents' standard
        errors are returned too, in the same shape. If codes are points and ``missing`` isn't "error", a row with
        missing cells is encoded from its observed cells and the density of codes, even after a fit to complete rows.
        """
        fitted, rows = self._require_fitted(), self.to_numbers(X)
        conditions = given_for(self, given, rows.shape[0])
        return fitted.encode_with_errors(rows, conditions) if return_std else fitted.encode(rows, conditions)

    def inverse_transform(self, X: Any, *, given: Any = None) -> np.ndarray:
        """Decode codes X of shape (n_samples, n_components) to rows, in the units of the data given to `fit`.

        After a fit to an array with more axes, such as (n, height, width), rows have its shape.

        An ordered code may have fewer latents, its first ones.
        """
        fitted = self._require_fitted()
        codes = check_array(X, dtype=np.float32, input_name="codes")
        require_code_size(self, codes)
        return fitted.in_user_format(fitted.decode(codes, given_for(self, given, len(codes))))

    @blockwise
    def reconstruct(self, X: Any, size: int | None = None, *, given: Any = None, interval: float | None = None) -> Any:
        """Encode and decode rows: ``inverse_transform(transform(X, size))``.

        With ``interval=0.9`` three are returned: the rows, and the lower and upper limits of bands that contain nine
        tenths of new cells, column by column (`isthmus.inference.bands`).
        """
        fitted, rows = self._require_fitted(), self.to_numbers(X)
        seen = given_for(self, given, rows.shape[0])
        if interval is not None:
            return with_bands(fitted, rows, seen, X, share=interval, size=size, who=type(self).__name__)
        return fitted.in_user_format(reconstructed(self, fitted, rows, seen, size), X)

    @blockwise
    def score_samples(self, X: Any, importance_samples: int | None = None, *, given: Any = None) -> np.ndarray:
        """Log density of each row, in nats, shape (n_samples,); larger is more normal.

        This is the evidence of the row: with noise and a Gaussian density of codes the decoder is a generative model,
        and the density integrates over all codes, by Laplace's approximation (`isthmus.inference.evidence`). For a
        linear model it is exact, and equal to scikit-learn's ``PCA.score_samples``. A latent that explains only noise
        lowers it: on held-out rows it is highest at the size the data support. It is limited by the Gaussian density of
        codes, which does not model clusters. For missing cells it is the density of the observed ones. A row whose log
        density overflows float32 gets -inf, with a warning.

        For a variational model it is the evidence lower bound instead, or with ``importance_samples=k`` the tighter
        importance-weighted one.
        """
        fitted, rows = self._require_fitted(), self.to_numbers(X)
        conditions = given_for(self, given, rows.shape[0])
        volume = np.float32(fitted.scaling.log_volume)
        if has_gaps(rows):
            volume = observed_log_volume(rows, fitted.scaling)
        if importance_samples is None and (scores := fitted.log_evidence(rows, conditions)) is not None:
            return finite_or_warned(scores - volume, type(self).__name__)
        density = log_density(
            fitted.model,
            fitted.n_components,
            importance_samples,
            seed=fitted.seed,
            noise_variance=fitted.noise_variance / fitted.scaling.unit**2,
        )
        return finite_or_warned(fitted.map_rows(rows, density, conditions) - volume, type(self).__name__)

    def impute(self, X: Any, *, given: Any = None, draws: int | None = None) -> Any:
        """Fill the missing cells of X with the model's expectation; observed cells are unchanged.

        The result has the type of X. A model of point codes can always impute, from the code of each row's observed
        cells; others need ``missing="mask"``. With ``draws=m`` the result is a list of m tables with cells drawn at
        random, for variances by Rubin's rules (`isthmus.inference.draws`).
        """
        fitted = self._require_fitted()
        if not fitted.takes_gaps and fitted.model.likelihood.takes_missing:
            raise ValueError(
                f"{type(self).__name__}: impute needs missing='mask' at fit, since these codes are not points."
            )
        rows = self.to_numbers(X, gaps=True)
        seen = given_for(self, given, rows.shape[0])
        if draws is not None:
            return [fitted.filled(X, each) for each in drawn(fitted, rows, seen, draws, type(self).__name__)]
        return fitted.filled(X, imputed(fitted, rows, seen))

    def score(self, X: Any, y: Any = None, *, sample_weight: Any = None, given: Any = None) -> float:
        """(Weighted) mean of `score_samples`, as for scikit-learn's PCA; larger is better."""
        scores = self.score_samples(X, given=given)
        weights = check_weights(sample_weight, len(scores), type(self).__name__)
        return float(np.average(scores.astype(np.float64), weights=weights))

    @available_if(_has_prior)
    def latent_report(self, X: Any, *, given: Any = None) -> LatentReport:
        """Divergence from the prior of each latent, in nats, and the number of active units, over rows X."""
        fitted = self._require_fitted()
        numbers = self.to_numbers(X)
        rows = fitted.rows(numbers, given_for(self, given, numbers.shape[0]))
        with torch.inference_mode():
            return latent_report(fitted.model, (batch.to(fitted.device) for batch in rows.records()))

    def loadings(self, X: Any, *, given: Any = None) -> Loadings:
        """Which columns each latent explains, over rows X: each column's slope, and its share of variance explained.

        For PCA these are its directions, and the squared correlations of columns with coordinates; see
        `isthmus.loadings`. Of out-of-core data a sample of rows is used, evenly spaced.
        """
        fitted = self._require_fitted()
        stream = large_stream(X)
        X, indices = in_memory(X, LOADING_ROWS)
        rows = self.to_numbers(X)
        conditions = given_for(self, given, rows.shape[0] if stream is None else len(stream))
        conditions = conditions if conditions is None or indices is None else conditions[indices]
        names = fit_columns(self, fitted.layout).encoded_names
        try:
            return find_loadings(fitted, rows, conditions, list(self.get_feature_names_out()), names)
        except NotDifferentiableError as error:
            raise ValueError(
                f"{type(self).__name__}: loadings need a derivative of the decoder, and {error}."
            ) from error

    def to_numbers(self, X: Any, *, gaps: bool | None = None) -> Any:
        """Rows as numbers in the user's units: an array or CSR matrix, shape (n_samples, n_numbers).

        A DataFrame's booleans, categories and dates are encoded; X is refused unless it has the columns of the fit.
        Cells may be missing if ``gaps`` is true; by default it is if the model was fitted to such rows, or if with
        ``missing="auto"`` it can encode them.
        """
        gaps = self._takes_gaps() if gaps is None else gaps
        return self._fit_columns().rows(input_rules(self, reset=False), X, gaps=gaps).values

    encoder = Side("encoder")
    decoder = Side("decoder")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings; own modules as given, since ``encoder`` and ``decoder`` are trained copies after `fit`."""
        given: dict[str, Any] = {"encoder": None, "decoder": None, **self.own_modules()}
        names = (name for name in self._get_param_names() if name not in given)
        return {name: getattr(self, name) for name in names} | given

    def to_torch(self, polish: int | None = None) -> torch.nn.Module:
        """A plain, trainable module that computes `reconstruct`, with its own copy of the weights.

        ``polish`` is the number of polishing steps that are unrolled; with 0 codes are the encoder's.
        """
        return to_torch(self._require_fitted(), polish=polish)

    # ---- for scikit-learn ------------------------------------------------------------------------------

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = []
        return tags

    # ---- inside ----------------------------------------------------------------------------------------

    def _fit_columns(self) -> FitColumns:
        return fit_columns(self, self.fitted_.layout)

    def _takes_gaps(self) -> bool:
        return self.fitted_.masked or (self.missing == "auto" and self.fitted_.takes_gaps)

    def _with_metadata(self, rows: ValidRows, given: Any, sample_weight: Any, *, first: bool) -> ValidRows:
        """Rows to fit with their weights and conditions; in a new fit their columns become the estimator's."""
        if first:
            set_columns(self, rows.n_columns, rows.names)
        n_rows, who = rows.shape[0], type(self).__name__
        layout = None
        if not first:
            given, layout = given_for(self, given, n_rows), self.fitted_.given_layout
        elif given is not None:
            given, layout = conditions_at_fit(given, n_rows, who)
        return with_metadata(rows, given, check_weights(sample_weight, n_rows, who), layout)

    def _require_fitted(self) -> FittedState:
        check_is_fitted(self)
        fitted, steps = self.fitted_, self.polish_steps
        return fitted if fitted.polish == steps else dataclasses.replace(fitted, polish=steps)
