"""Which training rows are the core, and which are so far out that a model should not learn from them.

How far out a row lies among the others is the sum of four surprises (`isthmus.anomaly.scores`): of its residual from
the denoiser, of its distance to the five nearest rows and to the nearest third, and of its conditional residuals.
Nearest neighbours alone would not do: similar anomalies are each other's nearest neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.covariance import ShrunkCovariance, Spans
from isthmus.anomaly.neighbours import (
    MAX_ROWS,
    N_CORE_NEIGHBOURS,
    NormalRows,
    denoiser_width,
    row_blocks,
    squared_distances,
)
from isthmus.anomaly.scores import Surprise

__all__ = ["Remoteness", "remoteness"]

SHARE_OUTSIDE = 0.1  # share of rows outside the core
MAX_REGION_ROWS = 600
REGION = 3  # the nearest third
GROSS = 50.0  # nats, which a normal row exceeds once in 10²⁰


@dataclass(frozen=True)
class Remoteness:
    """How far out each training row lies, in nats, shape (n_rows,), and the width of the denoiser."""

    nats: np.ndarray
    width: float

    @property
    def core(self) -> np.ndarray:
        """Whether a row is not among the farthest tenth."""
        return self.nats <= np.quantile(self.nats, 1 - SHARE_OUTSIDE)

    @property
    def gross(self) -> np.ndarray:
        """Whether a model should not learn from a row; none if that were more than half of the rows."""
        found = self.nats > GROSS
        return found if 2 * found.sum() <= len(found) else np.zeros(len(found), dtype=bool)


def remoteness(u: np.ndarray, covariance: ShrunkCovariance, spans: Spans = ()) -> Remoteness:
    """How far out each row lies among the others; u in standard units, shape (n_rows, n_features), ≤ `MAX_ROWS` rows.

    ``covariance`` is that of the rows; ``spans`` are the columns of categories and booleans.
    """
    if len(u) > MAX_ROWS:
        raise ValueError(f"remoteness: at most {MAX_ROWS:,} rows, got {len(u):,}.")
    some = u[:: -(-len(u) // MAX_REGION_ROWS)]
    near = max(1, min(N_CORE_NEIGHBOURS, len(u) - 1))
    wide = max(1, min(max(N_CORE_NEIGHBOURS, len(some) // REGION), len(some) - 1))
    nearest, few, region = np.empty(len(u)), np.empty(len(u)), np.empty(len(u))
    for block in row_blocks(len(u), len(u)):
        lowest = np.partition(squared_distances(u[block], u), near - 1, axis=1)[:, :near]
        nearest[block], few[block] = lowest.min(1), lowest.mean(1)
        region[block] = np.partition(squared_distances(u[block], some), wide - 1, axis=1)[:, :wide].mean(1)
    width = denoiser_width(nearest)
    normal = NormalRows(u, np.ones(len(u), dtype=bool), width)
    density = np.concatenate([normal.amounts(u[block])["density"].sum(1) for block in row_blocks(len(u), len(u))])
    conditional = covariance.conditional(u, spans)[1].sum(1)
    parts = [np.where(np.isfinite(part), part, 0.0) for part in (density, few, region, conditional)]
    return Remoteness(np.sum([Surprise.of(part)(part) for part in parts], axis=0), width)
