"""Columns of records, as Parquet and Arrow nest them, become one column per field: place.lat, place.code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isthmus.tables.bounds import MAX_NAMED_COLUMNS, require_columns
from isthmus.tables.segments import RewrittenSegments, Segments

if TYPE_CHECKING:
    import pyarrow

__all__ = ["flattened"]

MAX_LEVELS = 16


def flattened(segments: Segments) -> Segments:
    """The same rows with a column for each field of a record; unchanged if there are no records."""
    import pyarrow

    nested = any(pyarrow.types.is_struct(field.type) for field in segments.schema)
    return FlattenedSegments(segments) if nested else segments


class FlattenedSegments(RewrittenSegments):
    """Rows whose records are flattened as they are read, records inside records too."""

    def __init__(self, segments: Segments):
        self._owners: dict[str, str] = {}
        fields: list[Any] = []
        for field in segments.schema:
            for one in _flat(field.name, segments.schema.empty_table().select([field.name])).schema:
                self._owners[one.name] = field.name
                fields.append(one)
        require_columns(len(fields), "A table of records", MAX_NAMED_COLUMNS)
        super().__init__(segments, fields)

    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        import pyarrow

        owners = list(dict.fromkeys(self._owners[name] for name in columns))
        table = self._segments.read(segment, start, stop, owners)
        parts = [_flat(name, table.select([name])) for name in owners]
        found = {name: part.column(name) for part in parts for name in part.column_names}
        return pyarrow.table({name: found[name] for name in columns})


def _flat(name: str, table: pyarrow.Table) -> pyarrow.Table:
    """One column as a table of its fields."""
    import pyarrow

    for _ in range(MAX_LEVELS):
        if not any(pyarrow.types.is_struct(field.type) for field in table.schema):
            break
        table = table.flatten()
    return table
