"""The training loop: batches by index, one flat buffer of parameters, the best validated weights kept.

Epoch 0 is evaluated before the first step and counts: a model that starts at the closed form can't end with a higher
validation loss. Nor does it leave the closed form for a gain that chance could explain: on few rows the best of a
hundred epochs always looks a little better. Losses are read once per epoch, so no step waits for the device.
"""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isthmus.distributed import ALONE, ProcessGroup
from isthmus.history import History
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.draws import OwnDraws, RandomSource, Share, drawing_from, seeded, sharing
from isthmus.rows.rows import Batch, Rows, combined_seed
from isthmus.training.backtracking import share_of_rate, step_back
from isthmus.training.chance import exceeds_chance
from isthmus.training.checkpointing import Checkpointer
from isthmus.training.devices import use_bfloat16
from isthmus.training.fused import can_fuse, fuse, lower_precision, squared_error_pass, unfuse
from isthmus.training.objective import Objective
from isthmus.training.optimizer import FlatAdamW, FlatParameters, Moments, flatten_parameters
from isthmus.training.out_of_memory import is_out_of_memory
from isthmus.training.plan import Plan
from isthmus.training.schedule import annealed_from, rate
from isthmus.training.state import RunState

__all__ = ["Training", "means"]

UNVALIDATED_SAMPLE = 256  # training rows evaluated per epoch if none are held out
MEASURE_SEED = 20_030_599  # evaluation draws the same noise every epoch, so epochs can be compared
BFLOAT16_ROW_MULTIPLE = 32
WEIGHT = "weight"  # a key of `Training.measure`
STEPS_BETWEEN_CHECKS = 128  # whether the weights are finite


@dataclass
class Training:
    """A model in training; `run` follows the plan, `step` takes one batch.

    Attributes
    ----------
    seed : int
        Determines the order of each epoch and the noise of each step.
    mean_weight : float
        The mean weight of the rows, by which each weight is divided.
    group : ProcessGroup
        The processes that share the batches.
    state : RunState
        The state of the run; it resumes from ``resumed`` if that is given.
    stop_reason : str or None
        Why training ended before its last epoch, in words.
    stopped_abnormally : bool
        Whether the user should be warned: after an interruption, or a loss that is not finite.
    """

    model: AutoencoderModel
    objective: Objective
    plan: Plan
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seed: int = 0
    group: ProcessGroup = ALONE
    resumed: RunState | None = None
    mean_weight: float = 1.0
    stop_reason: str | None = None
    stopped_abnormally: bool = False
    _moments: Moments | None = None
    _micro_batches: int = 1  # per batch; more than one if memory is short
    state: RunState = field(init=False)

    def __post_init__(self) -> None:
        self._moments = None if self.resumed is None else self.resumed.moments
        self.resume()
        weights, moments = self.flat.weights, self.optimizer.moments
        if self.resumed is None:
            self.group.broadcast_(weights)
            best, start = ([part.clone() for part in self.model.moving_buffers()] for _ in range(2))
            self.state = RunState(
                weights, weights.clone(), weights.clone(), moments, best_buffers=best, start_buffers=start
            )
        else:
            weights.copy_(self.resumed.weights)
            _copy(self.resumed.buffers, self.model.moving_buffers())
            self.state = dataclasses.replace(self.resumed, weights=weights, moments=moments)
        self.state.buffers = self.model.moving_buffers()
        self._started = time.perf_counter() - self.state.seconds

    @property
    def history(self) -> History:
        """One row per epoch; row 0 is before any step."""
        return self.state.history

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights the model ends with."""
        return self.state.best_epoch

    def seconds(self) -> float:
        """Seconds of training so far, by a monotonic clock."""
        return time.perf_counter() - self._started

    def resume(self) -> None:
        """Move the model's parameters into a flat buffer, and set up the optimizer with the moments it had."""
        self.flat = flatten_parameters(self.model.to(self.device), self.model.decayed_parameters())
        self.optimizer = FlatAdamW(self.flat, self.plan.weight_decay, self._moments)
        self._rate = self.plan.learning_rate
        self._bfloat16: FlatParameters | None = None
        self._autocast = self.plan.precision == "bfloat16"
        fusing = self.model.completion is None and not self.objective.needs_input_gradient
        if fusing:
            fusable = can_fuse(self.model)
            work = self.plan.batch_size * len(self.flat.weights)
            if fusable and use_bfloat16(self.plan.precision, self.device, work):
                self._bfloat16, self._autocast = self.flat.as_bfloat16(), False
            if not self._autocast:
                lower_precision(self.model, self.plan, self.device)
                fuse(self.model, self.flat, self._bfloat16 or self.flat)
        self._noise = RandomSource(self.seed)
        self._draws = OwnDraws() if self.model.has_own_modules else nullcontext()
        self.model.train()
        self._plain = squared_error_pass(self.model, self.objective) if fusing else None

    def run(
        self,
        training: Rows,
        validation: Rows | None,
        on_epoch: Callable[[Mapping[str, float]], bool] = lambda row: False,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        """Train for the plan's epochs, or until early stopping, a callback, Ctrl-C or a non-finite loss.

        ``on_epoch`` is called with each row of the history and returns True to stop.
        """
        state = self.state
        sample = training.some(len(validation) if validation is not None else UNVALIDATED_SAMPLE)
        n_steps = math.ceil(len(training) / self.plan.batch_size) * self.plan.epochs
        try:
            while not state.finished and self.stop_reason is None and state.epoch <= self.plan.epochs:
                if state.epoch > 0:
                    self._learn(training, n_steps, checkpointer)
                if self.stop_reason is None:
                    self._evaluate(sample, validation, on_epoch)
                    step_back(self)
                    state.epoch, state.batch = state.epoch + 1, 0
                    if checkpointer is not None and self.stop_reason is None:
                        checkpointer.after_epoch(self)
        except KeyboardInterrupt:
            if not len(self.history):
                raise  # there are no weights to keep yet
            self.stop_reason, self.stopped_abnormally = "interrupted", True
        guarded = self.plan.guards_start and validation is not None and len(self.history) > 0
        if guarded and not exceeds_chance(state.start_losses - state.best_losses):
            state.best_epoch, state.best_weights = 0, state.start_weights.clone()
            state.best_buffers = [part.clone() for part in state.start_buffers]
        if checkpointer is not None and not self.stopped_abnormally and not state.finished:
            state.finished = True
            checkpointer.after_run(self)
        self.flat.weights.copy_(state.best_weights)
        _copy(state.best_buffers, state.buffers)

    def run_again(self, rows: Rows, epochs: int, init_closed_form: Callable[[], None]) -> None:
        """Train again for the first ``epochs`` of the plan on other rows, starting at their closed form."""
        self._moments = None
        self.resume()
        weights = self.flat.weights.copy_(self.state.start_weights)
        _copy(self.state.start_buffers, self.model.moving_buffers())
        init_closed_form()
        self.state = RunState(weights, weights, weights, self.optimizer.moments, self.model.moving_buffers())
        n_steps = math.ceil(len(rows) / self.plan.batch_size) * self.plan.epochs
        try:
            for epoch in range(1, epochs + 1):
                for batch in rows.epoch(self.seed, epoch, self.plan.batch_size, group=self.group):
                    self.step(batch, rate(self.plan, self.state.steps / max(1, n_steps - 1)))
        finally:
            self.finish()

    def _learn(self, training: Rows, n_steps: int, checkpointer: Checkpointer | None) -> None:
        """Train for the rest of the current epoch."""
        state = self.state
        self.model.switch_mode(training=True)
        batches = training.epoch(self.seed, state.epoch, self.plan.batch_size, first=state.batch, group=self.group)
        highest = share_of_rate(self)
        for batch in batches:
            self.step(batch, highest * rate(self.plan, state.steps / max(1, n_steps - 1)))
            state.batch += 1
            if state.steps % STEPS_BETWEEN_CHECKS == 0 and not math.isfinite(float(self.flat.weights.sum())):
                self._give_up(f"the weights were not finite in epoch {state.epoch}")
                return
            if checkpointer is not None:
                checkpointer.after_step(self)

    def _evaluate(self, sample: Rows, validation: Rows | None, on_epoch: Callable[[Mapping[str, float]], bool]) -> None:
        """Evaluate the epoch, keep its weights if they are the best, and decide whether to stop."""
        state, epoch = self.state, self.state.epoch
        row = {"epoch": float(epoch), **means(self.measure(sample), "train")}
        losses = torch.empty(0, dtype=torch.float64)
        if validation is not None:
            measured = self.measure(validation)
            losses = measured["loss"].cpu()
            if WEIGHT in measured:
                losses = losses * (measured[WEIGHT] / measured[WEIGHT].mean()).cpu()
            row |= means(measured, "validation")
        if epoch == 0:
            state.start_losses = losses
        row["learning_rate"] = self._rate
        row["seconds"] = self.seconds()
        loss = row.get("validation_loss", row["train_loss"])
        if not math.isfinite(loss):
            self._give_up(f"the loss was {loss} after epoch {epoch}")
            return
        state.history.append(row)
        # Without validation rows no epoch can be chosen, and the last weights are used.
        if loss < state.best_loss or validation is None:
            state.best_loss, state.best_epoch, state.best_losses = loss, epoch, losses
            state.best_weights.copy_(self.flat.weights)
            _copy(state.buffers, state.best_buffers)
        waited = epoch - max(state.best_epoch, annealed_from(self.plan))  # at a high rate losses are not comparable
        if on_epoch(row):
            self.stop_reason = "a callback asked to stop"
        elif self.plan.patience is not None and waited >= self.plan.patience:
            self.stop_reason = f"no improvement for {self.plan.patience} epochs"

    def _give_up(self, why: str) -> None:
        self.stop_reason, self.stopped_abnormally = f"{why} (a smaller learning_rate may help)", True

    def step(self, batch: Batch, learning_rate: float) -> None:
        """One gradient step on a batch, or on this process's share of it."""
        state = self.state
        state.steps += 1
        gradients = self._gradients(batch)
        if self.plan.gradient_clip is not None:
            gradients.mul_((self.plan.gradient_clip / (gradients.norm() + 1e-12)).clamp(max=1.0))
        self.optimizer.step(learning_rate)
        self._rate = learning_rate

    def _gradients(self, batch: Batch) -> Tensor:
        """The gradient of the whole batch's mean loss; in micro-batches if memory is short."""
        while True:
            try:
                if self._micro_batches == 1 and batch.share is None:
                    return self._gradients_of(batch)
                return self._accumulated_gradients(batch)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or self._micro_batches >= len(batch.x):
                    raise
            self._micro_batches *= 2
            warnings.warn(
                f"there is not enough memory for batches of {batch.n_rows} rows: each is split into "
                f"{self._micro_batches} micro-batches, which gives the same step.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _accumulated_gradients(self, batch: Batch) -> Tensor:
        """The gradient summed over accumulation slots and micro-batches."""
        # Float64 rounds far below float32's last bit: neither the order nor the number of processes changes the sum.
        exact = torch.float32 if self.device.type == "mps" else torch.float64  # MPS has no float64
        total = torch.zeros_like(self.flat.gradients, dtype=exact)
        share = batch.share or Share(torch.arange(len(batch.x)), len(batch.x))
        slots = torch.zeros(len(batch.x), dtype=torch.long) if batch.slots is None else batch.slots
        for slot in self.group.own_slots:
            for own in (slots == slot).nonzero()[:, 0].tensor_split(self._micro_batches):
                if len(own):
                    filled = self._padded(own)
                    with sharing(Share(share.positions[filled], share.n_rows)):
                        part = self._gradients_of(batch.at(filled), len(own))
                    total.add_(part, alpha=len(filled))
        return self.flat.gradients.copy_(self.group.all_reduce_(total).div_(share.n_rows))

    def _padded(self, positions: Tensor) -> Tensor:
        """Repeat the last row up to a multiple of 32 rows: bfloat16 kernels are compiled for each number of rows."""
        if self._bfloat16 is None or any(penalty.of_whole_batch for penalty in self.objective.penalties.values()):
            return positions
        missing = -len(positions) % BFLOAT16_ROW_MULTIPLE
        return torch.cat([positions, positions[-1:].expand(missing)])

    def _gradients_of(self, batch: Batch, n_rows: int | None = None) -> Tensor:
        """Gradient of the mean loss of a batch, in the flat buffer; rows from ``n_rows`` on contribute zero.

        All micro-batches of a batch draw from the same step's noise.
        """
        self._noise.reseed(combined_seed(self.seed, -self.state.steps))
        with drawing_from(self._noise), self._draws:
            return self._gradients_with_noise(batch.to(self.device), n_rows)

    def _gradients_with_noise(self, batch: Batch, n_rows: int | None) -> Tensor:
        if batch.weight is not None:
            batch = batch._replace(weight=batch.weight / self.mean_weight)
        gradients = self.flat.gradients.zero_()
        if self._bfloat16 is not None:
            self._bfloat16.weights.copy_(self.flat.weights)
            self._bfloat16.gradients.zero_()
        if self._plain is not None:
            self._plain.add_gradients(batch, n_rows)
        else:
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._autocast):
                loss, _ = self.objective(self.model, batch.x, batch.given)
            total = loss.total if batch.weight is None else loss.total * batch.weight
            (total[:n_rows].sum() / len(batch.x)).backward()
        return gradients if self._bfloat16 is None else gradients.add_(self._bfloat16.gradients)

    def measure(self, rows: Rows) -> dict[str, Tensor]:
        """Loss, its parts and squared error per feature with the current weights, each of shape (len(rows),).

        For weighted rows their ``weight`` is included.
        """
        measured: dict[str, list[Tensor]] = {}
        self.model.switch_mode(training=False)
        with seeded(MEASURE_SEED):
            for batch in rows.records():
                for name, values in self._measure_batch(batch.to(self.device)).items():
                    measured.setdefault(name, []).append(values.detach())
        return {name: torch.cat(parts).double() for name, parts in measured.items()}

    def _measure_batch(self, batch: Batch) -> dict[str, Tensor]:
        weight = {} if batch.weight is None else {WEIGHT: batch.weight}
        if self._plain is not None and self._bfloat16 is None:
            return self._plain.measure(batch.x, batch.given) | weight
        with torch.set_grad_enabled(self.objective.needs_input_gradient):
            loss, forward = self.objective(self.model, batch.x, batch.given)
        with torch.no_grad():
            mse = self.model.likelihood.error_per_feature(forward.output, forward.x)
            return {"loss": loss.total, **loss.parts, "mse": mse} | weight

    def finish(self, *, resumable: bool = True) -> None:
        """Give every parameter its own storage again, so the model can be copied and pickled like any other module.

        `resume` can continue a ``resumable`` run; otherwise the state that only it would need is freed.
        """
        unfuse(self.model)
        self._moments, best = (self.optimizer.moments, self.state.best_weights) if resumable else (None, torch.empty(0))
        self.state.weights, self.state.best_weights, self.state.buffers = torch.empty(0), best, []
        del self.flat, self.optimizer, self._plain, self._bfloat16, self._noise, self._draws
        self.model.eval()
        self.model.zero_grad(set_to_none=True)
        for parameter in self.model.parameters():
            parameter.data = parameter.data.clone()


@torch.no_grad()
def _copy(sources: list[Tensor], targets: list[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)


def means(measured: Mapping[str, Tensor], prefix: str) -> dict[str, float]:
    """The results of `Training.measure` as a row of the history."""
    weight = measured.get(WEIGHT)
    return {f"{prefix}_{name}": float(_mean(values, weight)) for name, values in measured.items() if name != WEIGHT}


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    return values.mean() if weight is None else (values * weight).sum() / weight.sum()
