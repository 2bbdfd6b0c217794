"""Rows decoded from many files, cached compactly: in memory if they fit, else in a file of the scratch folder.

Eight-bit pictures are kept as one byte per number and scaled when they are read, so a second epoch decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from isthmus.tables.container import Scratch
from isthmus.tables.description import Description
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import HELD_BYTES, HeldStream, TableStream
from isthmus.tables.table import Table

__all__ = ["CachedRows", "RowCache", "rows_stream"]

SEGMENT_NUMBERS = 1 << 20


class RowCache:
    """An array of rows that is filled by appending; more than ``held_bytes`` are kept in a file."""

    def __init__(self, n_rows: int, width: int, dtype: np.dtype, held_bytes: int | None, scratch: Path | None):
        self._scratch: Scratch | None = None
        self._path: Path | None = None
        self.shape, self.dtype = (n_rows, width), np.dtype(dtype)
        if n_rows * width * self.dtype.itemsize <= (HELD_BYTES if held_bytes is None else held_bytes):
            self._values = np.empty(self.shape, self.dtype)
        else:
            self._scratch = Scratch(scratch)
            self._path = self._scratch.path / "rows"
            self._path.touch()
            with self._path.open("r+b") as file:
                file.truncate(n_rows * width * self.dtype.itemsize)
        self.n_filled = 0

    def append(self, rows: np.ndarray) -> None:
        """Append rows."""
        stop = self.n_filled + len(rows)
        if self._path is None:
            self._values[self.n_filled : stop] = rows
        else:  # written, not memory-mapped: mapped pages would stay in memory
            with self._path.open("r+b") as file:
                file.seek(self.n_filled * self.shape[1] * self.dtype.itemsize)
                file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        self.n_filled = stop

    def __getitem__(self, rows: slice) -> np.ndarray:
        if self._path is None:
            return self._values[: self.n_filled][rows]
        start, stop, _ = rows.indices(self.n_filled)
        with self._path.open("rb") as file:
            file.seek(start * self.shape[1] * self.dtype.itemsize)
            found = np.frombuffer(file.read((stop - start) * self.shape[1] * self.dtype.itemsize), self.dtype)
        return found.reshape(-1, self.shape[1])


class CachedRows(TableStream):
    """The rows of a cache, as float32, with their ids and labels."""

    def __init__(self, cache: RowCache, table: Table, divisor: float):
        self._cache, self._table, self._divisor = cache, table, np.float32(divisor)
        for name in ("columns", "name", "label_name", "id_name", "image_shape", "row_shape", "description"):
            setattr(self, name, getattr(table, name))
        self._rows = max(1, SEGMENT_NUMBERS // len(self.columns))
        self.segments = tuple(min(self._rows, cache.n_filled - at) for at in range(0, cache.n_filled, self._rows))

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        first = segment * self._rows
        part = self._cache[first + start : first + stop].astype(np.float32)
        return part if self._divisor == 1 else part / self._divisor

    def read(self, segment: int, start: int, stop: int) -> Table:
        first = segment * self._rows
        rows, table = slice(first + start, first + stop), self._table
        return replace(
            table,
            cells=self.values(segment, start, stop),
            ids=None if table.ids is None else table.ids[rows],
            labels=None if table.labels is None else table.labels[rows],
            official_test=None,
            description=None,
        )


def rows_stream(
    cache: RowCache,
    columns: Sequence[str],
    shape: RowShape,
    *,
    name: str,
    ids: np.ndarray,
    id_name: str,
    labels: np.ndarray | None = None,
    label_name: str | None = None,
    official_test: np.ndarray | None = None,
    divisor: float = 1.0,
    notes: Sequence[str] = (),
    held_bytes: int | None = None,
) -> TableStream:
    """The rows of a cache as a table in memory if they fit, else as a stream from disk."""
    held = HELD_BYTES if held_bytes is None else held_bytes
    fits = 4 * cache.n_filled * len(columns) <= held
    if not fits and official_test is not None:
        notes = [*notes, "too large for memory, so the split into training and test folders is not kept"]
    description = Description(
        name, cache.n_filled, notes=tuple(notes), n_numbers=len(columns), image_shape=shape.image_shape,
        id_name=id_name, label_name=label_name, row_shape=shape,
    )  # fmt: skip
    facts = {
        "ids": ids, "id_name": id_name, "labels": labels, "label_name": label_name, "row_shape": shape, "name": name,
        "image_shape": shape.image_shape, "official_test": official_test, "description": description,
    }  # fmt: skip
    if not fits:
        hollow = np.broadcast_to(np.float32(0), (cache.n_filled, len(columns)))
        return CachedRows(cache, Table(hollow, tuple(columns), **facts), divisor)
    values = cache[:].astype(np.float32)
    if divisor != 1:
        values /= np.float32(divisor)
    return HeldStream(Table(values, tuple(columns), **facts))
