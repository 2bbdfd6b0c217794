"""Parquet, a file or a folder of files, read row group by row group and never as a whole.

A row group may hold a million rows. It is decoded a few thousand rows at a time by a reader that stays open, so that
reading on is cheap; going back begins the row group again. In a partitioned data set (folders ``key=value``) every key
is a column too.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from isthmus.tables.bounds import MOST_NAMED_COLUMNS, require_room, require_rows, unrolled
from isthmus.tables.bounds import require_columns as require_few_columns
from isthmus.tables.columns import Request, is_numeric, require_numeric, single_precision
from isthmus.tables.lists import ArrowRows, list_widths, require_columns
from isthmus.tables.stream import TableStream
from isthmus.tables.table import DataError, Table

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ParquetStream", "parquet_names"]

DECODED_CELLS = 1 << 19  # of a row group at once
READERS_BYTES = 256 << 20  # that open readers may hold among them; one is always kept
PAGE_BYTES = 5 << 19  # what an open column holds: a page and its dictionary
BUFFER_BYTES = 1 << 14
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class _Part:
    """A row group: where it is, how large, and what the folders above it say of its rows."""

    path: Path
    group: int
    first_row: int
    cost: int
    keys: Mapping[str, Any]


class ParquetStream(TableStream):
    """Rows of one or more Parquet files of the same columns, one file after the other."""

    def __init__(self, paths: list[Path], request: Request, *, root: Path | None = None, where: str, name: str):
        self.name = name
        keys = _partition_keys(paths, root)
        with _opened(paths[0]) as first:
            schema = first.schema_arrow
            names = (*schema.names, *(key for key in keys[0] if key not in schema.names))
            index = _saved_index(schema)
            if request.ids is None and index not in (None, request.labels, *request.drop, *request.columns):
                request = replace(request, ids=index)
            self._rows = ArrowRows.of(names, _widths(first), request, where)
        self.columns = self._rows.roles.values
        self.label_name, self.id_name = self._rows.roles.labels, self._rows.roles.ids
        self.missing, self.mixed = request.missing, bool(request.mixed)
        self._keys = tuple(key for key in keys[0] if key not in schema.names)
        self._parts, self._dtype = self._survey(paths, keys, schema, where)
        self.segments = tuple(size for _, size in self._parts)
        self.open_at_once = max(1, min(self.open_at_once, READERS_BYTES // max(part.cost for part, _ in self._parts)))
        self._readers: OrderedDict[tuple[int, bool], _Reader] = OrderedDict()
        self._lock = threading.Lock()

    def _survey(
        self, paths: list[Path], keys: list[dict[str, Any]], schema: pyarrow.Schema, where: str
    ) -> tuple[list[tuple[_Part, int]], Any]:
        parts, small = [], True
        wanted = self._rows.all_columns
        for path, own in zip(paths, keys, strict=True):
            with _opened(path) as file:
                kinds = file.schema_arrow
                require_rows(file.metadata.num_rows, path.stat().st_size, repr(str(path)))
                require_columns(tuple(name for name in wanted if name not in own), kinds.names, repr(str(path)))
                plain = [name for name in self._rows.roles.values if name not in self._rows.sources]
                held = {name: kinds.field(name).type for name in plain if name in kinds.names}
                example = _example(file, own, plain)
                require_numeric(example, repr(str(path)) if path != paths[0] else where, mixed=self._rows.mixed)
                small = small and single_precision(example)
                small = small and all(
                    single_precision({name: kinds.field(name).type.value_type}) for name in self._rows.widths
                )
                first_row, columns = 0, max(1, len(held) + sum(self._rows.widths.values()))
                for group in range(file.num_row_groups):
                    size = file.metadata.row_group(group).num_rows
                    cost = min(file.metadata.row_group(group).total_byte_size, columns * PAGE_BYTES)
                    if size:
                        parts.append((_Part(path, group, first_row, cost, own), size))
                    first_row += size
        if not parts:
            raise DataError(f"{where}: no rows of data; add at least one below the column names.")
        return parts, np.float32 if small else np.float64

    @property
    def files(self) -> tuple[int, ...]:
        order = list(dict.fromkeys(part.path for part, _ in self._parts))
        if len(order) == 1:
            return super().files
        return tuple(order.index(part.path) for part, _ in self._parts)

    def read(self, segment: int, begin: int, end: int) -> Table:
        part = self._parts[segment][0]
        arrow = self._arrow(segment, begin, end, words=True)
        found = self._rows.table(arrow, repr(str(part.path)), self.name, first_row=part.first_row + begin)
        return replace(found, values=found.values.astype(self._dtype, copy=False))

    def values(self, segment: int, begin: int, end: int) -> np.ndarray:
        part = self._parts[segment][0]
        arrow = self._arrow(segment, begin, end, words=False)
        found = self._rows.values(arrow, repr(str(part.path)), first_row=part.first_row + begin)
        return found.astype(self._dtype, copy=False)

    def _arrow(self, segment: int, begin: int, end: int, *, words: bool) -> pyarrow.Table:
        import pyarrow

        part = self._parts[segment][0]
        wanted = self._rows.all_columns if words else self._rows.value_columns
        with self._lock, _blamed(part.path):
            reader = self._readers.pop((segment, words), None)
            if reader is None or reader.position > begin:
                self._make_room(part.cost)
                stored = [name for name in wanted if name not in self._keys]
                rows = max(256, DECODED_CELLS // max(1, self.n_columns))
                reader = _Reader(part, stored, rows)
            self._readers[segment, words] = reader
            arrow = unrolled(reader.take(begin, end), part.path.stat().st_size, repr(str(part.path)))
            arrow.validate(full=True)  # pyarrow reads bytes that are no UTF-8 as text
            if end == self.segments[segment]:
                self._readers.pop((segment, words)).close()
        for key in self._keys:
            if key in wanted:
                arrow = arrow.append_column(key, pyarrow.array([part.keys[key]] * (end - begin)))
        return arrow

    def _make_room(self, cost: int) -> None:
        while self._readers and cost + sum(reader.cost for reader in self._readers.values()) > READERS_BYTES:
            self._readers.popitem(last=False)[1].close()


class _Reader:
    """A row group being decoded: the rows at hand, and where they are."""

    def __init__(self, part: _Part, columns: list[str], rows: int):
        import pyarrow as pa
        from pyarrow import parquet

        self.cost, self.position = part.cost, 0
        self._columns = columns
        texts = [
            field.name for field in parquet.read_schema(part.path) if field.type in (pa.string(), pa.large_string())
        ]
        texts = [name for name in texts if name in columns]  # one long word, said once, may stand in every row
        self._file = parquet.ParquetFile(
            part.path, pre_buffer=False, buffer_size=BUFFER_BYTES, read_dictionary=texts or None
        )
        self._batches: Iterator[pyarrow.RecordBatch] = self._file.iter_batches(
            batch_size=rows, row_groups=[part.group], columns=columns, use_threads=False
        )
        self._held: pyarrow.RecordBatch | None = None

    def take(self, begin: int, end: int) -> pyarrow.Table:
        import pyarrow

        if not self._columns:  # every column asked for is in the folders' names
            self.position = end
            return pyarrow.table({"": pyarrow.nulls(end - begin)}).select([])
        found = []
        while self.position < end:
            if self._held is None:
                self._held = next(self._batches)
            skipped = min(len(self._held), max(0, begin - self.position))
            taken = min(len(self._held) - skipped, end - self.position - skipped)
            if taken > 0:
                found.append(self._held.slice(skipped, taken))
            self.position += skipped + max(0, taken)
            left = self._held.slice(skipped + max(0, taken))
            self._held = left if len(left) else None
        return pyarrow.Table.from_batches(found).select(self._columns)

    def close(self) -> None:
        self._held = None
        self._file.close()


def parquet_names(paths: list[Path], root: Path | None, columns: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All column names of Parquet files, those of lists written out: where ``columns`` are x0, x1, … so."""
    with _opened(paths[0]) as file:
        schema, widths = file.schema_arrow, _widths(file)
    keys = _partition_keys(paths, root)[0]
    names = (*schema.names, *(key for key in keys if key not in schema.names))
    if not widths:
        return names
    alone = len(widths) == 1 and (len(names) == 1 or (columns[:1] == ("x0",) and "x0" not in names))
    entries = {
        name: [f"x{place}" if alone else f"{name}_{place}" for place in range(width)] for name, width in widths.items()
    }
    return tuple(entry for name in names for entry in entries.get(name, [name]))


def _widths(file: Any) -> dict[str, int]:
    import pyarrow

    nested = [field.name for field in file.schema_arrow if _is_list_of_numbers(field.type)]
    if nested and file.num_row_groups:
        group = file.metadata.row_group(0)
        entries = sum(group.column(place).num_values for place in range(group.num_columns))
        require_room(8 * entries, group.total_byte_size, "A column of lists")
    head = next(file.iter_batches(batch_size=1, columns=nested, use_threads=False), None) if nested else None
    return {} if head is None else list_widths(pyarrow.Table.from_batches([head]))


def _is_list_of_numbers(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_nested(kind) and getattr(kind, "value_type", None) is not None and is_numeric(kind.value_type)


def _example(file: Any, keys: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """The column kinds, or where one is text its first cells, for a message."""
    import pyarrow

    kinds: dict[str, Any] = {}
    for name in names:
        if name in file.schema_arrow.names:
            kinds[name] = file.schema_arrow.field(name).type
        else:
            kinds[name] = pyarrow.array([keys[name]]).type
    strangers = [name for name, kind in kinds.items() if not is_numeric(kind)]
    stored = [name for name in strangers if name in file.schema_arrow.names]
    head = next(file.iter_batches(batch_size=100, columns=stored, use_threads=False), None) if stored else None
    for name in strangers:
        if name in stored and head is not None:
            kinds[name] = pyarrow.chunked_array([head.column(name)])
        elif name not in stored:
            kinds[name] = pyarrow.chunked_array([[keys[name]]])
    return kinds


def _partition_keys(paths: list[Path], root: Path | None) -> list[dict[str, Any]]:
    """What the folders ``key=value`` above each file say; whole numbers, then numbers, then words."""
    if root is None:
        return [{} for _ in paths]
    words = [dict(part.split("=", 1) for part in path.relative_to(root).parts[:-1] if "=" in part) for path in paths]
    keys = list(dict.fromkeys(key for found in words for key in found))
    torn = next((path for path, found in zip(paths, words, strict=True) if list(found) != keys), None)
    if torn is not None:
        raise DataError(f"{str(root)!r}: {str(torn)!r} is not in a folder of each of {', '.join(keys)}; move it.")
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


class _blamed:  # noqa: N801 - a context manager, named as the act it stands for
    """What goes wrong inside names the file."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, StopIteration):
            raise DataError(f"{str(self.path)!r}: holds fewer rows than it says; save it again.") from error
        if isinstance(error, Exception) and not isinstance(error, (DataError, MemoryError)):
            reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
            raise DataError(f"{str(self.path)!r}: not readable as Parquet ({reason}); save it again.") from error


class _opened(_blamed):  # noqa: N801
    """A Parquet file, open for its schema and sizes."""

    def __enter__(self) -> Any:
        from pyarrow import parquet

        try:
            self.file = parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=BUFFER_BYTES)
        except Exception as error:
            super().__exit__(type(error), error, None)
            raise
        try:
            require_few_columns(self.file.metadata.num_columns, repr(str(self.path)), MOST_NAMED_COLUMNS)
        except DataError:
            self.file.close()
            raise
        return self.file

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        self.file.close()
        super().__exit__(_kind, error, _trace)


def _saved_index(schema: pyarrow.Schema) -> str | None:
    try:
        stored = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        names = [name for name in stored.get("index_columns", []) if isinstance(name, str)]
    except (ValueError, AttributeError, TypeError):
        return None
    return names[0] if len(names) == 1 and names[0] in schema.names else None
