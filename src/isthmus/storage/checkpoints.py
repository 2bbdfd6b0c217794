"""Checkpoints: what is needed to resume an interrupted fit, written every minute or every few epochs.

    model.fit(X, checkpoints=Checkpoints("work"))          the same line again resumes it

Each is a folder of its own, written atomically:

    config.json, model.safetensors          the best model so far, which `isthmus.load` reads like any other
    training.json, training.safetensors     the present weights and moments, and the position in the run
    timing.json                             how long that took

The newest intact checkpoint is resumed; a damaged one is skipped with a warning. A resumed run ends with the same bits
as one that was never interrupted. Nothing in the folder is code and nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isthmus.distributed import ProcessGroup, process_group
from isthmus.estimator import BaseAutoencoder
from isthmus.rows.rows import Rows
from isthmus.storage.folder_lock import locked
from isthmus.storage.folder_writing import SAVED, new_folder, remove_owned, require_room
from isthmus.storage.kind import Timing
from isthmus.storage.manifest import Manifest, manifest_bytes, read_manifest
from isthmus.storage.record import fact, from_plain, record
from isthmus.storage.registry import TIMING_FILE, files_of, load_autoencoder, read_timing, timing_bytes
from isthmus.storage.safe_reading import StorageError, reading
from isthmus.storage.tensor_file import TensorFile, TensorKind, kinds_of, tensor_bytes
from isthmus.training.checkpointing import Run
from isthmus.training.optimizer import Moments
from isthmus.training.state import RunState

__all__ = ["CHECKPOINT_FILES", "Checkpoints", "newest_step", "read_checkpoint"]

FORMAT = "isthmus checkpoint"
TRAINING_FILE, TENSOR_FILE = "training.json", "training.safetensors"
CHECKPOINT_FILES = (TRAINING_FILE, TENSOR_FILE, *SAVED)
NAME = re.compile(r"checkpoint-(\d{10})")
TERMINATED = 143
MAX_STEPS = 10**10
WEIGHTS = ("weights", "best_weights", "start_weights", "mean", "mean_square")
LOSSES = ("start_losses", "best_losses")
BUFFERS = ("buffers", "best_buffers", "start_buffers")
POSITION = ("epoch", "batch", "steps", "best_epoch", "best_loss", "finished")


@record
class RunRecord:
    """Position of a run: all of a `RunState` but tensors, history and time; and the checksum of its rows."""

    epoch: int = fact(at_least=0, at_most=MAX_STEPS)
    batch: int = fact(at_least=0, at_most=MAX_STEPS)
    steps: int = fact(at_least=0, at_most=MAX_STEPS)
    best_epoch: int = fact(at_least=0, at_most=MAX_STEPS)
    best_loss: float = fact(finite=False)
    finished: bool
    rows_sha256: str = fact(lengths=(0, 64))


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often to keep what is needed to resume a fit.

    Parameters
    ----------
    folder
        Where they are written; made if missing. A second fit that uses it at the same time is refused.
    every_seconds
        Time between two checkpoints, or None.
    every_epochs
        Epochs between two checkpoints, or None.
    keep
        How many of the newest to keep. Each holds the best model so far, which is therefore never lost.

    Notes
    -----
    On a termination signal (SIGTERM) in the main thread one more is written, and the process ends with exit code 143.
    A disk without room for one is refused before the first step. If one can't be written later on, there is a warning,
    the fit continues, and the earlier ones stay.
    """

    folder: str | os.PathLike[str]
    every_seconds: float | None = 60.0
    every_epochs: int | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        for name, least in (("every_seconds", 0), ("every_epochs", 1), ("keep", 1)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"Checkpoints: {name} must be at least {least}, got {value!r}.")

    @contextmanager
    def watching(self, estimator: BaseAutoencoder) -> Iterator[_Checkpointer]:
        """Lock the folder and turn a termination signal into a checkpoint while a fit runs."""
        group = process_group()
        checkpointer = _Checkpointer(self, estimator, group)
        with locked(Path(self.folder), wanted=group.is_main), checkpointer.heeding_termination():
            yield checkpointer


class _Checkpointer:
    """One fit's checkpoints."""

    def __init__(self, rules: Checkpoints, estimator: BaseAutoencoder, group: ProcessGroup):
        self.rules = rules
        self.folder = Path(rules.folder)
        self.estimator = estimator
        self.group = group
        self.rows_sha256 = ""
        self._expected_sha256: str | None = None
        self._last = time.monotonic()
        self._training = self._terminated = False

    # ---- before the run --------------------------------------------------------------------------------

    def restored(self, estimator: BaseAutoencoder) -> RunState | None:
        """Restore what the fit knew at its start, and return its state; None if there is nothing to resume."""
        step = torch.tensor(-1)
        if self.group.is_main:
            step = torch.tensor(newest_step(self.folder, estimator.own_modules()))
        step = int(self.group.broadcast_(step))
        if step < 0:
            return None
        loaded, state, self._expected_sha256 = read_checkpoint(
            self.folder / f"checkpoint-{step:010d}", estimator.own_modules()
        )
        _require_same_settings(estimator, loaded, self.folder)
        settings = estimator.get_params(deep=False)
        for name, value in vars(loaded).items():
            if name not in settings:
                setattr(estimator, name, value)
        return state

    def require_same(self, rows: Rows) -> None:
        """Refuse rows other than those the checkpoint was made with."""
        self.rows_sha256 = rows.digest()
        if self._expected_sha256 not in (None, self.rows_sha256):
            raise StorageError(
                f"{str(self.folder)!r} holds checkpoints of a fit to other rows; give it the same data in the same "
                "order, or another folder."
            )
        if self.group.is_main:
            self._require_room()

    def _require_room(self) -> None:
        """Refuse a disk without room for a checkpoint and the final model."""
        estimator = self.estimator
        model = [*estimator.model_.state_dict().values(), estimator.principal_.directions]
        n_bytes = 2 * sum(part.numel() * part.element_size() for part in model)
        n_bytes += len(WEIGHTS) * sum(4 * part.numel() for part in estimator.model_.parameters())
        require_room(self.folder, n_bytes)

    # ---- during the run --------------------------------------------------------------------------------

    def after_step(self, training: Run) -> None:
        self._training = True
        every = self.rules.every_seconds
        if self._terminated:
            self._write(training)
            raise SystemExit(TERMINATED)
        if every is not None and time.monotonic() - self._last >= every:
            self._write(training)

    def after_epoch(self, training: Run) -> None:
        every = self.rules.every_epochs
        if every is not None and training.state.epoch > 1 and (training.state.epoch - 1) % every == 0:
            self._write(training)

    def after_run(self, training: Run) -> None:
        self._write(training)
        self._training = False  # what follows is repeated from here

    @contextmanager
    def heeding_termination(self) -> Iterator[None]:
        """Let SIGTERM wait for the end of the current step; the previous handler is restored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heed(*_: Any) -> None:
            self._terminated = True
            if not self._training:
                raise SystemExit(TERMINATED)  # there is nothing to write

        before = signal.signal(signal.SIGTERM, heed)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
        if self._terminated:
            raise SystemExit(TERMINATED)

    def _write(self, training: Run) -> None:
        self._last = time.monotonic()
        if not self.group.is_main:
            return
        state = training.state
        state.seconds = training.seconds()
        try:
            new_folder(self.folder / f"checkpoint-{state.steps:010d}", self._files(state), overwrite=True)
        except StorageError as error:
            warnings.warn(f"no checkpoint was kept: {error} The fit continues.", RuntimeWarning, stacklevel=2)
            return
        for step in steps_in(self.folder)[self.rules.keep :]:
            remove_owned(self.folder / f"checkpoint-{step:010d}", CHECKPOINT_FILES)

    def _files(self, state: RunState) -> dict[str, bytes]:
        """The files of the best model so far, and those of the present state of the run."""
        estimator = self.estimator
        estimator.fitted_ = dataclasses.replace(
            estimator.fitted_, history=state.history, best_epoch=state.best_epoch, n_iter=len(state.history) - 1
        )
        present, buffers = state.weights.clone(), [buffer.clone() for buffer in state.buffers]
        try:
            state.weights.copy_(state.best_weights)  # the model's own parameters are views into it
            for buffer, best in zip(state.buffers, state.best_buffers, strict=True):
                buffer.copy_(best)
            files = files_of(estimator)
        finally:
            state.weights.copy_(present)
            for buffer, now in zip(state.buffers, buffers, strict=True):
                buffer.copy_(now)
        tensors = {name: getattr(state, name) for name in ("weights", "best_weights", "start_weights", *LOSSES)}
        tensors |= {name: getattr(state.moments, name) for name in ("mean", "mean_square", "count")}
        tensors |= {f"{name}.{place}": buffer for name in BUFFERS for place, buffer in enumerate(getattr(state, name))}
        data = {TENSOR_FILE: tensor_bytes(tensors)}
        facts: dict[str, Any] = {name: getattr(state, name) for name in POSITION}
        timing = Timing(tuple(state.history.columns.get("seconds", ())), state.seconds)
        training = manifest_bytes(FORMAT, RunRecord(**facts, rows_sha256=self.rows_sha256), data)
        return {**files, **data, TRAINING_FILE: training, TIMING_FILE: timing_bytes(timing)}


def steps_in(folder: Path) -> list[int]:
    """The steps with a checkpoint, newest first."""
    if not folder.is_dir():
        return []
    found = [NAME.fullmatch(entry.name) for entry in folder.iterdir()]
    return sorted((int(match[1]) for match in found if match), reverse=True)


def newest_step(folder: Path, modules: Mapping[str, Any] | None = None) -> int:
    """The step of the newest intact checkpoint, or -1; warns of newer ones that are damaged."""
    for step in steps_in(folder):
        try:
            read_checkpoint(folder / f"checkpoint-{step:010d}", modules)
        except StorageError as error:
            warnings.warn(f"{error} An earlier checkpoint is taken if there is one.", RuntimeWarning, stacklevel=2)
        else:
            return step
    return -1


def read_checkpoint(folder: Path, modules: Mapping[str, Any] | None = None) -> tuple[BaseAutoencoder, RunState, str]:
    """The best model so far, the state of the run, and the checksum of its rows; a `StorageError` if damaged."""
    loaded = load_autoencoder(folder, modules)
    with reading(folder):
        manifest = read_manifest(folder, TRAINING_FILE, (FORMAT,))
        timing = read_timing(folder)
        record, elapsed = _record(manifest, None if timing is None else timing.elapsed)
        history = loaded.history_
        if record.best_epoch >= len(history) or record.epoch != len(history):
            raise ValueError(f"its run is in epoch {record.epoch}, and its history has {len(history)} rows")
        return loaded, _state(record, elapsed, _tensors(folder, manifest, loaded), loaded), record.rows_sha256


def _record(manifest: Manifest, elapsed: float | None) -> tuple[RunRecord, float]:
    facts = dict(manifest.record)
    if manifest.format_version == 1:  # in which the history was written twice, and the time among the facts
        elapsed = facts.pop("seconds", None)
        del facts["history_columns"]
        facts["best_loss"] = "Infinity" if facts["best_loss"] is None else facts["best_loss"]
    if elapsed is None:
        raise ValueError("the time it took is missing")
    return from_plain(RunRecord, facts), float(elapsed)


def _tensors(folder: Path, manifest: Manifest, loaded: BaseAutoencoder) -> dict[str, Tensor]:
    """The tensors, if their types and shapes are those of a run of this model."""
    first = manifest.format_version == 1
    if not first and manifest.files.keys() != {TENSOR_FILE}:
        raise ValueError(f"files in {TRAINING_FILE} must be {TENSOR_FILE}")
    file = TensorFile(folder, TENSOR_FILE, manifest.files["" if first else TENSOR_FILE])
    n_weights = sum(part.numel() for part in loaded.model_.parameters() if part.requires_grad)
    expected = {name: TensorKind("F32", (n_weights,)) for name in WEIGHTS}
    expected |= {"count": TensorKind("F32", ())}
    for name in LOSSES:
        shape = file.kinds[name].shape if name in file.kinds else ()
        expected[name] = TensorKind("F64", shape[:1] or (0,))
    buffers = {str(place): buffer for place, buffer in enumerate(loaded.model_.moving_buffers())}
    for name in BUFFERS:
        expected |= {f"{name}.{place}": kind for place, kind in kinds_of(buffers).items()}
    history = [f"history.{name}" for name in loaded.history_.columns] if first else []
    expected |= {name: TensorKind("F64", (len(loaded.history_),)) for name in history}
    tensors = file.read(expected)
    for name in (*WEIGHTS, *LOSSES, "count"):
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")
    return tensors


def _state(record: RunRecord, elapsed: float, tensors: dict[str, Tensor], loaded: BaseAutoencoder) -> RunState:
    position: dict[str, Any] = {name: getattr(record, name) for name in POSITION}
    parts: dict[str, Any] = {name: tensors[name] for name in ("weights", "best_weights", "start_weights", *LOSSES)}
    moments = Moments(tensors["mean"], tensors["mean_square"], tensors["count"])
    n_buffers = len(loaded.model_.moving_buffers())
    parts |= {name: [tensors[f"{name}.{place}"] for place in range(n_buffers)] for name in BUFFERS}
    return RunState(**parts, **position, moments=moments, seconds=elapsed, history=loaded.history_)


def _require_same_settings(estimator: BaseAutoencoder, loaded: BaseAutoencoder, folder: Path) -> None:
    where = repr(str(folder))
    if type(estimator) is not type(loaded):
        raise StorageError(
            f"{where} holds checkpoints of a fit of {type(loaded).__name__}, not {type(estimator).__name__}; "
            "give another folder."
        )
    own, kept_settings = {"encoder", "decoder"}, loaded.get_params(deep=False)
    for name, value in estimator.get_params(deep=False).items():
        kept = kept_settings[name]
        if name in own:  # checked when they were loaded
            continue
        same = kept == value or (isinstance(value, (list, tuple)) and tuple(value) == kept)
        if name not in ("verbose", "device", "random_state") and not same:
            raise StorageError(
                f"{where} holds checkpoints of a fit with {name}={kept!r}, not {value!r}; give the same settings, or "
                "another folder."
            )
        if name == "random_state" and isinstance(value, int) and isinstance(kept, int) and value != kept:
            raise StorageError(f"{where} holds checkpoints of a fit with random_state={kept}, not {value}.")
