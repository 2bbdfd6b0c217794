"""How good is a code? One record of figures on held-out rows, each beside PCA's on the same rows.

With x̂ the rebuilt rows, x̄ the mean row *of the training data* and n features, over N held-out rows:

    sse = 1/N Σ‖x - x̂‖²      mse = sse / n      r2 = 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖²

r2 is the share of the variation kept: 0 for the mean row, 1 for a perfect copy. PCA is that of the training
rows, as the model knows it. Its size is the model's; for a sparse code it is the number of units on at a
time, since with as many directions as units PCA would copy the rows. The *equal-error size* turns the
comparison around: how many numbers does PCA need for the model's error? A model that does not beat PCA is
told so.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.held_out import HeldOut, gather, mean_on
from isthmus.evaluation.principal_errors import equal_error_size
from isthmus.evaluation.probes import (
    LabelReadings,
    label_codes,
    read_labels,
    trustworthiness,
)
from isthmus.evaluation.summary import Figure, figures, sentence
from isthmus.parts.likelihood import GaussianLikelihood
from isthmus.tables.stream import TableStream

__all__ = [
    "CodeUse",
    "Evaluation",
    "Rebuilding",
    "RebuildingError",
    "evaluate",
]

CONSTANT = 1e-12  # variation below this share of the squares is rounding


@dataclass(frozen=True)
class RebuildingError:
    """Error of one way to rebuild, over all rows.

    Attributes
    ----------
    mse : float
        Squared error per feature, Σ‖x - x̂‖² / (rows · features), in squared units of the columns.
    sse : float
        Squared error per row, Σ‖x - x̂‖² / rows: n_features times as much.
    r2 : float or None
        Share of the variation kept, 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖²; None where rows do not vary.
    """

    mse: float
    sse: float
    r2: float | None


@dataclass(frozen=True)
class Rebuilding:
    """The model's error beside PCA's, both in the same units.

    Attributes
    ----------
    pca_needs : int or None
        The equal-error size: the fewest directions with which PCA's error is no larger than the model's, 0
        being the mean row; None if all that are known, `Evaluation.n_directions`, are not enough.
    """

    model: RebuildingError
    pca: RebuildingError
    pca_needs: int | None


@dataclass(frozen=True)
class CodeUse:
    """How much of the code is in use.

    Attributes
    ----------
    active_units : int or None
        Of a variational model: latents that tell something of the row.
    kl_per_latent : tuple of float or None
        What each of them tells, in nats.
    mean_on : float or None
        Of a sparse code: mean number of units that are not zero.
    dead_units : int or None
        Of a sparse code: units that are zero for every row.
    """

    active_units: int | None = None
    kl_per_latent: tuple[float, ...] | None = None
    mean_on: float | None = None
    dead_units: int | None = None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of one model on one set of rows, beside PCA's.

    Attributes
    ----------
    n_rows, n_features, n_components : int
    pca_components : int
        Numbers PCA is given.
    n_directions : int
        Directions PCA has at most.
    scale : str or None
        How the model weighs columns; where it is not None, ``scaled`` holds the errors in those units.
    data : Rebuilding
        Errors in the units of the data.
    scaled : Rebuilding or None
        Errors in the units the model, and its PCA, minimise.
    explained_variance, pca_explained_variance : ndarray of shape (n_features,)
        Share of each column's variation kept, 1 - Σ(x - x̂)²/Σ(x - x̄)²; NaN where a column does not vary.
    feature_names : tuple of str or None
    code : CodeUse
    labels, pca_labels : LabelReadings
        What simple readers find in the code; all None without labels.
    trustworthiness, pca_trustworthiness : float or None
    nats_per_row : float or None
        Mean of `score_samples`.
    pca_nats_per_row : float or None
        The same of probabilistic PCA, for a model that has a prior as it has.
    """

    n_rows: int
    n_features: int
    n_components: int
    pca_components: int
    n_directions: int
    scale: str | None
    data: Rebuilding
    scaled: Rebuilding | None
    explained_variance: np.ndarray
    pca_explained_variance: np.ndarray
    feature_names: tuple[str, ...] | None
    code: CodeUse
    labels: LabelReadings
    pca_labels: LabelReadings
    trustworthiness: float | None
    pca_trustworthiness: float | None
    nats_per_row: float | None
    pca_nats_per_row: float | None

    @property
    def judged(self) -> Rebuilding:
        """The errors to compare by: in the units the model minimises."""
        return self.data if self.scaled is None else self.scaled

    @property
    def sentence(self) -> str:
        """What came of it, in one plain sentence beside PCA."""
        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, words, lists and dicts; None where there is no number."""
        return _plain(dataclasses.asdict(self))

    def to_json(self) -> str:
        """`to_dict` as JSON, with no NaN in it."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)

    def table(self) -> list[Figure]:
        """The figures that apply, one a line, the model's beside PCA's."""
        return figures(self)


def evaluate(
    estimator: BaseAutoencoder,
    X: Any,
    y: Any = None,
    *,
    X_train: Any = None,
    y_train: Any = None,
    random_state: int = 0,
) -> Evaluation:
    """Figures of a fitted estimator on rows it has not seen.

    Parameters
    ----------
    estimator
        Fitted.
    X
        Held-out rows, shape (n_rows, n_features): array, DataFrame, sparse matrix, or a stream of
        `isthmus.open_table`; read slice by slice. Of a stream too large for memory, squares are summed over all
        rows, and codes are judged by 10,000.
    y
        Their classes, if any; those of a stream are its own labels.
    X_train, y_train
        Rows and classes for the label readers to learn from; without them they are cross-validated on ``X``.
    random_state
        Seed of folds and samples: the same call gives the same figures.

    Raises
    ------
    ValueError
        If X does not suit the estimator, or the labels are not one class a row.
    """
    if y_train is not None and (X_train is None or y is None):
        raise ValueError("evaluate: y_train needs X_train and y; labels are learned there and tested here.")
    check_is_fitted(estimator)
    gathered = gather(estimator, X, random_state)
    if isinstance(X, TableStream):
        X = X.take(gathered.kept)
        y = X.labels if y is None else np.asarray(y)[gathered.kept]
        X = X.rows
    labels, labels_train = (None, None) if y is None else label_codes(y, y_train)
    _require_one_a_row("y", labels, len(gathered.codes))
    training = None
    if labels_train is not None:
        training = gather(estimator, X_train, random_state, size=gathered.size)
        _require_one_a_row("y_train", labels_train, len(training.codes))

    def read(which: str) -> LabelReadings:
        if labels is None:
            return LabelReadings()
        known = None if training is None or labels_train is None else (getattr(training, which), labels_train)
        return read_labels(getattr(gathered, which), labels, known, random_state)

    layout = estimator._layout
    names = getattr(estimator, "feature_names_in_", None) if layout is None else layout.encoded_names
    spread = estimator.scaling_.spread
    return Evaluation(
        n_rows=gathered.n_rows,
        n_features=len(spread),
        n_components=gathered.codes.shape[1],
        pca_components=gathered.size,
        n_directions=len(estimator.principal_.directions),
        scale=estimator.scale,
        data=_rebuilding(gathered, spread**2),
        scaled=None if estimator.scale is None and layout is None else _rebuilding(gathered, np.ones_like(spread)),
        explained_variance=_explained(gathered, gathered.squared_errors),
        pca_explained_variance=_explained(gathered, gathered.pca.per_feature(gathered.size)),
        feature_names=None if names is None else tuple(str(name) for name in names),
        code=_use_of(estimator, X, gathered.codes),
        labels=read("codes"),
        pca_labels=read("pca_codes"),
        trustworthiness=trustworthiness(gathered.sample, gathered.codes[gathered.sampled]),
        pca_trustworthiness=trustworthiness(gathered.sample, gathered.pca_codes[gathered.sampled]),
        nats_per_row=gathered.nats / gathered.n_rows,
        pca_nats_per_row=_principal_nats(estimator, gathered),
    )


def _require_one_a_row(name: str, labels: np.ndarray | None, n_rows: int) -> None:
    if labels is not None and len(labels) != n_rows:
        raise ValueError(f"evaluate: {name} must have one label for each of the {n_rows} rows, got {len(labels)}.")


def _rebuilding(gathered: HeldOut, weights: np.ndarray) -> Rebuilding:
    """Both errors with columns weighed by ``weights``, from the model's units to those wanted."""
    n_rows, n_features = gathered.n_rows, len(weights)
    total = float(gathered.pca.squares @ weights)
    varies = total > CONSTANT * float(gathered.squares @ weights)

    def error(squares: float) -> RebuildingError:
        sse = squares / n_rows
        return RebuildingError(sse / n_features, sse, 1 - squares / total if varies else None)

    ours = float(gathered.squared_errors @ weights)
    curve = gathered.pca.curve(weights)
    needed = equal_error_size(curve, ours)
    return Rebuilding(error(ours), error(float(curve[gathered.size])), needed)


def _explained(gathered: HeldOut, squared_errors: np.ndarray) -> np.ndarray:
    total = gathered.pca.squares
    varies = total > CONSTANT * gathered.squares
    return np.where(varies, 1 - squared_errors / np.where(varies, total, 1), np.nan)


def _use_of(estimator: BaseAutoencoder, X: Any, codes: np.ndarray) -> CodeUse:
    bottleneck = estimator.make_bottleneck()
    if bottleneck.sparse:
        return CodeUse(mean_on=mean_on(codes), dead_units=int((codes == 0).all(0).sum()))
    if bottleneck.outputs_per_latent == 2:
        report = estimator.latent_report(X)
        return CodeUse(active_units=report.active_units, kl_per_latent=tuple(report.kl.tolist()))
    return CodeUse()


def _principal_nats(estimator: BaseAutoencoder, gathered: HeldOut) -> float | None:
    """Mean log density of probabilistic PCA (Tipping & Bishop 1999), the yardstick of a variational bound.

    log N(c; 0, U(Λ - σ²I)Uᵀ + σ²I) = -½ [ n log 2π + Σ log λ_i + (n-k) log σ² + Σ (u_iᵀc)²/λ_i + left/σ² ]
    """
    gaussian = isinstance(estimator.model_.likelihood, GaussianLikelihood)
    if estimator.make_bottleneck().outputs_per_latent != 2 or not gaussian:
        return None
    principal, size, n_features = estimator.principal_, gathered.size, len(gathered.squares)
    variances = principal.variances[:size].double().cpu().numpy()
    noise = (principal.total_variance - variances.sum()) / max(1, n_features - size)
    if size >= n_features or noise <= CONSTANT * principal.total_variance or variances.min() < noise:
        return None
    n_rows = gathered.n_rows
    spread = np.einsum("ij,ij->i", gathered.pca.products, gathered.pca.directions)[:size] / n_rows
    left = gathered.pca.squares.sum() / n_rows - spread.sum()
    log_volume = n_features * math.log(2 * math.pi) + np.log(variances).sum() + (n_features - size) * math.log(noise)
    nats = -0.5 * (log_volume + (spread / variances).sum() + left / noise)
    return float(nats - estimator.scaling_.log_volume)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
