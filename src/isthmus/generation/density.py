"""A density of codes, fitted after training, for models without a prior.

    mixture   p(h) = Σ_k w_k N(h; m_k, C_k)                          codes of few dimensions
    local     p(h) = 1/n Σ_i N(h; mean, covariance of h_i's neighbours)    sparse codes, and codes of many dimensions

Two-stage models train a good code first and a density of it second (Dai & Wipf 2019, arXiv:1903.05789); Ghosh et al.
found that this needs no variational term at all (2020, arXiv:1903.12436). For the mixture, codes are whitened first, so
neither their units nor dead directions matter; the number of components is the one under which held-out codes are most
probable, which also prevents components that sit on single rows. A full covariance in many dimensions needs more rows
than there usually are; the local density, with one low-rank component per row, does not (manifold Parzen windows,
Vincent & Bengio 2002).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

__all__ = ["CodeDensity", "LocalDensity", "MixtureDensity", "fit_code_density", "fit_mixture"]

COMPONENTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
PATIENCE = 2  # sizes tried after the best so far
ROWS_PER_DIMENSION = 3  # of a component's covariance, at least
MIN_ROWS = 10
FLOOR = 1e-3  # added to the variances of whitened codes
MIN_SPREAD = 1e-4  # a direction shorter than this share of the longest is dead
HELD_OUT = 0.2
ROWS_FOR_MIXTURE = 30  # rows per dimension, below which the local density is used
NEIGHBOURS = 20


class CodeDensity:
    """A density from which codes can be drawn."""

    def sample(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        """Codes in float64, shape (n_samples, n_dims)."""
        raise NotImplementedError


@dataclass(frozen=True)
class MixtureDensity(CodeDensity):
    """Σ_k w_k N(m_k, L_k L_kᵀ): ``weights`` (K,), ``means`` (K, n_dims), ``factors`` L (K, n_dims, r).

    In the units of the codes; r is their rank.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def sample(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        part = generator.choice(len(self.weights), size=n_samples, p=self.weights)
        noise = generator.standard_normal((n_samples, self.factors.shape[2]))
        drawn = self.means[part]
        for index in np.unique(part):
            here = part == index
            drawn[here] += noise[here] @ self.factors[index].T
        return drawn


@dataclass(frozen=True)
class LocalDensity(CodeDensity):
    """For every code a Gaussian with the mean and covariance of its neighbours, itself included.

    ``codes`` (n_rows, n_dims), ``neighbours`` (n_rows, k) indices.
    """

    codes: np.ndarray
    neighbours: np.ndarray

    def sample(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        near = self.neighbours[generator.randint(len(self.codes), size=n_samples)]
        weights = generator.standard_normal(near.shape) / np.sqrt(near.shape[1])
        # mean + Σ_j ε_j (h_j - mean) / √k has that mean and covariance; it is written as a weighted sum of neighbours
        weights += (1 - weights.sum(1, keepdims=True)) / near.shape[1]
        drawn = np.zeros((n_samples, self.codes.shape[1]))
        for place in range(near.shape[1]):
            drawn += weights[:, place, None] * self.codes[near[:, place]]
        return drawn


def fit_code_density(codes: np.ndarray, seed: int, *, sparse: bool = False) -> CodeDensity:
    """The local density for ``sparse`` codes and for many dimensions with few rows, otherwise the mixture."""
    codes = np.asarray(codes, dtype=np.float64)
    n_rows, n_dims = codes.shape
    if n_rows > NEIGHBOURS and (sparse or n_rows < ROWS_FOR_MIXTURE * n_dims) and n_dims > 2:
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(codes)
        return LocalDensity(codes, np.asarray(search.kneighbors(codes, return_distance=False)))
    return fit_mixture(codes, seed)


def fit_mixture(codes: np.ndarray, seed: int) -> MixtureDensity:
    """The mixture whose number of components makes held-out codes most probable.

    Parameters
    ----------
    codes
        Shape (n_rows, n_dims), n_rows at least 1. For few rows one Gaussian is fitted; for one row it is that row.
    seed
        Determines the held-out fifth and the initial components.
    """
    mean = codes.mean(0)
    left, lengths, directions = np.linalg.svd(codes - mean, full_matrices=False)
    alive = lengths > MIN_SPREAD * lengths[0] if lengths[0] > 0 else np.zeros(len(lengths), dtype=bool)
    root = np.sqrt(max(1, len(codes) - 1))
    basis = (directions[alive] * (lengths[alive, None] / root)).T
    white = left[:, alive] * root
    weights, means, factors = _mixture(white, seed)
    return MixtureDensity(weights, mean + means @ basis.T, basis @ factors)


def _mixture(white: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_rows, n_dims = white.shape
    one = np.ones(1), np.zeros((1, n_dims)), np.eye(n_dims)[None]  # whitened codes are N(0, I) to second order
    n_held_out = int(HELD_OUT * n_rows)
    most = (n_rows - n_held_out) // max(MIN_ROWS, ROWS_PER_DIMENSION * n_dims)
    if most < 2 or n_dims == 0:
        return one
    order = np.random.RandomState(seed).permutation(n_rows)
    held_out, kept = white[order[:n_held_out]], white[order[n_held_out:]]
    best, worse = 1, 0
    best_scores = _fitted(kept, 1, seed).score_samples(held_out)
    for n_components in (count for count in COMPONENTS[1:] if count <= most):
        scores = _fitted(kept, n_components, seed).score_samples(held_out)
        gain = scores - best_scores
        if gain.mean() > gain.std() / np.sqrt(n_held_out):  # by more than its standard error
            best, best_scores, worse = n_components, scores, 0
        else:
            worse += 1
            if worse == PATIENCE:
                break
    if best == 1:
        return one
    found = _fitted(white, best, seed)
    return found.weights_ / found.weights_.sum(), found.means_, np.linalg.cholesky(found.covariances_)


def _fitted(white: np.ndarray, n_components: int, seed: int):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        # repeated rows give fewer clusters than requested, and a mixture that hasn't converged can still be compared
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(n_components, reg_covar=FLOOR, max_iter=200, random_state=seed).fit(white)
