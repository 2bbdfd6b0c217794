"""A note for a table whose rows look like the readings of a series, where ``--time`` is not given."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from isthmus.cli.outcome import say

if TYPE_CHECKING:
    from isthmus.tables import Table

__all__ = ["say_if_series"]

MIN_READINGS = 64
REGULAR = 0.95  # share of the steps that are of one length


def say_if_series(table: Table) -> None:
    """Suggest ``--time`` if a column of dates advances by the same step from row to row."""
    import numpy as np

    if table.layout is None or not table.is_mixed or len(table) < MIN_READINGS:
        return
    for column in table.layout.select(table.columns).columns:
        if column.kind != "date":
            continue
        steps = np.diff(column.encode(table.to_arrow().column(column.name).combine_chunks(), "missing")[:, 0])
        usual = np.median(steps)
        if usual > 0 and (np.abs(steps - usual) < 0.01 * usual).mean() >= REGULAR:
            flag = f"--time {shlex.quote(column.name)}"
            say(f"note: {column.name!r} advances evenly; if the rows are a series, {flag} takes windows of them.")
            return
