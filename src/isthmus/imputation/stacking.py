"""How much to believe each of several predictions: weights learned on cells that were hidden from all of them.

Stacked regression (Wolpert 1992; Breiman 1996): the weights of a column minimise the squared error of the weighted mean
over its hidden cells, at least 0 each and 1 together. They sum to 1, so that error is the weighted mean of the
predictions' own errors, and wᵀGw with G the errors' products is what is minimised. A column has few hidden cells, so
its weights are shrunk towards those that serve all columns at once, as if by so many cells more.
"""

from __future__ import annotations

import numpy as np

__all__ = ["column_weights"]

SHRINKAGE_CELLS = 30
STEPS = 300


def column_weights(predictions: np.ndarray, truth: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Weights of each prediction in each column, shape (d, n_predictions).

    Parameters
    ----------
    predictions
        Shape (n_predictions, n_rows, d).
    truth, hidden
        Shape (n_rows, d); only hidden cells are looked at.
    """
    n_predictions, _, d = predictions.shape
    if not hidden.any():
        return np.full((d, n_predictions), 1 / n_predictions)
    errors = predictions - truth
    at_holes = errors[:, hidden]
    gram = at_holes @ at_holes.T
    shared = _on_the_simplex(gram, np.zeros(n_predictions))
    prior = gram * (SHRINKAGE_CELLS / hidden.sum())
    weights = np.empty((d, n_predictions))
    for column in range(d):
        own = errors[:, hidden[:, column], column]
        weights[column] = _on_the_simplex(own @ own.T + prior, prior @ shared)
    return weights


def _on_the_simplex(gram: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """The minimum of wᵀGw / 2 - bᵀw over weights that are at least 0 and sum to 1, by projected gradient steps."""
    count = len(moment)
    weights = np.full(count, 1 / count)
    rate = 1 / max(float(np.linalg.eigvalsh(gram)[-1]), 1e-12)
    for _ in range(STEPS):
        weights = _projected(weights - rate * (gram @ weights - moment))
    return weights


def _projected(point: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex (Held, Wolfe & Crowder 1974)."""
    ordered = np.sort(point)[::-1]
    excess = (np.cumsum(ordered) - 1) / np.arange(1, len(point) + 1)
    return np.maximum(point - excess[np.flatnonzero(ordered > excess)[-1]], 0)
