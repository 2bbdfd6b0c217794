"""Codes of many rows at little cost: descent by one metric for all rows.

A Gauss-Newton step forms JᵀJ of every row, for p + 1 passes of the decoder. But the curvature of one row is much like
that of another: with M the mean of JᵀWJ over training rows, the direction d = -M⁻¹ ∇E is nearly the Gauss-Newton one,
and needs no more than one pass back. How far to go along it is each row's own, to second order:

    z <- z + α d        α = -∇Eᵀd / dᵀ(JᵀWJ)d

where Jd is one pass forward. So a step costs three passes, whatever the size of the code. A step that raises a row's E
is not taken, and the next goes a quarter as far. Near a minimum E is level to within rounding, and there every step is
taken: else rounding would choose, and two machines would give a row two codes.

On held-out rows of the sets named in docs/defaults.md three such steps leave no more error than three
Levenberg-Marquardt ones, which serve where the curvature itself is wanted (`isthmus.inference.codes`).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from isthmus.inference.blocks import blocks, rows_at_once
from isthmus.inference.codes import Inferred
from isthmus.inference.target import Target
from isthmus.parts.linearization import NARROW, product

__all__ = ["LinearizableDecoder", "descend", "metric_of"]

SHORTER = 0.25  # of the last length, after a step that was not taken
LEVEL = 1e-6  # share of E that is no rise but float32's rounding
RIDGE = 1e-6  # of the mean diagonal: a latent that moves nothing has no curvature to divide by


class _Linearization(Protocol):
    value: Tensor

    def push(self, tangent: Tensor) -> Tensor: ...

    def pull(self, cotangent: Tensor) -> Tensor: ...


class LinearizableDecoder(Protocol):
    """From codes, and what rows are given, to outputs; the same with its derivative. `Network` is one."""

    def __call__(self, z: Tensor, given: Tensor | None = None) -> Tensor: ...

    def linearize(self, z: Tensor, given: Tensor | None = None) -> _Linearization: ...


def metric_of(curvatures: Tensor) -> Tensor:
    """M⁻¹, shape (p, p), from the curvature of many rows at their codes, shape (n_rows, p, p)."""
    mean = curvatures.double().mean(0)
    diagonal = mean.diagonal()
    diagonal += RIDGE * diagonal.mean() + torch.finfo(torch.float32).tiny
    # LAPACK's answer lies column by column, and one that was stored row by row: their products differ in the last bit.
    return torch.linalg.inv(mean).to(curvatures.dtype).contiguous()


@torch.no_grad()
def descend(decoder: LinearizableDecoder, target: Target, guess: Tensor, metric: Tensor, *, steps: int) -> Inferred:
    """The codes of a target's rows after ``steps`` steps from a guess of shape (batch, p)."""
    if steps == 0:
        return Inferred(guess, target.cost(decoder(guess, target.given)))
    found = [
        _descend_block(decoder, target.rows(indices), guess[indices], metric, steps)
        for indices in blocks(len(guess), rows_at_once(target.n_features), guess.device)
    ]
    count = len(guess)
    return Inferred(torch.cat([one.codes for one in found])[:count], torch.cat([one.energy for one in found])[:count])


def _descend_block(decoder: LinearizableDecoder, target: Target, z: Tensor, metric: Tensor, steps: int) -> Inferred:
    energy, direction, length = _ahead(decoder, target, z, metric)
    reach = torch.ones_like(energy)
    for step in range(steps):
        trial = z + (reach * length)[:, None] * direction
        if step == steps - 1:
            narrow = target.n_features < NARROW
            output = decoder.linearize(trial, target.given).value if narrow else decoder(trial, target.given)
            reached = target.cost(output)
            lower = reached <= energy + LEVEL * energy.abs()
            return Inferred(torch.where(lower[:, None], trial, z), torch.where(lower, reached, energy))
        # Of a step that isn't taken nothing at the trial is needed: its row tries less of the same direction.
        reached, onward, how_far = _ahead(decoder, target, trial, metric)
        lower = reached <= energy + LEVEL * energy.abs()
        z, direction = torch.where(lower[:, None], trial, z), torch.where(lower[:, None], onward, direction)
        energy, length = torch.where(lower, reached, energy), torch.where(lower, how_far, length)
        reach = torch.where(lower, 1.0, SHORTER * reach)
    raise AssertionError("the last step returns")


def _ahead(decoder: LinearizableDecoder, target: Target, z: Tensor, metric: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """E at z, the direction to go, and how far it is to the minimum along it, to second order."""
    here = decoder.linearize(z, target.given)
    output = here.value
    energy, cotangent = target.slope(output)
    gradient = here.pull(cotangent)
    direction = -product(gradient, metric)
    along = here.push(direction)
    decrease = -torch.linalg.vecdot(gradient, direction)
    return energy, direction, decrease / (target.bend(output, along) + torch.finfo(output.dtype).tiny)
