"""The quality of a restoration: its peak signal-to-noise ratio, compared with PCA and a median filter.

PSNR = 10 log₁₀ (range² / mean squared error), in decibels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Restoration", "best_pca_rank", "pca_restored", "principal_axes", "psnr", "restoration"]


@dataclass(frozen=True)
class Restoration:
    """PSNR in decibels of the noisy rows and of three restorations.

    Attributes
    ----------
    noisy, denoised : float
        The noisy rows, and the model's restoration.
    pca, pca_rank : float, int
        Projection on principal directions, and their number, which is the best for exactly these rows.
    median : float or None
        A 3×3 median filter; None if rows are not pictures.
    """

    noisy: float
    denoised: float
    pca: float
    pca_rank: int
    median: float | None

    def sentence(self) -> str:
        """The result in words."""
        median = "" if self.median is None else f", a 3×3 median filter {self.median:.2f} dB"
        return (
            f"Denoising improves the PSNR from {self.noisy:.2f} to {self.denoised:.2f} dB "
            f"({self.denoised - self.noisy:+.2f}); PCA at its best rank, {self.pca_rank}, gives "
            f"{self.pca:.2f} dB{median}."
        )


def psnr(X: Any, clean: Any, data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio of rows X against their clean originals, in decibels; infinite if they are equal.

    10 log₁₀(range² / mean (x - x_clean)²), over all cells of X and ``clean``, both of shape (n_samples, n_features).
    ``data_range`` is by default that of the clean rows.

    >>> psnr(np.array([[0.0, 0.9]]), np.array([[0.0, 1.0]])).__round__(2)
    23.01
    """
    X, clean = np.asarray(X, np.float64), np.asarray(clean, np.float64)
    if X.shape != clean.shape:
        raise ValueError(f"psnr: X and clean must have the same shape, got {X.shape} and {clean.shape}.")
    reach = float(clean.max() - clean.min()) if data_range is None else float(data_range)
    if reach <= 0:
        raise ValueError("psnr: all cells of the clean rows are equal; pass data_range.")
    error = float(np.mean((X - clean) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(reach**2 / error))


def principal_axes(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and all principal directions of rows X, in order of variance, shape (n_directions, n_features)."""
    X = np.asarray(X, np.float64)
    mean = X.mean(0)
    if len(X) < X.shape[1]:
        return mean, np.linalg.svd(X - mean, full_matrices=False)[2]
    return mean, np.linalg.eigh((X - mean).T @ (X - mean))[1].T[::-1]


def pca_restored(X: Any, mean: Any, directions: Any, rank: int) -> np.ndarray:
    """Rows projected onto the first ``rank`` of the orthonormal ``directions``, shape (n_directions, n_features)."""
    return mean + (X - mean) @ directions[:rank].T @ directions[:rank]


def best_pca_rank(noisy: Any, clean: Any, mean: Any, directions: Any) -> int:
    """The rank at which PCA of the clean rows best restores the noisy ones."""
    # Each further direction changes ‖x̂ - x‖² by (seen - true)² - true²: one pass gives the error of every rank.
    seen, true = (noisy - mean) @ directions.T, (clean - mean) @ directions.T
    return 1 + int(np.cumsum(((seen - true) ** 2 - true**2).sum(0)).argmin())


def restoration(
    noisy: Any,
    denoised: Any,
    clean: Any,
    *,
    pca: tuple[Any, Any],
    image_shape: Sequence[int] | None = None,
    data_range: float | None = None,
) -> Restoration:
    """Compare denoised rows with their clean originals.

    ``pca`` holds PCA's mean and directions; its rank is the best for exactly these rows, which favours PCA.
    """
    mean, directions = (np.asarray(part, np.float64) for part in pca)
    noisy, clean = np.asarray(noisy, np.float64), np.asarray(clean, np.float64)
    noisy = np.where(np.isnan(noisy), mean, noisy)
    reach = float(clean.max() - clean.min()) if data_range is None else data_range
    low, high = float(clean.min()), float(clean.max())
    rank = best_pca_rank(noisy, clean, mean, directions)
    projected = pca_restored(noisy, mean, directions, rank).clip(low, high)
    median = None
    if image_shape is not None:
        from scipy.ndimage import median_filter

        pictures = noisy.reshape(-1, *image_shape[-2:])
        median = psnr(median_filter(pictures, (1, 3, 3)).reshape(noisy.shape), clean, reach)
    return Restoration(
        psnr(noisy, clean, reach), psnr(denoised, clean, reach), psnr(projected, clean, reach), rank, median
    )
