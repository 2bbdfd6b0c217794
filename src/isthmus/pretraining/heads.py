"""The faces: a classifier and a regressor that learn features from all rows and answers from the labelled ones."""

from __future__ import annotations

import typing
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.pretraining.fine_tuning import answers, fine_tuned
from isthmus.pretraining.spreading import neighbour_graph
from isthmus.pretraining.teachers import choose_teacher, linear_head

__all__ = ["PretrainedClassifier", "PretrainedRegressor"]


class _Pretrained(BaseEstimator):
    """What both share. Attributes: autoencoder_, linear_, teacher_, network_ (None where the linear head is kept)."""

    _classify = False

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        fine_tune: bool = True,
        n_steps: int = 600,
        noise: float = 0.3,
        learning_rate: float = 2e-3,
        random_state: Any = None,
    ):
        self.autoencoder = autoencoder
        self.fine_tune = fine_tune
        self.n_steps = n_steps
        self.noise = noise
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _pretrain(self, X: np.ndarray, labelled: np.ndarray, y: np.ndarray, goal: np.ndarray) -> None:
        from sklearn.model_selection import KFold, StratifiedKFold

        from isthmus.variants.denoising import DenoisingAutoencoder

        if len(X) < 2:
            raise ValueError(f"{type(self).__name__}: needs at least 2 rows, got n_samples = {len(X)}.")
        if self.n_steps < 1:
            raise ValueError(f"{type(self).__name__}: n_steps must be at least 1, got {self.n_steps}.")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        default = DenoisingAutoencoder(min(32, *X.shape), random_state=seed)
        self.autoencoder_ = default if self.autoencoder is None else clone(self.autoencoder)
        if self.autoencoder is not None and self.autoencoder_.random_state is None:
            self.autoencoder_.set_params(random_state=seed)
        self.autoencoder_.fit(X)
        fewest = int(np.bincount(y.astype(int)).min()) if self._classify else len(y) // 2
        n_folds, split = min(5, fewest), StratifiedKFold if self._classify else KFold
        folds = list(split(n_folds, shuffle=True, random_state=seed).split(goal, y)) if n_folds > 1 else []
        self.linear_ = linear_head(X, labelled, y, folds, classify=self._classify)
        graph = neighbour_graph(self.autoencoder_.transform(X))
        self.teacher_ = choose_teacher(self.linear_, graph, X, labelled, y, goal, folds)
        self.network_ = None
        if self.fine_tune and self.teacher_.kind != "linear":
            weights = np.full(len(X), 1 / len(X))
            weights[labelled] += 0.5 / len(labelled)
            self.network_ = fine_tuned(
                self.autoencoder_.encoder.to_torch(),
                X,
                self.teacher_.targets,
                weights,
                classify=self._classify,
                n_steps=self.n_steps,
                noise=self.noise,
                learning_rate=self.learning_rate,
                seed=seed,
            )

    def _rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False)


class PretrainedClassifier(ClassifierMixin, _Pretrained):
    """Classifier that learns features from all rows; unlabelled rows have y of None, NaN or -1.

    -1 means unlabelled only where y is whole numbers with at least two other classes; of -1 and 1 it is a class.
    """

    _classify = True

    def fit(self, X: Any, y: Any) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features) and labels y, of which some may be missing."""
        if y is None:
            raise ValueError(f"{type(self).__name__}: requires y to be passed, but the target y is None.")
        X = validate_data(self, X, dtype=np.float64)
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
        X = self._rows(X)
        if self.network_ is None:
            return self.linear_.predict_proba(X)
        logits = answers(self.network_, X)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        chosen = self.predict_proba(X).argmax(1)
        return self.classes_[chosen]


class PretrainedRegressor(RegressorMixin, _Pretrained):
    """Regressor that learns features from all rows; unlabelled rows have a y of NaN."""

    def fit(self, X: Any, y: Any) -> typing.Self:
        """Fit to rows X of shape (n_samples, n_features) and numbers y, NaN where not known."""
        if y is None:
            raise ValueError(f"{type(self).__name__}: requires y to be passed, but the target y is None.")
        X = validate_data(self, X, dtype=np.float64)
        y = column_or_1d(y, warn=True).astype(np.float64)
        if len(y) != len(X):
            raise ValueError(f"{type(self).__name__}: X has {len(X)} rows and y has {len(y)}.")
        if np.isinf(y).any():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        known = np.flatnonzero(~np.isnan(y))
        if not len(known):
            raise ValueError(f"{type(self).__name__}: every y is missing (Input y contains NaN); give some rows a y.")
        self._center, self._unit = y[known].mean(), y[known].std() or 1.0
        scaled = (y[known] - self._center) / self._unit
        self._pretrain(X, known, scaled, scaled[:, None])
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The expected y of each row, shape (n_samples,)."""
        X = self._rows(X)
        said = self.linear_.predict(X) if self.network_ is None else answers(self.network_, X)[:, 0]
        return self._center + self._unit * said
