"""Denoising without clean rows: a cell is told by its neighbours, never by itself (arXiv:1901.11365).

Noise that is independent from cell to cell can't be predicted from other cells, the signal can. A model that
rebuilds hidden cells of noisy rows therefore learns the signal. To restore a row its cells are hidden group by
group, and each is taken from the pass in which it was hidden: b_j = E[x̃_j | the other cells]. What the cell itself
says is then added back where the noise is known:

- Gaussian: b and x̃ are two witnesses of variances v and σ², so x̂ = (v x̃ + σ² b) / (v + σ²).
- Masking, salt and pepper at share r: E x̃_j = (1-r) E x_j + r m with m the mean of what a hit cell becomes, so
  x̂ = (b - r m) / (1-r) where the cell may have been hit; elsewhere it is as it was.

With known Gaussian noise there is a second answer that needs no clean rows: the Wiener filter of the noisy
covariance, whose eigenvalues are the clean ones plus σ². Stein's unbiased estimate tells how far each is from rows
nobody has seen, E‖x̂ - x‖² = E‖x̂ - x̃‖² - nσ² + 2σ² E div x̂, and so in which proportion to mix the two.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["combined", "groups_of", "hidden_predictions", "mixing_share", "own_share", "wiener_filter"]

MOST_GROUPS = 8
PARTITIONS = 3


def groups_of(n_features: int) -> int:
    """Into how many groups the cells of a row are parted: each hides a share of 1/groups at a time."""
    return min(MOST_GROUPS, n_features)


def hidden_predictions(
    X: np.ndarray, fill: np.ndarray, rebuild: Callable[[np.ndarray], np.ndarray], seed: int
) -> np.ndarray:
    """Every cell as rebuilt while it was hidden, averaged over a few ways to part the cells; shape as X.

    Parameters
    ----------
    X
        Noisy rows, shape (n_samples, n_features).
    fill
        What a hidden cell is shown as, shape (n_features,).
    rebuild
        The model's rows from rows.
    """
    generator = np.random.default_rng(seed)
    n_features = X.shape[1]
    found = np.zeros(X.shape)
    for _ in range(PARTITIONS):
        for group in np.array_split(generator.permutation(n_features), groups_of(n_features)):
            shown = X.copy()
            shown[:, group] = fill[group]
            found[:, group] += rebuild(shown)[:, group]
    return found / PARTITIONS


def own_share(hidden_variance: np.ndarray, noise_variance: float) -> np.ndarray:
    """The weight v / (v + σ²) of what the cell itself says, shape (n_features,).

    ``hidden_variance`` is E(x̃ - b)² of each column: the prediction's own variance v and σ² together.
    """
    own = np.maximum(hidden_variance - noise_variance, 0)
    return own / np.maximum(own + noise_variance, 1e-300)


def combined(X: np.ndarray, predicted: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The posterior mean of noisy cells and what their neighbours say of them."""
    return predicted + share * (X - predicted)


def wiener_filter(
    X: np.ndarray, mean: np.ndarray, directions: np.ndarray, variances: np.ndarray, rest: float, noise_variance: float
) -> tuple[np.ndarray, float]:
    """Noisy rows filtered by their own covariance, and the filter's trace.

    Parameters
    ----------
    directions, variances
        Principal directions of noisy rows, shape (n_directions, n_features), and the variances along them.
    rest
        Variance along every other direction.
    """
    kept = np.maximum(1 - noise_variance / np.maximum(variances, 1e-300), 0)
    other = max(1 - noise_variance / rest, 0.0) if rest > 0 else 0.0
    centred = X - mean
    filtered = mean + other * centred + (centred @ directions.T * (kept - other)) @ directions
    return filtered, float(kept.sum() + other * (len(mean) - len(kept)))


def mixing_share(
    X: np.ndarray, first: tuple[np.ndarray, float], second: tuple[np.ndarray, float], noise_variance: float
) -> float:
    """The share a in [0, 1] of the first answer for which a·first + (1-a)·second has the least risk, by Stein.

    Each answer comes with its divergence, the sum over columns of ∂x̂_j/∂x̃_j.
    """
    difference = first[0] - second[0]
    size = float(np.mean(difference**2))
    if size == 0:
        return 1.0
    towards = float(np.mean((X - second[0]) * difference))
    price = noise_variance * (first[1] - second[1]) / X.shape[1]
    return float(np.clip((towards - price) / size, 0, 1))
