"""How probable is a row? The evidence of a decoder with a Gaussian density of codes, by Laplace's approximation.

A decoder g, noise of variance σ² and a density N(m, S) of codes are a generative model, as probabilistic PCA is
(Tipping & Bishop 1999). The density of a row is an integral over all codes that might have made it. About the best code
z* the integrand is nearly Gaussian (MacKay 1992), so

    log p(x) ≈ log p(x | z*) + log N(z*; m, S) + p/2 log 2π - 1/2 log det H        H = JᵀWJ + S⁻¹

For a linear decoder that is exact, and equal to the score of PCA. The first term rises with every latent that is
added; the rest is what a latent costs. So the evidence of rows never seen has a maximum, at the size the data
support, where the density of a row given its own code rises for ever.

What has to be known beside the decoder is estimated in closed form. With z the least-squares codes of N rows, r their
residuals and C = σ² (JᵀJ)⁻¹ the covariance that noise gives a code:

    σ² = Σ‖r‖² / N(n - p)          p of a row's n residuals are spent on its code
    S  = Cov[z] - mean C           the spread of codes, less the part of it that is noise

For a linear decoder, on its own training rows, both are probabilistic PCA's maximum-likelihood answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.codes import Decoder, GaussianPrior, Inferred, infer
from isthmus.inference.posterior import covariances
from isthmus.inference.solving import factor
from isthmus.inference.target import Target

__all__ = ["CodeDensity", "density_behind", "evidence_of", "fit_code_density", "laplace", "noise_variance"]

MIN_SHARE = 1e-4  # of a code's variance, that noise may not take from it
MIN_VARIANCE = 1e-12  # of codes that are all alike
EM_STEPS = 2  # to the density of codes behind posteriors: more of them fits the rows at hand too well


@dataclass(frozen=True)
class CodeDensity:
    """N(mean, covariance) of codes; shapes (p,) and (p, p)."""

    mean: Tensor
    covariance: Tensor

    @property
    def prior(self) -> GaussianPrior:
        """The same, as inference takes it."""
        return GaussianPrior(self.mean, torch.linalg.inv(self.covariance.double()).to(self.mean.dtype))

    @property
    def root(self) -> Tensor:
        """S^½, so it times its transpose is S."""
        values, axes = torch.linalg.eigh(self.covariance.double())
        return (axes * values.clamp(min=0).sqrt()).to(self.mean.dtype)

    @property
    def log_det(self) -> float:
        return float(torch.linalg.slogdet(self.covariance.double())[1])


def noise_variance(squared_errors: Tensor, n_cells: int, n_latents: int) -> float:
    """σ² from the squared residuals of least-squares codes, shape (n_rows,), of rows with ``n_cells`` cells."""
    spare = max(n_cells - n_latents, 1)
    return float(squared_errors.double().mean()) / spare


def fit_code_density(codes: Tensor, spreads: Tensor | None) -> CodeDensity:
    """The density of codes behind least-squares ones, shape (n_rows, p).

    ``spreads``, shape (n_some, p, p), say how far noise spreads the codes of all rows or of some; None leaves the
    codes' spread as it is.
    Where noise explains all of a direction's spread, a little is left to it, so the covariance stays positive
    definite.
    """
    codes, spreads = _finite(codes.double(), spreads)
    mean = codes.mean(0)
    away = codes - mean
    spread = away.T @ away / max(1, len(codes) - 1)
    # Whitened by the spread, noise is a share of each direction's variance: no share is more than all.
    values, axes = torch.linalg.eigh(spread)
    floor = max(1e-12 * float(values.max()), MIN_VARIANCE)
    root = axes * values.clamp(min=floor).sqrt()
    if spreads is None:
        return CodeDensity(mean.float(), (root @ root.T).float())
    shares, turned = torch.linalg.eigh(_shares_of_noise(root, spreads))
    kept = (1 - shares).clamp(min=MIN_SHARE)
    factor_ = root @ turned
    return CodeDensity(mean.float(), ((factor_ * kept) @ factor_.T).float())


def _shares_of_noise(root: Tensor, spreads: Tensor) -> Tensor:
    """The mean of C in units where the codes' spread is the identity; a row whose decoder stands still counts as 1."""
    white = torch.linalg.solve(root, torch.linalg.solve(root, spreads).mT)
    values, axes = torch.linalg.eigh((white + white.mT) / 2)
    return ((axes * values.clamp(0, 1)[:, None]) @ axes.mT).mean(0)


def density_behind(found: Inferred, before: CodeDensity) -> CodeDensity:
    """The density of codes from what was inferred of rows, with the curvature, under ``before`` as prior: EM.

    To second order a row says of its code what a Gaussian of precision Λ = H - P and information η = H z* - P m says
    (its gradient at z* is that of the prior, the other way). With that kept, each step needs no decoder:
    C = (Λ + P)⁻¹, z = C (η + P m), then m = mean z, S = Cov[z] + mean C (Dempster, Laird & Rubin 1977). Where a row's
    z* was far from the best code that may lead anywhere; then the density stays at the last that was finite.
    """
    if found.curvature is None:
        raise ValueError("density_behind: the curvature at the codes is needed; ask `infer` for it.")
    codes, curvature = found.codes.double(), found.curvature.double()
    there = codes.isfinite().all(1) & curvature.isfinite().flatten(1).all(1)
    if not bool(there.any()):
        return before
    codes, curvature = codes[there], curvature[there]
    mean, covariance = before.mean.double(), before.covariance.double()
    precision = torch.linalg.inv(covariance)
    information = (curvature @ codes[:, :, None])[:, :, 0] - precision @ mean
    own = curvature - precision
    for _ in range(EM_STEPS):
        precision = torch.linalg.inv(covariance)
        spread = covariances(own + precision)
        codes = (spread @ (information + precision @ mean)[:, :, None])[:, :, 0]
        away = codes - codes.mean(0)
        moved = away.T @ away / max(1, len(codes) - 1) + spread.mean(0)
        moved.diagonal().add_(MIN_VARIANCE)
        if not bool(moved.float().isfinite().all()) or bool(torch.linalg.cholesky_ex(moved)[1]):
            break
        mean, covariance = codes.mean(0), moved
    return CodeDensity(mean.float(), covariance.float())


def _finite(codes: Tensor, spreads: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Those that are numbers: zeros if no code is, None if no covariance is."""
    there = codes.isfinite().all(1)
    if spreads is not None:
        spreads = spreads.double()
        spreads = spreads[spreads.isfinite().flatten(1).all(1)]
    known = None if spreads is None or not len(spreads) else spreads
    return (codes[there] if bool(there.any()) else torch.zeros_like(codes)), known


def laplace(decoder: Decoder, target: Target, guess: Tensor, density: CodeDensity, *, steps: int) -> Tensor:
    """Log p(x) of a target's rows, in nats, shape (batch,), from guesses of their codes, shape (batch, p)."""
    found = infer(decoder, target, guess, steps=steps, prior=density.prior, curvature=True)
    return evidence_of(found, target, density)


def evidence_of(found: Inferred, target: Target, density: CodeDensity) -> Tensor:
    """The same for rows whose codes were inferred, with their curvature, under that density as prior."""
    if found.curvature is None:
        raise ValueError("evidence_of: the curvature at the codes is needed; ask `infer` for it.")
    factors = factor(found.curvature.double(), found.curvature.new_zeros(found.codes.shape))
    log_det = 2 * factors.diagonal(dim1=1, dim2=2).log().sum(1)
    # The terms in 2π of prior and integral cancel.
    return (-found.energy - target.constant() - 0.5 * density.log_det - 0.5 * log_det).to(found.energy.dtype)
