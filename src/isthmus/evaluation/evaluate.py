"""Evaluation: one record of measures on held-out rows, each compared with PCA's on the same rows.

With x̂ the reconstruction, x̄ the mean row *of the training data* and n features, over N held-out rows:

    sse = 1/N Σ‖x - x̂‖²      mse = sse / n      r2 = 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖²

r2 is the share of the variance kept: 0 for the mean row, 1 for a perfect copy. PCA is that of the training rows, as
stored in the model. Its size is the model's; for a sparse code it is the mean number of active latents, since with one
direction per latent PCA would copy the rows. The *equal-error size* turns the comparison around: how many dimensions
does PCA need to reach the model's error?
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.held_out import HeldOut, gather, mean_on
from isthmus.evaluation.neighbours import neighbours_kept
from isthmus.evaluation.principal_errors import equal_error_size
from isthmus.evaluation.probes import LabelProbes, label_codes, probe_labels, trustworthiness
from isthmus.evaluation.result import CodeUse, Evaluation, Reconstruction, ReconstructionError
from isthmus.initialization import closed_form_kept
from isthmus.input_validation import fit_columns
from isthmus.rows.conditions import given_for
from isthmus.tables.not_rows import require_rows
from isthmus.tables.stream import TableStream

__all__ = ["evaluate"]

CONSTANT = 1e-12  # variation below this share of the sum of squares is rounding


def evaluate(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    given: Any = None,
    X_train: Any = None,
    y_train: Any = None,
    given_train: Any = None,
    random_state: int = 0,
) -> Evaluation:
    """Evaluate a fitted estimator on rows it has not seen.

    Parameters
    ----------
    estimator
        Fitted.
    X
        Held-out rows, shape (n_rows, n_features): array, DataFrame, sparse matrix, or a stream of
        `isthmus.open_table`; read in slices. For an out-of-core stream, errors are of all rows, and codes are evaluated
        on 10,000.
    y
        Class labels, if any; by default a stream's own.
    given
        Condition of each row, for a model fitted with ``given``. The baseline is then PCA of the residuals of least
        squares on the condition, and r2 the share of their variance kept.
    X_train, y_train, given_train
        Rows and labels on which the label probes are trained; without them the probes are cross-validated on ``X``.
    random_state
        Seed of folds and samples.

    Raises
    ------
    ValueError
        If the estimator can't take X, or the labels are not one class per row.
    """
    if y_train is not None and (X_train is None or y is None):
        raise ValueError("evaluate: y_train needs X_train and y; probes are trained on X_train and tested on X.")
    if not isinstance(estimator, BaseAutoencoder):
        raise ValueError(
            f"evaluate: {type(estimator).__name__} is no autoencoder of rows; pass one, such as Autoencoder().fit(X). "
            "For windows of a series see WindowedAutoencoder.block_errors_."
        )
    check_is_fitted(estimator)
    require_rows(X, "evaluate")
    given = given_for(estimator, given, _count(X))
    gathered = gather(estimator, X, random_state, given=given)
    if isinstance(X, TableStream):
        X = fit_columns(estimator, estimator.fitted_.layout).arranged(X).take(gathered.kept)
        y = X.labels if y is None else np.asarray(y)[gathered.kept]
        X, given = X.rows, None if given is None else given[gathered.kept]
    labels, labels_train = (None, None) if y is None else label_codes(y, y_train)
    _require_one_per_row("y", labels, len(gathered.codes))
    training = None
    if labels_train is not None:
        given_train = given_for(estimator, given_train, _count(X_train))
        training = gather(estimator, X_train, random_state, size=gathered.size, given=given_train)
        _require_one_per_row("y_train", labels_train, len(training.codes))

    def probed(which: str) -> LabelProbes:
        if labels is None:
            return LabelProbes()
        known = None if training is None or labels_train is None else (getattr(training, which), labels_train)
        return probe_labels(getattr(gathered, which), labels, known, random_state)

    layout = estimator.fitted_.layout
    names = getattr(estimator, "feature_names_in_", None) if layout is None else layout.encoded_names
    spread = estimator.scaling_.spread
    scaled = None
    if not estimator.fitted_.is_in_user_units:
        scaled = _reconstruction_of(gathered, np.ones_like(spread))
    return Evaluation(
        n_rows=gathered.n_rows,
        n_features=len(spread),
        n_columns=None if layout is None else len(layout.columns),
        n_components=gathered.codes.shape[1],
        pca_components=gathered.size,
        n_directions=_n_directions(estimator, gathered),
        scale=estimator.fitted_.scale,
        data=_reconstruction_of(gathered, spread**2),
        scaled=scaled,
        deviance=_deviance_of(gathered),
        explained_variance=_explained(gathered, gathered.squared_errors),
        pca_explained_variance=_explained(gathered, gathered.pca.per_feature(gathered.size)),
        feature_names=None if names is None else tuple(str(name) for name in names),
        code=_use_of(estimator, X, gathered.codes, given),
        labels=probed("codes"),
        pca_labels=probed("pca_codes"),
        trustworthiness=trustworthiness(gathered.sample, gathered.codes[gathered.sampled]),
        pca_trustworthiness=trustworthiness(gathered.sample, gathered.pca_codes[gathered.sampled]),
        nats_per_row=gathered.nats / gathered.n_rows,
        pca_nats_per_row=_principal_nats(estimator, gathered),
        conditional=given is not None,
        neighbours_kept=_neighbours_kept(estimator, gathered, gathered.codes),
        pca_neighbours_kept=_neighbours_kept(estimator, gathered, gathered.pca_codes),
    )


def _count(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _require_one_per_row(name: str, labels: np.ndarray | None, n_rows: int) -> None:
    if labels is not None and len(labels) != n_rows:
        raise ValueError(f"evaluate: {name} must have one label for each of the {n_rows} rows, got {len(labels)}.")


def _reconstruction_of(gathered: HeldOut, weights: np.ndarray) -> Reconstruction:
    """The errors of the model and of PCA, with columns weighted by ``weights`` to change their units."""
    n_rows, n_cells = gathered.n_rows, max(1, int(gathered.n_observed.sum()))
    total = float(gathered.pca.squares @ weights)
    varies = total > CONSTANT * float(gathered.squares @ weights)

    def error(squares: float) -> ReconstructionError:
        return ReconstructionError(squares / n_cells, squares / n_rows, 1 - squares / total if varies else None)

    ours = float(gathered.squared_errors @ weights)
    curve = gathered.pca.curve(weights)
    needed = equal_error_size(curve, ours)
    return Reconstruction(error(ours), error(float(curve[gathered.size])), needed)


def _n_directions(estimator: BaseAutoencoder, gathered: HeldOut) -> int:
    """The largest number of directions for which PCA's error is known."""
    deviances = gathered.pca.deviances
    return len(estimator.principal_.directions) if deviances is None else len(deviances) - 1


def _deviance_of(gathered: HeldOut) -> Reconstruction | None:
    """The deviance of counts by the model and by PCA of Pearson residuals; None for other data."""
    n_rows, curve = gathered.n_rows, gathered.pca.deviances
    if curve is None:
        return None

    def error(deviance: float) -> ReconstructionError:
        kept = 1 - deviance / curve[0] if curve[0] > CONSTANT else None
        return ReconstructionError(deviance / n_rows / len(gathered.squares), deviance / n_rows, kept)

    needed = equal_error_size(curve, gathered.deviance)
    return Reconstruction(error(gathered.deviance), error(float(curve[gathered.size])), needed)


def _explained(gathered: HeldOut, squared_errors: np.ndarray) -> np.ndarray:
    total = gathered.pca.squares
    varies = total > CONSTANT * gathered.squares
    return np.where(varies, 1 - squared_errors / np.where(varies, total, 1), np.nan)


def _neighbours_kept(estimator: BaseAutoencoder, gathered: HeldOut, codes: np.ndarray) -> float | None:
    """Only for embeddings, which are compared by their cosine."""
    shape = estimator.fitted_.row_shape
    if shape is None or shape.axes != ("feature",):
        return None
    return neighbours_kept(gathered.sample, codes[gathered.sampled])


def _use_of(estimator: BaseAutoencoder, X: Any, codes: np.ndarray, given: np.ndarray | None) -> CodeUse:
    bottleneck = estimator.model_.bottleneck
    if bottleneck.sparse:
        return CodeUse(mean_on=mean_on(codes), dead_units=int((codes == 0).all(0).sum()))
    if bottleneck.has_prior:
        report = estimator.latent_report(X, given=given)
        return CodeUse(active_units=report.active_units, kl_per_latent=tuple(report.kl.tolist()))
    return CodeUse()


def _principal_nats(estimator: BaseAutoencoder, gathered: HeldOut) -> float | None:
    """Mean log density of probabilistic PCA (Tipping & Bishop 1999), the baseline for the evidence or its lower bound.

    log N(c; 0, U(Λ - σ²I)Uᵀ + σ²I) = -½ [ n log 2π + Σ log λ_i + (n-k) log σ² + Σ (u_iᵀc)²/λ_i + left/σ² ]

    σ² is the mean variance of the n - k directions left out. With fewer rows than columns, scikit-learn and the score
    of a model that is PCA average only over directions in which the rows vary; beside such a model PCA has its σ².
    """
    fitted = estimator.fitted_
    if not fitted.model.likelihood.is_gaussian or fitted.masked or fitted.given is not None:
        return None
    principal, size, n_features = estimator.principal_, gathered.size, len(gathered.squares)
    variances = principal.variances[:size].double().cpu().numpy()
    noise = (principal.total_variance - variances.sum()) / max(1, n_features - size)
    if principal.rank < n_features and closed_form_kept(fitted, fitted.best_epoch) is not None:
        noise = principal.noise_variance(size)
    if size >= n_features or noise <= CONSTANT * principal.total_variance or variances.min() < noise:
        return None
    n_rows = gathered.n_rows
    spread = np.einsum("ij,ij->i", gathered.pca.products, gathered.pca.directions)[:size] / n_rows
    left = gathered.pca.squares.sum() / n_rows - spread.sum()
    log_volume = n_features * math.log(2 * math.pi) + np.log(variances).sum() + (n_features - size) * math.log(noise)
    nats = -0.5 * (log_volume + (spread / variances).sum() + left / noise)
    return float(nats - estimator.scaling_.log_volume)
