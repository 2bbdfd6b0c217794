"""PCA's fitted attributes for a linear model, and those that apply for an ordered code.

A linear model x̂ = μ + W z with a point code is PCA, or a variation on it. Its attributes are those of PCA of its
training rows, of the scaled columns if there is a ``scale``: of columns with variance 1 for ``scale="standard"``, as in
a pipeline of `StandardScaler` and PCA. Only ``mean_`` is always in the user's units. With z of variance λ,

    explained_variance_k = λ_k ‖W_k‖²        covariance = W S Wᵀ + σ²I        S the density of codes, λ - σ² for PCA

and since neither whitening nor rotation changes the model of the rows, neither changes the covariance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from isthmus.fitted import FittedState

__all__ = ["PCAAttributes", "has_linear_code"]


def has_linear_code(fitted: FittedState) -> bool:
    """Whether rows are linear in a point code, as PCA's are."""
    model = fitted.model
    return fitted.architecture.linear and model.bottleneck.is_gate and model.likelihood.mean_is_output


class PCAAttributes:
    """PCA's fitted attributes and methods; an `AttributeError` explains why a model lacks one, and the alternative."""

    if TYPE_CHECKING:
        fitted_: FittedState

    @property
    def components_(self) -> np.ndarray:
        """For a linear model: unit directions in the (scaled) columns, shape (n_components, n_features), as in PCA.

        In order of the variance they explain. They are orthogonal, except for those of a rotated whitened code.
        """
        fitted = self.fitted_
        if not fitted.architecture.linear or not fitted.model.bottleneck.is_gate:
            raise AttributeError(
                f"{type(self).__name__}: only a linear model (hidden_layer_sizes=()) with a point code has "
                "components_; loadings(X) says which columns each latent explains."
            )
        return torch.nn.functional.normalize(_writing(fitted).float(), dim=0).T.cpu().numpy()

    @property
    def explained_variance_(self) -> np.ndarray:
        """For a linear model: the variance each latent explains, over N - 1, shape (n_components,), as in PCA."""
        fitted = self._linear("explained_variance_")
        variances = self._variances("explained_variance_")
        return variances * _writing(fitted).square().sum(0).cpu().numpy() * fitted.scaling.unit**2

    @property
    def explained_variance_ratio_(self) -> np.ndarray:
        """Share of the variance that each latent explains, shape (n_components,): for a linear model as in PCA.

        For an ordered code it is the gain of each further latent on training rows.
        """
        fitted = self.fitted_
        if fitted.spread is not None and fitted.spread.gains is not None:
            return fitted.spread.gains[: fitted.n_components].numpy().copy()
        if not has_linear_code(fitted):
            raise AttributeError(
                f"{type(self).__name__}: the variance that a nonlinear code explains is not a sum over its latents, so "
                "it has no explained_variance_ratio_. A linear model (hidden_layer_sizes=()) and an ordered code "
                "(NestedAutoencoder) have one; loadings(X) says which columns each latent explains, isthmus.evaluate "
                "what the whole code keeps."
            )
        total = fitted.principal.total_variance * fitted.scaling.unit**2
        explained = self.explained_variance_
        return explained / total if total > 0 else np.zeros_like(explained)

    @property
    def singular_values_(self) -> np.ndarray:
        """For a linear model: √((N - 1) `explained_variance_`), shape (n_components,), as in PCA."""
        self._linear("singular_values_")
        return np.sqrt(self.explained_variance_ * (self.n_samples_ - 1))

    @property
    def mean_(self) -> np.ndarray:
        """For a linear model: the row at code 0, the mean of the training rows, in the user's units."""
        fitted = self._linear("mean_")
        return fitted.scaling.undo(fitted.model.decoder.skip.bias.detach().cpu().numpy())

    @property
    def n_samples_(self) -> int:
        """Number of rows of the fit, including those held out to choose the epoch."""
        if self.fitted_.spread is None:
            raise AttributeError(self._unknown("n_samples_"))
        return self.fitted_.spread.n_rows

    def get_covariance(self) -> np.ndarray:
        """For a linear model: the covariance of rows under it, W S Wᵀ + σ²I, shape (n_features, n_features).

        As in PCA, and of the (scaled) columns like ``components_``. For ``whiten=True`` scikit-learn's differs: it
        multiplies by the variances twice, whereas here whitening changes nothing.
        """
        loading, noise, unit = self._generative("get_covariance")
        covariance = loading @ loading.T
        covariance[np.diag_indices_from(covariance)] += noise
        return covariance * unit**2

    def get_precision(self) -> np.ndarray:
        """The inverse of `get_covariance`, by the singular vectors of the loadings."""
        loading, noise, unit = self._generative("get_precision")
        n_features = len(loading)
        vectors, values, _ = np.linalg.svd(loading, full_matrices=False)
        inside = 1 / (values**2 + noise)
        if vectors.shape[1] == n_features:
            return (vectors * inside) @ vectors.T / unit**2
        precision = (vectors * (inside - 1 / noise)) @ vectors.T
        precision[np.diag_indices_from(precision)] += 1 / noise
        return precision / unit**2

    # ---- inside ----------------------------------------------------------------------------------------

    def _linear(self, what: str) -> FittedState:
        fitted = self.fitted_
        if not has_linear_code(fitted):
            raise AttributeError(
                f"{type(self).__name__}: only a linear model (hidden_layer_sizes=()) with a point code and a squared "
                f"error has {what}, which is PCA's."
            )
        return fitted

    def _variances(self, what: str) -> np.ndarray:
        spread = self.fitted_.spread
        if spread is None or spread.variances is None:
            raise AttributeError(self._unknown(what))
        return spread.variances[: self.fitted_.n_components].numpy()

    def _unknown(self, what: str) -> str:
        return (
            f"{type(self).__name__}: {what} is not known after partial_fit, nor of a model that an earlier isthmus "
            "saved; fit it again."
        )

    def _generative(self, what: str) -> tuple[np.ndarray, float, float]:
        """W S^½ and σ² in the model's units, float64, and the unit of a column."""
        fitted = self._linear(what)
        state = fitted.inference
        if state is None or state.density is None:
            raise AttributeError(self._unknown(what))
        values, axes = torch.linalg.eigh(state.density.covariance.double().cpu())
        loading = _writing(fitted).cpu() @ (axes * values.clamp(min=0).sqrt())
        return loading.numpy(), state.noise_variance, fitted.scaling.unit


def _writing(fitted: FittedState) -> torch.Tensor:
    """W of a linear decoder, float64 of shape (n_features, n_components), in the model's units."""
    decoder, size = fitted.model.decoder, fitted.n_components
    weight = decoder.skip.weight.detach().double()[:, :size]
    return weight if decoder.input_scale is None else weight / decoder.input_scale.double()[:size]
