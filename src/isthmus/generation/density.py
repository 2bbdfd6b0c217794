"""A density on codes, for models that have no prior of their own, fitted afterwards.

    mixture   p(h) = Σ_k w_k N(h; m_k, C_k)                          codes of few numbers
    local     p(h) = 1/n Σ_i N(h; mean, covariance of h_i's neighbours)    sparse codes, and those of many numbers

Training a good code first and a density on it second is what two-stage models do (Dai & Wipf 2019,
arXiv:1903.05789) and what Ghosh et al. found to be enough without any variational term (2020, arXiv:1903.12436).
For the mixture codes are whitened first, so that neither their units nor dead directions matter; the number of parts
is the one under which held-out codes are most probable, which is also the guard against parts that sit on single
rows. A full covariance of many numbers asks for more rows than there are; the local density, of as many flat parts
as rows, needs none (manifold Parzen windows, Vincent & Bengio 2002).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

__all__ = ["CodeDensity", "LocalDensity", "MixtureDensity", "fit_code_density", "fit_mixture"]

PARTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
PATIENCE = 2  # sizes tried beyond the best one so far
ROWS_A_DIMENSION = 3  # a part has at least this many rows for each direction of its covariance
LEAST_ROWS = 10
FLOOR = 1e-3  # added to the variances of whitened codes
LEAST_SPREAD = 1e-4  # a direction this much shorter than the longest is called dead
HELD_OUT = 0.2
ROWS_FOR_MIXTURE = 30  # codes a number, below which a mixture is left for the local density
NEIGHBOURS = 20


class CodeDensity:
    """Draws codes."""

    def sample(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        """Codes in float64, shape (n_samples, n_dims)."""
        raise NotImplementedError


@dataclass(frozen=True)
class MixtureDensity(CodeDensity):
    """Σ_k w_k N(m_k, L_k L_kᵀ): ``weights`` (K,), ``means`` (K, n_dims), ``factors`` L (K, n_dims, r).

    Plain arrays in the units of the codes; r is the number of directions that the codes take up.
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
    """A Gaussian about every code, of the mean and covariance of its neighbours, itself among them.

    ``codes`` (n_rows, n_dims), ``neighbours`` (n_rows, k) indices.
    """

    codes: np.ndarray
    neighbours: np.ndarray

    def sample(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        near = self.neighbours[generator.randint(len(self.codes), size=n_samples)]
        weights = generator.standard_normal(near.shape) / np.sqrt(near.shape[1])
        # mean + Σ_j ε_j (h_j - mean) / √k has just that mean and covariance; written as one weighted sum of neighbours
        weights += (1 - weights.sum(1, keepdims=True)) / near.shape[1]
        drawn = np.zeros((n_samples, self.codes.shape[1]))
        for place in range(near.shape[1]):
            drawn += weights[:, place, None] * self.codes[near[:, place]]
        return drawn


def fit_code_density(codes: np.ndarray, seed: int, *, sparse: bool = False) -> CodeDensity:
    """The local density for ``sparse`` codes and those of many numbers for their count, else the mixture."""
    codes = np.asarray(codes, dtype=np.float64)
    n_rows, n_dims = codes.shape
    if n_rows > NEIGHBOURS and (sparse or n_rows < ROWS_FOR_MIXTURE * n_dims) and n_dims > 2:
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(codes)
        return LocalDensity(codes, np.asarray(search.kneighbors(codes, return_distance=False)))
    return fit_mixture(codes, seed)


def fit_mixture(codes: np.ndarray, seed: int) -> MixtureDensity:
    """The mixture with as many parts as make held-out codes most probable.

    Parameters
    ----------
    codes
        Shape (n_rows, n_dims), n_rows at least 1. With few rows for its directions one Gaussian is fitted, with
        one row it is that row.
    seed
        Chooses the held-out fifth and where the parts begin.
    """
    mean = codes.mean(0)
    left, lengths, directions = np.linalg.svd(codes - mean, full_matrices=False)
    alive = lengths > LEAST_SPREAD * lengths[0] if lengths[0] > 0 else np.zeros(len(lengths), dtype=bool)
    root = np.sqrt(max(1, len(codes) - 1))
    basis = (directions[alive] * (lengths[alive, None] / root)).T
    white = left[:, alive] * root
    weights, means, factors = _mixture(white, seed)
    return MixtureDensity(weights, mean + means @ basis.T, basis @ factors)


def _mixture(white: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_rows, n_dims = white.shape
    one = np.ones(1), np.zeros((1, n_dims)), np.eye(n_dims)[None]  # whitened codes are N(0, I) to second order
    n_held_out = int(HELD_OUT * n_rows)
    most = (n_rows - n_held_out) // max(LEAST_ROWS, ROWS_A_DIMENSION * n_dims)
    if most < 2 or n_dims == 0:
        return one
    order = np.random.RandomState(seed).permutation(n_rows)
    held_out, kept = white[order[:n_held_out]], white[order[n_held_out:]]
    best, worse = 1, 0
    best_scores = _fitted(kept, 1, seed).score_samples(held_out)
    for parts in (count for count in PARTS[1:] if count <= most):
        scores = _fitted(kept, parts, seed).score_samples(held_out)
        gain = scores - best_scores
        if gain.mean() > gain.std() / np.sqrt(n_held_out):  # by more than its standard error: else fewer parts will do
            best, best_scores, worse = parts, scores, 0
        else:
            worse += 1
            if worse == PATIENCE:
                break
    if best == 1:
        return one
    found = _fitted(white, best, seed)
    return found.weights_ / found.weights_.sum(), found.means_, np.linalg.cholesky(found.covariances_)


def _fitted(white: np.ndarray, parts: int, seed: int):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        # rows that repeat give fewer clusters than asked for, and a mixture short of its optimum is still judged
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(parts, reg_covar=FLOOR, max_iter=200, random_state=seed).fit(white)
