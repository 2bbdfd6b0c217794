"""Protocols of checkpointing: a checkpointer is called after every step and decides when to write."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from isthmus.rows.rows import Rows
from isthmus.training.state import RunState

__all__ = ["Checkpointer", "Checkpointing", "FitCheckpointer", "Run"]


class Run(Protocol):
    """A training run as a checkpointer sees it; `isthmus.training.loop.Training` is one."""

    state: RunState

    def seconds(self) -> float:
        """Time spent training so far."""
        ...


class Checkpointer(Protocol):
    """Stores ``training.state`` at times of its choice."""

    def after_step(self, training: Run) -> None:
        """Called after a step."""

    def after_epoch(self, training: Run) -> None:
        """Called after an epoch is evaluated."""

    def after_run(self, training: Run) -> None:
        """Called after the run has ended normally."""


class FitCheckpointer(Checkpointer, Protocol):
    """A `Checkpointer` that can also restore an earlier, unfinished fit."""

    def restored(self, estimator: Any) -> RunState | None:
        """Restore that fit's estimator as it was initialized, and return its state; None if there is no such fit."""

    def require_same(self, rows: Rows) -> None:
        """Raise an error unless the rows are those of that fit."""


class Checkpointing(Protocol):
    """What `fit` needs of its ``checkpoints`` argument; `isthmus.Checkpoints` is one."""

    def watching(self, estimator: Any) -> AbstractContextManager[FitCheckpointer]:
        """A context in which a fit's checkpoints are written."""
        ...
