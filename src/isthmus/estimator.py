"""The face: one scikit-learn transformer for every variant.

`fit` initializes a model at the closed form and trains it; `transform` gives codes, `inverse_transform` decodes them.
What was learned is one record, ``fitted_``; the other fitted attributes are read from it. A variant fills the seams of
`isthmus.settings` and declares its own hyperparameters; nothing else is overridden.
"""

from __future__ import annotations

import typing
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from isthmus.code_size import narrowed, require_code_size, takes_size
from isthmus.fitted import FittedState
from isthmus.fitted_attributes import FittedAttributes
from isthmus.fitting import PartialFit, fit_partially, fit_rows
from isthmus.generation.mixin import GenerationMixin
from isthmus.hyperparameter import check_hyperparameters
from isthmus.inference.density import LatentReport, latent_report, log_density
from isthmus.inference.missing import imputed, like_given, observed_log_volume
from isthmus.input_validation import blockwise, given_for, read_rows
from isthmus.rows.companions import check_weights
from isthmus.settings import AutoencoderSettings
from isthmus.torch_modules import Side, to_torch
from isthmus.training.callbacks import CallbackSupportMixin, with_callbacks
from isthmus.training.checkpointing import Checkpointing

__all__ = ["BaseAutoencoder"]


def _has_prior(estimator: BaseAutoencoder) -> bool:
    if estimator.make_bottleneck(estimator.n_components or 1).has_prior:
        return True
    raise AttributeError(f"{type(estimator).__name__} has no prior over its codes; VariationalAutoencoder has one.")


def _only_sample_weight(estimator: BaseAutoencoder, weights: dict[str, Any]) -> Any:
    unknown = sorted(weights.keys() - {"sample_weight"})
    if unknown:
        raise TypeError(f"{type(estimator).__name__}.fit() got an unexpected keyword argument {unknown[0]!r}")
    return weights.get("sample_weight")


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
        σ² of the Gaussian likelihood in the units of the (scaled) data: learned, fixed, or the held-out error.
    """

    if TYPE_CHECKING:  # annotated for type checkers only: each annotation in the class would be a hyperparameter
        fitted_: FittedState
        _partial: PartialFit | None
    else:
        _partial = None  # where `partial_fit` stands

    # What scikit-learn's routing may hand on beside what the signatures name. They don't name sample_weight, as its
    # checks then hold that a weight of 3 ends at the very numbers of three such rows, which no random training does.
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

        Data larger than memory may be a stream of `isthmus.open_table`, a mapped array, or anything that gives
        two-dimensional batches each time it is iterated.

        Parameters
        ----------
        sample_weight
            How much each row counts, shape (n_samples,), at least 0: in the scaling, the closed form, the loss and its
            validation. Only ratios matter. The linear completion of missing cells is fitted unweighted.
        given
            What each row is given, shape (n_samples, n_given), numbers: encoder and decoder see it, so the code need
            not tell it. Every method that takes rows or codes then takes ``given`` too.
        checkpoints
            An `isthmus.Checkpoints`, with which an interrupted fit resumes where it was.
        """
        check_hyperparameters(self)
        with nullcontext() if checkpoints is None else checkpoints.watching(self) as checkpointer:
            self.__dict__.pop("_partial", None)  # an earlier `partial_fit`'s
            fit_rows(self, X, _only_sample_weight(self, weights), given, checkpointer)
        return self

    def fit_transform(self, X: Any, y: Any = None, *, given: Any = None, **fit_params: Any) -> Any:
        """`fit`, then `transform` of the same rows."""
        return self.fit(X, y, given=given, **fit_params).transform(X, given=given)

    def partial_fit(self, X: Any, y: Any = None, *, given: Any = None, **weights: Any) -> typing.Self:
        """One pass over the rows X at a constant rate; the first call also sets scaling, start and size.

        Nothing is held out, so nothing is chosen: after `partial_fit` the model is as good as its last step.
        """
        check_hyperparameters(self)
        weight = _only_sample_weight(self, weights)
        self._partial = fit_partially(self, X, weight, given, self._partial)
        return self

    # ---- using -----------------------------------------------------------------------------------------

    @blockwise
    def transform(self, X: Any, size: int | None = None, *, given: Any = None) -> np.ndarray:
        """Codes of rows X: float32, shape (n_samples, n_components); for a variational model the posterior mean.

        Of an ordered code ``size=k`` gives the first k latents.
        """
        fitted, rows = self._known(), self.to_numbers(X)
        return fitted.encode(rows, given_for(self, given, rows.shape[0]))

    def inverse_transform(self, X: Any, *, given: Any = None) -> np.ndarray:
        """Rows decoded from codes X of shape (n_samples, n_components), in the units of the data given to `fit`.

        An ordered code may have fewer latents: its first.
        """
        fitted = self._known()
        codes = check_array(X, dtype=np.float32, input_name="codes")
        require_code_size(self, codes)
        return fitted.in_given_form(fitted.decode(codes, given_for(self, given, len(codes))))

    @blockwise
    def reconstruct(self, X: Any, size: int | None = None, *, given: Any = None) -> np.ndarray:
        """Rows decoded from their own codes: ``inverse_transform(transform(X, size))``."""
        fitted, rows = self._known(), self.to_numbers(X)
        seen = given_for(self, given, rows.shape[0])
        if size is not None:
            return self.inverse_transform(narrowed(self, size, "reconstruct").fitted_.encode(rows, seen), given=given)
        return fitted.in_given_form(fitted.reconstruct(rows, seen), X)

    @blockwise
    def score_samples(self, X: Any, importance_samples: int | None = None, *, given: Any = None) -> np.ndarray:
        """Log density of each row, in nats, shape (n_samples,); larger is more normal.

        A variational model gives the evidence lower bound, or with ``importance_samples=k`` the tighter
        importance-weighted one. The others give the density of a row given its own code, a falling function
        of its squared error.
        """
        fitted, rows = self._known(), self.to_numbers(X)
        density = log_density(
            fitted.model,
            fitted.n_components,
            importance_samples,
            seed=fitted.seed,
            noise_variance=fitted.noise_variance / fitted.scaling.unit**2,
        )
        scores = fitted.map_rows(rows, density, given_for(self, given, rows.shape[0]))
        if self.missing == "mask":
            return scores - observed_log_volume(rows, fitted.scaling)
        return scores - np.float32(fitted.scaling.log_volume)

    def impute(self, X: Any, *, given: Any = None) -> Any:
        """X with its missing cells filled by what the model expects there; all others stay exactly as they are.

        An array gives an array, a DataFrame a DataFrame. Needs ``missing="mask"``.
        """
        fitted = self._known()
        if fitted.model.completion is None:
            raise ValueError(
                f"{type(self).__name__}: impute needs missing='mask' at fit, got missing={self.missing!r}."
            )
        rows = self.to_numbers(X)
        filled = imputed(fitted, rows, given_for(self, given, rows.shape[0]))
        return like_given(X, filled) if fitted.layout is None else fitted.layout.fill(X, filled)

    def score(self, X: Any, y: Any = None, *, sample_weight: Any = None, given: Any = None) -> float:
        """(Weighted) mean of `score_samples`, as for scikit-learn's PCA; larger is better."""
        scores = self.score_samples(X, given=given)
        weights = check_weights(sample_weight, len(scores), type(self).__name__)
        return float(np.average(scores.astype(np.float64), weights=weights))

    @available_if(_has_prior)
    def latent_report(self, X: Any, *, given: Any = None) -> LatentReport:
        """Divergence from the prior of each latent, in nats, and the number of active units, over rows X."""
        fitted = self._known()
        numbers = self.to_numbers(X)
        rows = fitted.rows(numbers, given_for(self, given, numbers.shape[0]))
        with torch.inference_mode():
            return latent_report(fitted.model, (batch.to(fitted.device) for batch in rows.records()))

    def to_numbers(self, X: Any) -> Any:
        """Rows as the model reads them, in the user's units: an array or CSR matrix, shape (n_samples, n_numbers).

        A DataFrame's booleans, categories and dates are encoded; X is refused unless it has the columns of the fit.
        """
        return read_rows(self, X, self._known().layout, reset=False).values

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
        return self.fitted_
