"""Polishing: how a fitted model improves the encoder's guess of a code by descent.

It needs little in addition to the model, learned at the end of a fit: the metric of descent, for small codes some codes
of training rows to start from, and whether polishing pays at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.codes import infer
from isthmus.inference.descent import descend, metric_of
from isthmus.inference.starts import CodeBank
from isthmus.inference.target import LikelihoodTarget, Target, observed_target
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.likelihood import Likelihood

__all__ = ["STEPS", "Polishing", "can_polish", "curvature_sample", "pays", "polishing_of", "target_of"]

STEPS = 3  # of descent, at three passes of the decoder each: the knee of the curve, see docs/defaults.md
MAX_SEARCHED = 4  # latents up to which a training row's code may be a better start than the encoder's
BANK_ROWS, BANK_CELLS = 512, 1 << 22
PAYS = 0.01  # share of the held-out cost that polishing must save to be done by default
CURVATURE_ROWS, FEWEST_CURVATURE_ROWS = 512, 64  # whose mean curvature is the metric
CURVATURE_CELLS = 1 << 24  # of their Jacobians: fewer rows if they are wide


@dataclass(frozen=True)
class Polishing:
    """How codes are polished.

    Attributes
    ----------
    metric : Tensor of shape (p, p)
        The inverse of the mean curvature, for `descend`.
    bank : Tensor of shape (n_kept, p)
        Codes of training rows to start from; none if the search doesn't pay.
    steps : int
        The default number of steps of descent; 0 leaves the encoder's code.
    """

    metric: Tensor
    bank: Tensor
    steps: int = STEPS

    def codes(self, model: AutoencoderModel, target: Target, guess: Tensor, steps: int | None = None) -> Tensor:
        """Codes of a target's rows, shape (batch, p), from the encoder's guess."""
        steps = self.steps if steps is None else steps
        if steps == 0:
            return guess
        return self.descended(model, target, self.start(model, target, guess), steps)

    def descended(self, model: AutoencoderModel, target: Target, codes: Tensor, steps: int) -> Tensor:
        """``codes`` after ``steps`` of descent."""
        return descend(model.decoder, target, codes, self.metric, steps=steps).codes

    def start(self, model: AutoencoderModel, target: Target, guess: Tensor) -> Tensor:
        """The guess, or the code of a training row that lies closer."""
        if not len(self.bank):
            return guess
        with torch.no_grad():
            # With conditions the outputs differ from row to row, and `CodeBank` decodes them itself.
            outputs = self.bank if target.given is not None else model.decoder(self.bank)
        return CodeBank(self.bank, outputs).better(model.decoder, target, guess)


def can_polish(model: AutoencoderModel) -> bool:
    """Whether a code is an unconstrained point and its decoder is not linear."""
    return model.bottleneck.is_identity and model.decoder.residual is not None


def target_of(likelihood: Likelihood, x: Tensor, given: Tensor | None) -> Target:
    """The target that a decoder's output is compared with; cells that are NaN have no weight."""
    if likelihood.is_gaussian and likelihood.mean_is_output:
        return observed_target(x, 1 / (likelihood.noise_variance or 1.0), given)
    return LikelihoodTarget(likelihood, x, given)


def polishing_of(model: AutoencoderModel, target: Target, codes: Tensor, steps: int = STEPS) -> Polishing:
    """The polishing of rows like these, from their codes, shape (n_rows, p)."""
    n_rows, n_latents = codes.shape
    some = curvature_sample(codes, target.n_features)
    found = infer(model.decoder, target.rows(some), codes[some], steps=0, curvature=True)
    assert found.curvature is not None  # as requested
    n_kept = min(BANK_ROWS, BANK_CELLS // target.n_features, n_rows) if n_latents <= MAX_SEARCHED else 0
    kept = torch.linspace(0, n_rows - 1, n_kept, device=codes.device).long()
    return Polishing(metric_of(found.curvature), codes[kept].clone(), steps)


def curvature_sample(codes: Tensor, n_features: int) -> Tensor:
    """The indices of rows, evenly spaced, whose mean curvature stands for that of all rows of these codes."""
    n_rows, n_latents = codes.shape
    most = max(FEWEST_CURVATURE_ROWS, CURVATURE_CELLS // (n_latents * n_features))
    return torch.linspace(0, n_rows - 1, min(CURVATURE_ROWS, most, n_rows), device=codes.device).long()


def pays(amortized: Tensor, polished: Tensor) -> bool:
    """Whether held-out rows gain enough to polish by default; arguments are their -log p, shape (n_rows,) each."""
    before, after = float(amortized.double().mean()), float(polished.double().mean())
    return before - after > PAYS * abs(before)
