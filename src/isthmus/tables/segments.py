"""Arrow columns in segments of rows that can be read in any order: in memory, or mapped from a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.tables.container import Scratch
from isthmus.tables.errors import DataError
from isthmus.tables.unchanged import Unchanged

if TYPE_CHECKING:
    import pyarrow

__all__ = ["HeldSegments", "MappedSegments", "RewrittenSegments", "Segments", "spooled"]

SEGMENT_ROWS = 1 << 16


class Segments(ABC):
    """Runs of rows with the same columns.

    Attributes
    ----------
    sizes : tuple of int
        Rows in each segment.
    open_at_once : int
        How many segments may be read in turn before that is slower than one after the other.
    """

    sizes: tuple[int, ...]
    open_at_once: int = 8

    @property
    @abstractmethod
    def schema(self) -> pyarrow.Schema:
        """Names and types of the columns."""

    @abstractmethod
    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        """Some columns of rows ``start`` to ``stop`` of a segment; reading on is cheaper than going back."""

    @property
    def files(self) -> tuple[int, ...]:
        """For each segment, the number of its file; with a single file, its own number."""
        return tuple(range(len(self.sizes)))

    def where(self, segment: int) -> tuple[str, int]:
        """The file of a segment, and how many of that file's rows come before it."""
        return "", sum(self.sizes[:segment])

    def batches(self, columns: Sequence[str], rows: int = SEGMENT_ROWS) -> Iterator[pyarrow.RecordBatch]:
        """All rows in order."""
        for segment, size in enumerate(self.sizes):
            for start in range(0, size, rows):
                yield from self.read(segment, start, min(start + rows, size), columns).to_batches()


class RewrittenSegments(Segments):
    """The rows of other segments, with columns converted as they are read; a subclass says how."""

    def __init__(self, segments: Segments, fields: Sequence[pyarrow.Field]):
        import pyarrow

        self._segments, self.sizes, self.open_at_once = segments, segments.sizes, segments.open_at_once
        self.index: tuple[str, ...] = tuple(getattr(segments, "index", ()))
        self._schema = pyarrow.schema(fields)

    @property
    def schema(self) -> pyarrow.Schema:
        return self._schema

    @property
    def files(self) -> tuple[int, ...]:
        return self._segments.files

    def where(self, segment: int) -> tuple[str, int]:
        return self._segments.where(segment)

    def known(self) -> dict[str, Any]:
        """What the file says about the columns."""
        known = getattr(self._segments, "known", None)
        return {} if known is None else known()


class HeldSegments(Segments):
    """A table in memory."""

    def __init__(self, table: pyarrow.Table, file_sizes: Sequence[int] = ()):
        """``file_sizes`` are the rows from each file, if there are several."""
        self._table, start = table, 0
        self._starts: list[int] = []
        sizes, self._files = [], []
        for file, size in enumerate(file_sizes or [len(table)]):
            for first in range(0, size, SEGMENT_ROWS):
                self._starts.append(start + first)
                sizes.append(min(SEGMENT_ROWS, size - first))
                self._files.append(file)
            start += size
        self.sizes = tuple(sizes)

    @property
    def schema(self) -> pyarrow.Schema:
        return self._table.schema

    @property
    def files(self) -> tuple[int, ...]:
        return tuple(self._files) if len({*self._files}) > 1 else super().files

    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        return self._table.select(list(columns)).slice(self._starts[segment] + start, stop - start)


class MappedSegments(Segments):
    """Batches of an Arrow file, mapped from the disk and not loaded."""

    def __init__(self, path: Path, scratch: Scratch | None = None, files: Sequence[int] | None = None):
        import pyarrow

        self.path, self._scratch, self._files = path, scratch, files  # the folder lives as long as this does
        self._unchanged = Unchanged([path])
        try:
            with pyarrow.memory_map(str(path)) as file, pyarrow.ipc.open_file(file) as reader:
                self._schema = reader.schema
                self._places = [place for place in range(reader.num_record_batches) if reader.get_batch(place).num_rows]
                self.sizes = tuple(reader.get_batch(place).num_rows for place in self._places)
        except (pyarrow.ArrowException, OSError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise DataError(f"{str(path)!r}: not readable as an Arrow file ({reason[:200]}); save it again.") from error

    @property
    def schema(self) -> pyarrow.Schema:
        return self._schema

    @property
    def files(self) -> tuple[int, ...]:
        return tuple(self._files) if self._files is not None else super().files

    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        import pyarrow

        self._unchanged.require(self.path)
        # opened again each time, which releases its pages
        with pyarrow.memory_map(str(self.path)) as file:
            batch = pyarrow.ipc.open_file(file).get_batch(self._places[segment])
            return pyarrow.Table.from_batches([batch.select(list(columns)).slice(start, stop - start)])


def spooled(
    batches: Iterator[tuple[int, pyarrow.RecordBatch]], schema: pyarrow.Schema, scratch: Scratch
) -> MappedSegments:
    """Batches, each with the number of its file, written once to an Arrow file in a scratch folder and mapped.

    A segment holds rows of one file.
    """
    import pyarrow

    path = scratch.path / "table.arrow"
    files: list[int] = []
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, schema) as writer:
        gathered: list[Any] = []
        count, current = 0, 0

        def write() -> None:
            if gathered:
                table = pyarrow.Table.from_batches(gathered, schema).combine_chunks()
                files.extend([current] * -(-len(table) // SEGMENT_ROWS))
                writer.write_table(table, max_chunksize=SEGMENT_ROWS)

        for file, batch in batches:
            if file != current or count >= SEGMENT_ROWS:
                write()
                gathered, count, current = [], 0, file
            gathered.append(batch)
            count += len(batch)
        write()
    return MappedSegments(path, scratch, files if len({*files}) > 1 else None)
