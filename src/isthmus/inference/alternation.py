"""Alternating training of a decoder and the best codes of its rows, after an ordinary fit.

An autoencoder's decoder learns from its encoder's codes, and the encoder only approximates the best ones: where it
averages over a fold of the decoder's surface, the decoder learns to be coarse. So codes are optimized directly, and the
two take turns, as in DeepSDF's auto-decoder (Park et al. 2019, arXiv:1901.05103) and alternating least squares:

    z_i     <- a few steps towards argmin_z -log p(x_i | z)        `isthmus.inference.descent`, from the previous z_i
    decoder <- some epochs of AdamW on -log p(x_i | z_i + noise)   noise: new rows have other codes

After each turn the held-out rows are encoded as at inference, from the encoder's guess. The turn with their best
reconstruction is kept, or the original decoder if no turn is significantly better. Then the encoder is trained to match
the new decoder,

    encoder <- AdamW on -log p(x_i | e(x_i)), the decoder held fixed

so its guess is also good if it is used without polishing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from isthmus.history import History
from isthmus.inference.descent import descend
from isthmus.inference.polishing import STEPS, can_polish, polishing_of, target_of
from isthmus.inference.target import Target
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.network import Network
from isthmus.rows.rows import Batch, Rows, seeded_generator
from isthmus.training.chance import exceeds_chance
from isthmus.training.one_network import OneNetwork
from isthmus.training.plan import Plan, automatic_patience
from isthmus.training.schedule import annealed_from, rate

__all__ = ["Alternated", "Turns", "alternate", "alternate_again", "can_alternate", "no_turns", "plan_turns"]

DESCENT = 2  # steps of the codes in a turn
NOISE = 0.02  # of each latent's standard deviation
RATE, DECAY = 0.6, 0.5  # of the plan's learning rate and weight decay
# Large batches cost less: twice as many rows at a higher rate, if at least ten steps per epoch remain.
LARGER_BATCH, LARGER_RATE, MIN_STEPS = 2, 1.5, 10
ORDINARY = 0.5  # share of the plan's epochs that train encoder and decoder together first
MIN_TURNS, MAX_TURNS, MIN_EPOCHS = 2, 10, 4
LIKELY = 1.45  # the normal quantile of the test that keeps turns, milder than the one for leaving the closed form
PATIENCE = 3  # turns without improvement before stopping, once the rate is low
ENCODER_SHARE = 0.25  # of the decoder's epochs
BASIS_ROWS, MIN_BASIS_ROWS = 2048, 128  # rows that give the codes to start from and the mean curvature
BASIS_CELLS = 1 << 23  # of these rows: fewer if they are wide


@dataclass(frozen=True)
class Turns:
    """How a plan's epochs are divided: ``ordinary`` for both networks, then ``count`` turns of ``epochs``."""

    plan: Plan
    ordinary: Plan
    count: int
    epochs: int


def no_turns(plan: Plan) -> Turns:
    """The whole plan for both networks, without turns."""
    return Turns(plan, plan, 0, 0)


def plan_turns(plan: Plan, n_iter_no_change: int | None = None) -> Turns:
    """Half the plan's epochs for both networks, then a full plan of the decoder's; no turns in a plan too short."""
    count = min(MAX_TURNS, plan.epochs // MIN_EPOCHS)
    if count < MIN_TURNS:
        return no_turns(plan)
    ordinary = round(ORDINARY * plan.epochs)
    patience = None if plan.patience is None else n_iter_no_change or automatic_patience(ordinary)
    first = replace(plan, epochs=ordinary, patience=patience)
    return Turns(plan, first, count, max(1, round(plan.epochs / count)))


def can_alternate(model: AutoencoderModel, rows: Rows) -> bool:
    """Whether the decoder can be trained on codes other than its encoder's: of complete, uncorrupted rows."""
    return (
        can_polish(model)
        and model.corruption.is_identity
        and model.completion is None
        and model.decoder.stack() is not None
        and rows.random_access
    )


class Alternated(NamedTuple):
    """The model's row in the history, whether the turns were interrupted, and the number of turns kept.

    ``encoder_epochs`` is the number of the encoder's epochs kept after them.
    """

    best_epoch: int
    interrupted: bool
    kept: int = 0
    encoder_epochs: int = 0


def alternate(
    model: AutoencoderModel,
    rows: Rows,
    held_out: Rows,
    turns: Turns,
    seed: int,
    history: History,
    best_epoch: int,
    on_turn: Callable[[Mapping[str, float]], bool] = lambda row: False,
    mean_weight: float = 1.0,
) -> Alternated:
    """Train decoder and encoder in place; row weights are divided by ``mean_weight``, as in the preceding fit.

    Each turn adds a row to the history, measured with polished codes; ``on_turn`` is called with it and returns True to
    stop. Rates, batches and decay derive from the plan. After Ctrl-C the best turn so far is kept.
    """
    plan = turns.plan
    work = _Work(model, rows, held_out, plan.batch_size, seed, mean_weight)
    decoder = OneNetwork(model.decoder, plan, DECAY * plan.weight_decay)
    first, started, before = len(history), time.perf_counter(), history[-1]["seconds"]
    losses = [work.held_out_losses()]
    original = best = decoder.weights()
    interrupted, kept, encoder_epochs = False, 0, 0
    annealed = annealed_from(replace(plan, epochs=turns.count))
    try:
        for turn in range(1, turns.count + 1):
            _take_turn(work, decoder, turns, turn)
            losses.append(work.held_out_losses())
            if work.mean(losses[turn]) < work.mean(losses[kept]):
                kept, best = turn, decoder.weights()
            row = work.figures(losses[turn])
            row |= {"epoch": float(first + turn - 1), "learning_rate": work.rate * rate(plan, turn / turns.count)}
            row["seconds"] = before + time.perf_counter() - started
            history.append({name: row[name] for name in history.columns})
            lowest = min(range(1, turn + 1), key=lambda index: work.mean(losses[index]))
            waited = turn - lowest if turn >= annealed and plan.patience is not None else 0
            if on_turn(row) or waited >= PATIENCE:
                break
    except KeyboardInterrupt:
        interrupted = True
    gains = losses[0] - losses[kept]
    if not exceeds_chance(gains if work.held_out.weight is None else gains * work.held_out.weight, LIKELY):
        kept, best = 0, original
    decoder.set_weights(best)
    decoder.finish()
    if kept:
        encoder_epochs = _teach_encoder(work, turns)
        best_epoch = first + kept - 1
    return Alternated(best_epoch, interrupted, kept, encoder_epochs)


def alternate_again(
    model: AutoencoderModel, rows: Rows, turns: Turns, seed: int, found: Alternated, mean_weight: float = 1.0
) -> None:
    """Repeat `alternate` on ``rows``, with none held out: the same number of turns and of the encoder's epochs."""
    work = _Work(model, rows, None, turns.plan.batch_size, seed, mean_weight)
    decoder = OneNetwork(model.decoder, turns.plan, DECAY * turns.plan.weight_decay)
    for turn in range(1, found.kept + 1):
        _take_turn(work, decoder, turns, turn)
    decoder.finish()
    _teach_encoder(work, turns, found.encoder_epochs)


def _take_turn(work: _Work, decoder: OneNetwork, turns: Turns, turn: int) -> None:
    """Polish all codes, and train the decoder on them."""
    work.polish(DESCENT)
    per_turn = turns.epochs * work.batches_of_epoch
    step, n_steps = (turn - 1) * per_turn, turns.count * per_turn
    for noisy, batch in work.batches(turn, turns.epochs):
        highest = work.rate * rate(turns.plan, step / max(1, n_steps - 1))
        decoder.step(_beside(noisy, batch.given), _at_output(work.model.likelihood, batch), highest)
        step += 1
    work.renew_basis()


class _Work:
    """The rows, and their current codes."""

    def __init__(
        self, model: AutoencoderModel, rows: Rows, held_out: Rows | None, batch_size: int, seed: int, mean_weight: float
    ):
        self.model, self.rows, self.seed = model, rows, seed
        self.mean_weight = mean_weight
        self.batch_size, self.rate = batch_size, RATE
        if len(rows) >= MIN_STEPS * LARGER_BATCH * batch_size:
            self.batch_size, self.rate = LARGER_BATCH * batch_size, LARGER_RATE * RATE
        self.device = next(model.parameters()).device
        held_out = rows.some(0) if held_out is None else held_out
        self.held_out = self._taken(held_out, torch.arange(len(held_out)))
        n_basis = min(len(rows), BASIS_ROWS, max(MIN_BASIS_ROWS, BASIS_CELLS // rows.n_features))
        self.indices = torch.linspace(0, len(rows) - 1, n_basis).long()
        self.sample = self._taken(rows, self.indices)
        self.codes = torch.cat([self.guess(batch.to(self.device)) for batch in rows.records()])
        self.renew_basis()
        self._move(lambda target, codes: self.polishing.codes(model, target, codes, STEPS))
        self.renew_basis()

    def _taken(self, rows: Rows, indices: Tensor) -> Batch:
        return rows.batch_of(rows.take(indices)).to(self.device)

    def _target(self, batch: Batch) -> Target:
        return target_of(self.model.likelihood, batch.x, batch.given)

    @property
    def batches_of_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def guess(self, batch: Batch) -> Tensor:
        """The encoder's codes."""
        with torch.no_grad():
            return self.model.encode(batch.x, batch.given).mean

    def mean(self, losses: Tensor) -> float:
        """The weighted mean over held-out rows."""
        weight = self.held_out.weight
        return float(losses.mean() if weight is None else (losses * weight).sum() / weight.sum())

    def renew_basis(self) -> None:
        """Update the metric and the codes to start from for the current decoder."""
        self.polishing = polishing_of(self.model, self._target(self.sample), self.codes[self.indices.to(self.device)])

    def polish(self, steps: int) -> None:
        """Improve all codes by ``steps`` of descent."""
        decoder, metric = self.model.decoder, self.polishing.metric
        self._move(lambda target, codes: descend(decoder, target, codes, metric, steps=steps).codes)

    def _move(self, move: Callable[[Target, Tensor], Tensor]) -> None:
        moved, start = torch.empty_like(self.codes), 0
        for batch in self.rows.records():
            part = slice(start, start + len(batch.x))
            moved[part] = move(self._target(batch.to(self.device)), self.codes[part])
            start += len(batch.x)
        self.codes = moved

    def batches(self, turn: int, epochs: int) -> Iterator[tuple[Tensor, Batch]]:
        """Codes with noise, and their rows, for several epochs."""
        noise = NOISE * self.codes.std(0)
        for epoch in range(epochs):
            generator = seeded_generator(self.seed, turn, epoch)
            order = torch.randperm(len(self.rows), generator=generator)
            noisy = self.codes + noise * torch.randn(self.codes.shape, generator=generator).to(self.device)
            indices = iter(order.split(self.batch_size))
            for columns in self.rows.take_batches(order, self.batch_size):
                yield noisy[next(indices).to(self.device)], self._weighed(columns)

    def shuffled(self, epoch: int) -> Iterator[Batch]:
        """The rows of an epoch, without codes."""
        order = torch.randperm(len(self.rows), generator=seeded_generator(self.seed, 0, epoch))
        for columns in self.rows.take_batches(order, self.batch_size):
            yield self._weighed(columns)

    def _weighed(self, columns: Tensor) -> Batch:
        batch = self.rows.batch_of(columns).to(self.device)
        return batch if batch.weight is None else batch._replace(weight=batch.weight / self.mean_weight)

    @torch.no_grad()
    def held_out_losses(self, *, amortized: bool = False) -> Tensor:
        """-log p of each held-out row in float64, encoded as at inference, or by the encoder alone if ``amortized``."""
        batch, codes = self.held_out, self.guess(self.held_out)
        if not amortized:
            codes = self.polishing.codes(self.model, self._target(batch), codes, STEPS)
        self._held_out_output = self.model.decoder(codes, batch.given)
        return self.model.likelihood(self._held_out_output, batch.x).double()

    @torch.no_grad()
    def figures(self, losses: Tensor) -> dict[str, float]:
        """A row of the history without epoch, rate and seconds; ``losses`` are those just measured."""
        likelihood, sample = self.model.likelihood, self.sample
        output = self.model.decoder(self.codes[self.indices.to(self.device)], sample.given)
        measured = {
            "train": (sample, likelihood(output, sample.x), likelihood.error_per_feature(output, sample.x)),
            "validation": (
                self.held_out,
                losses,
                likelihood.error_per_feature(self._held_out_output, self.held_out.x),
            ),
        }
        row = {}
        for prefix, (batch, loss, error) in measured.items():
            weight = torch.ones_like(error) if batch.weight is None else batch.weight
            for name, values in (("loss", loss), ("reconstruction", loss), ("mse", error)):
                row[f"{prefix}_{name}"] = float((values.double() * weight).sum() / weight.double().sum())
        return row


def _teach_encoder(work: _Work, turns: Turns, epochs: int | None = None) -> int:
    """Train the encoder, keep the epoch that reconstructs held-out rows best, and return its number.

    If ``epochs`` is given, train for that many and keep the last.
    """
    model, plan = work.model, turns.plan
    linearize = cast(Network, model.decoder).linearize
    encoder = OneNetwork(model.encoder, plan, DECAY * plan.weight_decay)
    planned = max(1, round(ENCODER_SHARE * turns.count * turns.epochs))
    kept, best, weights = 0, math.inf, encoder.weights()
    if epochs is None:
        best = work.mean(work.held_out_losses(amortized=True))
    step, n_steps = 0, planned * work.batches_of_epoch
    for epoch in range(planned if epochs is None else epochs):
        for batch in work.shuffled(epoch):

            def at_code(h: Tensor, batch: Batch = batch) -> Tensor:
                here = linearize(h, batch.given)
                return here.pull(_at_output(model.likelihood, batch)(here.value))

            seen = _beside(model.likelihood.encoder_input(batch.x), batch.given)
            encoder.step(seen, at_code, work.rate * rate(plan, step / max(1, n_steps - 1)))
            step += 1
        loss = work.mean(work.held_out_losses(amortized=True)) if epochs is None else -math.inf
        if loss < best or epochs is not None:
            kept, best, weights = epoch + 1, loss, encoder.weights()
    encoder.set_weights(weights)
    encoder.finish()
    return kept


def _beside(inputs: Tensor, given: Tensor | None) -> Tensor:
    return inputs if given is None else torch.cat([inputs, given], 1)


def _at_output(likelihood: Any, batch: Batch) -> Callable[[Tensor], Tensor]:
    """The gradient at the decoder's output of the batch's (weighted) mean -log p(x|z)."""

    def gradient(output: Tensor) -> Tensor:
        if likelihood.is_squared_error:
            found = likelihood.output_gradient(output, batch.x)
        else:
            with torch.enable_grad():
                at = output.detach().requires_grad_()
                (found,) = torch.autograd.grad(likelihood(at, batch.x).mean(), at)
        return found if batch.weight is None else found * batch.weight[:, None]

    return gradient
