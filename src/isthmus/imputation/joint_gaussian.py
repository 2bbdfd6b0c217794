"""One Gaussian of all columns, fitted to rows with missing cells, and draws of those cells.

    x ~ N(μ, Σ)        E[x_m | x_o] = μ_m - K_mm⁻¹ K_mo (x_o - μ_o)        Cov[x_m | x_o] = K_mm⁻¹        K = Σ⁻¹

So each column has a ridge regression on whichever others its row has: one model instead of a regression for every
pattern of missing cells. Expectation-maximisation finds μ and Σ (Dempster, Laird & Rubin 1977); κ times the identity,
added to the scatter of the rows, keeps Σ regular if there are few rows.

For draws the uncertainty of the parameters counts too. Data augmentation (Tanner & Wong 1987; Schafer 1997) alternates:
it draws the cells given the parameters, then the parameters given the cells,

    Σ ~ W⁻¹(n - 1 + κ, scatter + κI)        μ ~ N(x̄, Σ / n)

and every tenth step is a proper draw: the variance of an estimate over the completed tables measures the uncertainty
due to the missing cells (Rubin 1987).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["JointGaussian", "draw_cells", "expected_cells", "fit_joint_gaussian", "posterior"]

ROUNDS, SETTLED = 40, 1e-3  # of expectation-maximisation; the change of Σ at which it stops
BLOCK_NUMBERS = 1 << 20  # of the small matrices that are inverted at once
BURN_IN, APART = 30, 10  # steps before the first draw, and between draws
DRAWN_SHRINKAGE = 1.0  # κ for draws


class JointGaussian(NamedTuple):
    """Mean, shape (d,), and covariance, shape (d, d), of standardised columns."""

    mean: np.ndarray
    covariance: np.ndarray


class _Holes(NamedTuple):
    """Rows with similar numbers of missing cells, and their patterns of missing cells.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,)
    pattern : ndarray of shape (n_rows,)
        The index of each row's pattern.
    columns : ndarray of shape (n_patterns, k)
        Columns of the missing cells, padded to k.
    real : ndarray of bool, shape (n_patterns, k)
        Which of the k are not padding.
    counts : ndarray of shape (n_patterns,)
        Number of rows with the pattern.
    """

    rows: np.ndarray
    pattern: np.ndarray
    columns: np.ndarray
    real: np.ndarray
    counts: np.ndarray

    def put(self, filled: np.ndarray, cells: np.ndarray) -> None:
        """Write the rows' missing cells, shape (n_rows, k)."""
        real, columns = self.real[self.pattern], self.columns[self.pattern]
        places = np.broadcast_to(self.rows[:, None], columns.shape)
        filled[places[real], columns[real]] = cells[real]


def _by_count(missing: np.ndarray) -> list[_Holes]:
    """The rows with missing cells, in blocks of similar counts, so the small matrices need little padding.

    Rows with the same missing cells, which are many in a survey with skipped pages, share a matrix.
    """
    rows = np.flatnonzero(missing.any(1))
    _, first, pattern = np.unique(np.packbits(missing[rows], 1), axis=0, return_index=True, return_inverse=True)
    patterns, pattern = missing[rows[first]], pattern.ravel()
    sizes = patterns.sum(1)
    order, start, blocks = np.argsort(sizes, kind="stable")[::-1], 0, []
    by_pattern = np.argsort(pattern, kind="stable")
    n_rows = np.bincount(pattern, minlength=len(patterns))
    ends = np.cumsum(n_rows)
    while start < len(order):
        k = int(sizes[order[start]])
        chosen = order[start : start + max(1, BLOCK_NUMBERS // (k * k))]
        chosen = chosen[2 * sizes[chosen] > k] if k > 4 else chosen
        columns = np.argsort(~patterns[chosen], axis=1, kind="stable")[:, :k]
        own = np.concatenate([by_pattern[ends[one] - n_rows[one] : ends[one]] for one in chosen])
        place = np.repeat(np.arange(len(chosen)), n_rows[chosen])
        real = np.take_along_axis(patterns[chosen], columns, 1)
        blocks.append(_Holes(rows[own], place, columns, real, n_rows[chosen]))
        start += len(chosen)
    return blocks


def _conditionals(
    u: np.ndarray, missing: np.ndarray, blocks: list[_Holes], model: JointGaussian
) -> Iterator[tuple[_Holes, np.ndarray, np.ndarray]]:
    """Each block with the expectation of its cells, shape (n_rows, k), and covariance, shape (n_patterns, k, k)."""
    precision = np.linalg.inv(model.covariance)
    precision = (precision + precision.T) / 2
    pull = np.where(missing, 0.0, u - model.mean) @ precision
    for holes in blocks:
        both = holes.real[:, :, None] & holes.real[:, None, :]
        own = np.where(both, precision[holes.columns[:, :, None], holes.columns[:, None, :]], np.eye(both.shape[1]))
        covariance = np.where(both, np.linalg.inv(own), 0.0)
        columns = holes.columns[holes.pattern]
        sides = np.take_along_axis(pull[holes.rows], columns, 1)
        yield holes, model.mean[columns] - _times(covariance, holes.pattern, sides), covariance


def _times(matrices: np.ndarray, pattern: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Each row's matrix, shape (n_patterns, k, k), times its vector, shape (n_rows, k)."""
    k = vectors.shape[1]
    step = max(1, BLOCK_NUMBERS // (k * k))
    parts = (slice(start, start + step) for start in range(0, len(vectors), step))
    return np.concatenate([(matrices[pattern[part]] @ vectors[part][:, :, None])[:, :, 0] for part in parts])


def expected_cells(u: np.ndarray, model: JointGaussian) -> np.ndarray:
    """Standardised rows with NaN filled by the conditional expectation."""
    filled, missing = u.copy(), np.isnan(u)
    for holes, mean, _ in _conditionals(u, missing, _by_count(missing), model):
        holes.put(filled, mean)
    return filled


def fit_joint_gaussian(u: np.ndarray, shrinkage: float, rounds: int = ROUNDS) -> JointGaussian:
    """The Gaussian of standardised rows with NaN, shape (n_rows, d); ``shrinkage`` is κ, counted in rows."""
    n_rows, d = u.shape
    missing = np.isnan(u)
    blocks = _by_count(missing)
    model = JointGaussian(np.zeros(d), np.eye(d))
    for _ in range(rounds):
        filled, spread = u.copy(), np.zeros((d, d))
        for holes, mean, covariance in _conditionals(u, missing, blocks, model):
            holes.put(filled, mean)
            places = holes.columns[:, :, None] * d + holes.columns[:, None, :]
            covariance *= holes.counts[:, None, None]
            spread += np.bincount(places.ravel(), covariance.ravel(), d * d).reshape(d, d)
        centre = filled.mean(0)
        away = filled - centre
        scatter = away.T @ away + (spread + spread.T) / 2 + shrinkage * np.eye(d)
        found = JointGaussian(centre, scatter / (n_rows + shrinkage))
        moved = float(np.abs(found.covariance - model.covariance).max())
        model = found
        if moved < SETTLED:
            break
    return model


def draw_cells(u: np.ndarray, model: JointGaussian, rng: np.random.Generator) -> np.ndarray:
    """Standardised rows with NaN drawn from the conditional distribution."""
    filled, missing = u.copy(), np.isnan(u)
    for holes, mean, covariance in _conditionals(u, missing, _by_count(missing), model):
        # Padding has variance 0; with 1 instead the whole matrix has a Cholesky factor.
        padded = covariance + np.eye(holes.real.shape[1]) * ~holes.real[:, :, None]
        noise = _times(np.linalg.cholesky(padded), holes.pattern, rng.standard_normal(mean.shape))
        holes.put(filled, mean + noise)
    return filled


def posterior(
    u: np.ndarray, n_draws: int, rng: np.random.Generator, shrinkage: float = DRAWN_SHRINKAGE
) -> list[JointGaussian]:
    """Draws of the parameters given the observed cells of standardised rows, by data augmentation."""
    model = fit_joint_gaussian(u, shrinkage)
    found: list[JointGaussian] = []
    for step in range(BURN_IN + APART * (n_draws - 1) + 1):
        model = _drawn_parameters(draw_cells(u, model, rng), shrinkage, rng)
        if step >= BURN_IN and (step - BURN_IN) % APART == 0:
            found.append(model)
    return found


def _drawn_parameters(rows: np.ndarray, shrinkage: float, rng: np.random.Generator) -> JointGaussian:
    """μ and Σ given complete rows; Σ by Bartlett's decomposition of a Wishart draw."""
    n_rows, d = rows.shape
    centre = rows.mean(0)
    away = rows - centre
    scatter = away.T @ away + shrinkage * np.eye(d)
    freedom = max(n_rows - 1, d) + shrinkage
    lower = np.tril(rng.standard_normal((d, d)), -1)
    lower[np.diag_indices(d)] = np.sqrt(rng.chisquare(freedom - np.arange(d)))
    # Σ⁻¹ = L⁻ᵀ (A Aᵀ) L⁻¹ with scatter = L Lᵀ, so Σ = (L A⁻ᵀ)(L A⁻ᵀ)ᵀ.
    root = np.linalg.solve(lower, np.linalg.cholesky(scatter).T).T
    covariance = root @ root.T
    return JointGaussian(centre + root @ rng.standard_normal(d) / np.sqrt(n_rows), covariance)
