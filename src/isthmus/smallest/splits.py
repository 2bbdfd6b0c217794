"""Training rows split several times into rows to fit and held-out rows.

Test rows take no part, so errors on them are not biased by the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.principal_errors import PrincipalErrors
from isthmus.evaluation.written import dimensions
from isthmus.inner_fit import uninterrupted
from isthmus.variants.vanilla import Autoencoder

__all__ = ["LINEAR", "Splits", "model_units", "pca_errors_of", "row_errors", "split_training_rows"]

HELD_OUT = 0.25  # share of the training rows that each split holds out
LINEAR: dict[str, Any] = {"hidden_layer_sizes": (), "channels": ()}


@dataclass(frozen=True, eq=False)
class Splits:
    """Pairs of rows to fit and held-out rows, one per seed."""

    parts: list[tuple[np.ndarray, np.ndarray]]
    settings: Mapping[str, Any]
    seed: int
    say: Callable[[str], None]
    doing: Callable[[str], None] = lambda text: None

    @property
    def most(self) -> int:
        """The largest size worth trying: the smaller of the numbers of rows to fit and of columns."""
        return min(self.parts[0][0].shape)

    def fitted(self, size: int, place: int, **changed: Any) -> BaseAutoencoder:
        """A model of the size, fitted to the split's rows."""
        self.doing(f"fitting {dimensions(size)} to split {place + 1} of {len(self.parts)} …")
        settings: dict[str, Any] = {**self.settings, **changed, "random_state": self.seed + place}
        return uninterrupted(Autoencoder(size, **settings), self.parts[place][0])


def split_training_rows(
    X: np.ndarray,
    settings: Mapping[str, Any],
    *,
    n_splits: int,
    seed: int,
    say: Callable[[str], None],
    doing: Callable[[str], None] = lambda text: None,
) -> Splits:
    """Random splits of training rows X, shape (n_rows, n_features), a quarter of them held out."""
    n_held_out = max(2, round(HELD_OUT * len(X)))
    orders = [np.random.default_rng([seed, place]).permutation(len(X)) for place in range(n_splits)]
    return Splits([(X[order[n_held_out:]], X[order[:n_held_out]]) for order in orders], settings, seed, say, doing)


def model_units(estimator: BaseAutoencoder) -> float:
    """Factor for squared errors in the model's units: the common unit, squared; 1 with a scale."""
    return estimator.scaling_.unit**2 if estimator.fitted_.scale is None else 1.0


def row_errors(estimator: BaseAutoencoder, X: np.ndarray, size: int | None = None) -> np.ndarray:
    """Squared error per feature of each row in units of the data or, with a scale, of the model, shape (n_rows,)."""
    errors = (estimator.reconstruct(X, size=size) - X) / estimator.scaling_.spread
    return np.square(errors).mean(1) * model_units(estimator)


def pca_errors_of(estimator: BaseAutoencoder, X: np.ndarray) -> np.ndarray:
    """PCA's error per feature with 0, 1, 2 … directions, in the same units."""
    known = PrincipalErrors(estimator.principal_)
    known.add((X - estimator.scaling_.center) / estimator.scaling_.spread)
    return known.curve(np.ones(X.shape[1])) / X.size * model_units(estimator)
