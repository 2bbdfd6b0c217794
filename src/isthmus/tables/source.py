"""What a format reads from a file of columns: cells, block by block, before the kinds of columns are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from isthmus.tables.byte_texts import with_texts
from isthmus.tables.column import Column
from isthmus.tables.dialect import Dialect
from isthmus.tables.errors import DataError
from isthmus.tables.lists import ListColumns, list_widths
from isthmus.tables.segments import Segments
from isthmus.tables.structs import flattened
from isthmus.tables.survey import ColumnSurvey

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Joined", "RowsSource", "SegmentsSource", "Source"]

BATCH_ROWS = 1 << 14


class Source(ABC):
    """Columns of cells as a file holds them, which can be read from the start any number of times.

    Attributes
    ----------
    names : tuple of str
        Of the columns, all different.
    notes : list of str
        How the file was read, one sentence each.
    dialect : Dialect or None
        How the text is written, if it is text.
    declared : dict
        What the file itself says about some columns.
    label_name, id_name : str or None
        The column of classes, and the one that names the rows, where the file says so.
    index : tuple of str
        Columns that only name the rows, such as a saved index of pandas.
    segments : Segments or None
        The same cells in any order, where the file allows it.
    flags : tuple of str
        The options for how a file is written that its format accepts.
    """

    name: str = ""
    names: tuple[str, ...] = ()
    dialect: Dialect | None = None
    label_name: str | None = None
    id_name: str | None = None
    index: tuple[str, ...] = ()
    segments: Segments | None = None
    lists: ListColumns = ListColumns()
    flags: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()  # marks of a missing cell, in every column

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.declared: Mapping[str, Column] = {}

    @abstractmethod
    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        """All rows in order; the columns are those of ``names``."""

    @property
    def parts(self) -> Sequence[Source]:
        """The files it consists of."""
        return (self,)

    @property
    def n_bytes(self) -> int:
        """About how many bytes the cells take in memory."""
        return 0

    @property
    def findings(self) -> list[str]:
        """What was done to rows in the last pass, one sentence each."""
        return []

    def known(self) -> dict[str, ColumnSurvey]:
        """Columns about which the file's metadata says as much as reading them would."""
        return {}

    def line_of(self, row: int) -> int | None:
        """The line (from 1) on which a row (from 0) starts; None if there are no lines, or the row is far down."""
        return None


class RowsSource(Source):
    """Rows of texts that are in memory already."""

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[str | None]]):
        super().__init__()
        self.names, self._rows = tuple(names), rows

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        for start in range(0, len(self._rows), BATCH_ROWS):
            part = self._rows[start : start + BATCH_ROWS]
            columns = [
                pyarrow.array([row[place] for row in part], pyarrow.string()) for place in range(len(self.names))
            ]
            yield pyarrow.RecordBatch.from_arrays(columns, names=list(self.names))

    @property
    def n_bytes(self) -> int:
        return 16 * len(self._rows) * len(self.names)


class SegmentsSource(Source):
    """Columns that have types, and can be read in any order."""

    def __init__(self, segments: Segments, name: str):
        super().__init__()
        segments = with_texts(flattened(segments))
        self.segments, self.name = segments, name
        own = tuple(segments.schema.names)
        widths = getattr(segments, "widths", None)
        if widths is None:
            import pyarrow

            head = next(segments.batches(own, 1), None)
            widths = {} if head is None else list_widths(pyarrow.Table.from_batches([head]))
        others = [name for name in own if name not in widths]
        self.lists = ListColumns(widths, alone_named=len(widths) == 1 and not others)
        self.names = tuple(self.lists.names(own))
        self.index = tuple(getattr(segments, "index", ()))

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        return self.batches_of(self.names)

    def batches_of(self, names: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
        """All rows in order, some columns of them."""
        import pyarrow

        if self.segments is None:
            return
        for batch in self.segments.batches(self.lists.owners(names)):
            flat = self.lists.flat(pyarrow.Table.from_batches([batch]), self.name, 0)
            yield from flat.select(list(names)).combine_chunks().to_batches()

    @property
    def n_bytes(self) -> int:
        return 8 * sum(self.segments.sizes if self.segments else ()) * len(self.names)

    def known(self) -> dict[str, ColumnSurvey]:
        known = getattr(self.segments, "known", None)
        found = known() if known is not None else {}
        lists = {entry: name for name in self.lists.widths for entry in self.lists.names([name])}
        n_rows = sum(self.segments.sizes) if self.segments else 0
        for entry in lists:  # the numbers of a list are never missing and never count rows
            survey = ColumnSurvey(entry, "float", n_rows=n_rows, words=None)
            survey.numbers.count, survey.numbers.low, survey.numbers.high = n_rows, 0.0, 1.0
            survey.numbers.whole = survey.numbers.different = False
            found[entry] = survey
        return found


class Joined(Source):
    """Files with the same columns, one after the other, with the columns in the order of the first."""

    def __init__(self, parts: Sequence[Source], name: str, where: str):
        super().__init__()
        self._parts, self.name, first = tuple(parts), name, parts[0]
        faults = []
        for part in parts[1:]:
            absent = [one for one in first.names if one not in part.names]
            extra = [one for one in part.names if one not in first.names]
            if absent or extra:
                differences = [f"lacks {', '.join(map(repr, absent[:4]))}"] * bool(absent)
                differences += [f"has {', '.join(map(repr, extra[:4]))}"] * bool(extra)
                faults.append(f"{part.name!r} {' and '.join(differences)}")
        if faults:
            more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
            raise DataError(
                f"{where}: tables with different columns, compared with {first.name!r}: {'; '.join(faults[:4])}{more}; "
                "give them the same columns, or move some."
            )
        self.names, self.dialect, self.lists = first.names, first.dialect, first.lists
        self.label_name, self.id_name, self.index = first.label_name, first.id_name, first.index
        self.flags = first.flags
        self.notes = [*first.notes, f"{len(parts)} files, one below the other"]

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        for part in self._parts:
            for batch in part.batches():
                yield batch.select(list(self.names))

    @property
    def parts(self) -> Sequence[Source]:
        return self._parts

    @property
    def n_bytes(self) -> int:
        return sum(part.n_bytes for part in self._parts)

    @property
    def findings(self) -> list[str]:
        return [f"{part.name}: {said}" for part in self._parts for said in part.findings][:6]
