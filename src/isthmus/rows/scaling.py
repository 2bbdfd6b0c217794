"""Scaling: an affine map per column between the user's units and the model's, fitted once and inverted at the output.

    u = (x - center) / spread          x = center + spread * u

``"standard"`` gives every column mean 0 and variance 1, ``"minmax"`` the range [0, 1]. ``None`` leaves the
columns' relative weights unchanged, as PCA does: a principal start then subtracts the mean and divides *all*
columns by one common number, the root of their mean variance. So training does not depend on the user's units,
while the principal directions and the errors in the user's units remain PCA's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "ColumnStatistics",
    "ColumnSums",
    "Scaling",
    "column_statistics",
    "concatenate_scalings",
    "fit_scaling",
    "merged_statistics",
    "observed_statistics",
]


@dataclass(frozen=True)
class ColumnStatistics:
    """Mean, variance (over N - 1) and range of every column, from one pass; each of shape (n_features,).

    ``whole`` marks columns that hold integers only. If rows have weights, mean and variance are weighted and ``weight``
    is the sum of the weights; otherwise it is the number of rows.
    """

    mean: np.ndarray
    variance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    n_rows: int
    weight: float

    def of(self, columns: slice) -> ColumnStatistics:
        """The statistics of some columns."""
        parts = (part[columns] for part in (self.mean, self.variance, self.low, self.high, self.whole))
        return ColumnStatistics(*parts, n_rows=self.n_rows, weight=self.weight)


@dataclass(frozen=True)
class Scaling:
    """The fitted map. ``unit`` is the spread if all columns share one, otherwise 1."""

    center: np.ndarray
    spread: np.ndarray
    unit: float

    def apply(self, X: np.ndarray) -> np.ndarray:
        """User units to model units: (n_rows, n_features) to the same shape in float32.

        The subtraction is done in float64: a column of timestamps keeps its seconds. A `ValueError` names a column
        whose values float32 cannot hold.
        """
        try:
            with np.errstate(over="raise"):
                return ((np.asarray(X, dtype=np.float64) - self.center) / self.spread).astype(np.float32)
        except FloatingPointError:
            largest = np.abs(np.asarray(X)).max(0, initial=0, where=~np.isnan(X))
            index = int((largest / self.spread).argmax())
            raise ValueError(
                f"X has values too large for float32 in column {index}, {largest[index]:.3g}, where those of the fit "
                f"spread by {self.spread[index]:.3g}; correct or drop these rows."
            ) from None

    def undo(self, U: np.ndarray) -> np.ndarray:
        """Model units to user units, in float64."""
        return self.center + self.spread * np.asarray(U, dtype=np.float64)

    @property
    def log_volume(self) -> float:
        """Σ log spread: subtracted from a log density in model units, it gives the one in the user's units."""
        return float(np.log(self.spread).sum())


def concatenate_scalings(scalings: Sequence[Scaling]) -> Scaling:
    """The map of all columns concatenated, with the unit of the first."""
    centers, spreads = ([getattr(one, name) for one in scalings] for name in ("center", "spread"))
    return Scaling(np.concatenate(centers), np.concatenate(spreads), scalings[0].unit)


def column_statistics(parts: Iterable[np.ndarray], n_features: int = 0, *, weighted: bool = False) -> ColumnStatistics:
    """Statistics from one pass over dense slices; sums are about the first row, so a large offset costs no precision.

    ``n_features`` is needed only if there are no slices. With ``weighted`` the last column is each row's weight.
    """
    sums = ColumnSums(n_features, weighted=weighted)
    for part in parts:
        sums.add(part)
    return sums.statistics()


class ColumnSums:
    """Running sums of each column, updated slice by slice."""

    def __init__(self, n_features: int, *, weighted: bool = False):
        self.n_rows, self.weight, self.weighted = 0, 0.0, weighted
        self.whole = np.ones(n_features, dtype=bool)
        self.origin = self.total = self.squares = self.low = self.high = np.zeros(n_features)

    def add(self, part: np.ndarray) -> None:
        """Add a slice of rows."""
        part = np.asarray(part, dtype=np.float64)
        if self.n_rows == 0:
            self.origin = part[0].copy()
            self.total, self.squares = np.zeros_like(self.origin), np.zeros_like(self.origin)
            self.low, self.high = self.origin.copy(), self.origin.copy()
            self.whole = np.ones(len(self.origin), dtype=bool)
        with np.errstate(over="ignore", invalid="ignore"):  # `require_consistent` refuses values too large to square
            shifted = part - self.origin
            if self.weighted:
                weights = part[:, -1]
                self.total += weights @ shifted
                self.squares += weights @ shifted**2
            else:
                self.total += shifted.sum(0)
                self.squares += np.einsum("ij,ij->j", shifted, shifted)
        self.low, self.high = np.minimum(self.low, part.min(0)), np.maximum(self.high, part.max(0))
        self.whole = _whole(part, self.whole)
        self.n_rows += len(part)
        self.weight += float(part[:, -1].sum()) if self.weighted else len(part)

    def statistics(self) -> ColumnStatistics:
        """The statistics of all rows so far."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.total / max(1e-12, self.weight)
            variance = np.maximum(self.squares - self.weight * mean**2, 0) / max(1, self.weight - 1)
        variance[self.high == self.low] = 0.0
        return ColumnStatistics(self.origin + mean, variance, self.low, self.high, self.whole, self.n_rows, self.weight)


def _whole(part: np.ndarray, so_far: np.ndarray) -> np.ndarray:
    """Which columns contain only integers so far; the others are not tested again."""
    candidates = np.flatnonzero(so_far)
    found = so_far.copy()
    if len(candidates):
        with np.errstate(invalid="ignore"):
            cells = part[:, candidates]
            found[candidates] = ((cells == np.floor(cells)) | np.isnan(cells)).all(0)
    return found


def merged_statistics(parts: Sequence[ColumnStatistics]) -> ColumnStatistics:
    """Statistics of rows from those of their slices (Chan, Golub & LeVeque 1983)."""
    if len(parts) == 1:
        return parts[0]
    n_rows, weight = sum(part.n_rows for part in parts), sum(part.weight for part in parts)
    mean = parts[0].mean + sum(part.weight / weight * (part.mean - parts[0].mean) for part in parts[1:])
    squares = sum((part.weight - 1) * part.variance + part.weight * (part.mean - mean) ** 2 for part in parts)
    low = np.min([part.low for part in parts], axis=0)
    high = np.max([part.high for part in parts], axis=0)
    whole = np.all([part.whole for part in parts], axis=0)
    variance = np.where(high == low, 0.0, squares / max(1, weight - 1))
    return ColumnStatistics(np.where(high == low, low, mean), variance, low, high, whole, n_rows, weight)


def observed_statistics(parts: Callable[[], Iterable[np.ndarray]], *, weighted: bool = False) -> ColumnStatistics:
    """Statistics of the cells that are not NaN, in two passes; each column must have at least one."""
    n_rows, count, total, low, high, whole = 0, 0, 0.0, np.inf, -np.inf, None
    for part in parts():
        seen = ~np.isnan(part)
        whole = _whole(part, np.ones(part.shape[1], dtype=bool) if whole is None else whole)
        if weighted:
            weights = part[:, -1].astype(np.float64)
            count, total = count + weights @ seen, total + weights @ np.where(seen, part, 0)
        else:
            count, total = count + seen.sum(0), total + np.where(seen, part, 0).sum(0, dtype=np.float64)
        low = np.minimum(low, np.where(seen, part, np.inf).min(0))
        high = np.maximum(high, np.where(seen, part, -np.inf).max(0))
        n_rows += len(part)
    mean, squares = total / count, np.zeros_like(total)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in parts():
            cells = np.where(np.isnan(part), 0, np.asarray(part, dtype=np.float64) - mean) ** 2
            squares += part[:, -1] @ cells if weighted else cells.sum(0)
    variance = squares / np.maximum(1, count - 1)
    variance[high == low] = 0.0
    mean = np.where(high == low, low, mean)
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return ColumnStatistics(mean, variance, low, high, np.asarray(whole), n_rows, float(n_rows))


def fit_scaling(statistics: ColumnStatistics, how: str | None, *, centred: bool) -> Scaling:
    """Choose center and spread; a constant column has spread 1 to avoid a division by zero.

    Parameters
    ----------
    how
        ``"standard"``, ``"minmax"`` or None.
    centred
        If ``how`` is None: whether to centre and divide by the common spread (a principal start), or to leave the
        values unchanged (a random start, or a likelihood that needs [0, 1]).
    """
    n_features = len(statistics.mean)
    if how is not None:
        standard = how == "standard"
        center = statistics.mean if standard else statistics.low
        spread = np.sqrt(statistics.variance) if standard else statistics.high - statistics.low
        return Scaling(center, np.where(spread > 0, spread, 1.0), 1.0)
    if not centred:
        return Scaling(np.zeros(n_features), np.ones(n_features), 1.0)
    unit = float(np.sqrt(statistics.variance.mean())) or 1.0
    return Scaling(statistics.mean, np.full(n_features, unit), unit)
