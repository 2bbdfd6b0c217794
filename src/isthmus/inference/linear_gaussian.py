"""The density of rows behind a linear decoder, exactly: x = W z + b + noise with z ~ N(m, S) is Gaussian itself.

    log p(x) = log N(x; W m + b, W S Wᵀ + σ²I)

With W the principal directions it is probabilistic PCA's, and so the score of scikit-learn's PCA. It serves sparse
codes too, of which there may be more than columns: then no code is the best one, and the density of the row is what
is left.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["linear_gaussian_log_prob"]


def linear_gaussian_log_prob(x: Tensor, mean: Tensor, loading: Tensor, noise_variance: float) -> Tensor:
    """Log density of rows, in nats, shape (batch,); a cell that is NaN is left out.

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
    away, loading = torch.where(missing, 0.0, x - mean).double(), loading.double()
    if not bool(missing.any()):
        axes, lengths, _ = torch.linalg.svd(loading, full_matrices=False)
        within = away @ axes  # along the decoder's own directions; beyond them there is noise alone
        beyond = (away - within @ axes.T).square().sum(1) / noise_variance
        variances = lengths.square() + noise_variance
        log_det = variances.log().sum() + (x.shape[1] - len(lengths)) * math.log(noise_variance)
        square = beyond + (within.square() / variances).sum(1)
        return (-0.5 * (square + log_det + x.shape[1] * math.log(2 * math.pi))).to(x.dtype)
    covariance = loading @ loading.T
    covariance.diagonal().add_(noise_variance)
    return torch.cat(
        [_of_observed(*part, covariance) for part in zip(away.split(64), missing.split(64), strict=True)]
    ).to(x.dtype)


def _of_observed(away: Tensor, missing: Tensor, covariance: Tensor) -> Tensor:
    """Each row by the covariance of its own cells; a missing cell becomes one of variance 1 that lies at its mean."""
    there = (~missing).double()
    own = covariance * there[:, :, None] * there[:, None, :]
    own.diagonal(dim1=1, dim2=2).add_(1 - there)
    factor = torch.linalg.cholesky(own)
    white = torch.linalg.solve_triangular(factor, away[:, :, None], upper=False)[:, :, 0]
    log_det = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1)
    return -0.5 * (white.square().sum(1) + log_det + there.sum(1) * math.log(2 * math.pi))
