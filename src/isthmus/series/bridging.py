"""Gaps filled: what the model expects, corrected by the residuals on both sides.

The model's expectation has the shape of the series; the residuals beside a gap show its current level.
If they are an autoregression of order 1, e_t = ρ e_(t-1) + noise, a residual k steps after the last known one and m
steps before the next has the conditional mean

    (ρᵏ (1 - ρ²ᵐ) e_before + ρᵐ (1 - ρ²ᵏ) e_after) / (1 - ρ²⁽ᵏ⁺ᵐ⁾)

which becomes linear interpolation as ρ → 1, and 0 for residuals that are noise. ρ is estimated from the residuals.
"""

from __future__ import annotations

import numpy as np

__all__ = ["bridged"]

MAX_RHO = 0.9999


def bridged(values: np.ndarray, expected: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Values with the missing ones filled in, shape (n_steps, n_channels); NaN where nothing is expected."""
    found = np.where(np.isnan(values), expected, values)
    residuals = values - expected
    for channel in range(values.shape[1]):
        if np.isnan(values[:, channel]).any():
            rho = _lag_one(residuals[:, channel], segments)
            for start, stop in segments:
                bridge = _bridge(residuals[start:stop, channel], rho)
                missing = np.isnan(values[start:stop, channel])
                found[start:stop, channel] += np.where(missing, bridge, 0.0)
    return found


def _lag_one(residuals: np.ndarray, segments: np.ndarray) -> float:
    """Autocorrelation at lag 1 over neighbouring known steps, from 0 to 0.9999."""
    first, second = residuals[:-1].copy(), residuals[1:]
    first[segments[:-1, 1] - 1] = np.nan
    both = np.isfinite(first) & np.isfinite(second)
    if not both.any():
        return 0.0
    size = np.sqrt((first[both] ** 2).mean() * (second[both] ** 2).mean())
    return float(np.clip((first[both] * second[both]).mean() / size, 0.0, MAX_RHO)) if size > 0 else 0.0


def _bridge(residuals: np.ndarray, rho: float) -> np.ndarray:
    """The conditional mean of each residual given the known ones, which stay as they are."""
    known = np.flatnonzero(np.isfinite(residuals))
    if not len(known) or rho <= 0:
        return np.zeros(len(residuals))
    steps = np.arange(len(residuals))
    after = np.searchsorted(known, steps)
    before = np.searchsorted(known, steps, side="right") - 1
    has_before, has_after = before >= 0, after < len(known)
    previous, following = known[np.maximum(before, 0)], known[np.minimum(after, len(known) - 1)]
    k, m = np.maximum(steps - previous, 0).astype(float), np.maximum(following - steps, 0).astype(float)
    left, right = rho**k, rho**m
    scale = 1 - (left * right) ** 2
    inside = has_before & has_after & (scale > 0)
    safe = np.where(inside, scale, 1.0)
    from_left = np.where(inside, left * (1 - right**2) / safe, np.where(has_before & ~has_after, left, 0.0))
    from_right = np.where(inside, right * (1 - left**2) / safe, np.where(has_after & ~has_before, right, 0.0))
    return from_left * residuals[previous] + from_right * residuals[following]
