"""Who keeps what of a run while it goes on: told of every step, free to do nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from isthmus.rows.rows import Rows
from isthmus.training.state import RunState

__all__ = ["Checkpointer", "Checkpointing", "FitCheckpointer", "Run"]


class Run(Protocol):
    """A training run under way, as a checkpointer sees it; `isthmus.training.loop.Training` is one."""

    state: RunState

    def seconds(self) -> float:
        """Time spent training so far."""
        ...


class Checkpointer(Protocol):
    """Keeps what `Training.state` says when it sees fit."""

    def after_step(self, training: Run) -> None:
        """A step is over."""

    def after_epoch(self, training: Run) -> None:
        """An epoch is over and measured."""

    def after_run(self, training: Run) -> None:
        """The run is over, as it should be."""


class FitCheckpointer(Checkpointer, Protocol):
    """A `Checkpointer` that also knows what an earlier, unfinished fit left."""

    def restored(self, estimator: Any) -> RunState | None:
        """Put back what that fit knew at its start, and give where it stood; None if there is none."""

    def require_same(self, rows: Rows) -> None:
        """Refuse rows that are not those of that fit."""


class Checkpointing(Protocol):
    """What `fit` asks of ``checkpoints``; `isthmus.Checkpoints` is one."""

    def watching(self, estimator: Any) -> AbstractContextManager[FitCheckpointer]:
        """Keep checkpoints inside."""
        ...
