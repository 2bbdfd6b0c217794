"""The code of a row: the point where its decoder comes closest to it.

PCA's `transform` is the exact least-squares code of its `inverse_transform`. An encoder only guesses: one smooth map
has to serve all rows, and what it misses is the amortization gap (Cremer et al. 2018, arXiv:1801.03558). From its
guess a few Levenberg-Marquardt steps (Levenberg 1944, Marquardt 1963) close that gap, row by row:

    E(z) = -log p(x|z) + (z - m)ᵀ P (z - m) / 2              the prior N(m, P⁻¹) of codes is optional
    z   <- z - (H + λ diag H)⁻¹ ∇E                            H = JᵀWJ + P,  J = ∂g/∂z

A step that does not lower a row's E is not taken, and λ grows; so no row ends worse than its guess. J comes from one
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

DAMPING, EASED, STIFFENED = 0.01, 0.3, 10.0  # λ at first, and its factors after a step that was taken or was not
FLOOR = 1e-3  # of the mean diagonal of H, under each entry: a latent that moves nothing stays where it is
SETTLED = 1e-7  # a row whose E falls by less than this share of it has arrived


class Decoder(Protocol):
    """From codes, and what rows are given, to outputs; the same with its Jacobian. `Network` is one."""

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
    """What inference says of rows.

    Attributes
    ----------
    codes : Tensor of shape (batch, p)
    energy : Tensor of shape (batch,)
        E at the codes, in nats, up to the target's constant.
    curvature : Tensor of shape (batch, p, p) or None
        H at the codes, whose inverse is the covariance of the code; None unless asked for.
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

    A row whose guess gives no finite E keeps it. ``curvature`` asks for H at the codes too, for the price of half a
    step more.
    """
    n_rows = rows_at_once(target.n_features, 1 + guess.shape[1])
    found = [
        _infer_block(decoder, target.rows(indices), guess[indices], steps, prior, curvature)
        for indices in blocks(len(guess), n_rows, guess.device)
    ]
    return joined(found, slice(len(guess)))


def joined(parts: Sequence[Inferred], rows: Tensor | slice) -> Inferred:
    """``rows`` of what was inferred in several parts."""
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
    pull = (z - prior.mean) @ prior.precision
    away = 0.5 * torch.linalg.vecdot(z - prior.mean, pull)
    return Normal(normal.cost + away, normal.gradient + pull, normal.curvature + prior.precision)


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
    arrived = damping < 0
    for step in range(steps):
        trial = z - _step(here, damping)
        if step == steps - 1 and not curvature and target.n_features >= NARROW:
            energy = _energy_at(decoder, target, trial, prior)
            lower = (energy < here.cost) & ~arrived
            return Inferred(torch.where(lower[:, None], trial, z), torch.where(lower, energy, here.cost))
        there = normal_at(decoder, target, trial, prior)
        lower = (there.cost < here.cost) & ~arrived
        # Each row stops by its own progress, whatever the rows beside it do.
        arrived |= lower & (here.cost - there.cost < SETTLED * here.cost.abs())
        z = torch.where(lower[:, None], trial, z)
        here = Normal(
            torch.where(lower, there.cost, here.cost),
            torch.where(lower[:, None], there.gradient, here.gradient),
            torch.where(lower[:, None, None], there.curvature, here.curvature),
        )
        damping = damping * torch.where(lower, EASED, STIFFENED)
        if bool(arrived.all()):
            break
    return Inferred(z, here.cost, here.curvature if curvature else None)


def _step(at: Normal, damping: Tensor) -> Tensor:
    """(H + λ D)⁻¹ ∇E, shape (batch, p); not a number where it can't be solved, and then it isn't taken."""
    diagonal = at.curvature.diagonal(dim1=1, dim2=2)
    scale = diagonal + FLOOR * diagonal.mean(1, keepdim=True) + torch.finfo(diagonal.dtype).tiny
    return solve(at.curvature, at.gradient, damping[:, None] * scale)
