"""Anomaly scores: how surprising each part of a row is, and the surprises together.

With u the row in standard units (each column with mean 0 and standard deviation 1) and û its reconstruction, four
parts look for different things. Each is an amount a = Σ_j a_j ≥ 0 of which every column has its share:

    relations     max_j (S_j - R_j / 2)₊                   a cell that the rest of its row contradicts
    density       ‖u - z(u)‖²                              a row off the density of the normal rows
    neighbours    ‖u - u_i‖² to the nearest normal row     a row far from all normal rows
    core          ‖u - u_i‖² to the core of normal rows    anomalies among the training rows

S_j is the surprise of c_j², the squared conditional residual of a cell, and R_j that of its value alone
(`isthmus.anomaly.relations`); z is the ideal denoiser (`isthmus.anomaly.neighbours`). By Wilson & Hilferty (1931) the
cube root of a sum of squares is nearly normal; a squared distance to the nearest of many rows has a heavier tail and
needs a higher root. So with median m and standard deviation s of the roots of held-out rows

    S(a) = -log Φ(-(a^r - m) / s),      r = 1/3; for distances 1/6, to the core 1/12

is the surprise of an amount, -log of the probability that a normal row has at least as much; smooth, and finite beyond
the largest amount seen. Few amounts have exactly normal tails, and one heavy tail would drown the other parts. So
beyond the 80th percentile of held-out rows S follows a fitted tail (`isthmus.anomaly.tail`); not for the core, where
that tail would be the anomalies among the training rows. The score is the length of the four,

    √(S(relations)² + S(density)² + S(neighbours)² + S(core)² / 4)

between their sum (Fisher 1925), in which one large surprise drowns among the noise of the others, and their maximum. A
part adds its share of the squares to the score. New rows are first counted in the units (`StandardUnits.shares`).

The numbers of pictures and sounds have one unit, and a pixel that hardly varies must not count as much as all others: u
is then in units of the root of the mean variance, and the score

    √(S(relations)² / 16 + S(density)² + S(neighbours)² + S(core)² / 100)

Each part can be the score alone, and so can four others:

    mahalanobis      Σ_j (P r)_j² / P_jj,  r = u - û,  P the inverse of the shrunk covariance of residuals
    reconstruction   Σ_j r_j² / v_j,  v_j the residual variance of column j, shrunk halfway (log scale) to the mean
    latent           Σ_j mean over the nearest i of (û_j - û_ij)²: codes compared by their reconstructions
    likelihood       -log p(x)  (for a variational model the negative ELBO, in nats)
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.tail import SHARE_OF_TAIL, Tail, n_outlying

__all__ = [
    "CUBE_ROOT",
    "LARGEST",
    "MIN_SPREAD",
    "SIXTH_ROOT",
    "TWELFTH_ROOT",
    "StandardUnits",
    "Surprise",
    "center_and_spread",
    "nats_beyond",
    "residual_variances",
    "roots_of",
]

LARGEST = 1e6  # standard deviations; values beyond are clipped, so every score is finite
CONSTANT_UNIT = 0.01
CUBE_ROOT, SIXTH_ROOT, TWELFTH_ROOT = 1 / 3, 1 / 6, 1 / 12
MIN_VARIANCE = 1e-6
MIN_SPREAD = 0.01
QUARTILES_OF_NORMAL = 1.349  # their distance, in standard deviations


@dataclass(frozen=True)
class StandardUnits:
    """Center and spread of every column, and the map to standard units.

    Attributes
    ----------
    center, spread : ndarray of shape (n_features,)
    limit : ndarray of shape (n_features,), or float
        Where values are clipped, in standard units.
    common : bool
        Whether all columns have one spread.
    """

    center: np.ndarray
    spread: np.ndarray
    limit: np.ndarray | float = LARGEST
    common: bool = False

    @classmethod
    def of(cls, X: np.ndarray, *, common: bool = False) -> StandardUnits:
        """Mean and standard deviation; with ``common``, the root of the mean variance as the spread of all columns.

        The unit of a constant column is a hundredth of its value or, for zeros, of the other columns' median spread:
        any other value was never seen. It counts for at most √n_rows, like a value that one row has and all others
        lack: n rows can't show that a column never changes.
        """
        center, spread = X.mean(0), X.std(0)
        overall = float(np.sqrt(np.mean(spread**2)))
        if common and overall > 1e-7 * np.abs(center).max():
            return cls(center, np.full(len(center), overall), common=True)
        size = np.abs(center)
        constant = spread <= 1e-7 * size
        constant |= spread == 0
        typical = float(np.median(spread[~constant])) if (~constant).any() else 1.0
        unit = CONSTANT_UNIT * np.where(size > 0, size, typical)
        return cls(center, np.where(constant, unit, spread), np.where(constant, np.sqrt(len(X)), LARGEST))

    def shares(self, u: np.ndarray, n_rows: int) -> np.ndarray:
        """By what share of its length a cell of a new row counts, in (0, 1], if the row is counted in the units.

        The n rows of the fit have part in their columns' standard deviations: a value that few rows have is less far
        out for those rows than for a new one, and rates would be off. With it among them the standard deviation would
        be √(1 + u²/n) times as large, and u / √(1 + u²/n) of the new row count. That is at most √n; so that rows far
        out differ, asinh(2t) / 2t with t = u/√n is used, which is nearly equal up to √n and goes on beyond. A
        departure from a constant column is bounded already.
        """
        twice = np.maximum(2 * np.abs(u) / np.sqrt(n_rows), 1e-6)
        return np.where(np.asarray(self.limit) < LARGEST, 1.0, np.arcsinh(twice) / twice)

    def apply(self, X: np.ndarray) -> np.ndarray:
        """Rows in standard units, float64."""
        with np.errstate(over="ignore"):
            return np.clip((np.asarray(X, dtype=np.float64) - self.center) / self.spread, -self.limit, self.limit)

    def undo(self, U: np.ndarray) -> np.ndarray:
        """Rows in the units of the data."""
        return self.center + self.spread * U


@dataclass(frozen=True)
class Surprise:
    """The surprise of an amount: the normal tail probability of its centred and scaled root, or a fitted tail's."""

    center: float
    spread: float
    origin: float
    power: float = CUBE_ROOT
    tail: Tail | None = None

    @classmethod
    def of(cls, amounts: np.ndarray, origin: float = 0.0, power: float = CUBE_ROOT) -> Surprise:
        """From the median and quartiles of held-out roots, which a few anomalous rows hardly change."""
        center, spread = center_and_spread(roots_of(amounts - origin, power))
        return cls(float(center), float(spread), origin, power)

    def __call__(self, amounts: np.ndarray) -> np.ndarray:
        """-log P of each amount, in nats, shape (n_samples,); 0.69 at the median."""
        nats = nats_beyond((roots_of(amounts - self.origin, self.power) - self.center) / self.spread)
        if self.tail is None:
            return nats
        start = -np.log(SHARE_OF_TAIL)
        return np.where(
            nats <= self.tail.threshold, nats * start / self.tail.threshold, start - self.tail.log_survival(nats)
        )

    def with_tail(self, amounts: np.ndarray) -> Surprise:
        """The same with a tail fitted to held-out amounts, without outliers; no tail if there are too few."""
        nats = np.sort(self(amounts))
        return dataclasses.replace(self, tail=Tail.of(nats[: len(nats) - n_outlying(nats)]))


def center_and_spread(roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median, and standard deviation estimated from the quartiles, along the first axis."""
    low, center, high = np.percentile(roots, [25, 50, 75], axis=0)
    return center, np.maximum((high - low) / QUARTILES_OF_NORMAL, MIN_SPREAD)


def nats_beyond(deviations: np.ndarray) -> np.ndarray:
    """-log of the probability that a standard normal variable is larger."""
    from scipy.special import log_ndtr

    return -log_ndtr(-deviations)


def roots_of(amounts: np.ndarray, power: float) -> np.ndarray:
    """Signed power of each amount."""
    roots = np.cbrt(amounts)
    return roots if power == CUBE_ROOT else np.sign(roots) * np.abs(roots) ** (power / CUBE_ROOT)


def residual_variances(residuals: np.ndarray) -> np.ndarray:
    """Mean square of each column's residual, shrunk halfway to the mean over columns on the log scale."""
    variances = np.maximum((residuals**2).mean(0), MIN_VARIANCE)
    return np.sqrt(variances * variances.mean())
