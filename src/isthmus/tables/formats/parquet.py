"""Parquet, a file or a folder of files, read row group by row group and never as a whole.

A row group may hold a million rows. It is decoded a few thousand rows at a time by a reader that stays open, so
sequential reading is cheap; going back restarts the row group. In a partitioned data set (folders ``key=value``), every
key is a column, too.
"""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from isthmus.tables.bounds import MAX_NAMED_COLUMNS, require_columns, require_room, require_rows, unrolled
from isthmus.tables.container import File
from isthmus.tables.errors import DataError, reason_of
from isthmus.tables.lists import list_widths
from isthmus.tables.segments import Segments
from isthmus.tables.survey import ColumnSurvey
from isthmus.tables.unchanged import Unchanged

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SUFFIXES", "ParquetSegments", "matches"]

SUFFIXES = (".parquet", ".pq")
DECODED_CELLS = 1 << 19  # decoded at once from a row group
READERS_BYTES = 256 << 20  # that all open readers together may hold; one is always kept
PAGE_BYTES = 5 << 19  # held per open column: a page and its dictionary
BUFFER_BYTES = 1 << 14
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def matches(file: File) -> bool:
    """By its first bytes."""
    return file.head.startswith(b"PAR1")


@dataclass(frozen=True)
class _Part:
    """A row group: its position, its size, and the partition keys of its rows."""

    path: Path
    group: int
    first_row: int
    cost: int
    keys: Mapping[str, Any]


class ParquetSegments(Segments):
    """Row groups of one or more Parquet files of the same columns, one file after the other."""

    def __init__(self, paths: list[Path], root: Path | None = None):
        import pyarrow

        self._unchanged = Unchanged(paths)
        keys = _partition_keys(paths, root)
        with _opened(paths[0]) as first:
            schema = first.schema_arrow
            self.index = _saved_index(schema)
            self.widths = _widths(first)
        own = [key for key in keys[0] if key not in schema.names]
        self._keys = tuple(own)
        typed = [pyarrow.field(key, pyarrow.array([found[key] for found in keys]).type) for key in own]
        self._schema = pyarrow.schema([*schema.remove_metadata(), *typed])
        self._parts = self._survey(paths, keys)
        self.sizes = tuple(size for _, size in self._parts)
        if not self.sizes:
            raise DataError(f"{str(root or paths[0])!r}: no rows of data; add at least one below the column names.")
        self.open_at_once = max(1, min(8, READERS_BYTES // max(1, *(part.cost for part, _ in self._parts))))
        self._readers: OrderedDict[tuple[int, tuple[str, ...]], _Reader] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def schema(self) -> pyarrow.Schema:
        return self._schema

    def _survey(self, paths: list[Path], keys: list[dict[str, Any]]) -> list[tuple[_Part, int]]:
        parts = []
        for path, own in zip(paths, keys, strict=True):
            with _opened(path) as file:
                require_rows(file.metadata.num_rows, path.stat().st_size, repr(str(path)))
                absent = [
                    name for name in self._schema.names if name not in file.schema_arrow.names and name not in own
                ]
                if absent:
                    raise DataError(
                        f"{str(path)!r}: no column {', '.join(map(repr, absent[:8]))}, which the first file has; "
                        "give all files the same columns, or move it."
                    )
                first_row, columns = 0, max(1, len(file.schema_arrow) + sum(self.widths.values()))
                for group in range(file.num_row_groups):
                    size = file.metadata.row_group(group).num_rows
                    cost = min(file.metadata.row_group(group).total_byte_size, columns * PAGE_BYTES)
                    if size:
                        parts.append((_Part(path, group, first_row, cost, own), size))
                    first_row += size
        return parts

    def known(self) -> dict[str, ColumnSurvey]:
        """Surveys of columns of numbers from the statistics in the files, which saves reading these columns."""
        import pyarrow

        types = pyarrow.types
        found: dict[str, ColumnSurvey] = {}
        with ExitStack() as closing:
            files = {
                path: closing.enter_context(_opened(path))
                for path in dict.fromkeys(part.path for part, _ in self._parts)
            }
            for field in self._schema:
                if not (types.is_floating(field.type) or types.is_integer(field.type)) or field.name in self._keys:
                    continue
                survey = ColumnSurvey(field.name, str(field.type), words=None)
                figures = survey.numbers
                for part, size in self._parts:
                    column = files[part.path].metadata.row_group(part.group)
                    places = [
                        place
                        for place in range(column.num_columns)
                        if column.column(place).path_in_schema == field.name
                    ]
                    statistics = column.column(places[0]).statistics if places else None
                    if statistics is None or not statistics.has_min_max or not statistics.has_null_count:
                        break
                    survey.n_rows += size
                    survey.n_missing += statistics.null_count
                    figures.count += size - statistics.null_count
                    figures.low = min(figures.low, float(statistics.min))
                    figures.high = max(figures.high, float(statistics.max))
                else:
                    figures.different = False
                    figures.whole = types.is_integer(field.type)
                    # a column that may count the rows is read
                    counts = figures.whole and figures.high - figures.low + 1 >= figures.count
                    if not counts and math.isfinite(figures.low + figures.high):
                        found[field.name] = survey
        return found

    @property
    def files(self) -> tuple[int, ...]:
        order = list(dict.fromkeys(part.path for part, _ in self._parts))
        if len(order) == 1:
            return super().files
        return tuple(order.index(part.path) for part, _ in self._parts)

    def where(self, segment: int) -> tuple[str, int]:
        part = self._parts[segment][0]
        return repr(str(part.path)), part.first_row

    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        import pyarrow

        part, wanted = self._parts[segment][0], tuple(columns)
        self._unchanged.require(part.path)
        with self._lock, _blamed(part.path):
            reader = self._readers.pop((segment, wanted), None)
            if reader is None or reader.position > start:
                self._make_room(part.cost)
                stored = [name for name in wanted if name not in self._keys]
                width = sum(self.widths.get(name, 1) for name in stored)
                reader = _Reader(part, stored, max(256, DECODED_CELLS // max(1, width)))
            self._readers[segment, wanted] = reader
            arrow = unrolled(reader.take(start, stop), part.path.stat().st_size, repr(str(part.path)))
            arrow.validate(full=True)  # pyarrow reads bytes that are not UTF-8 as text
            if stop == self.sizes[segment]:
                self._readers.pop((segment, wanted)).close()
        for key in self._keys:
            if key in wanted:
                cells = pyarrow.array([part.keys[key]] * (stop - start), self._schema.field(key).type)
                arrow = arrow.append_column(key, cells)
        return arrow.select(list(wanted))

    def _make_room(self, cost: int) -> None:
        while self._readers and cost + sum(reader.cost for reader in self._readers.values()) > READERS_BYTES:
            self._readers.popitem(last=False)[1].close()


class _Reader:
    """A row group being decoded: the rows at hand, and their position."""

    def __init__(self, part: _Part, columns: list[str], rows: int):
        import pyarrow as pa
        from pyarrow import parquet

        self.cost, self.position = part.cost, 0
        self._columns = columns
        texts = [
            field.name for field in parquet.read_schema(part.path) if field.type in (pa.string(), pa.large_string())
        ]
        texts = [name for name in texts if name in columns]  # one long string, stored once, may occur in every row
        self._file = parquet.ParquetFile(
            part.path, pre_buffer=False, buffer_size=BUFFER_BYTES, read_dictionary=texts or None
        )
        self._batches: Iterator[pyarrow.RecordBatch] = self._file.iter_batches(
            batch_size=rows, row_groups=[part.group], columns=columns, use_threads=False
        )
        self._held: pyarrow.RecordBatch | None = None

    def take(self, start: int, stop: int) -> pyarrow.Table:
        import pyarrow

        if not self._columns:  # every column asked for is in the folders' names
            self.position = stop
            return pyarrow.table({"": pyarrow.nulls(stop - start)}).select([])
        found = []
        while self.position < stop:
            if self._held is None:
                self._held = next(self._batches)
            skipped = min(len(self._held), max(0, start - self.position))
            taken = min(len(self._held) - skipped, stop - self.position - skipped)
            if taken > 0:
                found.append(self._held.slice(skipped, taken))
            self.position += skipped + max(0, taken)
            left = self._held.slice(skipped + max(0, taken))
            self._held = left if len(left) else None
        return pyarrow.Table.from_batches(found).select(self._columns)

    def close(self) -> None:
        self._held = None
        self._file.close()


def _widths(file: Any) -> dict[str, int]:
    import pyarrow

    nested = [field.name for field in file.schema_arrow if pyarrow.types.is_nested(field.type)]
    if nested and file.num_row_groups:
        group = file.metadata.row_group(0)
        entries = sum(group.column(place).num_values for place in range(group.num_columns))
        require_room(8 * entries, group.total_byte_size, "A column of lists")
    head = next(file.iter_batches(batch_size=1, columns=nested, use_threads=False), None) if nested else None
    return {} if head is None else list_widths(pyarrow.Table.from_batches([head]))


def _partition_keys(paths: list[Path], root: Path | None) -> list[dict[str, Any]]:
    """The keys of the folders ``key=value`` above each file; as integers if possible, else numbers, else text."""
    if root is None:
        return [{} for _ in paths]
    words = [dict(part.split("=", 1) for part in path.relative_to(root).parts[:-1] if "=" in part) for path in paths]
    keys = list(dict.fromkeys(key for found in words for key in found))
    misplaced = next((path for path, found in zip(paths, words, strict=True) if list(found) != keys), None)
    if misplaced is not None:
        raise DataError(f"{str(root)!r}: {str(misplaced)!r} is not in a folder of each of {', '.join(keys)}; move it.")
    columns = {key: _typed([unquote(found[key]) for found in words]) for key in keys}
    return [{key: columns[key][place] for key in keys} for place in range(len(paths))]


def _typed(cells: list[str]) -> list[Any]:
    known = [cell for cell in cells if cell != NO_PARTITION]
    for kind in (int, float):
        try:
            for cell in known:
                kind(cell)
        except ValueError:
            continue
        return [None if cell == NO_PARTITION else kind(cell) for cell in cells]
    return [None if cell == NO_PARTITION else cell for cell in cells]


@contextmanager
def _blamed(path: Path) -> Iterator[None]:
    """Errors inside name the file."""
    try:
        yield
    except StopIteration as error:
        raise DataError(f"{str(path)!r}: holds fewer rows than it declares; save it again.") from error
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"{str(path)!r}: not readable as Parquet ({reason_of(error)}); save it again.") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A Parquet file, opened for its schema and sizes."""
    from pyarrow import parquet

    with _blamed(path):
        file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES)
    try:
        with _blamed(path):
            require_columns(file.metadata.num_columns, repr(str(path)), MAX_NAMED_COLUMNS)
            yield file
    finally:
        file.close()


def _saved_index(schema: pyarrow.Schema) -> tuple[str, ...]:
    """The columns in which pandas stored the index of a frame."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        names = [name for name in stored.get("index_columns", []) if isinstance(name, str)]
    except (ValueError, AttributeError, TypeError):
        return ()
    return tuple(name for name in names if name in schema.names)
