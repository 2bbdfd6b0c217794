"""Broken relations: is there a cell that the rest of its row contradicts?

If a cell x_j of a normal row is replaced by a random value of its column, the likelihood of the row changes by the
factor p(x_j | the others) / p(x_j), and the best evidence of it is minus the log of that factor, in the column where it
is largest. A value that is rare in its column is no evidence; one that is rarer given the others is. So with S_j the
surprise of the squared distance c_j² between the cell and its expectation given the others (`isthmus.anomaly.scores`;
one distribution per column, as tails differ between columns), and R_j = -log of the share of normal rows whose cell
lies as far from the mean of the column, the amount of a row is

    a = max_j (S_j - R_j / 2)₊

c_j² is the mean of three squared conditional residuals, in variances (`isthmus.anomaly.covariance`): of those of the
autoencoder, which follow curves, of the rows themselves, which have relations that the code has no room for, and of
their normal scores (`isthmus.anomaly.ranks`), which long tails don't disturb. R_j counts for half: a cell far out in
its column is more often wrong than others are. The amount is distributed over columns in proportion to the fourth power
of the distances, so nearly all of it goes to the most contradicted cell. Where two columns are tied to each other
alone, either may be wrong; a cell beyond the range of the normal rows is blamed, by its distance times
(|u_j| / max |u_ij|)².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.contributions import attribute_to_columns
from isthmus.anomaly.scores import SIXTH_ROOT, center_and_spread, nats_beyond, roots_of

__all__ = ["ColumnSurprises"]

RARITY = 0.5
# Of sixth roots; those of normal cells have .88 and .27. A column that is nearly constant would decide alone.
MIN_CENTER, MIN_SPREAD = 0.5, 0.15


@dataclass(frozen=True)
class ColumnSurprises:
    """Distribution among normal rows of each column's squared distances to the expectation given the others.

    ``center`` and ``spread``, shape (n_features,) each, are those of the sixth roots.
    """

    center: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, distances: np.ndarray) -> ColumnSurprises:
        """From held-out rows, shape (n_rows, n_features)."""
        center, spread = center_and_spread(roots_of(distances, SIXTH_ROOT))
        return cls(np.maximum(center, MIN_CENTER), np.maximum(spread, MIN_SPREAD))

    def amounts(self, distances: np.ndarray, rarity: np.ndarray, beyond: np.ndarray) -> np.ndarray:
        """The amount of each row, distributed over columns; all have shape (n_rows, n_features)."""
        surprise = nats_beyond((roots_of(distances, SIXTH_ROOT) - self.center) / self.spread)
        largest = np.maximum(surprise - RARITY * rarity, 0.0).max(1)
        blame = distances * beyond
        top = np.maximum(blame.max(1, keepdims=True), np.finfo(float).tiny)
        return attribute_to_columns(largest, (blame / top) ** 2)
