"""The exact density of rows under a linear decoder: x = W z + b + noise with z ~ N(m, S) is itself Gaussian.

    log p(x) = log N(x; W m + b, W S Wᵀ + σ²I)

With W the principal directions it is probabilistic PCA's, and so the score of scikit-learn's PCA. It is also used for
sparse codes, which may have more latents than columns: then no code is the single best, but the density is defined.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["linear_gaussian_log_prob"]


def linear_gaussian_log_prob(x: Tensor, mean: Tensor, loading: Tensor, noise_variance: float) -> Tensor:
    """Log density of rows, in nats, shape (batch,), over the cells that are not NaN.

    Parameters
    ----------
    x
        Shape (batch, n_features).
    mean
        W m + b, shape (n_features,).
    loading
        W S^½, shape (n_features, k).
    """
    missing = x.isnan()
    centred, loading = torch.where(missing, 0.0, x - mean).double(), loading.double()
    if not bool(missing.any()):
        axes, lengths, _ = torch.linalg.svd(loading, full_matrices=False)
        within = centred @ axes  # along the decoder's directions; orthogonal to them there is only noise
        orthogonal = (centred - within @ axes.T).square().sum(1) / noise_variance
        variances = lengths.square() + noise_variance
        log_det = variances.log().sum() + (x.shape[1] - len(lengths)) * math.log(noise_variance)
        square = orthogonal + (within.square() / variances).sum(1)
        return (-0.5 * (square + log_det + x.shape[1] * math.log(2 * math.pi))).to(x.dtype)
    covariance = loading @ loading.T
    covariance.diagonal().add_(noise_variance)
    return torch.cat(
        [_of_observed(*part, covariance) for part in zip(centred.split(64), missing.split(64), strict=True)]
    ).to(x.dtype)


def _of_observed(centred: Tensor, missing: Tensor, covariance: Tensor) -> Tensor:
    """Log density by the covariance of each row's observed cells; missing cells have variance 1 and deviation 0."""
    observed = (~missing).double()
    own = covariance * observed[:, :, None] * observed[:, None, :]
    own.diagonal(dim1=1, dim2=2).add_(1 - observed)
    factor = torch.linalg.cholesky(own)
    white = torch.linalg.solve_triangular(factor, centred[:, :, None], upper=False)[:, :, 0]
    log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return -0.5 * (white.square().sum(1) + log_det + observed.sum(1) * math.log(2 * math.pi))
