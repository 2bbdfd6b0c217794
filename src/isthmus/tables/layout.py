"""How the columns of a table are encoded as numbers, decided once, and decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.cells import plain_cells
from isthmus.tables.column import Column
from isthmus.tables.errors import DataError, said
from isthmus.tables.finding import Hints
from isthmus.tables.kinds import category, kind_of
from isthmus.tables.survey import MAX_WORDS, ColumnSurvey

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Blocks", "TableLayout", "layout_of", "plain_layout", "survey_kind"]


@dataclass(frozen=True)
class Blocks:
    """The numbers of an encoded row by kind: positions, and the spans of categories."""

    numbers: tuple[int, ...]
    booleans: tuple[int, ...]
    categories: tuple[tuple[int, int], ...]
    counts: tuple[int, ...] = ()

    @property
    def scaled(self) -> tuple[int, ...]:
        """The positions that are centered and scaled: numbers, dates and counts, in order."""
        return tuple(sorted((*self.numbers, *self.counts)))


@dataclass(frozen=True)
class TableLayout:
    """The columns of a table, in order."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not self.columns or len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("a table needs at least one column, and its columns different names")

    @cached_property
    def width(self) -> int:
        """Numbers in an encoded row."""
        return sum(column.width for column in self.columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the table's columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def encoded_names(self) -> tuple[str, ...]:
        """Names of the numbers of an encoded row, such as ``colour=red``."""
        return tuple(name for column in self.columns for name in column.encoded_names)

    @property
    def is_plain(self) -> bool:
        """Whether all columns are numbers, so the table can be an array."""
        return all(column.kind == "number" for column in self.columns)

    @property
    def owners(self) -> list[int]:
        """For each number of a row the position of its column."""
        return [place for place, column in enumerate(self.columns) for _ in range(column.width)]

    def spans(self) -> list[tuple[int, int]]:
        """Where each column's numbers start and stop."""
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        return [(end - column.width, end) for end, column in zip(ends, self.columns, strict=True)]

    @property
    def dates(self) -> set[int]:
        """The positions of dates in a row."""
        return {span[0] for column, span in zip(self.columns, self.spans(), strict=True) if column.kind == "date"}

    @property
    def blocks(self) -> Blocks:
        """What the likelihood needs to know."""
        placed = list(zip(self.columns, self.spans(), strict=True))
        return Blocks(
            tuple(span[0] for column, span in placed if column.kind in ("number", "date")),
            tuple(span[0] for column, span in placed if column.kind == "boolean"),
            tuple(span for column, span in placed if column.kind == "category"),
            tuple(span[0] for column, span in placed if column.kind == "count"),
        )

    def require(self, names: Sequence[str]) -> None:
        """Refuse a table that lacks a column, or has one more: a `DataError` names all of them."""
        absent = [name for name in self.names if name not in names]
        extra = [name for name in names if name not in self.names]
        if absent or extra:
            faults = [f"lacks {said(absent)}"] * bool(absent) + [f"has {said(extra)}, unknown at fit"] * bool(extra)
            raise DataError(f"X {' and '.join(faults)}; the columns must be those of the fit, in any order.")

    def typed(self, table: pyarrow.Table) -> pyarrow.Table:
        """These columns of an Arrow table, in the types that are learned from."""
        import pyarrow

        columns = [column.typed(table.column(column.name)) for column in self.columns]
        return pyarrow.table(columns, names=list(self.names))

    def encode(self, table: pyarrow.Table, unseen: str = "missing") -> np.ndarray:
        """An Arrow table with these columns, in any order, to float64 of shape (n_rows, width), NaN where missing."""
        encoded, faults = np.empty((table.num_rows, self.width)), []
        for column, (start, stop) in zip(self.columns, self.spans(), strict=True):
            try:
                encoded[:, start:stop] = column.encode(plain_cells(table.column(column.name)), unseen)
            except DataError as error:
                faults.append(str(error).rstrip("."))
        if faults:
            raise DataError("; ".join(faults) + ".")
        return encoded

    def decode(self, encoded: np.ndarray) -> pyarrow.Table:
        """Numbers of shape (n_rows, width) to an Arrow table with the columns and types of the fit."""
        import pyarrow

        spans = zip(self.columns, self.spans(), strict=True)
        cells = [column.decode(np.asarray(encoded[:, start:stop], np.float64)) for column, (start, stop) in spans]
        return pyarrow.table(cells, names=list(self.names))

    def scaling(self, columns: Any, how: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Center and scale from the statistics of the encoded columns; only numbers, counts and dates are scaled."""
        center, spread = np.zeros(self.width), np.ones(self.width)
        places = list(self.blocks.scaled)
        if how == "minmax":
            center[places], spread[places] = columns.low[places], (columns.high - columns.low)[places]
        else:
            center[places], spread[places] = columns.mean[places], np.sqrt(columns.variance[places])
        return center, np.where(spread > 0, spread, 1.0)

    def with_fractions(self) -> TableLayout:
        """The same layout, its numbers no longer integers."""
        return TableLayout(
            tuple(
                replace(column, whole=False, dtype="double") if column.kind == "number" else column
                for column in self.columns
            )
        )

    def with_counts(self, names: Sequence[str]) -> TableLayout:
        """The same layout, with the columns ``names`` as counts."""
        return TableLayout(
            tuple(
                replace(column, kind="count", whole=True) if column.name in names else column for column in self.columns
            )
        )

    def select(self, names: Sequence[str]) -> TableLayout:
        """The layout of some of the columns, in the order of ``names``."""
        known = {column.name: column for column in self.columns}
        return TableLayout(tuple(known[name] for name in names))


def plain_layout(names: Sequence[str], dtypes: Sequence[str] | None = None) -> TableLayout:
    """The layout of columns of numbers."""
    kinds = dtypes or ["double"] * len(names)
    return TableLayout(
        tuple(
            Column(name, "number", kind, whole=kind.startswith(("int", "uint")))
            for name, kind in zip(names, kinds, strict=True)
        )
    )


def layout_of(table: pyarrow.Table, *, words: bool = False) -> TableLayout:
    """The layout of an Arrow table; no column is left out by guess.

    With ``words``, text that repeats is a category, although it reads as a number: ``"3"`` is a name, and 3 a number.

    Raises
    ------
    DataError
        One sentence that names every column that nothing can be learned from.
    """
    names = table.column_names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"more than one column is named {said(repeated)}; rename them.")
    columns, faults = [], []
    for place, name in enumerate(names):
        try:
            columns.append(_column_of(table.column(place), name, place, words=words))
        except DataError as error:
            faults.append(str(error).rstrip("."))
    if faults:
        raise DataError("; ".join(faults) + ".")
    return TableLayout(tuple(columns))


def _column_of(cells: Any, name: str, place: int, *, words: bool) -> Column:
    """The column of a frame, with its kind; a `DataError` if nothing can be learned from it."""
    import pyarrow

    if pyarrow.types.is_dictionary(cells.type):
        return _categories(cells, name)
    survey = ColumnSurvey(name, survey_kind(cells.type))
    for part in cells.chunks:
        survey.add(part)
    found = kind_of(survey, place, Hints(guess=False))
    if words and survey.is_text and found.kind == "number" and 2 * survey.n_different <= survey.n_present:
        found = category(survey)
    if found.column is None:
        if found.kind == "empty":
            raise DataError(f"column {name} has no value at all; leave it out.")
        raise DataError(
            f"column {name} ({found.why}); a column must be numbers, booleans, dates, categories or text: drop it."
        )
    return found.column


def _categories(cells: Any, name: str) -> Column:
    """A column whose library lists its categories."""
    known: dict[Any, None] = {}
    for part in cells.chunks:
        known.update(dict.fromkeys(part.dictionary.to_pylist()))
    values = [value for value in known if value is not None and value != ""]
    if not values:
        raise DataError(f"column {name} has no value at all; leave it out.")
    if not all(isinstance(value, (str, int, float, bool)) for value in values):
        raise DataError(f"column {name}: its categories must be words or numbers; convert or drop it.")
    if len(values) > MAX_WORDS:
        raise DataError(
            f"column {name} has {len(values):,} categories, and at most {MAX_WORDS:,} can be learned from; drop "
            "it, or merge the rare ones."
        )
    return Column(name, "category", "string", categories=tuple(values), ordered=bool(cells.type.ordered))


def survey_kind(kind: Any) -> str:
    """The name of an Arrow type in a `ColumnSurvey`: ``string`` for every type of text."""
    import pyarrow

    types = pyarrow.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind)
    return "string" if text else str(kind)
