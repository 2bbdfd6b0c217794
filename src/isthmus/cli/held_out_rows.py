"""Rows to learn from and rows held out: drawn once by `isthmus fit`, found again by the other commands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from isthmus.cli.outcome import CommandError, say
from isthmus.cli.run_folder import Run, fingerprint

if TYPE_CHECKING:
    import numpy as np

    from isthmus.data import Table
    from isthmus.evaluation import Evaluation

__all__ = ["JudgedRows", "held_out_again", "read_and_split"]


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """A table, with the indices of the rows learned from and of those held out."""

    table: Table
    train: np.ndarray
    test: np.ndarray

    @cached_property
    def training(self) -> Any:
        """The rows to learn from: an array, or a frame where columns are of several kinds."""
        return self.table.take(self.train).rows

    @cached_property
    def held_out(self) -> Table:
        """The rows to be judged by."""
        return self.table.take(self.test)

    def judge(self, estimator: Any, seed: int) -> Evaluation:
        """Figures on the held-out rows, with labels where there are any."""
        from isthmus.evaluation import evaluate

        labels = self.table.labels
        known = {} if labels is None else {"X_train": self.training, "y_train": labels[self.train]}
        return evaluate(estimator, self.held_out.rows, self.held_out.labels, **known, random_state=seed)


def read_and_split(
    data: str,
    labels: str | None,
    ids: str | None,
    drop: tuple[str, ...],
    test_size: float,
    seed: int,
    *,
    missing: bool = False,
    mixed: bool | None = None,
) -> JudgedRows:
    """Read a table and draw the rows to hold out; say how many of each there are."""
    from isthmus.data import read_table, split_table

    table = read_table(data, labels=labels, ids=ids, drop=drop, missing=missing, mixed=mixed)
    _require_classes(table, data)
    train, test = split_table(table, test_size, seed)
    if len(train) < 2:
        raise CommandError(f"{data!r}: too few rows, {len(table)} leave {len(train)} to learn from; add rows.")
    say(
        f"{data!r}: {len(table):,} rows of {table.n_columns:,} numbers; {len(train):,} to learn from, "
        f"{len(test):,} held out."
    )
    return JudgedRows(table, train, test)


def _require_classes(table: Table, data: str) -> None:
    """Labels are judged after training; what cannot be classes is refused before."""
    labels = table.labels
    if labels is not None and labels.dtype.kind == "f" and (labels != labels.round()).any():
        raise CommandError(
            f"{data!r}: --labels {table.label_name!r} holds fractions, and labels are classes; learn from the "
            "column, or leave it out with --drop."
        )


def held_out_again(run: Run) -> JudgedRows:
    """The data a run was fitted on, read again; `CommandError` where they are gone or have changed since."""
    import numpy as np

    from isthmus.data import DataError, read_table

    record = run.record
    if record is None:
        raise CommandError(f"{str(run.path)!r} is a model without its run folder; name the data to use after it.")
    try:
        # naming the columns leaves out what was dropped
        say(f"reading {record.source!r}, the data that {str(run.path)!r} names …")
        roles = {"columns": record.columns, "labels": record.label_name, "ids": record.id_name}
        table = read_table(record.source, **roles, missing=True, mixed=record.mixed)
    except DataError as error:
        raise CommandError(f"{error} The run's data being gone, name the data to use after it.") from error
    test = run.test_rows()
    inside = len(test) > 0 and test.min() >= 0 and test.max() < len(table)
    if not inside or fingerprint(table.values) != record.sha256:
        raise CommandError(
            f"{record.source!r} has changed since the fit, so its held-out rows are no longer known; name "
            "the data to use after the run."
        )
    return JudgedRows(table, np.setdiff1d(np.arange(len(table)), test), test)
