"""The training loop: batches by index, one flat buffer of parameters, the best validated weights kept.

Epoch 0 is measured before the first step and counts: a model that starts at the closed-form answer can end
no worse, as validated, than it. Nor does it leave that answer for a gain that chance could explain: the best of
a hundred epochs always looks a little better on few rows. Losses are read once an epoch; no step waits for a
number.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isthmus.history import History
from isthmus.model.autoencoder import AutoencoderModel, Passage
from isthmus.model.likelihood import squared_error
from isthmus.model.mixed_likelihood import MixedLikelihood
from isthmus.objective import Objective
from isthmus.training.devices import half_precision_pays, seeded
from isthmus.training.fused import can_fuse, fuse, plain_pass, unfuse
from isthmus.training.optimizer import FlatAdamW, FlatParameters, Moments, flatten_parameters
from isthmus.training.plan import Plan
from isthmus.training.rows import Rows

__all__ = ["Training", "means", "rate"]

WARM_UP = 0.2  # share of a one-cycle run in which the rate rises
FIRST_RATE, LAST_RATE = 1 / 25, 1 / 1e4  # of the highest rate
UNVALIDATED_SAMPLE = 256  # training rows measured each epoch where none are held out
STANDARD_ERRORS = 1.5  # by which the best epoch must beat a start that is an answer already
MEASURE_SEED = 20_030_599  # measured losses draw the same noise every epoch, so that epochs can be compared


@dataclass
class Training:
    """One model in training; `run` goes through a plan, `step` takes one batch.

    Attributes
    ----------
    history : History
        One row an epoch, row 0 before any step.
    best_epoch : int
        Whose weights the model ends with.
    stopped : str or None
        Why training ended before its last epoch, in words.
    troubled : bool
        Whether that is something the user should hear of: an interruption, or a loss that is no number.
    """

    model: AutoencoderModel
    objective: Objective
    plan: Plan
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    history: History = field(default_factory=History)
    best_epoch: int = 0
    stopped: str | None = None
    troubled: bool = False
    _moments: Moments | None = None

    def __post_init__(self) -> None:
        self.resume()
        self._begun = time.perf_counter()

    def resume(self) -> None:
        """Put the flat buffer under the model's parameters and the optimiser on it, with the moments it had."""
        self.flat = flatten_parameters(self.model.to(self.device))
        self.optimizer = FlatAdamW(self.flat, self.plan.weight_decay, self._moments)
        self._rate = self.plan.learning_rate
        self._half: FlatParameters | None = None
        self._autocast = self.plan.precision == "bfloat16"
        by_hand = self.model.completion is None and not self.objective.needs_input_gradient
        if by_hand:
            fusable = can_fuse(self.model)
            work = self.plan.batch_size * len(self.flat.weights)
            if fusable and half_precision_pays(self.plan.precision, self.device, work):
                self._half, self._autocast = self.flat.half(), False
            if not self._autocast:
                fuse(self.model, self.flat, self._half or self.flat)
        self._plain = plain_pass(self.model, self.objective) if by_hand else None

    def run(
        self,
        training: Rows,
        validation: Rows | None,
        on_epoch: Callable[[Mapping[str, float]], bool] = lambda row: False,
    ) -> None:
        """Train for the plan's epochs, or until patience, a callback, Ctrl-C or a non-finite loss ends it.

        ``on_epoch`` sees each row of the history and answers True to stop.
        """
        sample = _sample_of(training, len(validation) if validation is not None else UNVALIDATED_SAMPLE)
        best_weights, best_loss = self.flat.weights.clone(), math.inf
        start_weights, start_losses, best_losses = best_weights.clone(), torch.empty(0), torch.empty(0)
        n_steps = math.ceil(len(training) / self.plan.batch_size) * self.plan.epochs
        steps_taken = 0
        try:
            for epoch in range(self.plan.epochs + 1):
                if epoch > 0:
                    for batch in training.shuffled(self.plan.batch_size):
                        self.step(batch, rate(self.plan, steps_taken / max(1, n_steps - 1)))
                        steps_taken += 1
                row = {"epoch": float(epoch), **means(self.measure(sample), "train")}
                losses = torch.empty(0)
                if validation is not None:
                    measured = self.measure(validation)
                    losses = measured["loss"]
                    row |= means(measured, "validation")
                if epoch == 0:
                    start_losses = losses
                row["learning_rate"] = self._rate
                row["seconds"] = time.perf_counter() - self._begun
                loss = row.get("validation_loss", row["train_loss"])
                if not math.isfinite(loss):
                    self.stopped = f"the loss was {loss} after epoch {epoch} (a smaller learning_rate may help)"
                    self.troubled = True
                    break
                self.history.append(row)
                # Without validation rows there is nothing to choose by: the last weights stand.
                if loss < best_loss or validation is None:
                    best_loss, self.best_epoch, best_losses = loss, epoch, losses
                    best_weights.copy_(self.flat.weights)
                if on_epoch(row):
                    self.stopped = "a callback asked to stop"
                    break
                if self.plan.patience is not None and epoch - self.best_epoch >= self.plan.patience:
                    self.stopped = f"no better for {self.plan.patience} epochs"
                    break
        except KeyboardInterrupt:
            if not len(self.history):
                raise  # nothing to keep yet
            self.stopped, self.troubled = "interrupted", True
        if self.plan.guards_start and validation is not None and not _beyond_chance(start_losses - best_losses):
            self.best_epoch, best_weights = 0, start_weights
        self.flat.weights.copy_(best_weights)

    def step(self, batch: Tensor, learning_rate: float) -> None:
        """One gradient step on a batch of shape (batch, n_features)."""
        gradients = self.flat.gradients.zero_()
        batch = batch.to(self.device)
        if self._half is not None:
            self._half.weights.copy_(self.flat.weights)
            self._half.gradients.zero_()
        if self._plain is not None:
            self._plain.add_gradients(batch)
        else:
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._autocast):
                loss, _ = self.objective(self.model, batch)
            loss.total.mean().backward()
        if self._half is not None:
            gradients.add_(self._half.gradients)
        if self.plan.gradient_clip is not None:
            gradients.mul_((self.plan.gradient_clip / (gradients.norm() + 1e-12)).clamp(max=1.0))
        self.optimizer.step(learning_rate)
        self._rate = learning_rate

    def measure(self, rows: Rows) -> dict[str, Tensor]:
        """Loss, its parts and squared error per feature with the present weights, each of shape (len(rows),)."""
        figures: dict[str, list[Tensor]] = {}
        with seeded(MEASURE_SEED, self.device):
            for batch in rows.batches():
                for name, values in self._measure_batch(batch.to(self.device)).items():
                    figures.setdefault(name, []).append(values.detach())
        return {name: torch.cat(parts).double() for name, parts in figures.items()}

    def _measure_batch(self, x: Tensor) -> dict[str, Tensor]:
        if self._plain is not None and self._half is None:
            return self._plain.measure(x)
        with torch.set_grad_enabled(self.objective.needs_input_gradient):
            loss, passage = self.objective(self.model, x)
        with torch.no_grad():
            return {"loss": loss.total, **loss.parts, "mse": error_per_feature(self.model, passage)}

    def finish(self) -> None:
        """Give every parameter its own storage again: the model leaves training as an ordinary module.

        What is left can be copied and pickled; `resume` goes on from there.
        """
        unfuse(self.model)
        self._moments = self.optimizer.moments
        del self.flat, self.optimizer, self._plain, self._half
        self.model.zero_grad(set_to_none=True)
        for parameter in self.model.parameters():
            parameter.data = parameter.data.clone()


def means(measured: Mapping[str, Tensor], prefix: str) -> dict[str, float]:
    """What `Training.measure` found, as a row of the history."""
    return {f"{prefix}_{name}": float(values.mean()) for name, values in measured.items()}


def _beyond_chance(gains: Tensor) -> bool:
    """Whether rows gain more on average than `STANDARD_ERRORS` of that average's own spread; of one row, never."""
    if len(gains) < 2:
        return False
    return bool(gains.mean() > STANDARD_ERRORS * gains.std() / math.sqrt(len(gains)))


def rate(plan: Plan, progress: float) -> float:
    """Learning rate at ``progress`` in [0, 1]: constant, or one cycle (Smith 2018, arXiv:1803.09820)."""
    if plan.schedule == "constant":
        return plan.learning_rate
    if progress < WARM_UP:
        return plan.learning_rate * _between(FIRST_RATE, 1.0, progress / WARM_UP)
    return plan.learning_rate * _between(1.0, LAST_RATE, (progress - WARM_UP) / (1 - WARM_UP))


def error_per_feature(model: AutoencoderModel, passage: Passage) -> Tensor:
    """Mean squared error of each row's features, of those it has, shape (batch,); of a mixed table, of its numbers."""
    mean, x = model.likelihood.mean(passage.output), passage.x
    if isinstance(model.likelihood, MixedLikelihood) and model.likelihood.numbers:
        mean, x = mean[:, model.likelihood.numbers], x[:, model.likelihood.numbers]
    if not model.likelihood.some_missing:
        return (mean - x).square().mean(1)
    return squared_error(mean, x) / (~x.isnan()).sum(1).clamp(min=1)


def _between(begin: float, end: float, share: float) -> float:
    """From ``begin`` to ``end`` along half a cosine."""
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2


def _sample_of(rows: Rows, count: int) -> Rows:
    """As many training rows as there are validation rows, so that both columns are measured alike."""
    if count >= len(rows):
        return rows
    return rows.subset(torch.linspace(0, len(rows) - 1, count).long())
