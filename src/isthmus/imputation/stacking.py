"""Stacking: weights of several predictions, learned on cells that were hidden from all of them.

Stacked regression (Wolpert 1992; Breiman 1996): the weights of a column minimise the squared error of the weighted mean
over its hidden cells; they are at least 0 and sum to 1. So the error of the mean is the weighted mean of the errors,
and the objective is wᵀGw with G the Gram matrix of the errors. As a column has few hidden cells, its weights are shrunk
towards those that are best for all columns together, with the weight of 30 cells.
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
        Shape (n_rows, d); only hidden cells are used.
    """
    n_predictions, _, d = predictions.shape
    if not hidden.any():
        return np.full((d, n_predictions), 1 / n_predictions)
    errors = predictions - truth
    hidden_errors = errors[:, hidden]
    gram = hidden_errors @ hidden_errors.T
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
