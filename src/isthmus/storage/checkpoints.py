"""Checkpoints: what a fit needs to go on after an end without warning, written every minute or every few epochs.

    model.fit(X, checkpoints=Checkpoints("work"))          the same line again goes on where the first one ended

Each is a folder of its own, written beside its place and moved there in one step:

    config.json, model.safetensors          the best model so far, which `isthmus.load` reads as any other
    training.json, training.safetensors     the weights and moments as they stand, and where in the run that is

The newest that is whole is gone on from; one that is damaged is passed over with a warning. A run that goes on ends
with the same bits as one that never stopped. Nothing in the folder is code and nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from isthmus.distributed import ProcessGroup, process_group
from isthmus.estimator import BaseAutoencoder
from isthmus.history import History
from isthmus.rows.rows import Rows
from isthmus.storage.folder_lock import locked
from isthmus.storage.folder_writing import new_folder
from isthmus.storage.model_folder import files_of, load
from isthmus.storage.safe_reading import (
    StorageError,
    TensorKind,
    checksum,
    open_regular_file,
    parse_object,
    read_header,
    require_keys,
)
from isthmus.training.checkpointing import Run
from isthmus.training.optimizer import Moments
from isthmus.training.state import RunState

__all__ = ["Checkpoints", "newest_step", "read_checkpoint"]

FORMAT, FORMAT_VERSION = "isthmus checkpoint", 1
FACTS_FILE, TENSOR_FILE = "training.json", "training.safetensors"
NAME = re.compile(r"checkpoint-(\d{10})")
LEFT_OVER = re.compile(r"\.checkpoint-\d{10}-[0-9a-f]+")
MOST_BYTES = 1 << 20
TERMINATED = 143
COUNTS = ("epoch", "batch", "steps", "best_epoch")
WEIGHTS = ("weights", "best_weights", "start_weights", "mean", "mean_square")
LOSSES = ("start_losses", "best_losses")
FACTS = {"format", "format_version", *COUNTS, "best_loss", "seconds", "finished", "history_columns", "rows_sha256"}


@dataclass(frozen=True)
class Checkpoints:
    """Where and how often to keep what a fit needs to go on.

    Parameters
    ----------
    folder
        Where they lie; made if missing. Two fits may not use it at once: the second is refused.
    every_seconds
        Time between two, or None.
    every_epochs
        Epochs between two, or None.
    keep
        How many to keep: the newest. Each holds the best model so far, which therefore is never lost.

    Notes
    -----
    A termination signal (SIGTERM) in the main thread writes one more and ends the process with the exit code 143.
    One that cannot be written (a full disk) is a warning; the fit goes on, and the earlier ones stay.
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
        """The folder locked, and a termination signal turned into a checkpoint, as long as a fit goes on."""
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
        """Put back what the fit knew at its start, and give where it stood; None if there is nothing to go on from."""
        step = torch.tensor(-1)
        if self.group.is_main:
            self._clean()
            step = torch.tensor(newest_step(self.folder))
        step = int(self.group.broadcast_(step))
        if step < 0:
            return None
        loaded, state, self._expected_sha256 = read_checkpoint(self.folder / f"checkpoint-{step:010d}")
        _require_same_settings(estimator, loaded, self.folder)
        settings = estimator.get_params(deep=False)
        for name, value in vars(loaded).items():
            if name not in settings:
                setattr(estimator, name, value)
        return state

    def require_same(self, rows: Rows) -> None:
        """Refuse rows that are not those the checkpoint was made with."""
        self.rows_sha256 = rows.digest()
        if self._expected_sha256 not in (None, self.rows_sha256):
            raise StorageError(
                f"{str(self.folder)!r} holds checkpoints of a fit to other rows; give it the same data in the same "
                "order, or another folder."
            )

    def _clean(self) -> None:
        if self.folder.is_dir():
            for entry in self.folder.iterdir():
                if LEFT_OVER.fullmatch(entry.name):
                    shutil.rmtree(entry, ignore_errors=True)

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

    @contextmanager
    def heeding_termination(self) -> Iterator[None]:
        """SIGTERM waits for the end of the step under way; the handler that was there is put back."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heed(*_: Any) -> None:
            self._terminated = True
            if not self._training:
                raise SystemExit(TERMINATED)  # nothing to keep yet, or nothing more

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
            warnings.warn(f"no checkpoint was kept: {error} The fit goes on.", RuntimeWarning, stacklevel=2)
            return
        for step in steps_in(self.folder)[self.rules.keep :]:
            shutil.rmtree(self.folder / f"checkpoint-{step:010d}", ignore_errors=True)

    def _files(self, state: RunState) -> dict[str, bytes]:
        """The best model so far as a model folder has it, and the run as it stands."""
        estimator = self.estimator
        estimator.fitted_ = dataclasses.replace(
            estimator.fitted_, history=state.history, best_epoch=state.best_epoch, n_iter=len(state.history) - 1
        )
        present = state.weights.clone()
        try:
            state.weights.copy_(state.best_weights)  # the model's own parameters are views into it
            files = files_of(estimator)
        finally:
            state.weights.copy_(present)
        tensors = {name: getattr(state, name) for name in ("weights", "best_weights", "start_weights", *LOSSES)}
        tensors |= {name: getattr(state.moments, name) for name in ("mean", "mean_square", "count")}
        tensors |= {
            f"history.{name}": torch.tensor(values, dtype=torch.float64)
            for name, values in state.history.columns.items()
        }
        # Copies: until an epoch beats the start, the best losses are the start's own, and shared memory is refused.
        data = safetensors.save({name: part.detach().cpu().clone().contiguous() for name, part in tensors.items()})
        facts: dict[str, Any] = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **{name: getattr(state, name) for name in COUNTS},
            "best_loss": state.best_loss if math.isfinite(state.best_loss) else None,
            "seconds": state.seconds,
            "finished": state.finished,
            "history_columns": list(state.history.columns),
            "rows_sha256": self.rows_sha256,
            "tensors_sha256": hashlib.sha256(data).hexdigest(),
        }
        text = json.dumps(facts | {"facts_sha256": checksum(facts)}, indent=1).encode()
        return {**files, TENSOR_FILE: data, FACTS_FILE: text}


def steps_in(folder: Path) -> list[int]:
    """The steps of which there are checkpoints, the newest first."""
    if not folder.is_dir():
        return []
    found = [NAME.fullmatch(entry.name) for entry in folder.iterdir()]
    return sorted((int(match[1]) for match in found if match), reverse=True)


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint that is whole, or -1; newer ones that are damaged are warned of."""
    for step in steps_in(folder):
        try:
            read_checkpoint(folder / f"checkpoint-{step:010d}")
        except StorageError as error:
            warnings.warn(f"{error} An earlier checkpoint is taken if there is one.", RuntimeWarning, stacklevel=2)
        else:
            return step
    return -1


def read_checkpoint(folder: Path) -> tuple[BaseAutoencoder, RunState, str]:
    """The best model so far, where the run stood, and what tells its rows; a `StorageError` if anything is damaged."""
    where = repr(str(folder))
    loaded = load(folder)
    try:
        with open_regular_file(folder, FACTS_FILE) as file:
            facts = parse_object(file.read(MOST_BYTES), FACTS_FILE)
        if facts.get("format") != FORMAT or facts.get("format_version") != FORMAT_VERSION:
            raise StorageError(f"{where} holds a checkpoint of another format; update isthmus, or fit anew.")
        require_keys(facts, FACTS | {"tensors_sha256", "facts_sha256"}, FACTS_FILE)
        if checksum({name: value for name, value in facts.items() if name != "facts_sha256"}) != facts["facts_sha256"]:
            raise ValueError(f"{FACTS_FILE} was changed after it was written")
        for name in COUNTS:
            if type(facts[name]) is not int or facts[name] < 0:
                raise ValueError(f"{name} must be a whole number from 0, got {facts[name]!r}")
        return loaded, _state(facts, _tensors(folder, facts, loaded)), str(facts["rows_sha256"])
    except StorageError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300].rstrip(".; ")
        raise StorageError(f"{where} is damaged: {reason}.") from error


def _tensors(folder: Path, facts: dict[str, Any], loaded: BaseAutoencoder) -> dict[str, Tensor]:
    """The numbers, once their types and shapes are those of a run of this model."""
    n_weights = sum(part.numel() for part in loaded.model_.parameters() if part.requires_grad)
    with open_regular_file(folder, TENSOR_FILE) as file:
        kinds = read_header(file, TENSOR_FILE)
        n_rows = {name: kinds[name].shape[0] if name in kinds and kinds[name].shape else 0 for name in LOSSES}
        n_epochs = {kind.shape for name, kind in kinds.items() if name.startswith("history.")}
        expected = {name: TensorKind("F32", (n_weights,)) for name in WEIGHTS}
        expected |= {"count": TensorKind("F32", ())}
        expected |= {name: TensorKind("F64", (n_rows[name],)) for name in LOSSES}
        expected |= {
            f"history.{name}": TensorKind("F64", next(iter(n_epochs), ())) for name in facts["history_columns"]
        }
        if kinds != expected or len(n_epochs) != 1:
            raise ValueError(f"{TENSOR_FILE} does not hold the tensors of a run of this model")
        file.seek(0)
        data = file.read()
    if hashlib.sha256(data).hexdigest() != facts["tensors_sha256"]:
        raise ValueError(f"{TENSOR_FILE} was changed after it was written")
    tensors = {name: part.clone() for name, part in safetensors.load(data).items()}
    for name in (*WEIGHTS, *LOSSES):
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")
    return tensors


def _state(facts: dict[str, Any], tensors: dict[str, Tensor]) -> RunState:
    history = History({name: tensors[f"history.{name}"].tolist() for name in facts["history_columns"]})
    best_loss = facts["best_loss"]
    return RunState(
        weights=tensors["weights"],
        best_weights=tensors["best_weights"],
        start_weights=tensors["start_weights"],
        moments=Moments(tensors["mean"], tensors["mean_square"], tensors["count"]),
        start_losses=tensors["start_losses"],
        best_losses=tensors["best_losses"],
        **{name: facts[name] for name in COUNTS},
        best_loss=math.inf if best_loss is None else float(best_loss),
        seconds=float(facts["seconds"]),
        finished=bool(facts["finished"]),
        history=history,
    )


def _require_same_settings(estimator: BaseAutoencoder, loaded: BaseAutoencoder, folder: Path) -> None:
    where = repr(str(folder))
    if type(estimator) is not type(loaded):
        raise StorageError(
            f"{where} holds checkpoints of a fit of {type(loaded).__name__}, not {type(estimator).__name__}; "
            "give another folder."
        )
    for name, value in estimator.get_params(deep=False).items():
        kept = getattr(loaded, name)
        same = kept == value or (isinstance(value, (list, tuple)) and tuple(value) == kept)
        if name not in ("verbose", "device", "random_state") and not same:
            raise StorageError(
                f"{where} holds checkpoints of a fit with {name}={kept!r}, not {value!r}; give the same settings, or "
                "another folder."
            )
        if name == "random_state" and isinstance(value, int) and isinstance(kept, int) and value != kept:
            raise StorageError(f"{where} holds checkpoints of a fit with random_state={kept}, not {value}.")
