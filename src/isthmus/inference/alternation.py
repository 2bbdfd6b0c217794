"""The decoder, trained on the best codes of its rows: what an ordinary fit leaves undone.

An autoencoder's decoder learns from its encoder's codes, and an encoder only guesses: where it averages over a fold
of the decoder's sheet, the decoder learns to be coarse there. With codes free to be the best ones the two take turns,
as in DeepSDF's auto-decoder (Park et al. 2019, arXiv:1901.05103) and in every factor analysis by alternating least
squares:

    z_i     <- a few steps towards argmin_z -log p(x_i | z)        `isthmus.inference.descent`, from where z_i was
    decoder <- some epochs of AdamW on -log p(x_i | z_i + noise)   noise: codes of new rows will not be these

After each turn the held-out rows are encoded as they will be in use, from the encoder's guess. The turn at which they
are reconstructed best is kept, and the decoder as it was where none is better by more than chance. Then the encoder
learns the codes that its decoder wants,

    encoder <- AdamW on -log p(x_i | e(x_i)), the decoder as it is

so that the guess is good too, where it is used as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.descent import descend
from isthmus.inference.polishing import Polishing, can_polish, polishing_of, target_of
from isthmus.inference.target import Target
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.likelihood import Likelihood
from isthmus.rows.rows import generator_of
from isthmus.training.loop import exceeds_chance, rate
from isthmus.training.one_network import OneNetwork
from isthmus.training.plan import Plan

__all__ = ["Alternated", "Turn", "alternate", "can_alternate"]

STEPS = 2  # of descent at the beginning of a turn
NOISE = 0.02  # of each latent's standard deviation
RATE, DECAY = 0.6, 0.5  # of the plan's learning rate and weight decay
ENCODER_SHARE = 0.25  # of the decoder's epochs


@dataclass(frozen=True)
class Turn:
    """What a turn came to: -log p of each training row and of each held-out row at its code, in nats up to a
    constant.
    """

    train: Tensor
    held_out: Tensor


@dataclass(frozen=True)
class Alternated:
    """Every turn, the state before them first; which was kept; and the codes of the training rows there."""

    turns: list[Turn]
    kept: int
    codes: Tensor


def can_alternate(model: AutoencoderModel) -> bool:
    """Whether the decoder may be trained on codes that are not its encoder's, of complete rows as they are."""
    return can_polish(model) and model.corruption.is_identity and model.completion is None


def alternate(
    model: AutoencoderModel, rows: Tensor, held_out: Tensor, plan: Plan, turns: int, epochs: int, seed: int
) -> Alternated:
    """Train decoder and encoder in place, in ``turns`` turns of ``epochs`` each.

    Parameters
    ----------
    rows, held_out
        Shapes (n_rows, n_features) and (n_held_out, n_features), in the model's units.
    plan
        Of the ordinary fit before: its rates, batches and decay are taken from it.
    """
    target, judge = target_of(model.likelihood, rows), target_of(model.likelihood, held_out)
    decoder = OneNetwork(model.decoder, DECAY * plan.weight_decay, plan.gradient_clip)
    guess = _guess(model, rows)
    polishing = polishing_of(model, target, guess)
    codes = polishing.codes(model, target, guess)
    polishing = polishing_of(model, target, codes)
    found = [Turn(target.cost(model.decoder(codes)), _held_out(model, polishing, judge))]
    at_first = best = (decoder.weights(), codes)
    kept, step, n_steps = 0, 0, turns * epochs * -(-len(rows) // plan.batch_size)
    for turn in range(1, turns + 1):
        codes = descend(model.decoder, target, codes, polishing.metric, steps=STEPS).codes
        for noisy, places in _batches(codes, NOISE * codes.std(0), plan.batch_size, epochs, seed, turn):
            at_output = _likelihood_gradient(model.likelihood, rows[places])
            decoder.step(noisy, at_output, RATE * rate(plan, step / max(1, n_steps - 1)))
            step += 1
        polishing = polishing_of(model, target, codes)
        found.append(Turn(target.cost(model.decoder(codes)), _held_out(model, polishing, judge)))
        if found[turn].held_out.mean() < found[kept].held_out.mean():
            kept, best = turn, (decoder.weights(), codes)
    if not exceeds_chance(found[0].held_out.double() - found[kept].held_out.double()):
        kept, best = 0, at_first
    decoder.put(best[0])
    decoder.finish()
    if kept:
        _teach_encoder(model, rows, best[1], judge, plan, round(ENCODER_SHARE * turns * epochs), seed)
    return Alternated(found, kept, best[1])


def _teach_encoder(
    model: AutoencoderModel, rows: Tensor, codes: Tensor, judge: Target, plan: Plan, epochs: int, seed: int
) -> None:
    """Let the encoder learn codes; it stays as it is unless held-out rows are reconstructed better by its codes alone."""
    encoder = OneNetwork(model.encoder, DECAY * plan.weight_decay, plan.gradient_clip)
    train = target_of(model.likelihood, rows)
    best, weights = judge.cost(model.decoder(_guess(model, judge.x))).mean(), encoder.weights()
    step, n_steps = 0, epochs * -(-len(rows) // plan.batch_size)
    for epoch in range(epochs):
        for places in torch.randperm(len(rows), generator=generator_of(seed, -1, epoch)).split(plan.batch_size):
            places = places.to(rows.device)

            def at_output(h: Tensor, part: Target = train.rows(places)) -> Tensor:
                at = model.decoder.linearize(h)
                return 2 * at.pull(part.slope(at.value)[1]) / len(h)

            encoder.step(rows[places], at_output, RATE * rate(plan, step / max(1, n_steps - 1)))
            step += 1
        with torch.no_grad():
            cost = judge.cost(model.decoder(_guess(model, judge.x))).mean()
        if cost < best:
            best, weights = cost, encoder.weights()
    encoder.put(weights)
    encoder.finish()


def _guess(model: AutoencoderModel, rows: Tensor) -> Tensor:
    with torch.no_grad():
        return model.encode(rows).mean


def _held_out(model: AutoencoderModel, polishing: Polishing, target: Target) -> Tensor:
    """-log p of held-out rows, encoded as in use."""
    with torch.no_grad():
        return target.cost(model.decoder(polishing.codes(model, target, _guess(model, target.x))))


def _batches(
    inputs: Tensor, noise: Tensor, size: int, epochs: int, seed: int, turn: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Noisy inputs and the places of their rows, in batches, for some epochs."""
    for epoch in range(epochs):
        generator = generator_of(seed, turn, epoch)
        noisy = inputs + noise * torch.randn(inputs.shape, generator=generator).to(inputs.device)
        for places in torch.randperm(len(inputs), generator=generator).split(size):
            places = places.to(inputs.device)
            yield noisy[places], places


def _likelihood_gradient(likelihood: Likelihood, x: Tensor) -> Callable[[Tensor], Tensor]:
    """The gradient at the decoder's output of the batch's mean -log p(x|z)."""
    if likelihood.is_squared_error:
        return lambda output: likelihood.output_gradient(output, x)

    def by_autograd(output: Tensor) -> Tensor:
        with torch.enable_grad():
            at = output.detach().requires_grad_()
            return torch.autograd.grad(likelihood(at, x).mean(), at)[0]

    return by_autograd
