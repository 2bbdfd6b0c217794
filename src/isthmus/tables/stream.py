"""Tables larger than memory: rows stay where they are and are read a few megabytes at a time.

A stream consists of segments, runs of rows that are cheap to read together: a row group of a Parquet file, a part of
an array or of text. Training reads the segments in a random order; encoding reads the blocks one after the other. Both
hold a few megabytes, whatever the table's size.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.tables.description import Description
from isthmus.tables.dialect import Dialect
from isthmus.tables.errors import DataError
from isthmus.tables.layout import TableLayout
from isthmus.tables.row_shape import RowShape
from isthmus.tables.table import Table, joined

__all__ = [
    "BLOCK_CELLS",
    "HELD_BYTES",
    "HeldStream",
    "Remainder",
    "Share",
    "TableStream",
    "View",
]

BLOCK_CELLS = 1 << 20  # numbers in a block: eight megabytes in double precision
HELD_BYTES = 128 << 20  # of rows in single precision that may be held at once
FACTS = (
    "columns", "name", "label_name", "id_name", "image_shape", "seekable", "open_at_once", "held_bytes", "missing",
    "layout", "description", "row_shape",
)  # fmt: skip


class TableStream(ABC):
    """Rows in segments; iterating yields two-dimensional blocks of their numbers, in order.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns.
    layout : TableLayout or None
        What the columns are; None where all are numbers.
    description : Description or None
        How the file was read.
    segments : tuple of int
        Rows in each segment.
    seekable : bool
        Whether segments may be read in any order; else only one after the other.
    open_at_once : int
        How many segments may be read in turn, a piece of each, before that is slower than one after the other.
    held_bytes : int
        Bytes that may be held in memory at once. A smaller stream is loaded.
    """

    columns: tuple[str, ...]
    segments: tuple[int, ...]
    name: str = ""
    label_name: str | None = None
    id_name: str | None = None
    image_shape: tuple[int, ...] | None = None
    seekable: bool = True
    open_at_once: int = 8
    held_bytes: int = HELD_BYTES
    missing: bool = False  # whether cells may be NaN
    layout: TableLayout | None = None
    description: Description | None = None
    row_shape: RowShape | None = None
    given: Any = None  # an Arrow table of the conditions of all rows

    @property
    def mixed(self) -> bool:
        """Whether columns are of several kinds."""
        return self.layout is not None and not self.layout.is_plain

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows as an array, for code that takes no stream; refused if they may not be held at once."""
        if not self.fits_in_memory:
            raise DataError(
                f"{self.name or 'The table'!r}: this needs rows in memory, and {len(self):,} rows exceed the "
                f"{self.held_bytes:,} bytes that may be held; pass some of them: stream.take(indices).rows."
            )
        return np.array(self.load().values, dtype=dtype)

    @abstractmethod
    def read(self, segment: int, start: int, stop: int) -> Table:
        """Rows ``start`` to ``stop`` of a segment, with their ids and labels; reading on is cheaper than going back."""

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        """The rows as numbers, shape (stop - start, width), float32 or float64."""
        return self.read(segment, start, stop).values

    def __repr__(self) -> str:
        if self.description is not None:
            return str(self.description)
        return f"{type(self).__name__}({self.name!r}: {len(self):,} rows of {self.n_columns:,} columns)"

    def __len__(self) -> int:
        return sum(self.segments)

    @property
    def dialect(self) -> Dialect | None:
        """How the file is written, if it is text."""
        return None

    @property
    def n_columns(self) -> int:
        """Number of columns learned from."""
        return len(self.columns)

    @property
    def width(self) -> int:
        """Numbers in a row: more than the columns if some are categories."""
        return self.layout.width if self.layout is not None and self.mixed else len(self.columns)

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """Names of the numbers in a row."""
        return self.layout.encoded_names if self.layout is not None and self.mixed else self.columns

    @property
    def shape(self) -> tuple[int, int]:
        """(n_rows, width)."""
        return len(self), self.width

    @property
    def fits_in_memory(self) -> bool:
        """Whether all of it may be held at once."""
        return 4 * len(self) * self.width <= self.held_bytes

    @property
    def has_names(self) -> bool:
        """Whether its columns have names of their own, not those of pixels or x0, x1, …."""
        return self.image_shape is None and self.columns != tuple(f"x{place}" for place in range(self.n_columns))

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Every column of the file, learned from or not."""
        if self.description is not None and self.description.findings:
            return tuple(finding.name for finding in self.description.findings)
        return (*self.columns, *(name for name in (self.label_name, self.id_name) if name is not None))

    @property
    def block_rows(self) -> int:
        """Rows in a block."""
        return max(1, BLOCK_CELLS // self.width)

    def __iter__(self) -> Iterator[np.ndarray]:
        for segment, start, stop in self.pieces(self.block_rows):
            yield self.values(segment, start, stop)

    def blocks(self, rows: int | None = None) -> Iterator[Table]:
        """All rows in order, at most ``rows`` at a time, with their ids and labels."""
        for piece in self.pieces(rows or self.block_rows):
            yield self.read(*piece)

    def _same_as(self, other: TableStream) -> None:
        """Copy what is known about the columns."""
        for fact in FACTS:
            setattr(self, fact, getattr(other, fact))

    def pieces(self, rows: int) -> Iterator[tuple[int, int, int]]:
        """(segment, start, stop) of at most ``rows`` rows each, covering all rows in order."""
        for segment, size in enumerate(self.segments):
            for start in range(0, size, rows):
                yield segment, start, min(start + rows, size)

    def load(self) -> Table:
        """All of it in memory."""
        return replace(joined(list(self.blocks())), description=self.description)

    def take(self, indices: np.ndarray) -> Table:
        """The rows at ``indices``, counted from 0 and ascending, read in one pass."""
        indices = np.asarray(indices)
        found, first = [], 0
        for segment, start, stop in self.pieces(self.block_rows):
            low, high = np.searchsorted(indices, [first, first + stop - start])
            if high > low:
                found.append(self.read(segment, start, stop).take(indices[low:high] - first))
            first += stop - start
        return joined(found)

    def without(self, indices: np.ndarray) -> TableStream:
        """The rows except those at ``indices``, ascending."""
        return Remainder(self, indices) if len(indices) else self

    def share(self, index: int, count: int) -> TableStream:
        """The ``index``-th of ``count`` shares of the rows, counted from 0: whole files, or else whole segments.

        Shares are contiguous: the results of all shares, concatenated, are in the order of the rows.
        """
        own = np.array_split(np.unique(self.files), count)[index]
        return Share(self, np.flatnonzero(np.isin(self.files, own)).tolist())

    @property
    def files(self) -> tuple[int, ...]:
        """For each segment, the number of its file; without files, its own number."""
        return tuple(range(len(self.segments)))

    @property
    def row_numbers(self) -> np.ndarray:
        """The index of each row in the whole stream, of which this may be a share."""
        return np.arange(len(self))

    def fingerprint(self) -> str:
        """A hash that reveals a changed table: here of all numbers, whatever the blocks."""
        digest = None
        for block in self:
            digest = digest or hashlib.sha256(f"{self.shape} {block.dtype.str}".encode())
            digest.update(np.ascontiguousarray(block).tobytes())
        return (digest or hashlib.sha256()).hexdigest()


class View(TableStream):
    """Some of the rows of a stream; its columns are the stream's own."""

    stream: TableStream

    @property
    def width(self) -> int:
        return self.stream.width

    @property
    def encoded_names(self) -> tuple[str, ...]:
        return self.stream.encoded_names


class Remainder(View):
    """A stream without some of its rows."""

    def __init__(self, stream: TableStream, indices: np.ndarray):
        self.stream = stream
        stops = np.cumsum(stream.segments)
        places = np.searchsorted(indices, np.concatenate([[0], stops]))
        starts = stops - stream.segments
        self._absent = [
            np.asarray(indices[low:high]) - start
            for low, high, start in zip(places[:-1], places[1:], starts, strict=True)
        ]
        self.segments = tuple(size - len(absent) for size, absent in zip(stream.segments, self._absent, strict=True))
        self._same_as(stream)

    @property
    def files(self) -> tuple[int, ...]:
        return self.stream.files

    def read(self, segment: int, start: int, stop: int) -> Table:
        low, high, kept = self._span(segment, start, stop)
        table = self.stream.read(segment, low, high)
        return table if kept.all() else table.take(np.flatnonzero(kept))

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        low, high, kept = self._span(segment, start, stop)
        values = self.stream.values(segment, low, high)
        return values if kept.all() else values[kept]

    def _span(self, segment: int, start: int, stop: int) -> tuple[int, int, np.ndarray]:
        """Where the rows lie in the whole stream's segment, and which rows of that span they are."""
        absent = self._absent[segment]
        # for each absent row, the number of kept rows before it
        before = absent - np.arange(len(absent))
        low = start + int(np.searchsorted(before, start, side="right"))
        high = stop + int(np.searchsorted(before, stop - 1, side="right")) if stop > start else low
        kept = np.ones(high - low, dtype=bool)
        kept[absent[(absent >= low) & (absent < high)] - low] = False
        return low, high, kept


class HeldStream(TableStream):
    """A table in memory, as a stream."""

    def __init__(self, table: Table):
        self.table = table
        for fact in ("columns", "name", "label_name", "id_name", "image_shape", "layout", "description", "row_shape"):
            setattr(self, fact, getattr(table, fact))
        rows = self._rows = self.block_rows
        self.segments = tuple(min(rows, len(table) - start) for start in range(0, len(table), rows))
        self.missing = True  # it was checked when it was read

    @property
    def fits_in_memory(self) -> bool:
        return True

    def read(self, segment: int, start: int, stop: int) -> Table:
        first = segment * self._rows
        return self.table.take(np.arange(first + start, first + stop))

    def load(self) -> Table:
        return self.table


class Share(View):
    """Some of the segments of a stream."""

    def __init__(self, stream: TableStream, places: Sequence[int]):
        self._same_as(stream)
        self.stream, self.places = stream, tuple(places)
        self.segments = tuple(stream.segments[place] for place in self.places)

    def read(self, segment: int, start: int, stop: int) -> Table:
        return self.stream.read(self.places[segment], start, stop)

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        return self.stream.values(self.places[segment], start, stop)

    @property
    def row_numbers(self) -> np.ndarray:
        stops = np.cumsum(self.stream.segments)
        numbers = [np.arange(stops[place] - self.stream.segments[place], stops[place]) for place in self.places]
        return np.concatenate([np.arange(0), *numbers])
