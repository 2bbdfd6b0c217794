"""What training wants: to rebuild, and whatever else is asked of the code.

    loss(x) = -log p(x|z) + Σ_i weight_i · penalty_i(passage)

Every term is one number a row, of shape (batch,), summed over features or code units, in nats where it is a
log density. Only the last step averages, over the batch. Nothing divides by the number of features: a
reconstruction averaged over pixels beside a divergence summed over units is the classic slip that collapses a
variational autoencoder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isthmus.model.autoencoder import AutoencoderModel, Passage
from isthmus.model.draws import uniform_like

__all__ = [
    "ActivationRate",
    "Contraction",
    "Divergence",
    "Loss",
    "Objective",
    "Penalty",
    "Sparsity",
    "gaussian_divergence",
]

EXACT_JACOBIAN_UNITS = 4
UNCHANGED = 1e-6  # in the model's units, rounding


@dataclass(frozen=True)
class Loss:
    """The objective of one batch: ``total`` and its weighted ``parts``, each of shape (batch,)."""

    total: Tensor
    parts: Mapping[str, Tensor]


class Penalty:
    """A price on what the pass produced; ``weight`` times `__call__`, one number a row."""

    needs_input_gradient = False
    of_whole_batch = False  # whether a row's price depends on the others

    def __init__(self, weight: float):
        self.weight = weight

    def __call__(self, passage: Passage) -> Tensor:
        raise NotImplementedError


class Sparsity(Penalty):
    """L1: Σ_j |z_j|. Honest only with a decoder that can't grow to make up for a small code."""

    def __call__(self, passage: Passage) -> Tensor:
        return passage.code.abs().sum(1)


class ActivationRate(Penalty):
    """Σ_j KL( ρ ‖ ρ̂_j ), the divergence of each unit's mean activity in the batch from a target rate ρ.

    A unit's activity is how far it is on, in [0, 1): 1 - exp(-|z|), which is |z| for small codes and 1 for
    large ones. The mean runs over the batch, so every row pays the same (Ng 2011, lecture notes on sparse
    autoencoders, there with sigmoid units).
    """

    of_whole_batch = True

    def __init__(self, weight: float, target: float):
        super().__init__(weight)
        self.target = target

    def __call__(self, passage: Passage) -> Tensor:
        rate = (1 - torch.exp(-passage.code.abs())).mean(0).clamp(1e-6, 1 - 1e-6)
        on, off = self.target, 1 - self.target
        divergence = on * (math.log(on) - rate.log()) + off * (math.log(off) - (1 - rate).log())
        return divergence.sum().expand(len(passage.x))


class Contraction(Penalty):
    """‖J‖²_F = Σ_j ‖∂z_j/∂x‖², the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011).

    Exact by one backward pass a code unit where units are few. Otherwise an unbiased estimate from a single
    pass: with v of independent signs ±1, E‖vᵀJ‖² = ‖J‖²_F, because E[v vᵀ] = I.
    """

    needs_input_gradient = True

    def __init__(self, weight: float, method: str = "auto"):
        super().__init__(weight)
        self.method = method

    def __call__(self, passage: Passage) -> Tensor:
        code = passage.posterior.mean
        exact = self.method == "exact" or (self.method == "auto" and code.shape[1] <= EXACT_JACOBIAN_UNITS)
        if exact:
            rows = [self._pull(code[:, unit].sum(), passage) for unit in range(code.shape[1])]
            return torch.stack([row.square().sum(1) for row in rows]).sum(0)
        signs = (uniform_like(code) < 0.5).to(code.dtype) * 2 - 1
        return self._pull((signs * code).sum(), passage).square().sum(1)

    @staticmethod
    def _pull(scalar: Tensor, passage: Passage) -> Tensor:
        """Gradient of a sum over rows: row i is the gradient of row i's own term."""
        return torch.autograd.grad(scalar, passage.corrupted, create_graph=True)[0]


class Divergence(Penalty):
    """D_KL( q(z|x) ‖ N(0, I) ) of a Gaussian posterior, in nats."""

    def __call__(self, passage: Passage) -> Tensor:
        return gaussian_divergence(passage.posterior.mean, passage.posterior.log_variance).sum(1)


def gaussian_divergence(mean: Tensor, log_variance: Tensor | None) -> Tensor:
    """½(μ² + σ² - 1 - log σ²) for each row and unit: shape (batch, n_latents)."""
    if log_variance is None:
        raise ValueError("Divergence: needs a Gaussian bottleneck; a point code has no spread to compare.")
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


class Objective(nn.Module):
    """Reconstruction plus weighted penalties."""

    def __init__(self, penalties: Mapping[str, Penalty]):
        super().__init__()
        self.penalties = dict(penalties)
        self.needs_input_gradient = any(penalty.needs_input_gradient for penalty in self.penalties.values())

    def forward(self, model: AutoencoderModel, x: Tensor) -> tuple[Loss, Passage]:
        """One pass over a batch of shape (batch, n_features)."""
        passage = model(x, trace_input=self.needs_input_gradient)
        total = model.likelihood(*_judged(passage, blind=model.corruption.blind))
        parts = {"reconstruction": total}
        for name, penalty in self.penalties.items():
            parts[name] = penalty.weight * penalty(passage)
            total = total + parts[name]
        return Loss(total, parts), passage


def _judged(passage: Passage, *, blind: bool) -> tuple[Tensor, Tensor]:
    """Output and target as the likelihood compares them; of a blind spot only the hidden cells count."""
    if not blind:
        return passage.output, passage.x
    # A cell that was the fill itself, as a lost one is, asks for nothing.
    hidden = (passage.corrupted - passage.x).abs() > UNCHANGED
    return passage.output * hidden, passage.x * hidden
