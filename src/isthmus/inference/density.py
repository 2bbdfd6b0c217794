"""How probable is a row, by its own code or by the bounds of a variational model? And what is each latent used for?

Given its own code, a row has the density log p(x|z); for the evidence of point codes see `isthmus.inference.evidence`.
A variational model bounds the density of the row itself (Kingma & Welling 2013):

    ELBO(x) = E_q[ log p(x|z) ] - KL( q(z|x) ‖ p(z) )  ≤  log p(x)

and importance weighting with k draws tightens the bound (Burda et al. 2015, arXiv:1509.00519):

    log (1/k) Σ_i p(x|z_i) p(z_i) / q(z_i|x).

The draws are the same for every row, so a row's score does not depend on the other rows of the batch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.draws import generator, seeded
from isthmus.parts.penalty import gaussian_divergence
from isthmus.rows.rows import Batch

__all__ = [
    "LatentReport",
    "density_given_code",
    "elbo",
    "finite_or_warned",
    "importance_weighted",
    "latent_report",
    "log_density",
    "standard_draws",
]

ACTIVE_VARIANCE = 0.01
DENSITY_DRAWS = 64


@dataclass(frozen=True)
class LatentReport:
    """What each latent of a variational model is used for.

    Attributes
    ----------
    kl : Tensor of shape (n_latents,)
        Mean divergence from the prior, in nats: the information in this latent about the row, or more.
    mean_variance : Tensor of shape (n_latents,)
        Variance over rows of the posterior mean; below 0.01 a latent counts as inactive (Burda et al. 2015).
    posterior_variance : Tensor of shape (n_latents,)
        Mean over rows of the posterior's own variance. The sum of the two is the variance of the aggregate posterior,
        which is 1 if it matches the prior.
    """

    kl: Tensor
    mean_variance: Tensor
    posterior_variance: Tensor

    @property
    def active_units(self) -> int:
        """The number of latents that the model uses."""
        return int((self.mean_variance > ACTIVE_VARIANCE).sum())


def log_density(
    model: AutoencoderModel,
    n_latents: int,
    importance_samples: int | None,
    *,
    seed: int,
    noise_variance: float,
) -> Callable[..., Tensor]:
    """The log density under a model: a function of rows and their conditions that returns one number per row."""
    if not model.bottleneck.has_prior:
        if importance_samples is not None:
            raise ValueError("score_samples: importance_samples needs a variational model; this one's code is a point.")
        return lambda x, *given: density_given_code(model, x, noise_variance, *given)
    if importance_samples is None:
        draws = standard_draws(DENSITY_DRAWS, n_latents, seed)
        return lambda x, *given: elbo(model, x, draws, *given)
    with seeded(seed):
        independent = torch.randn(importance_samples, n_latents, generator=generator())
    return lambda x, *given: importance_weighted(model, x, independent, *given)


def density_given_code(
    model: AutoencoderModel, x: Tensor, noise_variance: float, given: Tensor | None = None
) -> Tensor:
    """Log p(x|z) at the row's own code, in nats, shape (batch,); σ² = ``noise_variance`` if the likelihood has none."""
    return model.likelihood.log_prob(model.decoder(model.encode(x, given).mean, given), x, noise_variance)


def standard_draws(count: int, n_latents: int, seed: int) -> Tensor:
    """``count`` draws from N(0, I) in antithetic pairs, with exactly unit second moments if there are enough.

    Antithetic pairs make odd moments exact and the matched moments make squares exact, so the ELBO of a linear
    model has no sampling error.
    """
    with seeded(seed):
        half = torch.randn((count + 1) // 2, n_latents, dtype=torch.float64, generator=generator())
    if len(half) >= n_latents:
        moment = half.T @ half / len(half)
        half = torch.linalg.solve_triangular(torch.linalg.cholesky(moment), half.T, upper=False).T
    return torch.cat([half, -half])[:count].float()


def elbo(model: AutoencoderModel, x: Tensor, draws: Tensor, given: Tensor | None = None) -> Tensor:
    """Evidence lower bound of each row, in nats, shape (batch,)."""
    posterior = model.encode(x, given)
    log_likelihood = torch.stack([-model.likelihood(model.decoder(z, given), x) for z in _samples(posterior, draws)])
    return log_likelihood.mean(0) - gaussian_divergence(posterior.mean, posterior.log_variance).sum(1)


def importance_weighted(model: AutoencoderModel, x: Tensor, draws: Tensor, given: Tensor | None = None) -> Tensor:
    """Importance-weighted bound with k = len(draws) independent draws, in nats, shape (batch,)."""
    posterior = model.encode(x, given)
    log_variance = torch.zeros_like(posterior.mean) if posterior.log_variance is None else posterior.log_variance
    log_weights = []
    for noise, z in zip(draws, _samples(posterior, draws), strict=True):
        # log p(z) - log q(z|x): the terms in log 2π cancel.
        log_ratio = 0.5 * (noise.square() - z.square() + log_variance).sum(1)
        log_weights.append(log_ratio - model.likelihood(model.decoder(z, given), x))
    return torch.logsumexp(torch.stack(log_weights), 0) - math.log(len(draws))


def latent_report(model: AutoencoderModel, batches: Iterable[Batch]) -> LatentReport:
    """Divergence and variances of every latent, over batches of rows."""
    kl = total = squares = variance = torch.zeros((), dtype=torch.float64)
    count = 0
    for x, given, *_ in batches:
        posterior = model.encode(x, given)
        log_variance = posterior.log_variance
        kl = kl + gaussian_divergence(posterior.mean, log_variance).double().sum(0)
        mean = posterior.mean.double()
        variance = variance + (mean.new_zeros(()) if log_variance is None else log_variance.double().exp()).sum(0)
        total, squares, count = total + mean.sum(0), squares + mean.square().sum(0), count + len(x)
    between = functional.relu(squares / count - (total / count) ** 2)
    return LatentReport(kl / count, between, variance / count)


def _samples(posterior, draws: Tensor) -> Iterable[Tensor]:
    deviation = torch.exp(0.5 * posterior.log_variance)
    return (posterior.mean + deviation * noise for noise in draws.to(posterior.mean.device))


def finite_or_warned(scores: np.ndarray, who: str) -> np.ndarray:
    """Log densities, shape (n_rows,), with -inf and a warning for those that overflow float32."""
    beyond = np.flatnonzero(~np.isfinite(scores))
    if len(beyond):
        warnings.warn(
            f"{who}: {len(beyond)} of {len(scores)} rows, the first of them row {beyond[0]}, are so far from the rows "
            "of the fit that float32 cannot hold their log density; it is given as -inf.",
            UserWarning,
            stacklevel=4,
        )
        scores[beyond] = -np.inf
    return scores
