"""The part of the score named latent: codes compared by their reconstructions, as the distance to the nearest of them.

The region, the nearest third of them, is a part of detectors that earlier versions saved.
"""

from __future__ import annotations

import functools

import numpy as np

from isthmus.anomaly.neighbours import row_blocks

__all__ = ["Neighbours", "Reference"]

N_NEIGHBOURS = 5
MAX_REGION_ROWS = 600


class Neighbours:
    """Squared distance to the nearest reconstructions, column by column.

    A row at distance zero from one of them is taken to be that row, and the next neighbour is used instead, so training
    rows are scored like new rows.
    """

    def __init__(self, rows: np.ndarray, n_neighbours: int) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.rows = rows
        self.n_neighbours = max(1, min(n_neighbours, len(rows) - 1))
        self._search = NearestNeighbors(n_neighbors=min(self.n_neighbours + 1, len(rows))).fit(rows)

    def squared_distances(self, rows: np.ndarray) -> np.ndarray:
        """Mean over the neighbours of (û_j - û_ij)², shape (n_samples, n_features)."""
        found = np.empty(rows.shape)
        for block in row_blocks(len(rows), rows.shape[1] * (self.n_neighbours + 1)):
            part = rows[block]
            distances, places = self._search.kneighbors(part)
            itself = distances[:, :1] <= 1e-4 * np.sqrt(rows.shape[1])
            places = np.where(itself, places[:, -self.n_neighbours :], places[:, : self.n_neighbours])
            found[block] = ((part[:, None] - self.rows[places]) ** 2).mean(1)
        return found


class Reference:
    """Reconstructed normal rows, float32 of shape (n_rows, n_features) in standard units, to search for neighbours."""

    def __init__(self, rows: np.ndarray):
        self.rows = rows

    @functools.cached_property
    def near(self) -> Neighbours:
        """The nearest few of all rows."""
        return Neighbours(self.rows.astype(np.float64), N_NEIGHBOURS)

    @functools.cached_property
    def region(self) -> Neighbours:
        """The nearest third of a subset: too many for a small group of anomalies."""
        some = self.rows[:: -(-len(self.rows) // MAX_REGION_ROWS)].astype(np.float64)
        return Neighbours(some, max(N_NEIGHBOURS, len(some) // 3))
