"""Singular spectrum analysis: principal components of windows, and the series they explain.

The rows of the trajectory matrix are the windows of a series; the eigenvectors of their covariance (the lag covariance)
are the waves of which the series consists: a sine takes two, a trend one or two. Projecting every window onto the
leading p and averaging where they overlap gives the series those components explain: the trend and the oscillations
without the noise (Broomhead & King, Physica D 20, 1986; Golyandina, Nekrutkin & Zhigljavsky, Analysis of Time Series
Structure, 2001). With several channels the windows of all are one row (multivariate SSA).

    w - m  ≈  V z         V the p leading eigenvectors, eigenvalues Λ;  σ² the mean of the others

The expected value of a step is implied by the rest of its windows: for a quarter B of a window and the other cells A,

    z = (V_A' V_A + σ² Λ⁻¹)⁻¹ V_A' (w - m)_A,      expected w_B = m_B + V_B z

the conditional mean of probabilistic PCA. A whole quarter is left out, since the neighbours of a wrong value are often
wrong too. The mean square of w_B - expected, on windows of stretches of the series that V was not learned from, falls
as long as components explain structure and rises once they explain noise: the fewest components within 1 % of the
minimum are kept. A missing cell is left out of A in the same way, which fills gaps. Windows of a series are similar, so
their covariance is shrunk (Ledoit & Wolf, 2004).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["BLOCKS", "SingularSpectrum"]

STRETCHES = 8  # of a series; to choose p, every other one is learned from
BLOCKS = 4  # of a window, each predicted from the others
MIN_NOISE = 1e-9  # of the largest eigenvalue
MAX_SHARE = 0.5  # number of components, as a share of the cells of a window
MAX_COMPONENTS, WINDOWS_A_COMPONENT = 64, 4
MAX_WINDOWS, WINDOWS_TRIED = 10_000, 200
TOLERANCE = 0.01  # fewer components may be worse by this share of the least error
SOLVED_AT_ONCE = 1 << 22  # numbers in the systems of equations that are solved together


@dataclass(frozen=True, eq=False)
class SingularSpectrum:
    """Mean, eigenvectors and eigenvalues of the lag covariance.

    Attributes
    ----------
    mean : ndarray of shape (n_channels, length)
    components : ndarray of shape (n_components, n_channels * length)
        Orthonormal rows, leading first.
    eigenvalues : ndarray of shape (n_channels * length,)
        All of them, descending, shrunk.
    block_errors : dict
        Mean squared error of a quarter predicted from the rest of its window, by number of components.
    """

    mean: np.ndarray
    components: np.ndarray
    eigenvalues: np.ndarray
    block_errors: dict[int, float]

    @property
    def n_components(self) -> int:
        """Components kept."""
        return len(self.components)

    @property
    def noise(self) -> float:
        """σ², the mean of the eigenvalues left out."""
        rest = self.eigenvalues[self.n_components :]
        return max(float(rest.mean()) if len(rest) else 0.0, MIN_NOISE * max(float(self.eigenvalues[0]), 1e-300))

    @classmethod
    def of(
        cls,
        rows: np.ndarray,
        present: np.ndarray | None = None,
        n_components: int | None = None,
        blocks: int = BLOCKS,
    ) -> SingularSpectrum:
        """From windows of shape (n, n_channels, length), 0 where missing; p by left-out blocks if it isn't given.

        ``blocks`` is the number of parts in which a window is predicted: long parts reward recurring structure, short
        ones smoothness too.
        """
        rows, present = _some(rows, present, MAX_WINDOWS)
        if n_components is not None:
            return cls._leading(rows, present, min(n_components, rows[0].size), {})
        most = max(1, min(int(MAX_SHARE * rows[0].size), len(rows) // WINDOWS_A_COMPONENT, MAX_COMPONENTS))
        # Waves learned from every other stretch of the series predict the stretches between.
        odd = np.arange(len(rows)) * STRETCHES // len(rows) % 2 == 1
        if not odd.any():
            return cls._leading(rows, present, 1, {})
        half = cls._leading(rows[~odd], None if present is None else present[~odd], most, {})
        tried, known = _some(rows[odd], None if present is None else present[odd], WINDOWS_TRIED)
        errors = {}
        for size in _sizes(most):
            misses = (tried - replace(half, components=half.components[:size]).expected(tried, known, blocks)) ** 2
            errors[size] = float(misses.mean() if known is None else misses[known].mean())
        least = min(errors.values())
        best = next(size for size, error in errors.items() if error <= (1 + TOLERANCE) * least)
        return cls._leading(rows, present, best, errors)

    @classmethod
    def _leading(
        cls, rows: np.ndarray, present: np.ndarray | None, n_components: int, errors: dict[int, float]
    ) -> SingularSpectrum:
        """The leading ``n_components`` of windows."""
        flat = rows.reshape(len(rows), -1)
        if present is None:
            mean = flat.mean(0)
            centred = flat - mean
            covariance = centred.T @ centred / len(flat)
        else:
            mask = present.reshape(len(rows), -1)
            mean = np.where(mask, flat, 0).sum(0) / np.maximum(mask.sum(0), 1)
            centred = np.where(mask, flat - mean, 0.0)
            counts = mask.astype(np.float64)
            covariance = centred.T @ centred / np.maximum(counts.T @ counts, 1)
        values, vectors = np.linalg.eigh(_shrunk(covariance, centred))
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1][:, :n_components]
        # A fixed sign: the entry of largest magnitude is positive, so the same windows give the same bits.
        signs = np.sign(vectors[np.argmax(np.abs(vectors), 0), np.arange(vectors.shape[1])])
        components = np.ascontiguousarray((vectors * np.where(signs == 0, 1.0, signs)).T)
        return cls(mean.reshape(rows.shape[1:]), components, values, errors)

    def encode(self, rows: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
        """Codes of windows, shape (n, n_components): projections, or where cells are missing conditional means."""
        centred = (rows - self.mean).reshape(len(rows), -1)
        if present is None:
            return centred @ self.components.T
        mask = present.reshape(len(rows), -1)
        whole = mask.all(1)
        codes = np.empty((len(rows), self.n_components))
        codes[whole] = centred[whole] @ self.components.T
        codes[~whole] = self._conditional(centred[~whole], mask[~whole])
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Windows of codes, shape (n, n_channels, length)."""
        return (codes @ self.components).reshape(len(codes), *self.mean.shape) + self.mean

    def expected(self, rows: np.ndarray, present: np.ndarray | None = None, blocks: int = BLOCKS) -> np.ndarray:
        """Every quarter (or other part) predicted from the rest of its window, shape (n, n_channels, length)."""
        centred = (rows - self.mean).reshape(len(rows), -1)
        found = np.empty((len(rows), *self.mean.shape))
        bounds = np.linspace(0, self.mean.shape[1], min(blocks, self.mean.shape[1]) + 1).round().astype(int)
        for start, stop in itertools.pairwise(bounds):
            outside = np.ones(self.mean.shape, bool)
            outside[:, start:stop] = False
            mask = outside.ravel()
            if present is None:
                some = self.components[:, mask]
                gram = some @ some.T + self._ridge()
                codes = np.linalg.solve(gram, some @ centred[:, mask].T).T
            else:
                codes = self._conditional(centred, present.reshape(len(rows), -1) & mask)
            found[:, :, start:stop] = self.decode(codes)[:, :, start:stop]
        return found

    def _ridge(self) -> np.ndarray:
        """σ² Λ⁻¹."""
        kept = np.maximum(self.eigenvalues[: self.n_components], self.noise)
        return np.diag(self.noise / kept)

    def _conditional(self, centred: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Codes given the cells in ``mask``, shape (n, n_components)."""
        size = self.n_components
        codes = np.empty((len(centred), size))
        products = (self.components[:, None] * self.components[None]).reshape(size * size, -1).T
        height = max(1, SOLVED_AT_ONCE // (size * size))
        for start in range(0, len(centred), height):
            part = mask[start : start + height].astype(np.float64)
            gram = (part @ products).reshape(-1, size, size) + self._ridge()
            right = (centred[start : start + height] * part) @ self.components.T
            codes[start : start + height] = np.linalg.solve(gram, right[:, :, None])[:, :, 0]
        return codes


def _some(rows: np.ndarray, present: np.ndarray | None, most: int) -> tuple[np.ndarray, np.ndarray | None]:
    """At most ``most`` windows, evenly spaced."""
    if len(rows) <= most:
        return rows, present
    places = np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))
    return rows[places], None if present is None else present[places]


def _sizes(most: int) -> list[int]:
    """Numbers of components to try: 1 to 4, then half as many again each time."""
    sizes = [1]
    while sizes[-1] < most:
        sizes.append(min(most, sizes[-1] + max(1, sizes[-1] // 2)))
    return sizes


def _shrunk(covariance: np.ndarray, centred: np.ndarray) -> np.ndarray:
    """Ledoit and Wolf's covariance: shrunk towards a multiple of the identity, by its estimated noise."""
    n_rows, n_cells = centred.shape
    mean = np.trace(covariance) / n_cells
    distance = ((covariance - mean * np.eye(n_cells)) ** 2).sum() / n_cells
    norms = (centred**2).sum(1)
    noise = max(float((norms**2).mean()) - float((covariance**2).sum()), 0.0) / n_cells / n_rows
    weight = min(noise / distance, 1.0) if distance > 0 else 0.0
    return (1 - weight) * covariance + weight * mean * np.eye(n_cells)
