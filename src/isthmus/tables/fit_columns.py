"""The columns of a fit, which later rows must have: the same names, in any order, and the same kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isthmus.tables.errors import DataError, said
from isthmus.tables.input_rows import InputRows, InputRules, ValidRows, arrow_cells, features_of, input_rows
from isthmus.tables.layout import TableLayout, layout_of, plain_layout
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

__all__ = ["FitColumns"]


@dataclass(frozen=True)
class FitColumns:
    """The number of columns of a fit, their names if they had any, and the layout if they were of several kinds."""

    n_columns: int
    names: tuple[str, ...] | None = None
    layout: TableLayout | None = None

    @property
    def encoded_names(self) -> list[str]:
        """A name for each number of an encoded row: the column, such as x0 if it has no name, or ``colour=red``."""
        if self.layout is not None:
            return list(self.layout.encoded_names)
        return [f"x{place}" for place in range(self.n_columns)] if self.names is None else list(self.names)

    def rows(self, rules: InputRules, X: Any, *, gaps: bool) -> ValidRows:
        """Rows in any form, with the columns of the fit, in its order and encoded by its layout.

        With ``gaps``, cells may be missing. With ``unseen="auto"``, a category that was not seen at fit is a missing
        cell in rows read from a file, whose reader has reported it. A `ValueError` says what is wrong with X.
        """
        try:
            rows = input_rows(X, rules.image_shape)
            stream, values, names = rows.stream, rows.values, rows.names
            if stream is not None:
                stream = self.arranged(stream)
            elif self.layout is not None:
                values = self._encoded(rows, X, rules.unseen)
            elif rows.cells is not None:
                layout = rows.layout or layout_of(rows.cells)
                _refuse_kinds(layout)
                values, names = layout.encode(rows.cells), layout.names
            order = None if self.layout is not None or stream is not None else self._order(names)
        except DataError as error:
            raise ValueError(f"{rules.who}: {error}") from error
        if stream is None:
            if order is not None:
                values = values.iloc[:, order] if hasattr(values, "iloc") else values[:, order]
            values = rules.validate(values, names is not None) if self.layout is None else values
            features = features_of(self.names, self.n_columns, self.layout)
            rules.check(values, features, gaps=gaps, plain=self.layout is None)
        return ValidRows(
            values=values,
            stream=stream,
            names=self.names,
            layout=self.layout,
            masked=gaps,
            was_read=rows.was_read,
            image_shape=rows.image_shape,
            row_shape=rows.row_shape if self.layout is None or stream is not None else None,
        )

    def arranged(self, stream: TableStream) -> TableStream:
        """A stream with the columns of the fit, in its order and encoding; a `DataError` if they differ."""
        if self.layout is not None:
            self.layout.require(stream.columns)
            return stream if stream.layout == self.layout else Arranged(stream, self.layout.names, self.layout)
        if stream.layout is not None:
            _refuse_kinds(stream.layout)
        if stream.n_columns != self.n_columns:
            raise DataError(f"X has {stream.n_columns} columns, but the fit had {self.n_columns}.")
        order = self._order(stream.columns if stream.has_names else None)
        return stream if order is None else Arranged(stream, [stream.columns[place] for place in order])

    def _order(self, names: Sequence[str] | None) -> list[int] | None:
        """Positions of the fit's columns among ``names``; None if they are in that order, or either has no names."""
        if self.names is None or names is None or self.names == tuple(names):
            return None
        plain_layout(self.names).require(names)
        place = {name: index for index, name in enumerate(names)}
        return [place[name] for name in self.names]

    def _encoded(self, rows: InputRows, X: Any, unseen: str) -> np.ndarray:
        assert self.layout is not None  # the caller has checked
        cells = rows.cells if rows.cells is not None else arrow_cells(X)
        if cells is None:
            raise DataError(
                f"fitted on a table with the columns {said(self.layout.names, 6)}, got {type(X).__name__}; pass a "
                "DataFrame or a table of isthmus.read."
            )
        self.layout.require(cells.column_names)
        if not cells.num_rows:
            raise DataError("X has no rows; pass at least one.")
        if unseen == "auto":
            unseen = "missing" if rows.was_read else "error"
        return self.layout.encode(cells, unseen)


def _refuse_kinds(layout: TableLayout) -> None:
    listed = [f"{column.name} ({column.kind})" for column in layout.columns if not column.is_numeric]
    if listed:
        raise DataError(f"fitted on numbers only, but X has {said(listed, 6)}; pass numbers, or fit again.")


class Arranged(TableStream):
    """The columns of a stream in the order of ``names``, encoded by another ``layout`` if one is given."""

    def __init__(self, stream: TableStream, names: Sequence[str], layout: TableLayout | None = None):
        self._same_as(stream)
        self.stream, self.segments, self.columns = stream, stream.segments, tuple(names)
        self.layout = layout if layout is not None or stream.layout is None else stream.layout.select(names)
        self._mixed = layout is not None
        self._order = [stream.columns.index(name) for name in names]

    @property
    def files(self) -> tuple[int, ...]:
        return self.stream.files

    def read(self, segment: int, start: int, stop: int) -> Table:
        table = self.stream.read(segment, start, stop)
        cells = table.to_arrow().select(list(self.columns)) if self._mixed else table.values[:, self._order]
        return replace(table, cells=cells, columns=self.columns, layout=self.layout)

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        if self._mixed:
            return self.read(segment, start, stop).values
        return self.stream.values(segment, start, stop)[:, self._order]
