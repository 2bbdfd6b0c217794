"""GLM-PCA: principal components of the logarithms of counts' expectations (Townes et al. 2019, arXiv:1907.02647).

    x_ij ~ Poisson(λ_ij)        λ_i = t_i softmax(log p + b + V z_i)        z_i ~ N(0, I)        V_jk ~ N(0, 1/ρ)

PCA of Pearson residuals is its first step: for small V z the softmax is linear. From there Newton steps of the codes
and of the directions alternate, each a small linear system for every row or column; the softmax's own curvature never
exceeds the Poisson curvature that the steps of the directions use. The prior of V prevents overfitting on few rows: ρ
is the one under which held-out rows are reconstructed best from their own codes.

Conditions are treated as additional latents that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from isthmus.parts.linearization import product
from isthmus.parts.principal import LinearStart, Principal

__all__ = ["GLMPCA", "fit_glm_pca", "glm_start", "penalized_glm_pca"]

SWEEPS, CODE_STEPS = 12, 6
PENALTIES = (1.0, 10.0, 100.0, 1000.0)  # ρ
HELD_OUT = 5  # every fifth row is held out to choose ρ
SHRINKAGE = 0.3  # factor of the first-order directions, whose exponentials would overshoot
REGRESSED = 4  # principal coordinates per latent on which the codes are regressed
MAX_STEP = 2.0  # of a latent in one Newton step, in standard deviations of its prior


@dataclass
class GLMPCA:
    """Directions V, shape (n_features, p + n_given), and offsets log p + b, shape (n_features,)."""

    directions: Tensor
    offset: Tensor
    n_latents: int

    def log_proportions(self, codes: Tensor) -> Tensor:
        """Log π of codes with their conditions appended, shape (n_rows, p + n_given)."""
        return functional.log_softmax(self.offset + product(codes, self.directions), 1)

    def cost(self, x: Tensor, codes: Tensor) -> Tensor:
        """-log p up to a constant of the row, shape (n_rows,)."""
        return -torch.linalg.vecdot(x, self.log_proportions(codes))

    def improve_codes(self, x: Tensor, codes: Tensor, steps: int, *, prior: float = 1.0) -> Tensor:
        """Newton steps of the latents; a step that would raise a row's cost is rejected."""
        p, own = self.n_latents, self.directions[:, : self.n_latents]
        total, squares = x.sum(1, keepdim=True), _outer(own)
        ridge = prior * torch.eye(p, dtype=x.dtype)

        def energy(z: Tensor) -> Tensor:
            return self.cost(x, z) + 0.5 * prior * z[:, :p].square().sum(1)

        known, reach = energy(codes), torch.ones(len(x), 1, dtype=x.dtype)
        for _ in range(steps):
            mean = total * self.log_proportions(codes).exp()
            gradient = (mean - x) @ own + prior * codes[:, :p]
            middle = mean @ own
            curvature = (mean @ squares).view(-1, p, p) - middle[:, :, None] * (middle / total)[:, None] + ridge
            step = _bounded(torch.linalg.solve(curvature, gradient))
            trial = torch.cat([codes[:, :p] - reach * step, codes[:, p:]], 1)
            reached = energy(trial)
            lower = reached <= known
            codes = torch.where(lower[:, None], trial, codes)
            known = torch.where(lower, reached, known)
            reach = torch.where(lower[:, None], 1.0, 0.25 * reach)
        return codes

    def improve_directions(self, x: Tensor, codes: Tensor, penalty: float) -> None:
        """One Newton step of all columns' directions and offsets; shortened until the cost falls, else rejected."""
        design = torch.cat([codes, torch.ones_like(codes[:, :1])], 1)
        size, total = design.shape[1], x.sum(1, keepdim=True)
        ridge = torch.full((size,), penalty, dtype=x.dtype)
        ridge[-1] = 1e-6  # the offset is free
        mean = total * self.log_proportions(codes).exp()
        weights = torch.cat([self.directions, torch.zeros_like(self.offset)[:, None]], 1)
        gradient = (mean - x).T @ design + ridge * weights
        curvature = (mean.T @ _outer(design)).view(-1, size, size) + ridge.diag()
        step = _bounded(torch.linalg.solve(curvature, gradient))
        before, directions, offset = self._penalized(x, codes, penalty), self.directions, self.offset
        for length in (1.0, 0.5, 0.25, 0.1):
            self.directions, self.offset = directions - length * step[:, :-1], offset - length * step[:, -1]
            if self._penalized(x, codes, penalty) < before:
                return
        self.directions, self.offset = directions, offset

    def _penalized(self, x: Tensor, codes: Tensor, penalty: float) -> float:
        return float(self.cost(x, codes).sum() + 0.5 * penalty * self.directions.square().sum())


def _bounded(step: Tensor) -> Tensor:
    """Newton steps, shape (n, size), none longer in any direction than `MAX_STEP`."""
    return step * (MAX_STEP / step.abs().amax(1, keepdim=True).clamp(min=MAX_STEP))


def _outer(rows: Tensor) -> Tensor:
    """The outer product of each row with itself, shape (n_rows, p²)."""
    return (rows[:, :, None] * rows[:, None]).flatten(1)


def fit_glm_pca(
    x: Tensor, shares: Tensor, codes: Tensor, given: Tensor | None, directions: Tensor, penalty: float
) -> tuple[GLMPCA, Tensor]:
    """GLM-PCA of rows x, from initial codes of unit variance and directions; returns the model and the rows' codes."""
    design = codes if given is None else torch.cat([codes, given], 1)
    conditions = torch.zeros(len(directions), design.shape[1] - codes.shape[1], dtype=x.dtype)
    found = GLMPCA(torch.cat([directions, conditions], 1), shares.log(), codes.shape[1])
    for _ in range(SWEEPS):
        found.improve_directions(x, design, penalty)
        design = found.improve_codes(x, design, 2)
    return found, design


def penalized_glm_pca(
    x: Tensor,
    shares: Tensor,
    codes: Tensor,
    given: Tensor | None,
    directions: Tensor,
    penalties: Sequence[float] = PENALTIES,
) -> tuple[GLMPCA, Tensor]:
    """`fit_glm_pca` with the penalty under which held-out rows, each encoded by its own best code, cost least."""
    held = torch.arange(len(x)) % HELD_OUT == HELD_OUT - 1
    best, least = penalties[0], float("inf")
    for penalty in penalties:
        kept = None if given is None else given[~held]
        found, _ = fit_glm_pca(x[~held], shares, codes[~held], kept, directions, penalty)
        design = codes[held] if given is None else torch.cat([codes[held], given[held]], 1)
        design = found.improve_codes(x[held], design, CODE_STEPS, prior=1e-3)
        cost = float(found.cost(x[held], design).mean())
        if cost < least:
            best, least = penalty, cost
    return fit_glm_pca(x, shares, codes, given, directions, best)


def glm_start(
    x: Tensor, profiles: Tensor, given: Tensor | None, principal: Principal, shares: Tensor, first: Tensor, size: int
) -> LinearStart:
    """GLM-PCA written as a linear encoder and decoder.

    Parameters
    ----------
    x, profiles
        Counts and what the encoder sees of them, shape (n_rows, n_features).
    principal
        PCA of the Pearson residuals; the encoder is the regression of GLM-PCA's codes on its coordinates.
    first
        The factor from an output in units of ``profiles`` to a log ratio, to first order, shape (n_features,).
    """
    x, profiles, shares = x.double(), profiles.double(), shares.double()
    known = principal.directions.double()
    effect = None if principal.effect is None else principal.effect.double()
    conditions = given.double() if given is not None else None
    residual = profiles if effect is None or conditions is None else profiles - conditions @ effect.T
    codes = residual @ known[:size].T
    deviation = codes.std(0).clamp(min=1e-6)
    directions = (SHRINKAGE * known[:size].T * deviation * first.double()[:, None]).clamp(-1, 1)
    found, design = penalized_glm_pca(x, shares, codes / deviation, conditions, directions)
    own, n_rows = found.directions[:, :size], len(x)
    # Order the latents by the variance they explain, along orthogonal directions.
    basis, mixing = torch.linalg.qr(own)
    middle = design[:, :size].mean(0)
    z = (design[:, :size] - middle) @ mixing.T
    axes = torch.linalg.eigh(z.T @ z)[1].flip(1)
    z, own, offset = z @ axes, basis @ axes, found.offset - shares.log() + own @ middle
    signs = own.gather(0, own.abs().argmax(0, keepdim=True)).sign()[0]
    z, own = z * signs, own * signs
    used = known[: max(size, min(REGRESSED * size, n_rows // 8, len(known)))]
    columns = [profiles @ used.T, torch.ones(n_rows, 1, dtype=x.dtype), *([] if conditions is None else [conditions])]
    inputs = torch.cat(columns, 1)
    gram = inputs.T @ inputs
    gram += 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=x.dtype)
    read = torch.linalg.solve(gram, inputs.T @ z).T
    n_used = len(used)
    encode = torch.cat([read[:, :n_used] @ used, read[:, n_used + 1 :]], 1)
    decode = torch.cat([own, found.directions[:, size:]], 1)
    scale = z.std(0).clamp(min=1e-6)
    return LinearStart(
        encode_weight=encode.float().contiguous(),
        encode_bias=read[:, n_used].float().contiguous(),
        decode_weight=decode.float().contiguous(),
        decode_bias=offset.float().contiguous(),
        code_scale=scale.float(),
    )
