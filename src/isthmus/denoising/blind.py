"""Denoising without clean rows: a cell is told by its neighbours, never by itself (arXiv:1901.11365).

Noise that is independent from cell to cell can't be predicted from other cells, the signal can. A model that
rebuilds hidden cells of noisy rows therefore learns the signal. To restore a row its cells are hidden group by
group, and each is taken from the pass in which it was hidden: b_j = E[x̃_j | the other cells]. What the cell itself
says is then added back where the noise is known:

- Gaussian: b and x̃ are two witnesses of variances v and σ², so x̂ = (v x̃ + σ² b) / (v + σ²).
- Masking, salt and pepper at share r: E x̃_j = (1-r) E x_j + r m with m the mean of what a hit cell becomes, so
  x̂ = (b - r m) / (1-r) where the cell may have been hit; elsewhere it is as it was.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["combined", "groups_of", "hidden_predictions"]

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


def combined(X: np.ndarray, predicted: np.ndarray, hidden_variance: np.ndarray, noise_variance: float) -> np.ndarray:
    """The posterior mean of noisy cells and what their neighbours say of them.

    ``hidden_variance`` is E(x̃ - b)² of each column: the prediction's own variance and σ² together.
    """
    own = np.maximum(hidden_variance - noise_variance, 0)
    return predicted + own / np.maximum(own + noise_variance, 1e-300) * (X - predicted)
