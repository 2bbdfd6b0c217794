"""Denoising without clean rows: each cell is predicted from the others, never from itself (arXiv:1901.11365).

Noise that is independent between cells can't be predicted from other cells, but the signal can. So a model that
reconstructs hidden cells of noisy rows learns the signal. To restore a row, its cells are hidden group by group,
and each is taken from the pass in which it was hidden: b_j = E[x̃_j | the other cells]. If the noise is known,
the information in the cell itself is then added:

- Gaussian: b and x̃ are two estimates with variances v and σ², so x̂ = (v x̃ + σ² b) / (v + σ²).
- Masking, salt and pepper with share r: E x̃_j = (1-r) E x_j + r m with m the mean of a corrupted cell, so
  x̂ = (b - r m) / (1-r) if the cell may be corrupted; other cells are unchanged.

For known Gaussian noise a second estimate needs no clean rows: the Wiener filter of the noisy covariance, whose
eigenvalues are the clean ones plus σ². Stein's unbiased risk estimate gives the error of each without clean rows,
E‖x̂ - x‖² = E‖x̂ - x̃‖² - nσ² + 2σ² E div x̂, and so the weights with which to mix the two.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["combined", "hidden_predictions", "mixing_share", "n_groups", "own_share", "wiener_filter"]

MAX_GROUPS = 8
PARTITIONS = 3


def n_groups(n_features: int) -> int:
    """The number of groups into which the cells of a row are split: a share of 1/n_groups is hidden at a time."""
    return min(MAX_GROUPS, n_features)


def hidden_predictions(
    X: np.ndarray, fill: np.ndarray, reconstruct: Callable[[np.ndarray], np.ndarray], seed: int
) -> np.ndarray:
    """The prediction of every cell while it was hidden, averaged over a few random groupings; shape as X.

    Parameters
    ----------
    X
        Noisy rows, shape (n_samples, n_features).
    fill
        The value of hidden cells, shape (n_features,).
    reconstruct
        The model's reconstruction of rows.
    """
    generator = np.random.default_rng(seed)
    n_features = X.shape[1]
    found = np.zeros(X.shape)
    for _ in range(PARTITIONS):
        for group in np.array_split(generator.permutation(n_features), n_groups(n_features)):
            shown = X.copy()
            shown[:, group] = fill[group]
            found[:, group] += reconstruct(shown)[:, group]
    return found / PARTITIONS


def own_share(hidden_variance: np.ndarray, noise_variance: float) -> np.ndarray:
    """The weight v / (v + σ²) of the cell itself, shape (n_features,).

    ``hidden_variance`` is E(x̃ - b)² of each column: the variance v of the prediction plus σ².
    """
    own = np.maximum(hidden_variance - noise_variance, 0)
    return own / np.maximum(own + noise_variance, 1e-300)


def combined(X: np.ndarray, predicted: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The posterior mean given noisy cells and their predictions from other cells."""
    return predicted + share * (X - predicted)


def wiener_filter(
    X: np.ndarray, mean: np.ndarray, directions: np.ndarray, variances: np.ndarray, rest: float, noise_variance: float
) -> tuple[np.ndarray, float]:
    """Noisy rows filtered by the Wiener filter of their own covariance, and the filter's trace.

    Parameters
    ----------
    directions, variances
        Principal directions of noisy rows, shape (n_directions, n_features), and the variances along them.
    rest
        Variance along every other direction.
    """
    kept = np.maximum(1 - noise_variance / np.maximum(variances.astype(np.float64), 1e-300), 0)
    other = max(1 - noise_variance / rest, 0.0) if rest > 0 else 0.0
    centred = X - mean
    filtered = mean + other * centred + (centred @ directions.T * (kept - other)) @ directions
    return filtered, float(kept.sum() + other * (len(mean) - len(kept)))


def mixing_share(
    X: np.ndarray, first: tuple[np.ndarray, float], second: tuple[np.ndarray, float], noise_variance: float
) -> float:
    """The share a in [0, 1] for which a·first + (1-a)·second has the smallest risk, by Stein's estimate.

    Each estimate comes with its divergence, the sum over columns of ∂x̂_j/∂x̃_j.
    """
    difference = first[0] - second[0]
    size = float(np.mean(difference**2))
    if size == 0:
        return 1.0
    towards = float(np.mean((X - second[0]) * difference))
    price = noise_variance * (first[1] - second[1]) / X.shape[1]
    return float(np.clip((towards - price) / size, 0, 1))
