"""Anomaly scores, column by column: a row's reconstruction error, the distance of its code, its improbability.

With u the row in standard units (each column with mean 0 and standard deviation 1) and û its reconstruction:

    reconstruction   Q(x) = Σ_j (u_j - û_j)² / v_j                                reconstruction error
    latent           D(x) = Σ_j mean over the K nearest i of (û_j - û_ij)²        distance to the nearest normal rows
    region           the same with the nearest third of the normal rows           distance to where most of them are
    likelihood       L(x) = -log p(x)  (for a variational model the negative ELBO, in nats)

v_j is the residual variance of column j, shrunk halfway (on the log scale) to the mean over columns. D compares codes
by what they decode to: a far row with a perfect reconstruction has Q = 0 and a large D, and so has the mean row
if normal rows lie on a ring. A few similar anomalous rows in the training data are each other's nearest neighbours;
the region is too wide for that. All are sums over columns.

Parts have different units. By Wilson & Hilferty (1931) the cube root of a sum of squares is nearly normal, so
with median m and standard deviation s of the held-out cube roots

    -log P(a) = -log Φ(-(∛a - m) / s)

is the surprise of an amount a, smooth and finite beyond the largest amount seen; by Fisher's method (1925) the
surprises of the parts are added, those of the two distances at half weight.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Neighbours", "Reference", "StandardUnits", "Surprise", "residual_variances"]

N_NEIGHBOURS = 5
MOST_REGION_ROWS = 600

LARGEST = 1e6  # standard deviations; values beyond are clipped, so every score is finite
LEAST_VARIANCE = 1e-6
LEAST_SPREAD = 0.01
QUARTILES_OF_NORMAL = 1.349
CHUNK_CELLS = 1 << 22


@dataclass(frozen=True)
class StandardUnits:
    """Center and spread of every column, each of shape (n_features,), and the map to standard units."""

    center: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> StandardUnits:
        """Mean and standard deviation of the cells there are; the spread of a constant column is its value, or 1."""
        center, spread = np.nanmean(X, 0), np.nanstd(X, 0)
        size = np.abs(center)
        constant = spread <= 1e-7 * size
        return cls(center, np.where(constant, np.where(size > 0, size, 1.0), np.where(spread > 0, spread, 1.0)))

    def with_common_spread(self, spans: Sequence[tuple[int, int]]) -> StandardUnits:
        """The same, with one spread for all columns of a category, whose variances then sum to one."""
        spread = self.spread.copy()
        for begin, end in spans:
            spread[begin:end] = np.sqrt(np.square(spread[begin:end]).sum())
        return StandardUnits(self.center, spread)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Rows in standard units, float64."""
        with np.errstate(over="ignore"):
            return np.clip((np.asarray(X, dtype=np.float64) - self.center) / self.spread, -LARGEST, LARGEST)

    def undo(self, U: np.ndarray) -> np.ndarray:
        """Rows in the units of the data."""
        return self.center + self.spread * U


@dataclass(frozen=True)
class Surprise:
    """The surprise of an amount: the normal tail probability of its centred and scaled cube root."""

    center: float
    spread: float
    origin: float

    @classmethod
    def of(cls, amounts: np.ndarray, origin: float = 0.0) -> Surprise:
        """From median and quartiles of the held-out cube roots, which a few anomalous rows hardly change."""
        low, center, high = np.percentile(np.cbrt(amounts - origin), [25, 50, 75])
        return cls(float(center), float(max((high - low) / QUARTILES_OF_NORMAL, LEAST_SPREAD)), origin)

    def __call__(self, amounts: np.ndarray) -> np.ndarray:
        """-log P of each amount, in nats, shape (n_samples,); 0.69 at the median."""
        from scipy.stats import norm

        return -norm.logsf((np.cbrt(amounts - self.origin) - self.center) / self.spread)


def residual_variances(residuals: np.ndarray, spans: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Mean square of each column's residual, shrunk halfway to the mean over columns on the log scale.

    Missing cells (NaN) are left out. The columns of a category, from begin to end in ``spans``, have the sum of theirs.
    """
    seen = ~np.isnan(residuals)
    variances = np.where(seen, residuals, 0.0) ** 2
    variances = np.maximum(variances.sum(0) / np.maximum(seen.sum(0), 1), LEAST_VARIANCE)
    for begin, end in spans:
        variances[begin:end] = variances[begin:end].sum()
    return np.sqrt(variances * variances.mean())


class Neighbours:
    """Squared distance to the nearest normal rows, column by column.

    A row at distance zero from one of them is taken to be that row, and the next neighbour is used instead: so training
    rows are scored as other rows are.
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
    """Reconstructed normal rows, float32 of shape (n_rows, n_features) in standard units, and neighbour searches."""

    def __init__(self, rows: np.ndarray):
        self.rows = rows

    @functools.cached_property
    def near(self) -> Neighbours:
        """The nearest few of all rows."""
        return Neighbours(self.rows.astype(np.float64), N_NEIGHBOURS)

    @functools.cached_property
    def region(self) -> Neighbours:
        """The nearest third of a subset: too many for a small group of anomalies."""
        some = self.rows[:: -(-len(self.rows) // MOST_REGION_ROWS)].astype(np.float64)
        return Neighbours(some, max(N_NEIGHBOURS, len(some) // 3))
