"""The estimators: a classifier and a regressor that learn features from all rows and outputs from the labelled ones."""

from __future__ import annotations

import typing
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.input_validation import flat_rows, require_complete_numbers
from isthmus.pretraining.fine_tuning import HeadedNetwork, TrainingSet, fine_tune, outputs_of
from isthmus.pretraining.spreading import neighbour_graph
from isthmus.pretraining.teachers import (
    LabelledData,
    LinearAnswer,
    beyond_chance,
    choose_teacher,
    fit_linear_answer,
    held_out_folds,
    targets_of,
)
from isthmus.tables.not_rows import NUMBERS_ONLY, numbers_required

__all__ = ["PretrainedClassifier", "PretrainedRegressor"]

LABELLED_SHARE = 0.2  # of the rows drawn in fine-tuning
STEPS, STEPS_OF_MANY, MANY_WEIGHTS = 2000, 800, 500_000
MAX_NETWORKS = 3  # trained to decide whether a network is used


class _Pretrained(BaseEstimator):
    """What both estimators share.

    Parameters
    ----------
    autoencoder
        Unfitted; if None a `DenoisingAutoencoder` with up to 32 latent dimensions, whose columns are standardized if
        they have different units.
    fine_tune
        Whether a network may replace the linear model.
    n_steps
        Training steps of a network; None chooses.
    noise
        Standard deviation of the noise added to rows in training, in the autoencoder's units.
    learning_rate
        Highest learning rate of a network's training.
    random_state
        Seed; the same seed gives the same fit.

    Attributes
    ----------
    autoencoder_ : BaseAutoencoder
        Fitted to all rows.
    linear_ : LinearAnswer
        The linear model of the principal codes: where the network starts.
    teacher_ : str
        Whose predictions are the targets of rows without a label: "linear", "spread", or "blend", their mean.
    network_ : HeadedNetwork or None
        None if `linear_` is better on held-out labels, or ``fine_tune`` is False.
    scores_ : dict
        Accuracy on held-out labels (or minus the squared error) of each teacher and of the network.
    """

    _classify = False

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        fine_tune: bool = True,
        n_steps: int | None = None,
        noise: float = 0.6,
        learning_rate: float = 2e-3,
        random_state: Any = None,
    ):
        self.autoencoder = autoencoder
        self.fine_tune = fine_tune
        self.n_steps = n_steps
        self.noise = noise
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _pretrain(self, X: np.ndarray, labelled: np.ndarray, y: np.ndarray, targets: np.ndarray) -> None:
        who = type(self).__name__
        if len(X) < 2:
            raise ValueError(f"{who}: needs at least 2 rows, got n_samples = {len(X)}.")
        if self.n_steps is not None and self.n_steps < 1:
            raise ValueError(f"{who}: n_steps must be at least 1, got {self.n_steps}.")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.autoencoder_ = self._new_autoencoder(X, seed).fit(X)
        rows = self.autoencoder_.scaling_.apply(X).astype(np.float64)
        graph, principal = neighbour_graph(self.autoencoder_.transform(X)), self.autoencoder_.principal_
        data = LabelledData(rows, labelled, y, targets, graph, principal, self._classify)
        folds = self._folds(y, targets, seed)
        self.linear_ = fit_linear_answer(data, folds)
        self.teacher_, self.scores_ = choose_teacher(data, self.linear_, folds)
        self.network_ = None
        if self.fine_tune and self._network_pays(data, folds[:MAX_NETWORKS], seed):
            self.network_ = self._fine_tuned(data, self.linear_, seed)

    def _new_autoencoder(self, X: np.ndarray, seed: int) -> Any:
        from isthmus.inner_fit import unfitted_copy
        from isthmus.rows.scaling import observed_statistics
        from isthmus.rows.units import choose_scale
        from isthmus.variants.denoising import DenoisingAutoencoder

        if self.autoencoder is None:
            names = [str(place) for place in range(X.shape[1])]
            scale = choose_scale(observed_statistics(lambda: [X]), names, None).scale
            return DenoisingAutoencoder(min(32, *X.shape), scale=scale, random_state=seed)
        return unfitted_copy(self.autoencoder, type(self).__name__, seed)

    def _folds(self, y: np.ndarray, targets: np.ndarray, seed: int) -> list:
        from sklearn.model_selection import KFold, StratifiedKFold

        fewest = int(np.bincount(y.astype(int)).min()) if self._classify else len(y) // 2
        n_folds, split = min(5, fewest), StratifiedKFold if self._classify else KFold
        return list(split(n_folds, shuffle=True, random_state=seed).split(targets, y)) if n_folds > 1 else []

    def _network_pays(self, data: LabelledData, folds: list, seed: int) -> bool:
        """Whether networks are not worse than the linear model on held-out labels, beyond chance."""
        losses, scores = [], []
        for known, linear, test in held_out_folds(data, folds, self.linear_):
            rows, y = data.rows[data.labelled[test]], data.y[test]
            score = data.score(outputs_of(self._fine_tuned(known, linear, seed), rows), y)
            losses.append(data.score(linear(rows), y) - score)
            scores.append(score)
        if not losses:
            return False
        self.scores_["network"] = float(np.concatenate(scores).mean())
        return not beyond_chance(np.concatenate(losses))

    def _fine_tuned(self, data: LabelledData, linear: LinearAnswer, seed: int) -> HeadedNetwork:
        """A network that starts as the linear model; labelled rows are drawn more often than the rest."""
        probabilities = np.full(len(data.rows), (1 - LABELLED_SHARE) / len(data.rows))
        probabilities[data.labelled] += LABELLED_SHARE / len(data.labelled)
        return fine_tune(
            HeadedNetwork(self.autoencoder_.model_, linear.weight, linear.bias),
            TrainingSet(data.rows, targets_of(data, linear, self.teacher_), probabilities),
            **self.fine_tuning(seed),
        )

    def fine_tuning(self, seed: int) -> dict[str, Any]:
        """The settings with which networks are trained."""
        n_steps = self.n_steps or (STEPS if self.autoencoder_.fitted_.n_weights < MANY_WEIGHTS else STEPS_OF_MANY)
        settings = {"n_steps": n_steps, "noise": self.noise, "learning_rate": self.learning_rate}
        return {"classify": self._classify, "seed": seed, **settings}

    def _rows(self, X: Any, *, reset: bool) -> np.ndarray:
        require_complete_numbers(self, X)
        X, _ = flat_rows(type(self).__name__, X, None)
        with numbers_required(type(self).__name__, NUMBERS_ONLY):
            return validate_data(self, X, dtype=np.float64, reset=reset)

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = self._rows(X, reset=False)
        rows = self.autoencoder_.scaling_.apply(X)
        return self.linear_(rows) if self.network_ is None else outputs_of(self.network_, rows)


class PretrainedClassifier(ClassifierMixin, _Pretrained):
    """Classifier that learns features from all rows; unlabelled rows have a y of None, NaN or -1.

    -1 means unlabelled only if y has whole numbers with at least two other classes; for labels -1 and 1 it is a class.
    """

    _classify = True

    def fit(self, X: Any, y: Any) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features) and labels y, some of which may be missing."""
        if y is None:
            raise ValueError(f"{type(self).__name__}: requires y to be passed, but the target y is None.")
        X = self._rows(X, reset=True)
        y = column_or_1d(y, warn=True)
        if len(y) != len(X):
            raise ValueError(f"{type(self).__name__}: X has {len(X)} rows and y has {len(y)}.")
        if y.dtype.kind == "f" and np.isinf(y).any():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        known = ~(np.isnan(y) if y.dtype.kind == "f" else np.array([v is None or v != v for v in y]))
        if y.dtype.kind == "i" and len(np.unique(y[y != -1])) >= 2:
            known = y != -1
        if not known.any():
            raise ValueError(f"{type(self).__name__}: every label is missing (Input y contains NaN); label some rows.")
        check_classification_targets(y[known])
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__}: needs labels of at least two classes, got one class.")
        self._pretrain(X, np.flatnonzero(known), codes, np.eye(len(self.classes_))[codes])
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, shape (n_samples, n_classes)."""
        logits = self._outputs(X)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        chosen = self.predict_proba(X).argmax(1)
        return self.classes_[chosen]


class PretrainedRegressor(RegressorMixin, _Pretrained):
    """Regressor that learns features from all rows; unlabelled rows have a y of NaN."""

    def fit(self, X: Any, y: Any) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features) and numbers y, NaN where unknown."""
        if y is None:
            raise ValueError(f"{type(self).__name__}: requires y to be passed, but the target y is None.")
        X = self._rows(X, reset=True)
        y = column_or_1d(y, warn=True).astype(np.float64)
        if len(y) != len(X):
            raise ValueError(f"{type(self).__name__}: X has {len(X)} rows and y has {len(y)}.")
        if np.isinf(y).any():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        known = np.flatnonzero(~np.isnan(y))
        if not len(known):
            raise ValueError(f"{type(self).__name__}: every y is missing (Input y contains NaN); give some rows a y.")
        self.target_center_, self.target_unit_ = y[known].mean(), y[known].std() or 1.0
        scaled = (y[known] - self.target_center_) / self.target_unit_
        self._pretrain(X, known, scaled, scaled[:, None])
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The expected y of each row, shape (n_samples,)."""
        outputs = self._outputs(X)[:, 0]  # which first checks that there was a fit
        return self.target_center_ + self.target_unit_ * outputs
