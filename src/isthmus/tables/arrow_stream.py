"""Rows of Arrow columns as a `TableStream`: each column read as its inferred kind, with ids and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.cells import plain_cells
from isthmus.tables.description import Description
from isthmus.tables.dialect import Dialect
from isthmus.tables.layout import TableLayout
from isthmus.tables.lists import ListColumns
from isthmus.tables.roles import are_whole_numbers, words_of
from isthmus.tables.segments import Segments
from isthmus.tables.source import Source
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table, check_finite

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ArrowStream", "Reading"]


@dataclass(frozen=True)
class Reading:
    """How cells become rows: the columns learned from, ids and labels, and lists that make several columns."""

    layout: TableLayout
    id_name: str | None = None
    label_name: str | None = None
    lists: ListColumns = field(default_factory=ListColumns)
    whole: frozenset[str] | None = None  # ids and labels that are integers in every row; None if not known yet
    typed: bool = False  # whether the cells already have their types

    @property
    def small(self) -> bool:
        """Whether single precision holds every number exactly."""
        return self.layout.is_plain and all(
            column.dtype in ("float", "halffloat", "bool", "int8", "int16", "uint8", "uint16")
            for column in self.layout.columns
        )

    @property
    def value_columns(self) -> list[str]:
        """The file's own columns that are learned from."""
        return self.lists.owners(self.layout.names)

    @property
    def all_columns(self) -> list[str]:
        """The same, and the columns of ids and labels."""
        words = [name for name in (self.id_name, self.label_name) if name is not None]
        return list(dict.fromkeys([*self.value_columns, *words]))

    def table(
        self,
        arrow: pyarrow.Table,
        where: str,
        name: str,
        *,
        first_row: int = 0,
        line_of: Callable[[int], int | None] | None = None,
    ) -> Table:
        """Rows with their ids and labels; a `DataError` counts them from ``first_row``."""
        cells: Any = (
            self.values(arrow, where, first_row, line_of)
            if self.layout.is_plain
            else self._frame(arrow, where, first_row)
        )

        def words(column: str | None, what: str) -> np.ndarray | None:
            if column is None:
                return None
            whole = None if self.whole is None else column in self.whole
            return words_of(
                plain_cells(arrow.column(column)), f"{where}: {what} column {column!r}", line_of, first_row, whole=whole
            )

        return Table(
            cells, self.layout.names, ids=words(self.id_name, "id"), id_name=self.id_name,
            labels=words(self.label_name, "label"), label_name=self.label_name, name=name, layout=self.layout,
            id_zone=None if self.id_name is None else getattr(arrow.schema.field(self.id_name).type, "tz", None),
        )  # fmt: skip

    def values(
        self, arrow: pyarrow.Table, where: str, first_row: int = 0, line_of: Callable[[int], int | None] | None = None
    ) -> np.ndarray:
        """The rows as numbers only, by the fastest way there is; infinity is refused."""
        if not self.layout.is_plain:
            return self.layout.encode(self._frame(arrow, where, first_row))
        values = self.lists.alone(arrow, self.layout.names, where, first_row)
        if values is None:
            flat = self.lists.flat(arrow, where, first_row)
            values = np.empty((arrow.num_rows, self.layout.width), np.float32 if self.small else np.float64)
            for place, column in enumerate(self.layout.columns):
                cells = plain_cells(flat.column(column.name)) if self.typed else column.typed(flat.column(column.name))
                values[:, place] = cells.to_numpy(zero_copy_only=False)
        check_finite(values, self.layout.names, where, line_of, missing=True, first_row=first_row)
        return values

    def _frame(self, arrow: pyarrow.Table, where: str, first_row: int) -> pyarrow.Table:
        flat = self.lists.flat(arrow, where, first_row)
        if self.typed:
            return flat.select(list(self.layout.names))
        return self.layout.typed(flat)


class ArrowStream(TableStream):
    """Segments of Arrow columns, read as described by ``reading``."""

    def __init__(
        self,
        segments: Segments,
        reading: Reading,
        *,
        where: str,
        name: str,
        missing: bool,
        description: Description | None = None,
        line_of: Callable[[int], int | None] | None = None,
    ):
        self.source, self.reading, self._where, self.name, self.missing = segments, reading, where, name, missing
        self.layout, self.columns, self.description = reading.layout, reading.layout.names, description
        self.id_name, self.label_name, self._line_of = reading.id_name, reading.label_name, line_of
        self.segments, self.open_at_once = segments.sizes, segments.open_at_once
        self.origin: Source | None = None  # the file itself, with all of its columns

    @property
    def files(self) -> tuple[int, ...]:
        return self.source.files

    @property
    def dialect(self) -> Dialect | None:
        return None if self.origin is None else self.origin.dialect

    def read(self, segment: int, start: int, stop: int) -> Table:
        arrow = self.source.read(segment, start, stop, self.reading.all_columns)
        where, before = self._place(segment)
        reading = self._settled()
        return reading.table(arrow, where, self.name, first_row=before + start, line_of=self._line_of)

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        arrow = self.source.read(segment, start, stop, self.reading.value_columns)
        where, before = self._place(segment)
        return self.reading.values(arrow, where, before + start, self._line_of)

    def given(self) -> Iterator[pyarrow.Table]:
        """All rows in order, with every column of the file unchanged."""
        import pyarrow

        if self.origin is not None:
            for batch in self.origin.batches():
                yield pyarrow.Table.from_batches([batch])

    def _place(self, segment: int) -> tuple[str, int]:
        where, before = self.source.where(segment)
        return where or self._where, before

    def _settled(self) -> Reading:
        """The reading, completed by which ids and labels are integers in every row."""
        words = [name for name in (self.id_name, self.label_name) if name is not None]
        if not words or self.reading.whole is not None:
            return self.reading
        left = set(words)
        for batch in self.source.batches(words):
            for name in list(left):
                cells = plain_cells(batch.column(name))
                if str(cells.type) != "string" or not are_whole_numbers(cells):
                    left.discard(name)
            if not left:
                break
        self.reading = replace(self.reading, whole=frozenset(left))
        return self.reading
