"""A table of numbers with what is known of its rows and columns, and the error every reader raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow

__all__ = ["DataError", "Table", "check_finite", "joined", "place"]

CHECKED_CELLS = 8_000_000


class DataError(ValueError):
    """Data that cannot be read, used or written: one sentence saying what, where, and what to do."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of finite numbers, shape (rows, columns), float32 or float64, and the words that go with them.

    ``ids`` and ``labels`` have shape (rows,). ``image_shape`` is (height, width) for grey pictures and
    (channels, height, width) for colour, where a row is a picture flattened in that order.
    ``frame`` holds the cells themselves where columns are of several kinds; the values then only tell rows apart.
    ``official_test`` holds the indices of the rows that the data's makers set aside for testing.

    >>> table = Table(np.eye(3), ("a", "b", "c"), labels=np.array(["x", "y", "z"]), name="unit")
    >>> len(table), table.n_columns, table.take([2, 0]).labels.tolist()
    (3, 3, ['z', 'x'])
    """

    values: np.ndarray
    columns: tuple[str, ...]
    ids: np.ndarray | None = None
    id_name: str | None = None
    labels: np.ndarray | None = None
    label_name: str | None = None
    image_shape: tuple[int, ...] | None = None
    name: str = ""
    official_test: np.ndarray | None = None
    frame: pyarrow.Table | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise DataError(
                f"Table {self.name!r}: values must have shape (rows, {len(self.columns)}), one a name, "
                f"got {self.values.shape}."
            )
        for what, entries in (("ids", self.ids), ("labels", self.labels)):
            if entries is not None and entries.shape != (len(self),):
                raise DataError(f"Table {self.name!r}: {what} must have shape ({len(self)},), got {entries.shape}.")

    def __len__(self) -> int:
        return self.values.shape[0]

    @property
    def n_columns(self) -> int:
        """Numbers in a row."""
        return self.values.shape[1]

    @property
    def rows(self) -> Any:
        """What a model learns from: the frame where there is one, else the values."""
        return self.values if self.frame is None else self.frame

    def take(self, indices: Sequence[int] | np.ndarray) -> Table:
        """The rows at ``indices``, in that order, as a new table (without an official test set)."""
        rows = np.asarray(indices) if len(indices) else np.empty(0, np.intp)
        return replace(
            self,
            values=self.values[rows],
            ids=None if self.ids is None else self.ids[rows],
            labels=None if self.labels is None else self.labels[rows],
            frame=None if self.frame is None else self.frame.take(rows),
            official_test=None,
        )


def place(row: int, line_of: Callable[[int], int | None] | None) -> str:
    """A row in words, with its line in the file where that is known.

    >>> place(3, lambda row: row + 2), place(3, None)
    ('row 3 (line 5 of the file)', 'row 3')
    """
    line = None if line_of is None else line_of(row)
    return f"row {row}" if line is None else f"row {row} (line {line} of the file)"


def check_finite(
    values: np.ndarray,
    columns: Sequence[str],
    where: str,
    line_of: Callable[[int], int | None] | None = None,
    *,
    missing: bool = False,
    first_row: int = 0,
) -> None:
    """Raise a `DataError` naming the first cell of ``values`` that is missing, NaN or infinite.

    Parameters
    ----------
    values
        Numbers of shape (rows, columns); read a few megabytes at a time, so that a file can stay on disk.
    columns
        Names of the columns.
    where
        The file, as the message is to name it.
    line_of
        Gives the line of the file on which a row (counted from 0) begins, where the file has lines.
    missing
        Whether a cell may be missing (NaN); infinity is refused all the same.
    first_row
        Where ``values`` begin in the file, counted in rows.
    """
    height = max(1, CHECKED_CELLS // max(1, values.shape[1]))
    count, first = 0, None
    for start in range(0, len(values), height):
        part = values[start : start + height]
        bad = np.isinf(part) if missing else ~np.isfinite(part)
        found = int(bad.sum())
        if found and first is None:
            row, column = np.argwhere(bad)[0]
            first = start + int(row), columns[int(column)]
        count += found
    if first is None:
        return
    row, column = first
    cells, begin = ("1 cell is", "it is") if count == 1 else (f"{count} cells are", "the first is")
    raise DataError(
        f"{where}: {cells} missing, NaN or infinite, {begin} in {place(first_row + row, line_of)}, column {column!r}; "
        "fill it, or leave out the row or the column."
    )


def joined(tables: Sequence[Table]) -> Table:
    """Tables of the same columns, one below the other."""
    if len(tables) == 1:
        return tables[0]

    def stacked(name: str) -> np.ndarray | None:
        parts = [getattr(table, name) for table in tables]
        return None if parts[0] is None else np.concatenate(parts)

    frames = [table.frame for table in tables]
    if frames[0] is not None:
        frames = [_one_frame(frames, tables[0].name)]
    return replace(
        tables[0],
        frame=frames[0],
        values=np.concatenate([table.values for table in tables]),
        ids=stacked("ids"),
        labels=stacked("labels"),
    )


def _one_frame(frames: list[Any], name: str) -> Any:
    """Frames one below the other; whole numbers in one file and fractions or nothing in another are of one kind."""
    import pyarrow

    try:
        return pyarrow.concat_tables(frames, promote_options="permissive")
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{name!r}: a column is not of one kind in all files ({reason}); make it so.") from error
