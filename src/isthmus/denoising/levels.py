"""Estimating the noise level, from noisy rows alone or, better, from noisy and clean rows.

From noisy rows alone each estimate relies on an assumption about the data, and is an upper bound if that is wrong:

- Gaussian: some directions contain nothing but noise. The smallest eigenvalues of the covariance then are σ²:
  the largest are removed until mean and median of the rest agree (Chen, Zhu & Heng 2015, ICCV). For pictures with
  fewer rows than twice the columns, the covariance is that of their 5×5 patches.
- Masking: in some columns hardly any clean cell is 0. If there are missing cells (NaN), those are counted instead.
- Salt and pepper: some columns hardly ever reach the data's smallest value, and some its largest.

With clean rows of the same kind (not necessarily the same rows) no assumption is needed: shares and variances are
compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isthmus.denoising.noise import require_kind
from isthmus.input_validation import flat_rows

__all__ = ["are_pairs", "estimate_noise_level"]

PATCH = 5
MAX_PATCHES = 200_000
LOW_QUANTILE = 0.05
PAIRS_SHARE = 0.7
APART = 4.0  # standard errors by which the last two eigenvalues differ beyond chance


def estimate_noise_level(
    X: Any, corruption: str = "gaussian", *, clean: Any = None, image_shape: Sequence[int] | None = None
) -> float:
    """Standard deviation of Gaussian noise in the data's units, or the share of corrupted cells.

    Parameters
    ----------
    X
        Noisy rows, shape (n_samples, n_features), or pictures, such as (n_samples, height, width); for masking NaN
        marks cells known to be missing.
    clean
        Clean rows with the same columns: the same rows, or others of the same kind.
    image_shape
        (height, width) or (channels, height, width), if a row is a picture.

    Raises
    ------
    ValueError
        If the level can't be estimated: from fewer than two rows that are not pictures, for example.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((500, 1)) @ np.ones((1, 8)) + 0.3 * rng.standard_normal((500, 8))
    >>> round(estimate_noise_level(X), 1)
    0.3
    """
    require_kind(corruption, "estimate_noise_level")
    who = "estimate_noise_level"
    X, found = flat_rows(who, X, None if image_shape is None else tuple(image_shape))
    X, image_shape = np.asarray(X, dtype=np.float64), found
    if X.ndim != 2 or not X.size:
        raise ValueError(f"estimate_noise_level: X must be rows of shape (n_samples, n_features), got {X.shape}.")
    if clean is not None:
        clean = np.asarray(flat_rows(who, clean, found)[0], dtype=np.float64)
        if clean.ndim != 2 or clean.shape[1] != X.shape[1]:
            raise ValueError(f"estimate_noise_level: clean must have the {X.shape[1]} columns of X, got {clean.shape}.")
    missing = np.isnan(X)
    if corruption == "masking" and missing.any():
        return float(missing.mean())
    if missing.any() or not np.isfinite(X).all():
        raise ValueError("estimate_noise_level: X has NaN or infinity; for corruption='masking' NaN marks a lost cell.")
    if corruption == "gaussian":
        return _gaussian(X, clean, image_shape)
    if corruption == "masking":
        return _corrupted_share(X == 0, None if clean is None else clean == 0)
    source = X if clean is None else clean
    low, high = source.min(), source.max()
    pepper, salt = np.equal(X, low), np.equal(X, high)
    if clean is not None:
        return _corrupted_share(pepper | salt, (clean == low) | (clean == high))
    return min(1.0, _corrupted_share(pepper, None) + _corrupted_share(salt, None))


def are_pairs(X: np.ndarray, clean: np.ndarray) -> bool:
    """Whether row i of ``clean`` is the clean version of row i of X: for most i it is closer than the next clean row.

    For unrelated rows that holds for about half, even if both are sorted in the same way.
    """
    if X.shape != clean.shape or len(X) < 2:
        return X.shape == clean.shape
    X = np.nan_to_num(X)
    own, next_ = ((X - clean) ** 2).sum(1), ((X - np.roll(clean, 1, axis=0)) ** 2).sum(1)
    return bool(np.mean(own < next_) > PAIRS_SHARE)


def _corrupted_share(at_value: np.ndarray, of_clean: np.ndarray | None) -> float:
    """The share r of corrupted cells, from P(at the value) = r + (1-r) P(at the value when clean)."""
    if of_clean is None:
        shares = at_value.mean(0)
        return float(np.quantile(shares, LOW_QUANTILE))
    noisy, clean = float(at_value.mean()), float(of_clean.mean())
    return float(np.clip((noisy - clean) / max(1 - clean, 1e-12), 0, 1))


def _gaussian(X: np.ndarray, clean: np.ndarray | None, image_shape: Sequence[int] | None) -> float:
    if clean is not None:
        if are_pairs(X, clean):
            return float(np.sqrt(np.mean((X - clean) ** 2)))
        if min(len(X), len(clean)) > 1:
            return _against_clean(X, clean)
    n_rows, n_features = X.shape
    if n_rows >= 2 * n_features:
        return _from_eigenvalues(X)
    if image_shape is not None and min(image_shape[-2:]) >= PATCH:
        return _from_eigenvalues(_patches(X, image_shape))
    if n_rows < 2 or n_features < 2:
        raise ValueError(
            "estimate_noise_level: the level can't be estimated from one row or one column; pass level, clean "
            "rows, or image_shape if a row is a picture."
        )
    return _from_eigenvalues(X)


def _against_clean(X: np.ndarray, clean: np.ndarray) -> float:
    """σ from the excess variance over clean rows, along the directions in which those vary least."""
    mean = clean.mean(0)
    variances, directions = np.linalg.eigh(np.cov(clean.T).reshape(X.shape[1], X.shape[1]))
    quiet = directions[:, : max(1, X.shape[1] // 2)]
    excess = ((X - mean) @ quiet).var(0) - variances[: quiet.shape[1]]
    return float(np.sqrt(max(np.mean(excess), 0.0)))


def _from_eigenvalues(rows: np.ndarray) -> float:
    n_rows = len(rows)
    variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(rows.T)))[::-1]
    variances = variances[: n_rows - 1]  # with fewer rows than columns the others are 0
    for first in range(len(variances)):
        rest = variances[first:]
        # Mean and median of two always agree.
        differ = len(rest) == 2 and rest[0] > (1 + APART * np.sqrt(2 / n_rows)) * rest[1]
        if rest.mean() <= np.median(rest) and not differ:
            return float(np.sqrt(max(rest.mean(), 0.0)))
    return float(np.sqrt(max(variances[-1], 0.0)))


def _patches(X: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    height, width = image_shape[-2:]
    planes = X.reshape(-1, height, width)
    windows = np.lib.stride_tricks.sliding_window_view(planes, (PATCH, PATCH), axis=(1, 2))
    count = windows.shape[0] * windows.shape[1] * windows.shape[2]
    chosen = np.linspace(0, count - 1, min(count, MAX_PATCHES)).astype(int)
    places = np.unravel_index(chosen, windows.shape[:3])
    return windows[places].reshape(len(chosen), -1)
