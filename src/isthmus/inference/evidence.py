"""The evidence log p(x) of a row, under a decoder with a Gaussian density of codes, by Laplace's approximation.

A decoder g, noise of variance σ² and a density N(m, S) of codes define a generative model, as in probabilistic PCA
(Tipping & Bishop 1999). The density of a row is an integral over all codes that could have generated it. Around the
best code z* the integrand is nearly Gaussian (MacKay 1992), so

    log p(x) ≈ log p(x | z*) + log N(z*; m, S) + p/2 log 2π - 1/2 log det H        H = JᵀWJ + S⁻¹

For a linear decoder this is exact, and equal to the score of PCA. The first term rises with every additional latent;
the others are the cost of a latent. So the evidence of held-out rows has a maximum, at the size the data support,
whereas the density of a row given its own code always rises.

The noise and the density of codes are estimated in closed form. With z the least-squares codes of N rows, r their
residuals and C = σ² (JᵀJ)⁻¹ the covariance of a code due to noise:

    σ² = Σ‖r‖² / N(n - p)          fitting a row's code uses p of its n degrees of freedom
    S  = Cov[z] - mean C           the covariance of codes without the part due to noise

For a linear decoder, on its own training rows, both are probabilistic PCA's maximum-likelihood answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.codes import GaussianPrior, Inferred
from isthmus.inference.posterior import covariances
from isthmus.inference.solving import factor
from isthmus.inference.target import Target

__all__ = ["CodeDensity", "density_behind", "evidence_of", "fit_code_density"]

MIN_SHARE = 1e-4  # of a code's variance that remains if noise explains all of it
MIN_VARIANCE = 1e-12  # of constant codes
EM_STEPS = 2  # to the density of codes from their posteriors: more would overfit


@dataclass(frozen=True)
class CodeDensity:
    """N(mean, covariance) of codes; shapes (p,) and (p, p)."""

    mean: Tensor
    covariance: Tensor

    @property
    def prior(self) -> GaussianPrior:
        """The density as a prior for inference."""
        return GaussianPrior(self.mean, torch.linalg.inv(self.covariance.double()).to(self.mean.dtype))

    @property
    def root(self) -> Tensor:
        """S^½ as a matrix whose product with its transpose is S."""
        values, axes = torch.linalg.eigh(self.covariance.double())
        return (axes * values.clamp(min=0).sqrt()).to(self.mean.dtype)

    @property
    def log_det(self) -> float:
        return float(torch.linalg.slogdet(self.covariance.double())[1])


def fit_code_density(codes: Tensor, spreads: Tensor | None) -> CodeDensity:
    """The density of noise-free codes from least-squares codes, shape (n_rows, p).

    ``spreads``, shape (n_sample, p, p), holds the covariances C of the codes of all rows or a sample; None subtracts
    nothing. If noise explains all the variance of a direction, a little of it is kept, so the covariance remains
    positive definite.
    """
    codes, spreads = _finite(codes.double(), spreads)
    mean = codes.mean(0)
    centred = codes - mean
    spread = centred.T @ centred / max(1, len(codes) - 1)
    # After whitening, noise is a share of each direction's variance, which can't exceed 1.
    values, axes = torch.linalg.eigh(spread)
    floor = max(1e-12 * float(values.max()), MIN_VARIANCE)
    root = axes * values.clamp(min=floor).sqrt()
    if spreads is None:
        return CodeDensity(mean.float(), (root @ root.T).float())
    shares, rotation = torch.linalg.eigh(_shares_of_noise(root, spreads))
    kept = (1 - shares).clamp(min=MIN_SHARE)
    root = root @ rotation
    return CodeDensity(mean.float(), ((root * kept) @ root.T).float())


def _shares_of_noise(root: Tensor, spreads: Tensor) -> Tensor:
    """The mean of C in units where the codes' covariance is the identity, each row's shares clipped to [0, 1]."""
    white = torch.linalg.solve(root, torch.linalg.solve(root, spreads).mT)
    values, axes = torch.linalg.eigh((white + white.mT) / 2)
    return ((axes * values.clamp(0, 1)[:, None]) @ axes.mT).mean(0)


def density_behind(found: Inferred, before: CodeDensity) -> CodeDensity:
    """The density of codes by EM, from codes inferred with their curvature under ``before`` as prior.

    To second order a row's likelihood of its code is a Gaussian of precision Λ = H - P and information η = H z* - P m
    (at z* its gradient and the prior's cancel). So the steps don't need the decoder: C = (Λ + P)⁻¹, z = C (η + P m),
    then m = mean z, S = Cov[z] + mean C (Dempster, Laird & Rubin 1977). If some z* was far from the best code they may
    diverge; then the last finite density is returned.
    """
    if found.curvature is None:
        raise ValueError("density_behind: the curvature at the codes is needed; ask `infer` for it.")
    codes, curvature = found.codes.double(), found.curvature.double()
    finite = codes.isfinite().all(1) & curvature.isfinite().flatten(1).all(1)
    if not bool(finite.any()):
        return before
    codes, curvature = codes[finite], curvature[finite]
    mean, covariance = before.mean.double(), before.covariance.double()
    precision = torch.linalg.inv(covariance)
    information = (curvature @ codes[:, :, None])[:, :, 0] - precision @ mean
    row_precision = curvature - precision
    for _ in range(EM_STEPS):
        precision = torch.linalg.inv(covariance)
        spread = covariances(row_precision + precision)
        codes = (spread @ (information + precision @ mean)[:, :, None])[:, :, 0]
        centred = codes - codes.mean(0)
        updated = centred.T @ centred / max(1, len(codes) - 1) + spread.mean(0)
        updated.diagonal().add_(MIN_VARIANCE)
        if not bool(updated.float().isfinite().all()) or bool(torch.linalg.cholesky_ex(updated)[1]):
            break
        mean, covariance = codes.mean(0), updated
    return CodeDensity(mean.float(), covariance.float())


def _finite(codes: Tensor, spreads: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The finite codes and covariances: zeros if no code is finite, None if no covariance is."""
    finite = codes.isfinite().all(1)
    if spreads is not None:
        spreads = spreads.double()
        spreads = spreads[spreads.isfinite().flatten(1).all(1)]
        spreads = spreads if len(spreads) else None
    return (codes[finite] if bool(finite.any()) else torch.zeros_like(codes)), spreads


def evidence_of(found: Inferred, target: Target, density: CodeDensity) -> Tensor:
    """Log p(x) of rows whose codes were inferred, with their curvature, under this density as prior."""
    if found.curvature is None:
        raise ValueError("evidence_of: the curvature at the codes is needed; ask `infer` for it.")
    factors = factor(found.curvature.double(), found.curvature.new_zeros(found.codes.shape))
    log_det = 2 * factors.diagonal(dim1=1, dim2=2).log().sum(1)
    # The terms in 2π of prior and integral cancel.
    return (-found.energy - target.constant() - 0.5 * density.log_det - 0.5 * log_det).to(found.energy.dtype)
