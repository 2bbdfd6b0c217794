"""The best code of a row: the point where the decoder comes closest to the row.

PCA's `transform` is the exact least-squares code of its `inverse_transform`. An encoder only approximates the best
code: one smooth map has to serve all rows, and its error is the amortization gap (Cremer et al. 2018,
arXiv:1801.03558). A few Levenberg-Marquardt steps (Levenberg 1944, Marquardt 1963) from its guess close that gap:

    E(z) = -log p(x|z) + (z - m)ᵀ P (z - m) / 2              the prior N(m, P⁻¹) of codes is optional
    z   <- z - (H + λ diag H)⁻¹ ∇E                            H = JᵀWJ + P,  J = ∂g/∂z

A step that does not lower a row's E is rejected, and λ grows; so no row ends worse than its guess. J comes from one
forward pass with p tangents (`isthmus.parts.linearization`), H is p × p, and all rows of a block step at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from isthmus.inference.blocks import blocks, rows_at_once
from isthmus.inference.solving import solve
from isthmus.inference.target import Normal, Target
from isthmus.parts.linearization import NARROW

__all__ = ["Decoder", "GaussianPrior", "Inferred", "infer", "joined", "normal_at"]

DAMPING, DECREASE, INCREASE = 0.01, 0.3, 10.0  # the initial λ, and its factors after an accepted or rejected step
FLOOR = 1e-3  # of the mean diagonal of H, added to each entry: a latent without effect stays where it is
TOLERANCE = 1e-7  # a row has converged when E decreases by less than this share


class Decoder(Protocol):
    """Maps codes and conditions to outputs, with or without the Jacobian. `Network` is one."""

    def __call__(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        """(batch, p) to (batch, n_features)."""
        ...

    def value_and_jacobian(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        """(batch, p) to (batch, 1 + p, n_features): the output, then its derivative along each latent."""
        ...


@dataclass(frozen=True)
class GaussianPrior:
    """N(mean, precision⁻¹) of codes; shapes (p,) and (p, p)."""

    mean: Tensor
    precision: Tensor


@dataclass(frozen=True)
class Inferred:
    """The result of inference for a batch of rows.

    Attributes
    ----------
    codes : Tensor of shape (batch, p)
    energy : Tensor of shape (batch,)
        E at the codes, in nats, up to the target's constant.
    curvature : Tensor of shape (batch, p, p) or None
        H at the codes, whose inverse is the covariance of the code; None unless requested.
    """

    codes: Tensor
    energy: Tensor
    curvature: Tensor | None = None


@torch.no_grad()
def infer(
    decoder: Decoder,
    target: Target,
    guess: Tensor,
    *,
    steps: int,
    prior: GaussianPrior | None = None,
    curvature: bool = False,
) -> Inferred:
    """The codes of a target's rows, from a guess of shape (batch, p), after at most ``steps`` steps.

    A row whose guess has no finite E keeps its guess. With ``curvature`` the result includes H at the codes, for half
    the cost of another step.
    """
    n_rows = rows_at_once(target.n_features, 1 + guess.shape[1])
    found = [
        _infer_block(decoder, target.rows(indices), guess[indices], steps, prior, curvature)
        for indices in blocks(len(guess), n_rows, guess.device)
    ]
    return joined(found, slice(len(guess)))


def joined(parts: Sequence[Inferred], rows: Tensor | slice) -> Inferred:
    """The parts concatenated, then indexed by ``rows``."""
    curved = [part.curvature for part in parts if part.curvature is not None]
    return Inferred(
        torch.cat([part.codes for part in parts])[rows],
        torch.cat([part.energy for part in parts])[rows],
        torch.cat(curved)[rows] if curved else None,
    )


def normal_at(decoder: Decoder, target: Target, z: Tensor, prior: GaussianPrior | None) -> Normal:
    """E with its gradient and curvature at codes of shape (batch, p)."""
    normal = target.normal(decoder.value_and_jacobian(z, target.given))
    if prior is None:
        return normal
    gradient = (z - prior.mean) @ prior.precision
    cost = 0.5 * torch.linalg.vecdot(z - prior.mean, gradient)
    return Normal(normal.cost + cost, normal.gradient + gradient, normal.curvature + prior.precision)


def _energy_at(decoder: Decoder, target: Target, z: Tensor, prior: GaussianPrior | None) -> Tensor:
    cost = target.cost(decoder(z, target.given))
    if prior is None:
        return cost
    return cost + 0.5 * torch.linalg.vecdot(z - prior.mean, (z - prior.mean) @ prior.precision)


def _infer_block(
    decoder: Decoder, target: Target, z: Tensor, steps: int, prior: GaussianPrior | None, curvature: bool
) -> Inferred:
    if steps == 0 and not curvature:
        return Inferred(z, _energy_at(decoder, target, z, prior))
    here = normal_at(decoder, target, z, prior)
    damping = torch.full_like(here.cost, DAMPING)
    converged = torch.zeros_like(here.cost, dtype=torch.bool)
    for step in range(steps):
        trial = z - _step(here, damping)
        if step == steps - 1 and not curvature and target.n_features >= NARROW:
            energy = _energy_at(decoder, target, trial, prior)
            lower = (energy < here.cost) & ~converged
            return Inferred(torch.where(lower[:, None], trial, z), torch.where(lower, energy, here.cost))
        there = normal_at(decoder, target, trial, prior)
        lower = (there.cost < here.cost) & ~converged
        # Each row stops by its own progress, independently of the other rows.
        converged |= lower & (here.cost - there.cost < TOLERANCE * here.cost.abs())
        z = torch.where(lower[:, None], trial, z)
        here = Normal(
            torch.where(lower, there.cost, here.cost),
            torch.where(lower[:, None], there.gradient, here.gradient),
            torch.where(lower[:, None, None], there.curvature, here.curvature),
        )
        damping = damping * torch.where(lower, DECREASE, INCREASE)
        if bool(converged.all()):
            break
    return Inferred(z, here.cost, here.curvature if curvature else None)


def _step(at: Normal, damping: Tensor) -> Tensor:
    """(H + λ D)⁻¹ ∇E, shape (batch, p); NaN if it can't be solved, and such a step is rejected."""
    diagonal = at.curvature.diagonal(dim1=1, dim2=2)
    scale = diagonal + FLOOR * diagonal.mean(1, keepdim=True) + torch.finfo(diagonal.dtype).tiny
    return solve(at.curvature, at.gradient, damping[:, None] * scale)
