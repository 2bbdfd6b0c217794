"""The decoder, trained on the best codes of its rows: what an ordinary fit leaves undone.

An autoencoder's decoder learns from its encoder's codes, and an encoder only guesses: where it averages over a fold
of the decoder's sheet, the decoder learns to be coarse there. With codes free to be the best ones the two take turns,
as in DeepSDF's auto-decoder (Park et al. 2019, arXiv:1901.05103) and in every factor analysis by alternating least
squares:

    z_i     <- a few steps towards argmin_z -log p(x_i | z)        `isthmus.inference.descent`, from where z_i was
    decoder <- some epochs of AdamW on -log p(x_i | z_i + noise)   noise: codes of new rows will not be these

After each turn the held-out rows are encoded as they will be in use, from the encoder's guess; the turn at which they
are reconstructed best is kept, and the decoder as it was where none is better by more than chance. Then the encoder
learns the codes that its decoder wants,

    encoder <- AdamW on (e(x_i) - z_i)ᵀ M (e(x_i) - z_i) / 2        M: the mean curvature, so it is an error of rows

so that the guess is good too, where it is used as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isthmus.inference.codes import infer
from isthmus.inference.descent import descend, metric_of
from isthmus.inference.starts import CodeBank
from isthmus.inference.target import GaussianTarget
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.rows.rows import generator_of
from isthmus.training.fused import FusedNetwork
from isthmus.training.loop import rate
from isthmus.training.optimizer import FlatAdamW, flatten_parameters
from isthmus.training.plan import Plan

__all__ = ["Alternation", "alternate"]

CURVATURE_ROWS = 512  # whose curvature gives the mean
BANK = 512


@dataclass(frozen=True)
class Alternation:
    """How long the two take turns: ``turns``, of ``epochs`` each; the rest as in training."""

    turns: int = 12
    epochs: int = 8
    steps: int = 2  # of descent at each turn
    noise: float = 0.02  # of each latent's standard deviation
    rate: float = 0.6  # of the plan's learning rate, and of its weight decay
    decay: float = 0.5


@dataclass
class Trace:
    errors: list
    chosen: int


def alternate(
    model: AutoencoderModel,
    rows: Tensor,
    held_out: Tensor,
    plan: Plan,
    seed: int,
    how: Alternation,
    look: Callable[[Any, Any], float] | None = None,
) -> Trace:
    """Train the model's decoder in place."""
    decoder, n_latents = model.decoder, model.decoder.input_scale.shape[0]
    with torch.no_grad():
        z = model.encode(rows).mean.clone()
    target = GaussianTarget(rows)

    def basis():
        metric = metric_of(
            infer(decoder, GaussianTarget(rows[:CURVATURE_ROWS]), z[:CURVATURE_ROWS], steps=0, curvature=True).curvature
        )
        bank = CodeBank.of(decoder, z, BANK) if n_latents <= 4 else None
        return metric, bank

    def start(x, guess, bank):
        return guess if bank is None else bank.better(decoder, GaussianTarget(x), guess)

    metric, bank = basis()
    z = descend(decoder, target, z, metric, steps=3).codes
    metric, bank = basis()
    z = start(rows, z, bank)

    def evaluate(x=held_out):
        with torch.no_grad():
            guess = model.encode(x).mean
        return descend(decoder, GaussianTarget(x), start(x, guess, bank), metric, steps=3).energy

    flat = flatten_parameters(decoder, decoder.decayed_parameters())
    network = FusedNetwork(decoder, decoder.perceptron_layers(), flat, flat)
    optimizer = FlatAdamW(flat, plan.weight_decay * how.decay)
    first = best = evaluate()
    weights, chosen = flat.weights.clone(), 0
    errors = [(float(first.mean()), look(evaluate) if look else 0)]
    batches = -(-len(rows) // plan.batch_size)
    total, step = how.turns * how.epochs * batches, 0
    for turn in range(how.turns):
        z = descend(decoder, target, z, metric, steps=how.steps).codes
        spread = how.noise * z.std(0)
        for epoch in range(how.epochs):
            generator = generator_of(seed, turn * how.epochs + epoch)
            noisy = z + spread * torch.randn(z.shape, generator=generator)
            for places in torch.randperm(len(rows), generator=generator).split(plan.batch_size):
                x = rows[places]
                flat.gradients.zero_()
                output, kept = network.forward(noisy[places])
                network.backward(model.likelihood.output_gradient(output, x), kept, wants_input=False)
                if plan.gradient_clip is not None:
                    flat.gradients.mul_((plan.gradient_clip / (flat.gradients.norm() + 1e-12)).clamp(max=1.0))
                optimizer.step(how.rate * rate(plan, step / max(1, total - 1)))
                step += 1
        metric, bank = basis()
        found = evaluate()
        errors.append((float(found.mean()), look(evaluate) if look else 0))
        if found.mean() < best.mean():
            best, weights, chosen = found, flat.weights.clone(), turn + 1
    flat.weights.copy_(weights)
    for parameter in decoder.parameters():
        parameter.data = parameter.data.clone()
    return Trace(errors, chosen)
