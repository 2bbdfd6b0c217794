"""The decoder, trained on the best codes of its rows: what an ordinary fit leaves undone.

An autoencoder's decoder learns from its encoder's codes, and an encoder only guesses: where it averages over a fold
of the decoder's sheet, the decoder learns to be coarse there. With codes free to be the best ones the two take turns,
as in DeepSDF's auto-decoder (Park et al. 2019, arXiv:1901.05103) and in factor analysis by alternating least squares:

    z_i     <- a few steps towards argmin_z -log p(x_i | z)        `isthmus.inference.descent`, from where z_i was
    decoder <- some epochs of AdamW on -log p(x_i | z_i + noise)   noise: codes of new rows will not be these

After each turn the held-out rows are encoded as they will be in use, from the encoder's guess. The turn at which they
are reconstructed best is kept, and the decoder as it was where none is better by more than chance. Then the encoder
learns to guess for the decoder that came of it,

    encoder <- AdamW on -log p(x_i | e(x_i)), the decoder held fixed

so that the guess is good too, where it is used as it stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from isthmus.history import History
from isthmus.inference.descent import descend
from isthmus.inference.polishing import STEPS, can_polish, polishing_of, target_of
from isthmus.inference.target import Target
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.likelihood import Likelihood
from isthmus.rows.rows import Rows, generator_of
from isthmus.training.loop import exceeds_chance, rate
from isthmus.training.one_network import OneNetwork
from isthmus.training.plan import Plan

__all__ = ["Alternated", "Turns", "alternate", "can_alternate", "no_turns", "share_out"]

DESCENT = 2  # steps at the beginning of a turn
NOISE = 0.02  # of each latent's standard deviation
RATE, DECAY = 0.6, 0.5  # of the plan's learning rate and weight decay
ORDINARY = 0.5  # share of the plan's epochs that go before, for encoder and decoder together
LEAST_TURNS, MOST_TURNS, LEAST_EPOCHS = 2, 10, 4
ENCODER_SHARE = 0.25  # of the decoder's epochs
BASIS_ROWS = 2048  # of which codes to start from and the mean curvature are taken


@dataclass(frozen=True)
class Turns:
    """How a plan's epochs are shared out: ``ordinary`` for both networks, then ``count`` turns of ``epochs``."""

    plan: Plan
    ordinary: Plan
    count: int
    epochs: int


def no_turns(plan: Plan) -> Turns:
    """The plan as it is."""
    return Turns(plan, plan, 0, 0)


def share_out(plan: Plan, n_iter_no_change: int | None = None) -> Turns:
    """Half of the epochs for both networks, then as many of the decoder alone as the plan has; no turns of a few."""
    count = min(MOST_TURNS, plan.epochs // LEAST_EPOCHS)
    if count < LEAST_TURNS:
        return no_turns(plan)
    ordinary = round(ORDINARY * plan.epochs)
    patience = None if plan.patience is None else n_iter_no_change or max(5, ordinary // 3)
    first = replace(plan, epochs=ordinary, patience=patience)
    return Turns(plan, first, count, max(1, round(plan.epochs / count)))


def can_alternate(model: AutoencoderModel, rows: Rows) -> bool:
    """Whether the decoder may be trained on codes that are not its encoder's, of complete rows as they are."""
    return (
        can_polish(model)
        and model.corruption.is_identity
        and model.completion is None
        and model.decoder.stack() is not None
        and rows.random_access
    )


class Alternated(NamedTuple):
    """Which row of the history is the model's now, and whether somebody ended the turns."""

    best_epoch: int
    interrupted: bool


def alternate(
    model: AutoencoderModel,
    rows: Rows,
    held_out: Rows,
    turns: Turns,
    seed: int,
    history: History,
    best_epoch: int,
    on_turn: Callable[[Mapping[str, float]], bool] = lambda row: False,
) -> Alternated:
    """Train decoder and encoder in place.

    The history gets a row for every turn, measured with polished codes; ``on_turn`` sees it and answers True to stop.
    Rates, batches and decay are those of the plan. After Ctrl-C the best so far is kept.
    """
    plan = turns.plan
    work = _Work(model, rows, held_out, plan.batch_size, seed)
    decoder = OneNetwork(model.decoder, DECAY * plan.weight_decay, plan.gradient_clip)
    first, begun, before = len(history), time.perf_counter(), history[-1]["seconds"]
    losses = [work.held_out_losses()]
    at_first = best = decoder.weights()
    interrupted, kept, step, n_steps = False, 0, 0, turns.count * turns.epochs * work.batches_of_epoch
    try:
        for turn in range(1, turns.count + 1):
            work.polish(DESCENT)
            for noisy, x in work.batches(turn, turns.epochs):
                progress = step / max(1, n_steps - 1)
                decoder.step(noisy, _likelihood_gradient(model.likelihood, x), RATE * rate(plan, progress))
                step += 1
            work.renew_basis()
            losses.append(work.held_out_losses())
            if losses[turn].mean() < losses[kept].mean():
                kept, best = turn, decoder.weights()
            row = work.figures(losses[turn])
            row |= {"epoch": float(first + turn - 1), "learning_rate": RATE * rate(plan, step / n_steps)}
            row["seconds"] = before + time.perf_counter() - begun
            history.append({name: row[name] for name in history.columns})
            if on_turn(row):
                break
    except KeyboardInterrupt:
        interrupted = True
    if not exceeds_chance(losses[0] - losses[kept]):
        kept, best = 0, at_first
    decoder.put(best)
    decoder.finish()
    if kept:
        _teach_encoder(work, plan, max(1, round(ENCODER_SHARE * turns.count * turns.epochs)))
        best_epoch = first + kept - 1
    return Alternated(best_epoch, interrupted)


class _Work:
    """Rows, and their codes as they stand."""

    def __init__(self, model: AutoencoderModel, rows: Rows, held_out: Rows, batch_size: int, seed: int):
        self.model, self.rows, self.batch_size, self.seed = model, rows, batch_size, seed
        self.device = next(model.parameters()).device
        self.held_out = held_out.take(torch.arange(len(held_out))).to(self.device)
        self.places = torch.linspace(0, len(rows) - 1, min(BASIS_ROWS, len(rows))).long()
        self.sample = rows.take(self.places).to(self.device)
        with torch.no_grad():
            self.codes = torch.cat([model.encode(batch.to(self.device)).mean for batch in rows.batches()])
        self.renew_basis()
        self._move(lambda target, codes: self.polishing.codes(model, target, codes, STEPS))
        self.renew_basis()

    @property
    def batches_of_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def renew_basis(self) -> None:
        """Metric and starts, for the decoder as it is."""
        target = target_of(self.model.likelihood, self.sample)
        self.polishing = polishing_of(self.model, target, self.codes[self.places.to(self.device)])

    def polish(self, steps: int) -> None:
        """All codes from where they are."""
        decoder, metric = self.model.decoder, self.polishing.metric
        self._move(lambda target, codes: descend(decoder, target, codes, metric, steps=steps).codes)

    def _move(self, move: Callable[[Target, Tensor], Tensor]) -> None:
        moved, begin = torch.empty_like(self.codes), 0
        for batch in self.rows.batches():
            part = slice(begin, begin + len(batch))
            moved[part] = move(target_of(self.model.likelihood, batch.to(self.device)), self.codes[part])
            begin += len(batch)
        self.codes = moved

    def batches(self, turn: int, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Codes with noise and their rows, for some epochs."""
        noise = NOISE * self.codes.std(0)
        for epoch in range(epochs):
            generator = generator_of(self.seed, turn, epoch)
            order = torch.randperm(len(self.rows), generator=generator)
            noisy = self.codes + noise * torch.randn(self.codes.shape, generator=generator).to(self.device)
            places = iter(order.split(self.batch_size))
            for x in self.rows.in_order(order, self.batch_size):
                yield noisy[next(places).to(self.device)], x.to(self.device)

    def guess(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model.encode(x).mean

    @torch.no_grad()
    def held_out_losses(self, *, amortized: bool = False) -> Tensor:
        """-log p of each held-out row, encoded as in use, in float64."""
        target, codes = target_of(self.model.likelihood, self.held_out), self.guess(self.held_out)
        codes = codes if amortized else self.polishing.codes(self.model, target, codes, STEPS)
        self._held_out_output = self.model.decoder(codes)
        return self.model.likelihood(self._held_out_output, self.held_out).double()

    @torch.no_grad()
    def figures(self, losses: Tensor) -> dict[str, float]:
        """A row of the history, but for its epoch, rate and seconds; ``losses`` are those just measured."""
        likelihood, output = self.model.likelihood, self.model.decoder(self.codes[self.places.to(self.device)])
        measured = {
            "train": (likelihood(output, self.sample), likelihood.error_per_feature(output, self.sample)),
            "validation": (losses, likelihood.error_per_feature(self._held_out_output, self.held_out)),
        }
        row = {}
        for prefix, (loss, error) in measured.items():
            row[f"{prefix}_loss"] = row[f"{prefix}_reconstruction"] = float(loss.double().mean())
            row[f"{prefix}_mse"] = float(error.double().mean())
        return row


def _teach_encoder(work: _Work, plan: Plan, epochs: int) -> None:
    """Let the encoder learn to guess; it stays as it is unless that reconstructs held-out rows better."""
    model = work.model
    encoder = OneNetwork(model.encoder, DECAY * plan.weight_decay, plan.gradient_clip)
    best, weights = work.held_out_losses(amortized=True).mean(), encoder.weights()
    step, n_steps = 0, epochs * work.batches_of_epoch
    for epoch in range(epochs):
        order = torch.randperm(len(work.rows), generator=generator_of(work.seed, -1, epoch))
        for batch in work.rows.in_order(order, work.batch_size):
            x = batch.to(work.device)
            rule = _likelihood_gradient(model.likelihood, x)

            def at_code(h: Tensor, rule: Callable[[Tensor], Tensor] = rule) -> Tensor:
                here = model.decoder.linearize(h)
                return here.pull(rule(here.value))

            encoder.step(x, at_code, RATE * rate(plan, step / max(1, n_steps - 1)))
            step += 1
        loss = work.held_out_losses(amortized=True).mean()
        if loss < best:
            best, weights = loss, encoder.weights()
    encoder.put(weights)
    encoder.finish()


def _likelihood_gradient(likelihood: Likelihood, x: Tensor) -> Callable[[Tensor], Tensor]:
    """The gradient at the decoder's output of the batch's mean -log p(x|z)."""
    if likelihood.is_squared_error:
        return lambda output: likelihood.output_gradient(output, x)

    def by_autograd(output: Tensor) -> Tensor:
        with torch.enable_grad():
            at = output.detach().requires_grad_()
            return torch.autograd.grad(likelihood(at, x).mean(), at)[0]

    return by_autograd
