"""Streams made of others: one after the other, or some of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from isthmus.tables.errors import DataError
from isthmus.tables.request import Request
from isthmus.tables.roles import choose_columns
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

__all__ = ["Chosen", "Concatenated"]


class Concatenated(TableStream):
    """Streams with the same columns, one after the other."""

    def __init__(self, parts: Sequence[TableStream], name: str):
        self._same_as(parts[0])
        self.parts, self.name = tuple(parts), name
        odd = next((part for part in parts if part.columns != self.columns), None)
        if odd is not None:
            raise DataError(
                f"{name!r}: file {odd.name!r} has other columns than {parts[0].name!r}; make them alike, or move it."
            )
        self._places = [(part, segment) for part in parts for segment in range(len(part.segments))]
        self.segments = tuple(part.segments[segment] for part, segment in self._places)

    @property
    def files(self) -> tuple[int, ...]:
        return tuple(place for place, part in enumerate(self.parts) for _ in part.segments)

    def read(self, segment: int, start: int, stop: int) -> Table:
        part, inside = self._places[segment]
        return replace(part.read(inside, start, stop), name=self.name)

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        part, inside = self._places[segment]
        return part.values(inside, start, stop)


class Chosen(TableStream):
    """A stream of numbers of which some columns are labels, ids or left out."""

    def __init__(self, stream: TableStream, request: Request, where: str):
        self._same_as(stream)
        self.stream, self.request, self.segments, self._where = stream, request, stream.segments, where
        chosen = self.read(0, 0, 1)
        self.columns, self.image_shape, self.row_shape = chosen.columns, chosen.image_shape, chosen.row_shape
        self.label_name, self.id_name = chosen.label_name, chosen.id_name

    @classmethod
    def of(cls, stream: TableStream, request: Request, where: str) -> TableStream:
        """The stream itself where nothing was asked for."""
        asked = request.labels or request.ids or request.drop or request.columns
        return cls(stream, request, where) if asked else stream

    def read(self, segment: int, start: int, stop: int) -> Table:
        return choose_columns(self.stream.read(segment, start, stop), self.request, self._where)
