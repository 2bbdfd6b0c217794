"""A table in memory, with what is known about its rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.cells import as_type
from isthmus.tables.description import Description
from isthmus.tables.errors import DataError
from isthmus.tables.layout import TableLayout, plain_layout
from isthmus.tables.row_shape import RowShape

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Table", "check_finite", "joined", "row_location"]

CHECKED_CELLS = 8_000_000


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with their names, ids and labels: numbers of shape (rows, columns), or cells of several kinds.

    ``cells`` is an array of float32 or float64, NaN where a cell is missing; or an Arrow table of the columns of
    ``layout``, where they are of several kinds. ``ids`` and ``labels`` have shape (rows,); ids that are dates are in
    UTC, and ``id_zone`` is the time zone of the file. ``image_shape`` is (height, width) for grey pictures and
    (channels, height, width) for colour, where a row is a picture flattened in that order. ``row_shape`` says the same
    for rows of any kind, sounds and embeddings too.
    ``given`` is an Arrow table of the conditions, columns that both networks see and that are not learned from.
    ``official_test`` holds the indices of the rows that the data's makers set aside for testing. ``description`` says
    how the file was read; ``notes`` are remarks for a description that is still to be made.

    >>> table = Table(np.eye(3), ("a", "b", "c"), labels=np.array(["x", "y", "z"]), name="unit")
    >>> len(table), table.n_columns, table.take([2, 0]).labels.tolist()
    (3, 3, ['z', 'x'])
    """

    cells: Any
    columns: tuple[str, ...]
    ids: np.ndarray | None = None
    id_name: str | None = None
    labels: np.ndarray | None = None
    label_name: str | None = None
    image_shape: tuple[int, ...] | None = None
    name: str = ""
    official_test: np.ndarray | None = None
    layout: TableLayout | None = None
    description: Description | None = None
    row_shape: RowShape | None = None
    given: pyarrow.Table | None = None
    notes: tuple[str, ...] = ()
    id_zone: str | None = None

    def __post_init__(self) -> None:
        if self.row_shape is None and self.image_shape is not None:
            object.__setattr__(self, "row_shape", RowShape.of_picture(self.image_shape))
        shape = tuple(self.cells.shape)
        if len(shape) != 2 or shape[1] != len(self.columns):
            raise DataError(
                f"Table {self.name!r}: values must have shape (rows, {len(self.columns)}), one per name, got {shape}."
            )
        for what, entries in (("ids", self.ids), ("labels", self.labels)):
            if entries is not None and entries.shape != (len(self),):
                raise DataError(f"Table {self.name!r}: {what} must have shape ({len(self)},), got {entries.shape}.")

    def __len__(self) -> int:
        return self.cells.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The rows as numbers, for code that takes arrays."""
        return np.array(self.values, dtype=dtype)

    def __repr__(self) -> str:
        if self.description is not None:
            return str(self.description)
        return f"Table({self.name!r}: {len(self):,} rows of {self.n_columns:,} columns)"

    @property
    def is_mixed(self) -> bool:
        """Whether columns are of several kinds."""
        return not isinstance(self.cells, np.ndarray)

    @property
    def rows(self) -> Any:
        """What a model learns from: an array, or a table whose columns are of several kinds."""
        return self if self.is_mixed else self.cells

    @property
    def frame(self) -> pyarrow.Table | None:
        """The cells, where columns are of several kinds; else None."""
        return self.cells if self.is_mixed else None

    def to_arrow(self) -> pyarrow.Table:
        """The columns as an Arrow table, each of its own type."""
        if self.is_mixed and self.layout is not None:
            return self._dates_typed(self.layout)
        layout = self.layout or plain_layout(self.columns, [str(self.cells.dtype)] * self.n_columns)
        return layout.decode(self.cells)

    def _dates_typed(self, layout: TableLayout) -> pyarrow.Table:
        """The cells, dates among them in the types and time zones of the file."""
        table = self.cells
        for column in layout.columns:
            if column.kind == "date" and column.form is None:
                place = table.column_names.index(column.name)
                table = table.set_column(place, column.name, as_type(table.column(place), column.dtype))
        return table

    def written(self) -> pyarrow.Table:
        """The same, with every column as its file writes it: dates in their own form, booleans in their own words."""
        import pyarrow

        table = self.to_arrow()
        if self.layout is None or not self.is_mixed:
            return table
        cells = [
            own
            if column.form is None and column.kind != "date"
            else pyarrow.array(column.written(own.combine_chunks()), pyarrow.string())
            for column, own in zip(self.layout.columns, table.select(list(self.layout.names)).columns, strict=True)
        ]
        return pyarrow.table(cells, names=list(self.layout.names))

    @cached_property
    def values(self) -> np.ndarray:
        """The rows as numbers; columns of several kinds are encoded."""
        return self.layout.encode(self.cells) if self.is_mixed and self.layout is not None else self.cells

    def numbers(self) -> Table:
        """The numeric columns alone; a `DataError` if there are none."""
        if not self.is_mixed or self.layout is None:
            return self
        names = [column.name for column in self.layout.columns if column.is_numeric]
        if not names:
            raise DataError(f"{self.name!r}: no column of numbers; read one as such with --kind NAME=number.")
        layout = self.layout.select(names)
        return replace(self, cells=layout.encode(self.cells), columns=layout.names, layout=layout)

    def with_numbers(self, values: np.ndarray) -> Table:
        """The same with other numbers in the columns of `numbers`; all other columns stay as they are."""
        import pyarrow

        table, names = self.to_arrow(), self.numbers().columns
        for place, name in enumerate(names):
            cells = pyarrow.array(np.asarray(values[:, place], dtype=np.float64))
            table = table.set_column(table.column_names.index(name), name, cells)
        layout = None if self.layout is None else self.layout.with_fractions()
        return replace(self, cells=table, layout=layout)

    @property
    def n_columns(self) -> int:
        """Number of columns learned from."""
        return len(self.columns)

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return self.layout.width if self.is_mixed and self.layout is not None else len(self.columns)

    @property
    def has_names(self) -> bool:
        """Whether its columns have names of their own, not those of pixels or x0, x1, …."""
        return self.image_shape is None and self.columns != tuple(f"x{place}" for place in range(self.n_columns))

    @cached_property
    def display_names(self) -> tuple[str, ...]:
        """Names of the columns for output: the numbers of a sound are named by frequency and time."""
        heard = None if self.row_shape is None or self.row_shape.signal is None else self.row_shape.number_names()
        return heard or self.columns

    def take(self, indices: Sequence[int] | np.ndarray) -> Table:
        """The rows at ``indices``, in that order, as a new table (without an official test set)."""
        rows = np.asarray(indices) if len(indices) else np.empty(0, np.intp)
        return replace(
            self,
            cells=self.cells.take(rows) if self.is_mixed else self.cells[rows],
            ids=None if self.ids is None else self.ids[rows],
            labels=None if self.labels is None else self.labels[rows],
            official_test=None,
            given=None if self.given is None else self.given.take(rows),
        )


def row_location(row: int, line_of: Callable[[int], int | None] | None) -> str:
    """A row, with its line in the file if that is known.

    >>> row_location(3, lambda row: row + 2), row_location(3, None)
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
        Numbers of shape (rows, columns); read a few megabytes at a time, so a file can stay on disk.
    columns
        Names of the columns.
    where
        The file, as the message names it.
    line_of
        Gives the line of the file on which a row (counted from 0) starts, if the file has lines.
    missing
        Whether a cell may be missing (NaN); infinity is always refused.
    first_row
        Index of the first row of ``values`` in the file.
    """
    height = max(1, CHECKED_CELLS // max(1, values.shape[1]))
    count, first = 0, None
    what = "infinite" if missing else "missing, NaN or infinite"
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
    cells, which = ("1 cell is", "it is") if count == 1 else (f"{count} cells are", "the first is")
    raise DataError(
        f"{where}: {cells} {what}, {which} in {row_location(first_row + row, line_of)}, column {column!r}; "
        "fill it, or leave out the row or the column."
    )


def joined(tables: Sequence[Table]) -> Table:
    """Tables with the same columns, one below the other."""
    if len(tables) == 1:
        return tables[0]

    def stacked(name: str) -> np.ndarray | None:
        parts = [getattr(table, name) for table in tables]
        return None if parts[0] is None else np.concatenate(parts)

    parts = [table.cells for table in tables]
    return replace(
        tables[0],
        cells=_one_frame(parts, tables[0].name) if tables[0].is_mixed else np.concatenate(parts),
        ids=stacked("ids"),
        labels=stacked("labels"),
        given=None if tables[0].given is None else _one_frame([table.given for table in tables], tables[0].name),
    )


def _one_frame(frames: list[Any], name: str) -> Any:
    """Frames one below the other; integers in one file and fractions or nulls in another become one type."""
    import pyarrow

    try:
        return pyarrow.concat_tables(frames, promote_options="permissive").replace_schema_metadata(
            frames[0].schema.metadata
        )
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"{name!r}: a column has different types in different files ({reason}); convert it to one type."
        ) from error
