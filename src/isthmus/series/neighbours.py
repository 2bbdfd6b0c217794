"""How much a window differs from the rest: its distance to the nearest windows and to their region, and its spread.

With w a window in standard units, r the reference windows (at most a thousand, evenly spaced) and |·|² the sum of
squares over channels and lags:

    near      K(w) = mean of |w - r|² over the 5 nearest r
    region    G(w) = mean of |w - r|² over the nearest third of r
    spread    V(w) = Σ_c (log s_c(w) - median of log s_c(r))²,   s_c the standard deviation of channel c in the window

Windows that overlap w are its trivial matches and don't count: |i - j| ≥ W. An anomaly that is repeated has near
neighbours; the region is too wide for that. A missing cell is left out of a distance, which is scaled up accordingly.

By Wilson & Hilferty (1931) the cube root of a sum of squares is nearly normal, so with median m and standard deviation
s (by quartiles) of the cube roots of the reference windows' own amounts

    -log P(a) = -log Φ(-(∛a - m) / s)

is the surprise of an amount a, and the surprises are added, region and spread at half weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PARTS", "WEIGHTS", "Reference", "Surprises"]

PARTS = ("near", "region", "spread")
WEIGHTS = np.array([1.0, 0.5, 0.5])
N_NEIGHBOURS = 5
MAX_REFERENCES = 1_000
MIN_DEVIATION = 0.01  # added to s_c, in standard units
MIN_SPREAD = 0.01  # of cube roots
QUARTILES_OF_NORMAL = 1.349
ELSEWHERE = -(1 << 40)  # start of the windows of another series


@dataclass(frozen=True, eq=False)
class Surprises:
    """Centre and spread of the cube roots of each part's amounts, shape (n_parts,)."""

    center: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, amounts: np.ndarray) -> Surprises:
        """From amounts of shape (n_windows, n_parts); rows with NaN are left out."""
        known = amounts[np.isfinite(amounts).all(1)]
        if not len(known):
            return cls(np.zeros(amounts.shape[1]), np.ones(amounts.shape[1]))
        low, center, high = np.percentile(np.cbrt(known), [25, 50, 75], axis=0)
        return cls(center, np.maximum((high - low) / QUARTILES_OF_NORMAL, MIN_SPREAD))

    def __call__(self, amounts: np.ndarray) -> np.ndarray:
        """Weighted surprise of each part in nats, shape (n_windows, n_parts); NaN stays NaN."""
        from scipy.stats import norm

        return -WEIGHTS * norm.logsf((np.cbrt(amounts) - self.center) / self.spread)


class Reference:
    """The windows with which others are compared.

    Parameters
    ----------
    rows
        Shape (n, n_channels, length), in standard units, 0 where missing.
    present
        Which cells are present, in the same shape; None if all are.
    starts
        First step of each, shape (n,).
    """

    def __init__(self, rows: np.ndarray, present: np.ndarray | None, starts: np.ndarray):
        rows = np.ascontiguousarray(rows, dtype=np.float64)  # a fixed memory order, so sums have the same bits
        self.rows, self.present, self.starts = rows, present, starts
        self.length = rows.shape[2]
        self._flat = rows.reshape(len(rows), -1)
        self._squares = self._flat**2
        self._norms = self._squares.sum(1)
        self._mask = None if present is None else present.reshape(len(rows), -1).astype(np.float64)
        self._log_spread = np.median(log_spreads(rows, present), 0)

    def elsewhere(self) -> Reference:
        """The same windows as if of another series: none is a trivial match."""
        return Reference(self.rows, self.present, np.full(len(self.rows), ELSEWHERE))

    def amounts(self, rows: np.ndarray, present: np.ndarray | None, starts: np.ndarray) -> np.ndarray:
        """The amount of each part, shape (n_windows, n_parts)."""
        distances = self._distances(rows, present, starts)
        near, region = self._counts(distances)
        both = np.partition(distances, _kth(near, region, distances.shape[1]), axis=1)
        columns = np.arange(distances.shape[1])
        found = np.empty((len(rows), len(PARTS)))
        ends = [int(near.max()), int(region.max())]
        for part, (counts, end) in enumerate(zip((near, region), ends, strict=True)):
            inside = columns[:end] < counts[:, None]
            found[:, part] = np.where(inside, both[:, :end], 0.0).sum(1) / counts
        found[:, 2] = ((log_spreads(rows, present) - self._log_spread) ** 2).sum(1)
        found[np.isinf(found).any(1)] = np.nan  # nothing to compare it with
        return found

    def cells(self, rows: np.ndarray, present: np.ndarray | None, starts: np.ndarray) -> np.ndarray:
        """What each cell adds to each part's amount, shape (n_parts, n_windows, n_channels, length)."""
        n_windows, n_channels, length = rows.shape
        distances = self._distances(rows, present, starts)
        near, region = self._counts(distances)
        ranks = np.argsort(np.argsort(distances, axis=1, kind="stable"), axis=1, kind="stable")
        flat = rows.reshape(n_windows, -1)
        mask = None if present is None else present.reshape(n_windows, -1)
        found = np.empty((len(PARTS), n_windows, n_channels, length))
        for part, counts in enumerate((near, region)):
            chosen = (ranks < counts[:, None]).astype(np.float64)
            mean, square = chosen @ self._flat, chosen @ self._squares
            seen = counts[:, None] if self._mask is None else chosen @ self._mask
            cells = np.maximum((seen * flat**2 - 2 * flat * mean + square) / counts[:, None], 0.0)
            cells = cells if mask is None else np.where(mask, cells, 0.0)
            found[part] = cells.reshape(rows.shape)
        from_mean = (rows - _means(rows, present)[:, :, None]) ** 2
        from_mean = from_mean if present is None else np.where(present, from_mean, 0.0)
        total = from_mean.sum(2, keepdims=True)
        share = np.where(total > 0, from_mean / np.where(total > 0, total, 1.0), 1 / length)
        found[2] = share * ((log_spreads(rows, present) - self._log_spread) ** 2)[:, :, None]
        return found

    def _distances(self, rows: np.ndarray, present: np.ndarray | None, starts: np.ndarray) -> np.ndarray:
        """|w - r|² over the cells that both have, scaled to all; infinite for trivial matches."""
        flat = rows.reshape(len(rows), -1)
        if present is None and self._mask is None:
            found = flat @ self._flat.T
            found *= -2.0
            found += (flat**2).sum(1)[:, None]
            found += self._norms
        else:
            mask = np.ones_like(flat) if present is None else present.reshape(len(rows), -1).astype(np.float64)
            others = np.ones_like(self._flat) if self._mask is None else self._mask
            shared = mask @ others.T
            found = (flat**2) @ others.T - 2 * flat @ self._flat.T + mask @ self._squares.T
            found = np.where(shared > 0, found * (flat.shape[1] / np.maximum(shared, 1)), np.inf)
        np.maximum(found, 0.0, out=found)
        # Only references within a window's length can be trivial matches, and both are in order.
        low = np.searchsorted(self.starts, starts - self.length, side="right")
        high = np.searchsorted(self.starts, starts + self.length, side="left")
        widest = int((high - low).max(initial=0))
        for offset in range(widest):
            inside = np.flatnonzero(low + offset < high)
            found[inside, low[inside] + offset] = np.inf
        return found

    def _counts(self, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many references are near and in the region, at least 1, of those that aren't trivial matches."""
        n_others = np.isfinite(distances).sum(1)
        near = np.clip(n_others, 1, N_NEIGHBOURS)
        return near, np.maximum(np.minimum(n_others, np.maximum(N_NEIGHBOURS, n_others // 3)), 1)


def log_spreads(rows: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    """Logarithm of the standard deviation of each channel in each window, shape (n_windows, n_channels)."""
    if present is None:
        return np.log(rows.std(2) + MIN_DEVIATION)
    mean = _means(rows, present)
    squares = np.where(present, (rows - mean[:, :, None]) ** 2, 0.0).sum(2)
    return np.log(np.sqrt(squares / np.maximum(present.sum(2), 1)) + MIN_DEVIATION)


def _means(rows: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    return rows.mean(2) if present is None else rows.sum(2) / np.maximum(present.sum(2), 1)


def _kth(near: np.ndarray, region: np.ndarray, n_references: int) -> np.ndarray:
    """The positions at which a partition must be sorted for sums over the nearest."""
    wanted = np.unique(np.concatenate([near, region])) - 1
    return wanted[wanted < n_references]
