"""Given columns (the conditions), read from the same file as the columns that are learned from.

A file is opened twice, once for each, so this works for every format. The given columns are held in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.cells import texts
from isthmus.tables.column_names import quoted
from isthmus.tables.errors import DataError, said
from isthmus.tables.opening import open_table
from isthmus.tables.stream import TableStream, View
from isthmus.tables.table import Table

if TYPE_CHECKING:
    import pyarrow

    from isthmus.tables.dialect import Dialect

__all__ = ["beside", "conditions_in", "open_with_given"]

FEW = 20  # different whole numbers, which may name batches or classes
OF_READING = ("header", "separator", "decimal", "encoding", "missing_marks", "dialect", "held_bytes", "scratch")


def open_with_given(source: Any, names: Sequence[str], **options: Any) -> TableStream:
    """Open a table with the given columns ``names``, which are not learned from; ``options`` are those of `open_table`.

    The column of labels may be one of them.

    Raises
    ------
    DataError
        If a column is not there or has another role, or the table cannot be opened.
    """
    drop, labels, ids = tuple(options.pop("drop", ())), options.get("labels"), options.get("ids")
    if twice := [name for name in names if name in drop or name == ids]:
        raise DataError(f"{source!r}: {said(twice, None)} cannot be both --given and in --drop or --ids.")
    kinds = dict(options.pop("kinds", None) or {})
    own = {name: kind for name, kind in kinds.items() if name in names}
    rest = {name: kind for name, kind in kinds.items() if name not in names}
    look = open_table(source, **options, kinds=None, drop=drop)
    if absent := [name for name in names if name not in look.all_columns]:
        raise DataError(
            f"{source!r}: no column {said(absent, None)} to be given; the columns are {said(look.all_columns)}."
        )
    dropped = [name for name in names if name not in (labels, look.label_name)]
    if dropped or rest:
        look = open_table(source, **options, kinds=rest or None, drop=(*drop, *dropped))
    return beside(look, conditions_in(source, names, look, options | {"kinds": own or None}))


def conditions_in(source: Any, names: Sequence[str], rows: TableStream, options: Mapping[str, Any]) -> pyarrow.Table:
    """The columns ``names`` of all rows of the file that ``rows`` are read from, as an Arrow table."""
    import pyarrow

    from_labels = [name for name in names if name == rows.label_name]
    others = [name for name in names if name not in from_labels]
    columns: dict[str, Any] = {}
    if from_labels:
        columns[from_labels[0]] = texts(
            pyarrow.array(_labels_of(rows).tolist())
        )  # labels are classes, even if they are numbers
    if others:
        how: dict[str, Any] = {
            name: options[name] for name in (*OF_READING, "layout", "kinds") if options.get(name) is not None
        }
        if "layout" not in how:
            how["columns"] = others
        table = open_table(source, **how).load()
        cells, layout = table.to_arrow(), table.layout
        kinds = {} if layout is None else {column.name: column.kind for column in layout.columns}
        for name in others:
            column = cells.column(name)
            columns[name] = texts(column) if kinds.get(name) == "category" else column
    return pyarrow.table([columns[name] for name in names], names=list(names))


def beside(stream: TableStream, cells: pyarrow.Table) -> TableStream:
    """The stream with the given columns of its rows."""
    return WithGiven(stream, cells)


def _labels_of(rows: TableStream) -> np.ndarray:
    found = [block.labels for block in rows.blocks()]
    return np.concatenate([labels for labels in found if labels is not None])


def _how_seen(name: str, cells: pyarrow.Table) -> str:
    """How both networks see a given column."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    column, seen = cells.column(name), "both networks see it"
    if not (pyarrow.types.is_integer(column.type) or pyarrow.types.is_floating(column.type)):
        return seen
    few = (
        compute.count_distinct(column).as_py() <= FEW
        and compute.all(compute.equal(column, compute.floor(column))).as_py()
    )
    return f"{seen} as a number" + (f"; if its numbers are names: --kind {quoted(name)}=category" if few else "")


class WithGiven(View):
    """A stream whose tables have the given columns of their rows."""

    def __init__(self, stream: TableStream, cells: pyarrow.Table):
        if cells.num_rows != len(stream):
            raise DataError(
                f"{stream.name!r}: there are {len(stream):,} rows, but {cells.num_rows:,} rows of given columns."
            )
        self._same_as(stream)
        self.stream, self.given, self.segments = stream, cells, stream.segments
        self._starts = np.concatenate([[0], np.cumsum(stream.segments)])
        self._dialect: Dialect | None = stream.dialect
        if self.description is not None:
            findings = [
                replace(one, kind="given", why=_how_seen(one.name, cells)) if one.name in cells.column_names else one
                for one in self.description.findings
            ]
            self.description = replace(self.description, findings=tuple(findings))

    @property
    def dialect(self) -> Dialect | None:
        return self._dialect

    @property
    def fits_in_memory(self) -> bool:
        return self.stream.fits_in_memory

    @property
    def files(self) -> tuple[int, ...]:
        return self.stream.files

    def read(self, segment: int, start: int, stop: int) -> Table:
        first = int(self._starts[segment]) + start
        table = self.stream.read(segment, start, stop)
        return replace(table, given=self.given.slice(first, stop - start))

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        return self.stream.values(segment, start, stop)

    def load(self) -> Table:
        return replace(self.stream.load(), given=self.given, description=self.description)

    def fingerprint(self) -> str:
        return self.stream.fingerprint()
