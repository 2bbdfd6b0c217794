"""Penalties: terms of the loss that depend on the code, one number per row.

Every penalty has shape (batch,), is summed over latents, and is in nats where it is a log density. Nothing divides by
the number of features: averaging the reconstruction over pixels while summing the divergence over latents is the
classic mistake that collapses a variational autoencoder.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isthmus.parts.autoencoder import ForwardOutput
from isthmus.parts.draws import uniform_like

__all__ = [
    "ActivationRate",
    "Contraction",
    "Dependence",
    "Divergence",
    "Penalty",
    "Sparsity",
    "gaussian_divergence",
]

EXACT_JACOBIAN_UNITS = 4
BANDWIDTHS = (0.05, 0.25, 1.0)  # of kernels between codes, in their mean squared distance


class Penalty:
    """A term of the loss: ``weight`` times `__call__`, one number per row."""

    needs_input_gradient = False
    of_whole_batch = False  # whether a row's penalty depends on the other rows

    def __init__(self, weight: float):
        self.weight = weight

    def __call__(self, forward: ForwardOutput) -> Tensor:
        raise NotImplementedError


class Sparsity(Penalty):
    """L1: Σ_j |z_j|. Effective only with a decoder that can't grow to make up for a small code."""

    def __call__(self, forward: ForwardOutput) -> Tensor:
        return forward.code.abs().sum(1)


class ActivationRate(Penalty):
    """Σ_j KL( ρ ‖ ρ̂_j ), the divergence of each unit's mean activity in the batch from a target rate ρ.

    A unit's activity, in [0, 1), is 1 - exp(-|z|): about |z| for small codes, and 1 for large ones. The mean is taken
    over the batch, so every row has the same penalty (Ng 2011, lecture notes on sparse autoencoders, there with
    sigmoid units).
    """

    of_whole_batch = True

    def __init__(self, weight: float, target: float):
        super().__init__(weight)
        self.target = target

    def __call__(self, forward: ForwardOutput) -> Tensor:
        rate = (1 - torch.exp(-forward.code.abs())).mean(0).clamp(1e-6, 1 - 1e-6)
        on, off = self.target, 1 - self.target
        divergence = on * (math.log(on) - rate.log()) + off * (math.log(off) - (1 - rate).log())
        return divergence.sum().expand(len(forward.x))


class Contraction(Penalty):
    """‖J‖²_F = Σ_j ‖∂z_j/∂x‖², the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011).

    Exact by one backward pass per latent where latents are few. Otherwise an unbiased estimate from a single
    pass: with v of independent signs ±1, E‖vᵀJ‖² = ‖J‖²_F, because E[v vᵀ] = I.
    """

    needs_input_gradient = True

    def __init__(self, weight: float, method: str = "auto"):
        super().__init__(weight)
        self.method = method

    def __call__(self, forward: ForwardOutput) -> Tensor:
        code = forward.posterior.mean
        exact = self.method == "exact" or (self.method == "auto" and code.shape[1] <= EXACT_JACOBIAN_UNITS)
        if exact:
            rows = [self._pull(code[:, unit].sum(), forward) for unit in range(code.shape[1])]
            return torch.stack([row.square().sum(1) for row in rows]).sum(0)
        signs = (uniform_like(code) < 0.5).to(code.dtype) * 2 - 1
        return self._pull((signs * code).sum(), forward).square().sum(1)

    @staticmethod
    def _pull(scalar: Tensor, forward: ForwardOutput) -> Tensor:
        """Gradient of a sum over rows: row i holds the gradient of row i's own term."""
        return torch.autograd.grad(scalar, forward.corrupted, create_graph=True)[0]


class Divergence(Penalty):
    """D_KL( q(z|x) ‖ N(0, I) ) of a Gaussian posterior, in nats."""

    def __call__(self, forward: ForwardOutput) -> Tensor:
        return gaussian_divergence(forward.posterior.mean, forward.posterior.log_variance).sum(1)


class Dependence(Penalty):
    """How far the code depends on what rows are given, from 0 (independent) to 1.

        tr(K̄ L̄) / ‖K̄‖ ‖L̄‖        K_ij = mean over s of exp(-‖z_i - z_j‖² / s m),  L = C Cᵀ

    with both matrices centred: the Hilbert-Schmidt independence criterion (Gretton et al. 2005), normalized as in
    kernel alignment. m is the batch's mean squared distance between codes, so their units don't matter. K captures
    dependence of any form, not just of means: it vanishes only if the codes' distribution is the same for every C.
    Every row has the same penalty.
    """

    of_whole_batch = True

    def __call__(self, forward: ForwardOutput) -> Tensor:
        given, code = forward.given, forward.code
        if given is None or len(code) < 2:
            return torch.zeros(len(forward.x), dtype=code.dtype, device=code.device)
        squares = (code[:, None] - code[None]).square().sum(2)
        unit = squares.mean().detach().clamp(min=1e-12)
        alike = torch.stack([torch.exp(-squares / (scale * unit)) for scale in BANDWIDTHS]).mean(0)
        codes, conditions = _centred(alike), _centred(given @ given.T)
        size = (codes.norm() * conditions.norm()).clamp(min=1e-12)
        return ((codes * conditions).sum() / size).expand(len(forward.x))


def _centred(matrix: Tensor) -> Tensor:
    """A symmetric matrix with rows and columns of mean zero."""
    mean = matrix.mean(0, keepdim=True)
    return matrix - mean - mean.T + matrix.mean()


def gaussian_divergence(mean: Tensor, log_variance: Tensor | None) -> Tensor:
    """½(μ² + σ² - 1 - log σ²) for each row and unit: shape (batch, n_latents)."""
    if log_variance is None:
        raise ValueError("Divergence: needs a Gaussian bottleneck; a point code has no variance.")
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
