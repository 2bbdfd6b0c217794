"""What makes a row unusual, measured column by column: it is not rebuilt, its code is far off, it is improbable.

With u the row in standard units (each column's mean 0, spread 1) and û the row rebuilt:

    reconstruction   Q(x) = Σ_j (u_j - û_j)² / v_j                                how far from what can be rebuilt
    latent           D(x) = Σ_j mean over the K nearest i of (û_j - û_ij)²        how far from any usual code
    region           the same with the nearest third of the usual rows            how far from where most of them are
    likelihood       L(x) = -log p(x)  (for a variational model the negative ELBO, in nats)

v_j is the residual variance of column j, drawn halfway (on the log scale) to the mean over columns. D compares
what the *codes* decode to with what those of the usual rows decode to: a far row that is rebuilt perfectly has
Q = 0 and a large D, and so has the mean row where usual rows lie on a ring. A few strange rows among those learned
from, if they resemble one another, are each other's nearest; the region is too wide for that. All are sums over
columns.

Parts come in different units. By Wilson & Hilferty (1931) the cube root of a sum of squares is nearly normal, so
with median m and spread s of the held-out cube roots

    -log P(a) = -log Φ(-(∛a - m) / s)

says how surprising the amount a is, smoothly and beyond the largest one seen; by Fisher's method (1925) the
surprises of the parts are added, those of the two distances at half weight.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

__all__ = ["Columns", "Neighbours", "Reference", "Surprise", "residual_variances"]

N_NEIGHBOURS = 5
MOST_REGION_ROWS = 600

LARGEST = 1e6  # standard deviations; what lies beyond counts as this far, so that every score is finite
LEAST_VARIANCE = 1e-6
LEAST_SPREAD = 0.01
QUARTILES_OF_NORMAL = 1.349
CHUNK_CELLS = 1 << 22


@dataclass(frozen=True)
class Columns:
    """Standard units: center and spread of every column, each of shape (n_features,)."""

    center: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> Columns:
        """Mean and standard deviation; a constant column is measured in units of its value, or of 1."""
        center, spread = X.mean(0), X.std(0)
        size = np.abs(center)
        constant = spread <= 1e-7 * size
        return cls(center, np.where(constant, np.where(size > 0, size, 1.0), np.where(spread > 0, spread, 1.0)))

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Rows in standard units, float64."""
        with np.errstate(over="ignore"):
            return np.clip((np.asarray(X, dtype=np.float64) - self.center) / self.spread, -LARGEST, LARGEST)

    def undo(self, U: np.ndarray) -> np.ndarray:
        """Rows in the units of the data."""
        return self.center + self.spread * U


@dataclass(frozen=True)
class Surprise:
    """How unusual an amount is among held-out ones: its cube root, centred and scaled, read as a normal's tail."""

    center: float
    spread: float
    origin: float

    @classmethod
    def of(cls, amounts: np.ndarray, origin: float = 0.0) -> Surprise:
        """Median and quartiles of the held-out cube roots: a few strange rows among them move little."""
        low, center, high = np.percentile(np.cbrt(amounts - origin), [25, 50, 75])
        return cls(float(center), float(max((high - low) / QUARTILES_OF_NORMAL, LEAST_SPREAD)), origin)

    def __call__(self, amounts: np.ndarray) -> np.ndarray:
        """-log P of each amount, in nats, shape (n_samples,); 0.69 at the median."""
        from scipy.stats import norm

        return -norm.logsf((np.cbrt(amounts - self.origin) - self.center) / self.spread)


def residual_variances(residuals: np.ndarray) -> np.ndarray:
    """Mean square of each column's residual, drawn halfway to the mean over columns on the log scale."""
    variances = np.maximum((residuals**2).mean(0), LEAST_VARIANCE)
    return np.sqrt(variances * variances.mean())


class Neighbours:
    """Squared distance to the nearest usual rows, column by column.

    A row that lies on one of them is taken for that row itself, and one neighbour further is asked: rows of the
    fit are judged by the same rule as others.
    """

    def __init__(self, rows: np.ndarray, n_neighbours: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.rows = rows
        self.n_neighbours = max(1, min(n_neighbours, len(rows) - 1))
        self._search = NearestNeighbors(n_neighbors=min(self.n_neighbours + 1, len(rows))).fit(rows)

    def squared_distances(self, rows: np.ndarray) -> np.ndarray:
        """Mean over the neighbours of (û_j - û_ij)², shape (n_samples, n_features)."""
        found = np.empty(rows.shape)
        height = max(1, CHUNK_CELLS // (rows.shape[1] * (self.n_neighbours + 1)))
        for begin in range(0, len(rows), height):
            part = rows[begin : begin + height]
            distances, places = self._search.kneighbors(part)
            itself = distances[:, :1] <= 1e-4 * np.sqrt(rows.shape[1])
            places = np.where(itself, places[:, -self.n_neighbours :], places[:, : self.n_neighbours])
            found[begin : begin + height] = ((part[:, None] - self.rows[places]) ** 2).mean(1)
        return found


class Reference:
    """Reconstructed normal rows, float32 of shape (n_rows, n_features), in standard units, and searches among them."""

    def __init__(self, rows: np.ndarray):
        self.rows = rows

    @functools.cached_property
    def near(self) -> Neighbours:
        """A few near ones among all."""
        return Neighbours(self.rows.astype(np.float64), N_NEIGHBOURS)

    @functools.cached_property
    def region(self) -> Neighbours:
        """A third of some of them, which no small group can be."""
        some = self.rows[:: -(-len(self.rows) // MOST_REGION_ROWS)].astype(np.float64)
        return Neighbours(some, max(N_NEIGHBOURS, len(some) // 3))
