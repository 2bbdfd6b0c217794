"""The size of a code in bits: its latents are rounded, and entropy coding says what they cost to store.

Each latent is rounded to a multiple of its own step, q = round(z/Δ_j). With g_j the root mean square of ‖∂x̂/∂z_j‖, how
far the reconstruction moves with that latent, steps Δ_j = Δ/g_j make every bit lower the error equally (the equal-slope
rule); for PCA g_j = 1. A row costs

    Σ_j -log₂ p_j(q_j)      p_j(q) = (n_q + ½) / (N + ½ n_symbols)

with the counts n_q from training rows, and the cost and the error from held-out rows. Values are clipped to the range
of the training rows. Latents are coded independently, so this is an upper bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["RatePoint", "cheapest", "lower_hull", "rate_points", "sensitivity"]

SMOOTHING = 0.5
STEPS = 2.0 ** np.arange(1, -5.5, -0.5)  # times the root mean square distance of a row from the mean, per √feature
NUDGE = 0.05  # of a latent's standard deviation, for its numerical derivative
MAX_ROWS = 512

Decode = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RatePoint:
    """A code of ``size`` dimensions that has this squared error per feature at ``bits`` per row."""

    size: int
    bits: float
    error: float


def sensitivity(decode: Decode, codes: np.ndarray) -> np.ndarray:
    """How far a reconstruction moves per unit of each latent: root mean square, shape (n_latents,)."""
    codes = codes[:MAX_ROWS]
    rows, moved = decode(codes), np.empty(codes.shape[1])
    for latent in range(codes.shape[1]):
        nudge = NUDGE * codes[:, latent].std()
        nudged = codes.copy()
        nudged[:, latent] += nudge
        moved[latent] = np.sqrt(np.square(decode(nudged) - rows).sum(1).mean()) / nudge if nudge > 0 else 0.0
    return moved


def rate_points(decode: Decode, train: np.ndarray, codes: np.ndarray, rows: np.ndarray) -> Iterable[RatePoint]:
    """Bits and error for steps from coarse to fine.

    Parameters
    ----------
    decode
        From codes to rows in the units of the error.
    train, codes
        Codes of training rows, and of the held-out ``rows``.
    """
    gains = sensitivity(decode, train)
    used = np.flatnonzero(gains > 0)
    spread = np.sqrt((rows - rows.mean(0)).var())
    for step in STEPS * spread:
        steps = step / gains[used]
        low, high = (np.round(bound / steps) for bound in (train[:, used].min(0), train[:, used].max(0)))
        known = np.round(train[:, used] / steps) - low
        symbols = np.clip(np.round(codes[:, used] / steps), low, high) - low
        rounded = codes.copy()
        rounded[:, used] = (symbols + low) * steps
        bits = sum(
            _cost(known[:, place].astype(int), symbols[:, place].astype(int), int(high[place] - low[place]) + 1)
            for place in range(len(used))
        )
        yield RatePoint(codes.shape[1], float(bits), float(np.square(decode(rounded) - rows).mean()))


def _cost(known: np.ndarray, symbols: np.ndarray, n_symbols: int) -> float:
    """Mean bits per symbol under the smoothed frequencies of the known ones."""
    counts = np.bincount(known, minlength=n_symbols) + SMOOTHING
    return float(-np.log2(counts[symbols] / counts.sum()).mean())


def lower_hull(points: Iterable[RatePoint]) -> tuple[RatePoint, ...]:
    """The lower convex hull in order of bits: points below which there is no other, nor a mixture of two others."""
    hull: list[RatePoint] = []
    for point in sorted(points, key=lambda one: (one.bits, one.error)):
        if hull and point.error >= hull[-1].error:
            continue
        while len(hull) > 1 and _above(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return tuple(hull)


def _above(left: RatePoint, middle: RatePoint, right: RatePoint) -> bool:
    slope = (right.error - left.error) / (right.bits - left.bits)
    return middle.error >= left.error + slope * (middle.bits - left.bits)


def cheapest(hull: Iterable[RatePoint], error: float) -> float | None:
    """Fewest bits per row for this error, interpolated linearly between points; None if it isn't reached."""
    before: RatePoint | None = None
    for point in hull:
        if point.error <= error:
            if before is None:
                return point.bits
            share = (before.error - error) / (before.error - point.error)
            return before.bits + share * (point.bits - before.bits)
        before = point
    return None
