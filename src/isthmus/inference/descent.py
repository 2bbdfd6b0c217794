"""Codes of many rows at little cost: preconditioned gradient descent with one metric for all rows.

A Gauss-Newton step forms JᵀJ of every row, for p + 1 passes of the decoder. But rows have similar curvature: with M the
mean of JᵀWJ over training rows, the direction d = -M⁻¹ ∇E is close to the Gauss-Newton direction, and needs a single
backward pass. The step length along it is exact to second order for each row:

    z <- z + α d        α = -∇Eᵀd / dᵀ(JᵀWJ)d

where Jd is one forward pass. So a step costs three passes, whatever the size of the code. A step that raises a row's E
is rejected, and the next is a quarter as long. Near a minimum E is constant to within rounding, and there every step is
accepted: otherwise rounding would decide, and two machines could give a row different codes.

On held-out rows of the sets named in docs/defaults.md three such steps are as accurate as three Levenberg-Marquardt
steps, which are used if the curvature itself is needed (`isthmus.inference.codes`).
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

BACKTRACK = 0.25  # factor of the step length after a rejected step
ROUNDING = 1e-6  # an increase of E by up to this share counts as rounding
RIDGE = 1e-6  # of the mean diagonal: a latent without effect has no curvature to divide by


class _Linearization(Protocol):
    value: Tensor

    def push(self, tangent: Tensor) -> Tensor: ...

    def pull(self, cotangent: Tensor) -> Tensor: ...


class LinearizableDecoder(Protocol):
    """Maps codes and conditions to outputs, with or without derivatives. `Network` is one."""

    def __call__(self, z: Tensor, given: Tensor | None = None) -> Tensor: ...

    def linearize(self, z: Tensor, given: Tensor | None = None) -> _Linearization: ...


def metric_of(curvatures: Tensor) -> Tensor:
    """M⁻¹, shape (p, p), from the curvature of many rows at their codes, shape (n_rows, p, p)."""
    mean = curvatures.double().mean(0)
    diagonal = mean.diagonal()
    diagonal += RIDGE * diagonal.mean() + torch.finfo(torch.float32).tiny
    # LAPACK returns columns contiguous, storage gives rows contiguous, and their products differ in the last bit.
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
    energy, direction, length = _direction(decoder, target, z, metric)
    factor = torch.ones_like(energy)
    for step in range(steps):
        trial = z + (factor * length)[:, None] * direction
        if step == steps - 1:
            narrow = target.n_features < NARROW
            output = decoder.linearize(trial, target.given).value if narrow else decoder(trial, target.given)
            trial_energy = target.cost(output)
            accepted = trial_energy <= energy + ROUNDING * energy.abs()
            return Inferred(torch.where(accepted[:, None], trial, z), torch.where(accepted, trial_energy, energy))
        # After a rejected step a row tries a shorter one in the same direction.
        trial_energy, trial_direction, trial_length = _direction(decoder, target, trial, metric)
        accepted = trial_energy <= energy + ROUNDING * energy.abs()
        z = torch.where(accepted[:, None], trial, z)
        direction = torch.where(accepted[:, None], trial_direction, direction)
        energy = torch.where(accepted, trial_energy, energy)
        length = torch.where(accepted, trial_length, length)
        factor = torch.where(accepted, 1.0, BACKTRACK * factor)
    raise AssertionError("the last step returns")


def _direction(
    decoder: LinearizableDecoder, target: Target, z: Tensor, metric: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """E at z, the search direction, and the step length to the minimum along it, to second order."""
    here = decoder.linearize(z, target.given)
    output = here.value
    energy, cotangent = target.cost_and_gradient(output)
    gradient = here.pull(cotangent)
    direction = -product(gradient, metric)
    along = here.push(direction)
    decrease = -torch.linalg.vecdot(gradient, direction)
    return energy, direction, decrease / (target.curvature_along(output, along) + torch.finfo(output.dtype).tiny)
