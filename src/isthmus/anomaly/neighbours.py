"""Distances to the normal rows that a detector keeps, column by column.

With u a row in standard units and u_i the rows kept:

    density      ‖u - z(u)‖²,   z(u) = Σ w_i u_i / Σ w_i,   w_i = exp(-‖u - u_i‖² / 2σ²), over the ten nearest rows
    neighbours   ‖u - u_i‖² to the nearest row
    core         the mean of that over the five nearest rows of the core, in the core's own units

z is the ideal denoiser of these rows: the expectation of a row observed with noise of standard deviation σ (a Parzen
window, Parzen 1962). The residual of a denoiser is σ² times the gradient of the log density (Vincent 2011), so a row
off the density has a large one. σ is the median distance from a row to its nearest neighbour. Among many columns all
rows are about equally far, and a sum over all of them would be little else than their mean; so z is that of ten rows.

**The core** is all rows but the tenth that lies farthest out. Anomalies among the training rows hardly change its mean
and standard deviations; they do change those of all rows, and then a column in which anomalies deviate counts for less,
exactly where it should count.

A row at distance zero from one of the rows kept is taken to be that row, which is left out, so training rows are scored
like new rows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["MAX_ROWS", "NormalRows", "row_blocks"]

MAX_ROWS = 10_000
N_CORE_NEIGHBOURS = 5
N_NEAREST = 10
MIN_WIDTH = 1e-3
MIN_SPREAD = 1e-7
ITSELF = 1e-12  # of the squared lengths: rounding error of the distance from a row to itself
CHUNK_CELLS = 1 << 22


def row_blocks(n_rows: int, width: int) -> Iterator[slice]:
    """Slices of rows so that a block of ``width`` columns takes a few dozen megabytes."""
    height = max(1, CHUNK_CELLS // max(1, width))
    return (slice(start, start + height) for start in range(0, n_rows, height))


def squared_distances(rows: np.ndarray, others: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
    """‖a - b‖² of each pair, shape (n_rows, n_others); infinite for equal rows.

    With ``shares``, those of `StandardUnits.shares`, Σ_j (s_j (a_j - b_j))², with s the shares of a.
    """
    if shares is None:
        lengths = (rows**2).sum(1)[:, None] + (others**2).sum(1)
        distances = lengths - 2 * rows @ others.T
    else:
        squares = shares**2
        lengths = (squares * rows**2).sum(1)[:, None] + squares @ (others**2).T
        distances = lengths - 2 * (squares * rows) @ others.T
    return np.where(distances <= ITSELF * (1 + lengths), np.inf, distances)


@dataclass(frozen=True)
class NormalRows:
    """Rows kept, in standard units.

    Attributes
    ----------
    rows : ndarray of float32, shape (n_rows, n_features)
    core : ndarray of bool, shape (n_rows,)
        Whether a row belongs to the core.
    width : float
        σ of the denoiser.
    nearest : int or None
        How many of the nearest rows the denoiser averages; None for all, as earlier versions did.
    """

    rows: np.ndarray
    core: np.ndarray
    width: float
    nearest: int | None = N_NEAREST

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        return self.rows.astype(np.float64)

    @functools.cached_property
    def core_spread(self) -> np.ndarray:
        """Standard deviation of each column in the core, shape (n_features,); 1 for a constant one."""
        spread = self._rows[self.core].std(0)
        return np.where(spread > MIN_SPREAD, spread, 1.0)

    @functools.cached_property
    def _core_rows(self) -> np.ndarray:
        return self._rows[self.core] / self.core_spread

    @functools.cached_property
    def _lengths(self) -> np.ndarray:
        return np.sort(np.abs(self.rows), axis=0)

    def rarity(self, u: np.ndarray) -> np.ndarray:
        """-log of the share of rows kept with a cell as far from the column's mean, shape (n_rows, n_features)."""
        lengths, n_rows = np.abs(u).astype(np.float32), len(self.rows)
        below = [np.searchsorted(kept, part) for kept, part in zip(self._lengths.T, lengths.T, strict=True)]
        return -np.log((1 + n_rows - np.stack(below, 1)) / (n_rows + 1))

    def beyond(self, u: np.ndarray) -> np.ndarray:
        """How far cells lie beyond the rows kept, (|u| / max |u_i|)² but at least 1, shape (n_rows, n_features)."""
        return np.maximum(np.abs(u) / np.maximum(self._lengths[-1], 1.0), 1.0) ** 2

    def amounts(self, u: np.ndarray, shares: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """The parts density and neighbours, each of shape (n_rows, n_features), from one search.

        ``shares`` are those of `StandardUnits.shares` for rows not among those kept.
        """
        distances = squared_distances(u, self._rows, shares)
        nearest = distances.argmin(1)
        least = distances[np.arange(len(u)), nearest]
        alone = ~np.isfinite(least)  # all rows kept are this row
        z = self._denoised(distances, np.where(alone, 0.0, least))
        squares = 1.0 if shares is None else shares**2
        found = {"density": z, "neighbours": self._rows[nearest]}
        return {name: np.where(alone[:, None], 0.0, (u - near) ** 2) * squares for name, near in found.items()}

    def _denoised(self, distances: np.ndarray, least: np.ndarray) -> np.ndarray:
        """Z of rows whose squared distances to the rows kept are given, and the least of them."""

        def weights_of(some: np.ndarray) -> np.ndarray:
            weights = np.exp(-(some - least[:, None]) / (2 * self.width**2))
            return weights / np.maximum(weights.sum(1, keepdims=True), np.finfo(float).tiny)

        if self.nearest is None or self.nearest >= len(self.rows):
            return weights_of(distances) @ self._rows
        places = np.argpartition(distances, self.nearest - 1, axis=1)[:, : self.nearest]
        weights = weights_of(np.take_along_axis(distances, places, 1))
        z = np.zeros((len(distances), self.rows.shape[1]))
        for place in range(self.nearest):
            z += weights[:, place, None] * self._rows[places[:, place]]
        return z

    def core_amounts(self, u: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
        """Mean squared difference to the nearest rows of the core, in its units, shape (n_rows, n_features)."""
        scaled, core = u / self.core_spread, self._core_rows
        distances = squared_distances(scaled, core, shares)
        count = max(1, min(N_CORE_NEIGHBOURS, len(core) - 1))
        nearest = np.argpartition(distances, min(count, len(core)) - 1, axis=1)[:, :count]
        found = np.isfinite(np.take_along_axis(distances, nearest, 1))
        total = np.zeros(u.shape)
        for place in range(count):
            difference = scaled - core[nearest[:, place]]
            total += np.where(found[:, place, None], difference**2, 0.0)
        mean = total / np.maximum(found.sum(1), 1)[:, None]
        return mean if shares is None else mean * shares**2


def denoiser_width(nearest: np.ndarray) -> float:
    """σ from the squared distance of each row to its nearest other, shape (n_rows,)."""
    finite = nearest[np.isfinite(nearest)]
    return max(float(np.sqrt(np.median(finite))), MIN_WIDTH) if len(finite) else MIN_WIDTH
