"""What do the codes still tell? Simple readers of a code, none of them part of the model.

Nearest neighbours and logistic regression try to read a label off the code; the silhouette asks how well
apart the labels lie, trustworthiness whether neighbours in the code were neighbours in the data. Each is one
number, or None where the rows are too few, or the labels too alike, for the question to have an answer.
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
    "MOST_PAIRWISE_ROWS",
    "MOST_PROBE_ROWS",
    "LabelReadings",
    "label_codes",
    "read_labels",
    "sample_of",
    "trustworthiness",
]

N_NEIGHBOURS = 5
N_FOLDS = 5
MOST_PROBE_ROWS = 10_000
MOST_PAIRWISE_ROWS = 2_000


@dataclass(frozen=True)
class LabelReadings:
    """How well labels are read off a code: two accuracies in [0, 1] and the silhouette in [-1, 1]."""

    neighbours: float | None = None
    logistic: float | None = None
    silhouette: float | None = None


def label_codes(y: Any, y_train: Any = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels of any kind as whole numbers, alike in both; measurements, which are no classes, are refused.

    Raises
    ------
    ValueError
        If they are not one a row, or continuous.
    """
    from sklearn.utils.multiclass import type_of_target

    parts: list[Any] = [np.asarray(part) for part in (y, y_train) if part is not None]
    for part in parts:
        if part.ndim != 1:
            raise ValueError(f"evaluate: labels must be one a row, got the shape {part.shape}.")
        if part.dtype.kind == "f" and type_of_target(part) == "continuous":
            raise ValueError("evaluate: labels must be classes, got fractions; leave out y.")
    joined = np.concatenate([part.astype(str) if part.dtype == object else part for part in parts])
    numbers = np.unique(joined, return_inverse=True)[1]
    return numbers[: len(parts[0])], None if y_train is None else numbers[len(parts[0]) :]


def read_labels(
    codes: np.ndarray,
    labels: np.ndarray,
    training: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
) -> LabelReadings:
    """Fit the readers on training codes and their labels, or else by five-fold cross-validation.

    Parameters
    ----------
    codes
        Held-out codes, shape (n_rows, n_latents), with their ``labels``, shape (n_rows,).
    training
        Codes and labels to fit on; more than 10,000 rows are thinned out by ``seed``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    readers: list[Callable[[], Any]] = [
        lambda: KNeighborsClassifier(N_NEIGHBOURS),
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    ]
    if training is not None:
        training = _thinned(*training, seed)
    with _quietly():
        neighbours, logistic = (_accuracy(reader, codes, labels, training, seed) for reader in readers)
        return LabelReadings(neighbours, logistic, _silhouette(codes, labels, seed))


def _accuracy(
    reader: Callable[[], Any],
    codes: Any,
    labels: Any,
    training: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
) -> float | None:
    if training is not None:
        known, answers = training
        if len(answers) < N_NEIGHBOURS or len(np.unique(answers)) < 2:
            return None
        return float(reader().fit(known, answers).score(codes, labels))
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    codes, labels = _thinned(codes, labels, seed)
    # The second largest class decides: where it is in every fold, no fold has one class alone.
    sizes = np.sort(np.unique(labels, return_counts=True)[1])
    n_folds = min(N_FOLDS, int(sizes[-2])) if len(sizes) > 1 else 1
    if len(labels) - math.ceil(len(labels) / n_folds) < N_NEIGHBOURS:
        return None
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return float((cross_val_predict(reader(), codes, labels, cv=folds) == labels).mean())


def _silhouette(codes: Any, labels: Any, seed: int) -> float | None:
    from sklearn.metrics import silhouette_score

    codes, labels = _thinned(codes, labels, seed, most=MOST_PAIRWISE_ROWS)
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(codes, labels))


def trustworthiness(rows: Any, codes: Any) -> float | None:
    """How far near neighbours in the code were near in the data, in [0, 1] (Venna & Kaski 2001).

    It compares every pair of rows: give it 2,000 at most. For ten rows or fewer, None.
    """
    from sklearn import manifold

    if len(rows) <= 2 * N_NEIGHBOURS:
        return None
    with _quietly():
        return float(manifold.trustworthiness(rows, codes, n_neighbors=N_NEIGHBOURS))


def sample_of(n_rows: int, most: int, seed: int) -> np.ndarray:
    """Indices of at most ``most`` rows, in order, drawn by ``seed`` where there are more."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.RandomState(seed).choice(n_rows, most, replace=False))


def _thinned(codes: Any, labels: Any, seed: int, *, most: int = MOST_PROBE_ROWS) -> tuple[Any, Any]:
    kept = sample_of(len(codes), most, seed)
    return codes[kept], labels[kept]


@contextmanager
def _quietly() -> Iterator[None]:
    # Few rows and classes of one member are this module's daily bread, not news for the user.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
