"""The geometry of codes: axes of the map, their limits, and the uncertainty of a point.

A code of one or two latents is its own map. With more, the map is a slice z = z₀ + a u₁ + b u₂ along the first two
principal axes u of the training codes. The sliders are the latents themselves, in order of variance if there are more
than six. Limits are the 0.5% and 99.5% quantiles of training codes and 8% more.

*Uncertainty* is the mean distance to the five nearest training codes, each latent divided by its standard deviation,
as a quantile of the same distances of training codes (each without itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.explorer.packing import CODES_LEVELS, rounded_rows

__all__ = ["Places", "find_places", "nearest_distances", "rounded_codes", "sample_codes"]

BULK, MARGIN, FLAT = (0.005, 0.995), 0.08, 1e-5
MAX_SLIDERS, MAX_IN_ORDER = 64, 6
NEIGHBOURS = 5
KNOWN_NUMBERS, MIN_KNOWN, MAX_KNOWN = 32_768, 256, 2_000
QUANTILES = np.linspace(0, 1, 201)
TILES = 48


@dataclass(frozen=True, eq=False)
class Places:
    """The geometry of the codes of one model.

    Attributes
    ----------
    known : ndarray of shape (n_known, p)
        Training codes, or a sample of them, rounded as on the page.
    center, deviation : ndarray of shape (p,)
        Mean and standard deviation of each latent.
    axes : ndarray of shape (n_axes, p)
        Orthonormal directions of the map; at most two.
    limits : ndarray of shape (n_axes, 2)
        Along the axes, relative to ``origin``.
    sliders : ndarray of shape (n_sliders,)
        Indices of the latents that have a slider, in order of variance if there are more than six.
    ranges : ndarray of shape (n_sliders, 2)
        Limits of the sliders, in the latents' own units.
    variances : ndarray of shape (n_sliders,)
        Of the latents of the sliders.
    distances : ndarray of shape (201,)
        Quantiles of the uncertainty of training codes.
    """

    known: np.ndarray
    center: np.ndarray
    deviation: np.ndarray
    axes: np.ndarray
    limits: np.ndarray
    sliders: np.ndarray
    ranges: np.ndarray
    variances: np.ndarray
    distances: np.ndarray

    @property
    def origin(self) -> np.ndarray:
        """The origin of the axes."""
        return self.center if len(self.center) > 2 else np.zeros_like(self.center)

    def along_axes(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, p) as coordinates along the axes, (N, n_axes)."""
        return (codes - self.origin) @ self.axes.T

    def uncertainty(self, codes: np.ndarray) -> np.ndarray:
        """The quantile of each code's distance among those of training codes, in [0, 1]."""
        distances = nearest_distances(codes, self.known, self.deviation)
        return np.interp(distances, self.distances, QUANTILES, left=0.0, right=1.0)


def sample_codes(n_codes: int, n_numbers: int, seed: int = 0) -> np.ndarray:
    """Indices of the training codes a page holds, in order."""
    most = int(np.clip(KNOWN_NUMBERS // n_numbers, MIN_KNOWN, MAX_KNOWN))
    if n_codes <= most:
        return np.arange(n_codes)
    return np.sort(np.random.default_rng(seed).choice(n_codes, most, replace=False))


def rounded_codes(codes: np.ndarray) -> np.ndarray:
    """Codes as the page reads them, rounded column by column."""
    whole, scales = rounded_rows(codes.T, CODES_LEVELS)
    return (whole * scales[:, None].astype(np.float64)).T


def find_places(codes: np.ndarray, seed: int = 0) -> Places:
    """From all training codes, shape (n_training, p)."""
    codes = np.asarray(codes, np.float64)
    n_numbers = codes.shape[1]
    known = rounded_codes(codes[sample_codes(len(codes), n_numbers, seed)])
    center, deviation = codes.mean(0), codes.std(0)
    deviation = np.where(deviation > 1e-6 * max(float(deviation.max()), 1e-12), deviation, 1.0)
    axes, sliders = np.eye(n_numbers), np.arange(n_numbers)
    if n_numbers > MAX_IN_ORDER:
        sliders = np.argsort(-codes.var(0), kind="stable")[:MAX_SLIDERS]
    if n_numbers > 2:
        _, axes = np.linalg.eigh((codes - center).T @ (codes - center))
        axes = axes[:, :-3:-1].T
        largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
        axes = axes * np.where(largest < 0, -1.0, 1.0)
    seen = (codes - (center if n_numbers > 2 else 0)) @ axes.T
    limits, ranges = (_limits(*np.quantile(values, BULK, axis=0)) for values in (seen, codes[:, sliders]))
    distances = np.quantile(nearest_distances(known, known, deviation, itself=True), QUANTILES)
    farthest = np.maximum.accumulate(distances)
    return Places(known, center, deviation, axes, limits, sliders, ranges, codes[:, sliders].var(0), farthest)


def _limits(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Both ends of each axis with a margin; an axis without variation is as long as the longest."""
    width = high - low
    longest = float(width.max()) or max(1.0, float(np.abs(high).max()))
    flat = width < FLAT * longest
    margin = np.where(flat, (1 + 2 * MARGIN) * longest / 2, MARGIN * width)
    middle = (low + high) / 2
    return np.stack([np.where(flat, middle, low) - margin, np.where(flat, middle, high) + margin], axis=1)


def nearest_distances(
    codes: np.ndarray, known: np.ndarray, deviation: np.ndarray, *, itself: bool = False
) -> np.ndarray:
    """Mean distance to the five nearest of ``known``, in standardised codes; ``itself`` leaves out the nearest."""
    from sklearn.neighbors import NearestNeighbors

    count = min(NEIGHBOURS + itself, len(known))
    nearest = NearestNeighbors(n_neighbors=count).fit(known / deviation)
    distances = nearest.kneighbors(np.asarray(codes, np.float64) / deviation)[0]
    return distances[:, 1:].mean(1) if itself and count > 1 else distances.mean(1)


def density_tiles(seen: np.ndarray, limits: np.ndarray) -> list[int]:
    """The number of points (N, 2) in each of 48 × 48 tiles of the map, row by row from below."""
    edges = [np.linspace(low, high, TILES + 1) for low, high in limits[:2]]
    counts = np.histogram2d(seen[:, 0], seen[:, 1], bins=edges)[0]
    return counts.T.astype(int).ravel().tolist()
