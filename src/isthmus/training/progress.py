"""A progress bar, shown only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

__all__ = ["progress_bar"]


class Advance(Protocol):
    """Called with each row of the history."""

    def __call__(self, row: Mapping[str, float]) -> None: ...


@contextmanager
def progress_bar(n_epochs: int, *, shown: bool) -> Iterator[Advance]:
    """A bar on standard error with epoch, error and time left; nothing if that is not a terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda row: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("error {task.fields[error]:.4g}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=n_epochs, error=float("nan"))

        def advance(row: Mapping[str, float]) -> None:
            bar.update(task, completed=row["epoch"], error=row.get("validation_mse", row["train_mse"]))

        yield advance
