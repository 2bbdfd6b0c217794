"""The anomaly detector: a scikit-learn outlier detector on any autoencoder.

`fit` holds out some rows and fits an autoencoder to the others. The scores of the held-out rows set the threshold
for a given false-alarm rate, and give p-values.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.anomaly.conformal import (
    benjamini_hochberg,
    conformal_p_values,
    rows_needed,
    threshold_at,
)
from isthmus.anomaly.contributions import Explanation, attribute_to_columns, decoded_cells
from isthmus.anomaly.scores import Reference, StandardUnits, Surprise, residual_variances
from isthmus.hyperparameter import check_hyperparameters, hyper
from isthmus.input_validation import read_numbers
from isthmus.tables.layout import TableLayout
from isthmus.tables.table import Table

__all__ = ["MEASURES", "AutoencoderOutlierDetector"]

MEASURES = ("combined", "reconstruction", "latent", "likelihood")
SHARE_OF_VARIANCE = 0.5  # that PCA with the default code's size would explain
# of the parts' surprises in the combined score; near neighbours and region measure one thing, so they share a weight
WEIGHTS = {"reconstruction": 1.0, "latent": 0.5, "region": 0.5, "likelihood": 1.0}
MOST_REFERENCE_ROWS = 10_000
ONCE_IN = 1e-6
MOST_CALIBRATION_ROWS = 2_048
LEAST_ROWS = 3


@dataclass(eq=False, repr=False)
class AutoencoderOutlierDetector(OutlierMixin, BaseEstimator):
    """Anomaly detection by an autoencoder: scores, p-values and the contributions of columns.

    Fitted to normal rows (a few anomalous ones among them do little harm), it calls a row an outlier (-1) if

        score(x) > the (m + 1)-th highest of n held-out scores,     m = ⌊rate (n + 1)⌋ - 1,

    so a normal row is called an outlier with probability ``rate`` at most. Scores are described in
    `isthmus.anomaly.scores`, p-values in `isthmus.anomaly.conformal`.

    Attributes
    ----------
    autoencoder_ : BaseAutoencoder
        The fitted autoencoder.
    offset_ : float
        ``decision_function = score_samples - offset_``; rows below 0 are outliers.
    false_alarm_rate_ : float
        The threshold's average false-alarm rate on normal rows: at most the given rate, unless there are too few
        held-out rows for that. NaN if ``contamination`` sets the threshold.
    calibration_scores_ : ndarray
        Anomaly scores of the held-out rows, ascending.
    n_trimmed_ : int
        Anomalous training rows left out of the fit.
    layout_ : TableLayout or None
        How the columns of a mixed-type table became numbers.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3)) @ np.ones((3, 4))
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    >>> detector.predict([[0.1, 0.1, 0.1, 0.1], [9.0, -9.0, 9.0, -9.0]])
    array([ 1, -1])
    """

    # Any of isthmus's estimators. For None, or one without n_components, the code explains half of the variance.
    autoencoder: Any = dataclasses.field(default=None, kw_only=True)
    contamination: float | str = hyper(
        "auto",
        "share of the training rows to call outliers; auto sets the threshold by the held-out rows",
        choices=("auto",),
        above=0,
        at_most=0.5,
    )
    false_alarm_rate: float = hyper(
        0.05, "share of normal rows called outliers if contamination is auto", above=0, below=1
    )
    measure: str = hyper("combined", "the anomaly score", choices=MEASURES)
    calibration_fraction: float | None = hyper(
        None, "share of rows held out to set the threshold; None: a quarter, at most 2,048 rows", above=0, below=1
    )
    trim: bool = hyper(True, "leave anomalous training rows out, and fit again")
    random_state: Any = dataclasses.field(default=None, kw_only=True)

    # ---- fitting ---------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> typing.Self:
        """Fit to normal rows X of shape (n_samples, n_features); y is ignored."""
        check_hyperparameters(self)
        X = self._validated(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        order = np.random.default_rng(seed).permutation(len(X))
        n_held_out = self._n_held_out(len(X))
        held_out, training_rows = X[order[:n_held_out]], X[order[n_held_out:]]
        self._fit_model(training_rows, seed)
        self.n_trimmed_ = 0
        if self.trim:
            kept = self._normal_rows(training_rows)
            self.n_trimmed_ = int((~kept).sum())
            if self.n_trimmed_:
                self._fit_model(training_rows[kept], seed)
        self._calibrate(held_out)
        if self.contamination != "auto":
            self.offset_ = float(np.percentile(-self._anomaly_scores(X), 100 * float(self.contamination)))
            self.false_alarm_rate_ = float("nan")
        return self

    def fit_around(self, autoencoder: Any, X: Any, X_held_out: Any) -> typing.Self:
        """Use an autoencoder that is already fitted, to rows X; X_held_out are normal rows it has not seen.

        ``autoencoder``, ``contamination``, ``calibration_fraction`` and ``trim`` are ignored.
        """
        check_hyperparameters(self)
        check_is_fitted(autoencoder)
        X = self._validated(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.columns_, self.autoencoder_, self.n_trimmed_ = self._units(X), autoencoder, 0
        self._fit_reference(X, seed)
        self._calibrate(self._validated(X_held_out, reset=False))
        return self

    def set_false_alarm_rate(self, rate: float) -> typing.Self:
        """Move the threshold of a fitted detector to another false-alarm rate, without fitting again."""
        check_is_fitted(self)
        self.false_alarm_rate = rate
        check_hyperparameters(self)
        threshold = threshold_at(self.calibration_scores_, rate)
        self.offset_, self.false_alarm_rate_ = -threshold.score, threshold.rate
        return self

    def _calibrate(self, held_out: np.ndarray) -> None:
        self._fit_surprises(held_out)
        self.calibration_scores_ = np.sort(self._anomaly_scores(held_out))
        self.set_false_alarm_rate(self.false_alarm_rate)

    def _n_held_out(self, n_rows: int) -> int:
        """A quarter of the rows, or as many as the rate needs; at most half."""
        if self.calibration_fraction is not None:
            wanted = round(self.calibration_fraction * n_rows)
            return min(max(wanted, 1), n_rows - 2)
        wanted = max(min(n_rows // 4, MOST_CALIBRATION_ROWS), rows_needed(self.false_alarm_rate))
        return max(1, min(wanted, n_rows // 2))

    def _fit_model(self, X: np.ndarray, seed: int) -> None:
        """Fit the autoencoder, and the residuals and codes of normal rows."""
        self.columns_ = self._units(X)
        self.autoencoder_ = self._new_autoencoder(X, seed).fit(_as_table(X, self.layout_))
        self._fit_reference(X, seed)

    def _units(self, X: np.ndarray) -> StandardUnits:
        return StandardUnits.of(X).with_common_spread(self._category_spans)

    @property
    def _category_spans(self) -> tuple[tuple[int, int], ...]:
        return () if self.layout_ is None else self.layout_.blocks.categories

    def _fit_reference(self, X: np.ndarray, seed: int) -> None:
        U, reconstruction = self._reconstructed(X)
        self.residual_variances_ = residual_variances(U - reconstruction, self._category_spans)
        chosen = np.random.default_rng(seed).permutation(len(X))[:MOST_REFERENCE_ROWS]
        self.reference_ = Reference(reconstruction[np.sort(chosen)].astype(np.float32))
        self.likelihood_base_ = 0.0
        self.surprises_ = {}

    def _fit_surprises(self, X: np.ndarray) -> None:
        """Fit the distribution of each part of the score to normal rows."""
        if "likelihood" in self.parts_used_:
            U, reconstruction = self._reconstructed(X)
            self.likelihood_base_ = float(np.median(self._likelihood_rest(X, U, reconstruction)))
        amounts = self._amounts(X)
        self.surprises_ = {
            # a sum of squares starts at 0; a log density has no such bound, so its own lowest value is used
            name: Surprise.of(part.sum(1), origin=float(part.sum(1).min()) if name == "likelihood" else 0.0)
            for name, part in amounts.items()
        }

    def _normal_rows(self, X: np.ndarray) -> np.ndarray:
        """Which training rows are normal: a normal one scores higher than the bound once in a million."""
        from scipy.stats import gamma

        self._fit_surprises(X)
        amounts = self._amounts(X)
        surprise = np.sum(
            [WEIGHTS[name] * self.surprises_[name](part.sum(1)) for name, part in amounts.items()], axis=0
        )
        kept = surprise <= gamma.isf(ONCE_IN, sum(WEIGHTS[name] for name in amounts))
        return kept if kept.sum() >= max(LEAST_ROWS, len(X) // 2) else np.ones(len(X), dtype=bool)

    def _new_autoencoder(self, X: np.ndarray, seed: int) -> Any:
        from isthmus.inner_fit import unfitted_copy

        if self.autoencoder is None:
            from isthmus.variants.vanilla import Autoencoder

            return Autoencoder(_code_size(self.columns_.apply(X)), scale="standard", random_state=seed)
        chosen = unfitted_copy(self.autoencoder, type(self).__name__, seed)
        if chosen.n_components is None and not chosen.make_bottleneck(1).sparse:
            chosen.set_params(n_components=_code_size(self.columns_.apply(X)))
        return chosen

    # ---- using -----------------------------------------------------------------------------------------

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus the anomaly score of each row, shape (n_samples,); larger is more normal."""
        check_is_fitted(self)
        return -self._anomaly_scores(self._validated(X, reset=False))

    def decision_function(self, X: Any) -> np.ndarray:
        """``score_samples(X) - offset_``: below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """-1 for outliers, 1 for normal rows."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Share of normal rows expected to score as high, shape (n_samples,); at least 1 / (n_held_out + 1)."""
        return conformal_p_values(-self.score_samples(X), self.calibration_scores_)

    def alarms(self, X: Any, false_discovery_rate: float | None = None) -> np.ndarray:
        """Which rows are alarms, shape (n_samples,).

        Without a rate those that `predict` calls outliers; with one, as many as possible while the expected share
        of normal rows among them stays below it.
        """
        if false_discovery_rate is None:
            return self.predict(X) == -1
        if not 0 < false_discovery_rate < 1:
            raise ValueError(
                f"{type(self).__name__}: false_discovery_rate must be above 0 and below 1, "
                f"got {false_discovery_rate!r}."
            )
        return benjamini_hochberg(self.p_values(X), false_discovery_rate)

    def explain(self, X: Any) -> Explanation:
        """The contribution of each column to each row's score, and its expected value.

        Of a mixed-type table values and expected values are objects: numbers, words, booleans and moments as ISO 8601.
        """
        check_is_fitted(self)
        values = self._validated(X, reset=False)
        contributions, expected = self._contributions(values), self.columns_.undo(self._reconstructed(values)[1])
        scores = contributions.sum(1)
        if self.layout_ is not None:
            starts = [begin for begin, _ in self.layout_.spans()]
            contributions = np.add.reduceat(contributions, starts, axis=1)
            values, expected = (decoded_cells(rows, self.layout_) for rows in (values, expected))
        return Explanation(
            scores=scores,
            contributions=contributions,
            values=values,
            expected=expected,
            columns=tuple(map(str, getattr(self, "feature_names_in_", [f"x{i}" for i in range(values.shape[1])]))),
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # pyrefly: ignore[missing-attribute]
        tags.input_tags.allow_nan = True
        return tags

    # ---- inside ----------------------------------------------------------------------------------------

    def _validated(self, X: Any, *, reset: bool) -> np.ndarray:
        values, layout = read_numbers(self, X, None if reset else self.layout_, reset=reset, at_least=LEAST_ROWS)
        if reset:
            self.layout_ = layout
        return values

    @property
    def parts_used_(self) -> tuple[str, ...]:
        """The names of the parts of the score."""
        if self.measure != "combined":
            return (self.measure,)
        has_prior = self.autoencoder_.model_.bottleneck.has_prior
        parts = ("reconstruction", "latent", "region")
        return (*parts, "likelihood") if has_prior else parts

    def _reconstructed(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and their reconstructions, both in standard units; missing cells stay NaN in the rows."""
        U, fitted = self.columns_.apply(X), self.autoencoder_.fitted_
        if np.isnan(U).any() and not fitted.takes_gaps:
            who, what = type(self).__name__, type(self.autoencoder_).__name__
            raise ValueError(f"{who}: X has missing cells; fit the {what} to rows that have some.")
        reconstruction = fitted.reconstruct(self.columns_.undo(U))
        return U, self.columns_.apply(np.nan_to_num(reconstruction))

    def _amounts(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Every part of the score by columns, each of shape (n_samples, n_features); a missing cell adds nothing."""
        U, reconstruction = self._reconstructed(X)
        U = np.where(np.isnan(U), reconstruction, U)
        measures = {
            "reconstruction": lambda: (U - reconstruction) ** 2 / self.residual_variances_,
            "latent": lambda: self.reference_.near.squared_distances(reconstruction),
            "region": lambda: self.reference_.region.squared_distances(reconstruction),
            "likelihood": lambda: self._improbability(X, U, reconstruction),
        }
        return {name: measures[name]() for name in self.parts_used_}

    def _improbability(self, X: np.ndarray, U: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
        """-log p(x) by columns: squared residuals; of the rest its base equally, and the excess in proportion to û²."""
        rest = self._likelihood_rest(X, U, reconstruction)
        equal = np.full(len(X), self.likelihood_base_)
        return (
            self._half_squares(U, reconstruction)
            + attribute_to_columns(equal, np.zeros(U.shape))
            + attribute_to_columns(rest - self.likelihood_base_, reconstruction**2)
        )

    def _likelihood_rest(self, X: np.ndarray, U: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
        rows = _as_table(self.columns_.undo(self.columns_.apply(X)), self.autoencoder_.fitted_.layout)
        density = self.autoencoder_.score_samples(rows).astype(np.float64)
        U = np.where(np.isnan(U), reconstruction, U)
        return -np.nan_to_num(density, nan=-1e30, neginf=-1e30) - self._half_squares(U, reconstruction).sum(1)

    def _half_squares(self, U: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
        """Squared residuals in nats, (x_j - x̂_j)² / 2σ²: σ² is in the autoencoder's units, column by column."""
        model = self.autoencoder_
        spread = self.columns_.spread / model.scaling_.spread * model.scaling_.unit
        return ((U - reconstruction) * spread) ** 2 / (2 * model.noise_variance_)

    def _contributions(self, X: np.ndarray) -> np.ndarray:
        amounts = self._amounts(X)
        if self.measure != "combined":
            return amounts[self.measure]
        return np.sum(
            [
                attribute_to_columns(WEIGHTS[name] * self.surprises_[name](part.sum(1)), np.abs(part))
                for name, part in amounts.items()
            ],
            axis=0,
        )

    def _anomaly_scores(self, X: np.ndarray) -> np.ndarray:
        return self._contributions(X).sum(1)


def _as_table(X: np.ndarray, layout: TableLayout | None) -> Any:
    """Encoded rows as the mixed-type table they are of; numbers as they are."""
    return X if layout is None else Table(layout.decode(X), layout.names, layout=layout)


def _code_size(U: np.ndarray) -> int:
    """The dimensions with which PCA explains half of the variance of rows in standard units; at least 1."""
    U = np.nan_to_num(U)  # the mean, where a cell is missing
    variances = np.linalg.svd(U - U.mean(0), compute_uv=False) ** 2
    if variances.sum() == 0:
        return 1
    explained = np.cumsum(variances) / variances.sum()
    return min(int(np.searchsorted(explained, SHARE_OF_VARIANCE)) + 1, *U.shape)
