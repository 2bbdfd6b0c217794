"""Probes: simple measures of the information in a code, none of them part of the model.

Nearest neighbours and logistic regression predict a label from the code; the silhouette measures how well the labels
are separated, and trustworthiness whether neighbours in the code are neighbours in the data. Each is one number, or
None if there are too few rows or classes to compute it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "MAX_PAIRWISE_ROWS",
    "MAX_PROBE_ROWS",
    "LabelProbes",
    "label_codes",
    "probe_labels",
    "sample_indices",
    "trustworthiness",
]

N_NEIGHBOURS = 5
N_FOLDS = 5
MAX_PROBE_ROWS = 10_000
MAX_PAIRWISE_ROWS = 2_000


@dataclass(frozen=True)
class LabelProbes:
    """How well a code predicts labels: two accuracies in [0, 1] and the silhouette in [-1, 1]."""

    neighbours: float | None = None
    logistic: float | None = None
    silhouette: float | None = None


def label_codes(y: Any, y_train: Any = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Class labels of any type as integers, the same in both arrays; continuous values are refused.

    Raises
    ------
    ValueError
        If there is not one label per row, or if they are continuous.
    """
    from sklearn.utils.multiclass import type_of_target

    parts: list[Any] = [np.asarray(part) for part in (y, y_train) if part is not None]
    for part in parts:
        if part.ndim != 1:
            raise ValueError(f"evaluate: labels must be one per row, got shape {part.shape}.")
        if part.dtype.kind == "f" and type_of_target(part) == "continuous":
            raise ValueError("evaluate: labels must be classes, got continuous values; leave out y.")
    joined = np.concatenate([part.astype(str) if part.dtype == object else part for part in parts])
    numbers = np.unique(joined, return_inverse=True)[1]
    return numbers[: len(parts[0])], None if y_train is None else numbers[len(parts[0]) :]


def probe_labels(
    codes: np.ndarray,
    labels: np.ndarray,
    training: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
) -> LabelProbes:
    """Fit the probes on training codes and their labels, or by five-fold cross-validation.

    Parameters
    ----------
    codes
        Held-out codes, shape (n_rows, n_latents), with their ``labels``, shape (n_rows,).
    training
        Codes and labels to fit on; at most 10,000 rows are used, drawn by ``seed``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probes: list[Callable[[], Any]] = [
        lambda: KNeighborsClassifier(N_NEIGHBOURS),
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    ]
    if training is not None:
        training = _thinned(*training, seed)
    with _quietly():
        neighbours, logistic = (_accuracy(probe, codes, labels, training, seed) for probe in probes)
        return LabelProbes(neighbours, logistic, _silhouette(codes, labels, seed))


def _accuracy(
    probe: Callable[[], Any],
    codes: Any,
    labels: Any,
    training: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
) -> float | None:
    if training is not None:
        known, answers = training
        if len(answers) < N_NEIGHBOURS or len(np.unique(answers)) < 2:
            return None
        return float(probe().fit(known, answers).score(codes, labels))
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    codes, labels = _thinned(codes, labels, seed)
    # With the second largest class in every fold, no fold has a single class.
    sizes = np.sort(np.unique(labels, return_counts=True)[1])
    n_folds = min(N_FOLDS, int(sizes[-2])) if len(sizes) > 1 else 1
    if len(labels) - math.ceil(len(labels) / n_folds) < N_NEIGHBOURS:
        return None
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return float((cross_val_predict(probe(), codes, labels, cv=folds) == labels).mean())


def _silhouette(codes: Any, labels: Any, seed: int) -> float | None:
    from sklearn.metrics import silhouette_score

    codes, labels = _thinned(codes, labels, seed, most=MAX_PAIRWISE_ROWS)
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(codes, labels))


def trustworthiness(rows: Any, codes: Any) -> float | None:
    """Whether near neighbours in the code are near in the data, in [0, 1] (Venna & Kaski 2001).

    It compares all pairs of rows, so pass at most 2,000. None for ten rows or fewer.
    """
    from sklearn import manifold

    if len(rows) <= 2 * N_NEIGHBOURS:
        return None
    with _quietly():
        return float(manifold.trustworthiness(rows, codes, n_neighbors=N_NEIGHBOURS))


def sample_indices(n_rows: int, most: int, seed: int) -> np.ndarray:
    """Ascending indices of at most ``most`` rows, drawn by ``seed`` if there are more."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.RandomState(seed).choice(n_rows, most, replace=False))


def _thinned(codes: Any, labels: Any, seed: int, *, most: int = MAX_PROBE_ROWS) -> tuple[Any, Any]:
    kept = sample_indices(len(codes), most, seed)
    return codes[kept], labels[kept]


@contextmanager
def _quietly() -> Iterator[None]:
    # Few rows and classes with one member are common here, and nothing to warn the user about.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
