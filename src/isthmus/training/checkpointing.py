"""Who keeps what of a run while it goes on: told of every step, free to do nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from isthmus.rows.rows import Rows
    from isthmus.training.loop import Training
    from isthmus.training.state import RunState

__all__ = ["Checkpointer", "Checkpointing", "FitCheckpointer"]


class Checkpointer(Protocol):
    """Keeps what `Training.state` says when it sees fit."""

    def after_step(self, training: Training) -> None:
        """A step is over."""

    def after_epoch(self, training: Training) -> None:
        """An epoch is over and measured."""

    def after_run(self, training: Training) -> None:
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
