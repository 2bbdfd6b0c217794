"""The anomaly detector: a scikit-learn outlier detector on any autoencoder.

`fit` scores every row by an autoencoder fitted to the other folds. Those scores set the threshold for a given
false-alarm rate and give p-values; new rows are scored by all the autoencoders together.
"""

from __future__ import annotations

import dataclasses
import typing
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.anomaly.autoencoders import fitted_autoencoder
from isthmus.anomaly.calibration import MAX_CALIBRATION_ROWS, Split, split_rows
from isthmus.anomaly.conformal import Calibration, Threshold, benjamini_hochberg, rows_needed
from isthmus.anomaly.contributions import Explanation
from isthmus.anomaly.detection import WITHIN, DetectionResult, Report, Scoring, joined_results
from isthmus.anomaly.drift import Drift, drift_between
from isthmus.anomaly.encoding import Encoded, read
from isthmus.anomaly.scorer import MEASURES, Gathered, Scorer, combined, gather, parts_of, weights_of, with_columns
from isthmus.hyperparameter import check_hyperparameters, hyper
from isthmus.tables.input_rows import large_stream

__all__ = ["AutoencoderOutlierDetector"]

MIN_ROWS = 3


@dataclass(eq=False, repr=False)
class AutoencoderOutlierDetector(OutlierMixin, BaseEstimator):
    """Anomaly detection by an autoencoder: scores, p-values, reasons and the contributions of columns.

    Fitted to normal rows (some anomalous ones among them do little harm), it calls a row an outlier (-1) if

        p(x) = (1 + #{i : s_i ≥ score(x)}) / (n + 1) ≤ rate

    with s_i the cross-validated scores of the n training rows; so a normal row is called an outlier with a probability
    of about ``rate``. Scores are described in `isthmus.anomaly.scores`, p-values in `isthmus.anomaly.conformal`. Rows
    may be arrays, sparse matrices, and DataFrames with columns of several kinds; cells may be missing.

    Attributes
    ----------
    autoencoder_ : BaseAutoencoder
        The fitted autoencoder of the first fold, which gives the expected cells.
    scorer_ : Scorer
        The autoencoders of all folds, and all else that the amounts of a row are computed from.
    offset_ : float
        ``decision_function = score_samples - offset_``; rows below 0 are outliers.
    false_alarm_rate_ : float
        The threshold's average false-alarm rate on normal rows: at most the given rate, unless there are too few rows
        for that. NaN if ``contamination`` sets the threshold.
    calibration_scores_ : ndarray
        Anomaly scores of held-out rows, ascending; without those too large to be normal.
    n_trimmed_ : int
        Number of anomalous rows that the autoencoder did not learn from.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3)) @ np.ones((3, 4))
    >>> detector = AutoencoderOutlierDetector(random_state=0).fit(X)
    >>> detector.predict([[0.1, 0.1, 0.1, 0.1], [9.0, -9.0, 9.0, -9.0]])
    array([ 1, -1])
    """

    # Any of isthmus's autoencoders. With None, or without n_components, the code explains half of the variance.
    autoencoder: Any = dataclasses.field(default=None, kw_only=True)
    contamination: float | str = hyper(
        "auto",
        "share of the training rows to call outliers; auto sets the threshold by the false-alarm rate",
        choices=("auto",),
        above=0,
        at_most=0.5,
    )
    false_alarm_rate: float = hyper(
        0.05, "share of normal rows called outliers if contamination is auto", above=0, below=1
    )
    measure: str = hyper("combined", "the anomaly score", choices=MEASURES)
    calibration_fraction: float | None = hyper(
        None, "share of rows held out once to set the threshold; None: all rows, fold by fold", above=0, below=1
    )
    trim: bool = hyper(True, "leave rows that are very far out of what the autoencoder learns from")
    random_state: Any = dataclasses.field(default=None, kw_only=True)

    # ---- fitting ---------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> typing.Self:
        """Fit to normal rows X of shape (n_samples, n_features); y is ignored."""
        self._fit(X)
        return self

    def fit_detect(self, X: Any) -> DetectionResult:
        """Fit, and detect anomalies among the same rows: each is scored by a fit to the other folds.

        For data without labels. With ``contamination`` the alarms are that share of the rows; else those with
        p ≤ ``false_alarm_rate``.
        """
        fit = self._fit(X)
        report = dataclasses.replace(self._report(), use=WITHIN)
        results = [
            report.detect(scorer, _part(fit.encoded, fold))
            for scorer, fold in zip(fit.scorers, fit.split.folds, strict=True)
        ]
        known = np.concatenate(fit.split.folds)
        others = np.setdiff1d(np.arange(fit.split.n_rows), known)
        if len(others):
            results.append(report.detect(self.scorer_, _part(fit.encoded, others)))
        found = joined_results(results, np.argsort(np.concatenate([known, others])))
        if self.contamination == "auto":
            limit = self.false_alarm_rate * (1 + 1e-9)  # 1/20 and 0.05 may differ by rounding
            return dataclasses.replace(found, above=found.p_values <= limit)
        scores = found.explanation.scores
        limit = float(np.percentile(scores, 100 * (1 - float(self.contamination))))
        return dataclasses.replace(found, above=scores > limit, threshold=Threshold(limit, float("nan")))

    def fit_around(self, autoencoder: Any, X: Any, X_held_out: Any) -> typing.Self:
        """Use an autoencoder already fitted to rows X; X_held_out are normal rows it has not seen.

        ``autoencoder``, ``contamination``, ``calibration_fraction`` and ``trim`` are ignored.
        """
        check_hyperparameters(self)
        check_is_fitted(autoencoder)
        seed = self._seed()
        encoded = self._read(X, reset=True, layout=autoencoder.fitted_.layout)
        held_out = self._read(X_held_out, reset=False)
        gathered = gather(encoded.values, seed, trim=False, spans=encoded.spans, common=self._of_one_unit)
        scorer = combined([Scorer.around(autoencoder, gathered.filled, gathered, parts_of(self.measure))])
        (scorer,) = with_columns([scorer], [held_out.values])
        self._take(scorer, 0)
        self._calibrate(_totals(scorer, held_out.values))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> typing.Self:
        """Learn from new normal rows: their scores join those of the held-out rows, and they join the normal rows kept.

        The autoencoder and the units do not change. The first call is `fit`.
        """
        if not hasattr(self, "scorer_"):
            return self.fit(X)
        encoded = self._read(X, reset=False)
        scores = self._scored(encoded.values)
        rng = np.random.default_rng(len(self.calibration_scores_) + len(self._owners()))
        pooled = np.concatenate([self.calibration_scores_, scores])
        if len(pooled) > MAX_CALIBRATION_ROWS:
            pooled = rng.permutation(pooled)[:MAX_CALIBRATION_ROWS]
        self._set_calibration(Calibration.of(pooled))
        self._take(self.scorer_.with_rows(encoded.values, rng), self.n_trimmed_)
        return self

    def set_false_alarm_rate(self, rate: float) -> typing.Self:
        """Move the threshold of a fitted detector to another false-alarm rate, without refitting."""
        check_is_fitted(self)
        self.false_alarm_rate = rate
        check_hyperparameters(self)
        threshold = self.calibration_.threshold(rate)
        self.offset_, self.false_alarm_rate_ = -threshold.score, threshold.rate
        if threshold.rate > rate * (1 + 1e-9) and self.contamination == "auto":
            self._warn(
                f"{len(self.calibration_scores_)} rows held out are too few for a false-alarm rate of {rate:g}, which "
                f"needs {rows_needed(rate):,}; the threshold has {threshold.rate:.3g}."
            )
        return self

    def _fit(self, X: Any) -> _Fit:
        check_hyperparameters(self)
        seed, encoded = self._seed(), self._read(X, reset=True)
        values, parts = encoded.values, parts_of(self.measure)
        if values.shape[1] > 2 * len(values) and not self._of_one_unit:
            self._warn(
                f"{len(values)} rows with {values.shape[1]} encoded columns: anomalies in a few columns will hardly be "
                "found; leave out columns, or give more rows."
            )
        split = split_rows(values, self.calibration_fraction, seed, type(self).__name__)
        gathered = gather(values, seed, trim=self.trim, spans=encoded.spans, common=self._of_one_unit)
        scorers = [self._fit_scorer(gathered, split.rest(fold), parts, seed) for fold in split.folds]
        held_out = [values[fold[split.counted[fold]]][:MAX_CALIBRATION_ROWS] for fold in split.folds]
        scorers = with_columns(scorers, held_out)
        totals = [_totals(scorer, rows) for scorer, rows in zip(scorers, held_out, strict=True)]
        self._take(combined(scorers), int(gathered.gross.sum()))
        self._calibrate({name: np.concatenate([one[name] for one in totals]) for name in parts})
        if self.contamination != "auto":
            self.offset_ = -float(np.percentile(self._scored(values), 100 * (1 - float(self.contamination))))
            self.false_alarm_rate_ = float("nan")
        return _Fit(encoded, split, scorers)

    def _fit_scorer(self, gathered: Gathered, rows: np.ndarray, parts: tuple[str, ...], seed: int) -> Scorer:
        common = self._of_one_unit
        return Scorer.fit(gathered, rows, lambda values: fitted_autoencoder(self, values, seed, common=common), parts)

    def _take(self, scorer: Any, n_trimmed: int) -> None:
        self.scorer_, self.autoencoder_, self.n_trimmed_ = scorer, scorer.autoencoder, n_trimmed

    def _calibrate(self, totals: dict[str, np.ndarray]) -> None:
        self.scoring_ = Scoring.of(totals, weights_of(self.measure, of_one_unit=self._of_one_unit))
        self._set_calibration(Calibration.of(self.scoring_.totals(totals)))

    def _set_calibration(self, calibration: Calibration) -> None:
        self.calibration_, self.calibration_scores_ = calibration, calibration.scores
        self.set_false_alarm_rate(self.false_alarm_rate)

    # ---- using -----------------------------------------------------------------------------------------

    def detect(self, X: Any) -> DetectionResult:
        """Scores, p-values, alarms, contributions and reasons of rows, in one pass over them."""
        check_is_fitted(self)
        return self._report().detect(self.scorer_, self._read(X, reset=False))

    def score_samples(self, X: Any) -> np.ndarray:
        """Minus the anomaly score of each row, shape (n_samples,); larger is more normal."""
        check_is_fitted(self)
        stream = large_stream(X)
        if stream is not None:
            return np.concatenate([self.score_samples(block) for block in stream.blocks()])
        return -self._scored(self._read(X, reset=False).values)

    def decision_function(self, X: Any) -> np.ndarray:
        """``score_samples(X) - offset_``: below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """-1 for outliers, 1 for normal rows."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Share of normal rows expected to score as high, shape (n_samples,); approximate below 1 / (n + 1)."""
        return self.calibration_.p_values(-self.score_samples(X))

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
        """The contribution of each column to each row's score, what was expected in it, and why."""
        return self.detect(X).explanation

    def drift(self, X: Any) -> Drift:
        """Whether rows as a whole differ from the normal ones, and which columns have moved.

        Missing cells are filled, in both alike, so more or fewer of them than before are a difference, too.
        """
        check_is_fitted(self)
        values = self._read(X, reset=False).values
        cells = self.scorer_.filled(values).astype(np.float32)  # as the normal rows are kept
        owners, normal = np.asarray(self._owners()), self.scorer_.normal
        if normal is None:
            raise ValueError(
                f"{type(self).__name__}: drift needs normal rows, and it was saved without them by an earlier version; "
                "fit it again."
            )
        scores = self._scored(values)
        return drift_between(scores, self.calibration_scores_, cells, normal.rows, owners, self._columns())

    # ---- inside ----------------------------------------------------------------------------------------

    def _read(self, X: Any, *, reset: bool, layout: Any = None) -> Encoded:
        layout = layout if reset else self.layout_
        found = read(self, X, layout, reset=reset, least=MIN_ROWS if reset else 1)
        self.layout_ = found.layout
        if reset:
            self.row_shape_ = found.row_shape
            self.reading_: dict[str, Any] | None = None  # the flags with which a command read the files of the rows
        return found

    def _scored(self, values: np.ndarray) -> np.ndarray:
        scores = [
            self.scoring_.score(self.scorer_.amounts(self.scorer_.block(values[rows]))).scores
            for rows in self.scorer_.rows_at_once(len(values))
        ]
        return np.concatenate(scores)

    def _report(self) -> Report:
        threshold = Threshold(-self.offset_, self.false_alarm_rate_)
        return Report(self.scoring_, self.calibration_, threshold, self._columns(), owners=self._owners())

    def _columns(self) -> tuple[str, ...]:
        """The names of the fit; else those of pixels, or of the frequencies and times of a sound."""
        names = None if self.row_shape_ is None else self.row_shape_.number_names()
        if names is None:
            names = [f"x{place}" for place in range(self._n_columns)]
        return tuple(map(str, getattr(self, "feature_names_in_", names)))

    def _owners(self) -> list[int]:
        return list(range(self._n_columns)) if self.layout_ is None else self.layout_.owners

    @property
    def _of_one_unit(self) -> bool:
        """Whether rows are pictures or sounds, whose numbers have one unit."""
        shape = self.row_shape_
        return shape is not None and (shape.image_shape is not None or shape.signal is not None)

    @property
    def _n_columns(self) -> int:
        return int(vars(self)["n_features_in_"])

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _warn(self, sentence: str) -> None:
        warnings.warn(f"{type(self).__name__}: {sentence}", UserWarning, stacklevel=4)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # pyrefly: ignore[missing-attribute]
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags


@dataclass(frozen=True, eq=False)
class _Fit:
    """What `fit_detect` needs of a fit to score its own rows: the scorer of each fold."""

    encoded: Encoded
    split: Split
    scorers: list[Any]


def _totals(scorer: Scorer, values: np.ndarray) -> dict[str, np.ndarray]:
    """Amounts of every part, shape (n_rows,) each."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in scorer.parts}
    for rows in scorer.rows_at_once(len(values)):
        for name, amount in scorer.amounts(scorer.block(values[rows])).items():
            found[name].append(amount.sum(1))
    return {name: np.concatenate(part) for name, part in found.items()}


def _part(encoded: Encoded, rows: np.ndarray) -> Encoded:
    places = {int(row): place for place, row in enumerate(rows)}
    unseen = {places[row]: names for row, names in encoded.unseen.items() if row in places}
    return Encoded(encoded.values[rows], encoded.layout, unseen, encoded.cells[rows])
