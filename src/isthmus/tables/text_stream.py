"""Comma- and tab-separated text larger than memory: one look finds where rows begin, then any stretch can be read.

A line ends at a line feed outside quotes. A quote opens a cell only where the cell begins; inside, two in a row stand
for one. So the ends of rows are found by counting quotes, some megabytes at a time, and text between two of them can
be parsed by itself.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.bounds import LONGEST_LINE
from isthmus.tables.columns import Request, assign_roles, require_numeric, table_from_arrow
from isthmus.tables.delimited import are_whole_numbers, blamed, layout_of, parse, separator_of
from isthmus.tables.stream import TableStream
from isthmus.tables.table import DataError, Table

if TYPE_CHECKING:
    import pyarrow

__all__ = ["TextStream"]

SEGMENT_BYTES = 8 << 20
HELD_SEGMENTS = 4
FEED, RETURN, QUOTE = 10, 13, 34


@dataclass(frozen=True)
class _Stretch:
    """Whole rows of a file: the bytes from ``begin`` to ``end``, and what comes before them."""

    begin: int
    end: int
    rows: int
    first_row: int
    first_line: int


class TextStream(TableStream):
    """The rows of one file of text; what is read equals what `read_table` reads of it."""

    def __init__(
        self,
        path: Path,
        separator: str,
        request: Request,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        may_be_empty: bool = False,
    ):
        self.path, self._where, self.name = path, repr(str(path)), path.stem
        self._layout = layout_of(path, separator, self._where)
        self._roles = assign_roles(self._layout.names, request, self._where)
        self.columns, self.missing, self._mixed = self._roles.values, request.missing, request.mixed
        self.label_name, self.id_name = self._roles.labels, self._roles.ids
        blank = len(self._layout.names) == 1
        self._stretches = list(
            stretches(path, self._layout.skipped, separator, segment_bytes=segment_bytes, keep_blank=blank)
        )
        if not self._stretches and not may_be_empty:
            raise DataError(f"{self._where}: no rows of data; add at least one below the column names.")
        self.segments = tuple(stretch.rows for stretch in self._stretches)
        self._held: OrderedDict[int, Table] = OrderedDict()
        self._lock = threading.RLock()
        self._kinds = self._guessed_kinds() if self._stretches else {}
        self._whole: frozenset[str] | None = None

    def read(self, segment: int, begin: int, end: int) -> Table:
        with self._lock:
            table = self._held.pop(segment, None)
            if table is None:
                while len(self._held) >= HELD_SEGMENTS:
                    self._held.popitem(last=False)
                table = self._table(segment)
            self._held[segment] = table
        return table if (begin, end) == (0, len(table)) else table.take(np.arange(begin, end))

    @property
    def whole(self) -> frozenset[str]:
        """Which of the label and id columns hold plain whole numbers in every row."""
        if self._whole is None:
            left = {name for name in (self.label_name, self.id_name) if name is not None}
            for segment in range(len(self.segments)):
                if not left:
                    break
                words = self._words(segment)
                left = {name for name in left if are_whole_numbers(words.column(name))}
            self._whole = frozenset(left)
        return self._whole

    @classmethod
    def of_files(cls, paths: list[Path], request: Request, where: str) -> list[TextStream]:
        """Those of the files of a table, with the columns in the order of the first; files of names alone are none.

        Labels and ids are whole numbers in all files or in none.
        """
        found: list[TextStream] = []
        for path in paths:
            stream = cls(path, separator_of(path), request, may_be_empty=True)
            if found and set(stream.columns) == set(found[0].columns) and stream.columns != found[0].columns:
                ordered = replace(request, columns=found[0].columns)
                stream = cls(path, separator_of(path), ordered, may_be_empty=True)
            found.append(stream)
        odd = next((stream for stream in found if stream.columns != found[0].columns), None)
        if odd is not None:
            raise DataError(
                f"{where}: file {odd.path.name!r} has other columns than {paths[0].name!r}; make them alike or move it."
            )
        filled = [stream for stream in found if stream.segments]
        if not filled:
            raise DataError(f"{where}: no rows of data; add at least one below the column names.")
        if len(filled) > 1 and (filled[0].label_name or filled[0].id_name):
            shared = frozenset.intersection(*(stream.whole for stream in filled))
            for stream in filled:
                stream._whole = shared
        return filled

    def _words(self, segment: int) -> pyarrow.Table:
        roles = replace(self._roles, values=())
        return self._parsed(segment, lambda source: parse(source, self._layout, roles))

    def _guessed_kinds(self) -> dict[str, pyarrow.DataType]:
        """Truth values are parsed as such and all other columns as numbers, as the first rows have them."""
        import pyarrow

        first = self._parsed(0, lambda source: parse(source, self._layout, self._roles))
        columns = {name: first.column(name) for name in self._roles.values}
        require_numeric(columns, self._where, mixed=self._mixed)
        kinds = {name: column.type for name, column in columns.items()}
        return {name: kind if pyarrow.types.is_boolean(kind) else pyarrow.float64() for name, kind in kinds.items()}

    def _table(self, segment: int) -> Table:
        import pyarrow

        stretch = self._stretches[segment]

        def typed(source: pyarrow.BufferReader) -> pyarrow.Table:
            try:
                return parse(source, self._layout, self._roles, kinds=self._kinds)
            except pyarrow.ArrowInvalid:
                source.seek(0)
                return parse(source, self._layout, self._roles)

        arrow = self._parsed(segment, typed)
        self._require_numbers(arrow, stretch)
        for name in self.whole:
            place = arrow.schema.get_field_index(name)
            arrow = arrow.set_column(place, name, arrow.column(name).cast(pyarrow.int64()))
        found = table_from_arrow(
            arrow,
            self._roles,
            where=self._where,
            name=self.name,
            line_of=lambda row: self._line_of(stretch, row - stretch.first_row),
            missing=self.missing,
            first_row=stretch.first_row,
        )
        small = all(pyarrow.types.is_boolean(kind) for kind in self._kinds.values())
        return replace(found, values=found.values.astype(np.float32 if small else np.float64, copy=False))

    def _parsed(self, segment: int, how: Callable[[Any], pyarrow.Table]) -> pyarrow.Table:
        import pyarrow

        stretch = self._stretches[segment]
        text = self._text(stretch)
        try:
            arrow = how(pyarrow.BufferReader(text))
        except pyarrow.ArrowInvalid as error:
            raise blamed(error, self._layout, self._rows(text, stretch), self._where) from error
        if len(arrow) != stretch.rows:
            raise DataError(
                f"{self._where}: the rows from line {stretch.first_line} on are not told apart (is a quote left "
                "open?); repair the file."
            )
        return arrow

    def _require_numbers(self, arrow: pyarrow.Table, stretch: _Stretch) -> None:
        """Refuse words in a column that began with numbers, and say where."""
        columns = {name: arrow.column(name) for name in self._roles.values}
        try:
            require_numeric(columns, self._where, mixed=self._mixed)
        except DataError as error:
            from isthmus.tables.columns import is_numeric

            name = next(name for name, column in columns.items() if not is_numeric(column.type))
            place = self._layout.names.index(name)
            rows = self._rows(self._text(stretch), stretch)
            line = next((line for line, cells in rows if not _is_number(cells[place])), None)
            said = "" if line is None else f" In line {line} column {name!r} begins to hold them."
            raise DataError(f"{error}{said}") from error

    def _text(self, stretch: _Stretch) -> bytes:
        with self.path.open("rb") as file:
            file.seek(stretch.begin)
            return file.read(stretch.end - stretch.begin)

    def _rows(self, text: bytes, stretch: _Stretch) -> Iterator[tuple[int, list[str]]]:
        lines = io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", errors="replace", newline="")
        return self._layout.rows_of(lines, line=stretch.first_line)

    def _line_of(self, stretch: _Stretch, row: int) -> int | None:
        rows = self._rows(self._text(stretch), stretch)
        return next((line for number, (line, _) in enumerate(rows) if number == row), None)


def stretches(
    path: Path, skipped: int, separator: str, *, segment_bytes: int = SEGMENT_BYTES, keep_blank: bool = False
) -> Iterator[_Stretch]:
    """Cut a file of text into stretches of whole rows, the first ``skipped`` of them left out."""
    place = line = row = 0  # bytes and lines before the text at hand, rows before the stretch
    rest, begin, first_line, left = b"", 0, 1, skipped
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        place = begin = file.tell()
        while True:
            block = file.read(segment_bytes)
            text = rest + block
            if not text:
                break
            ends = _line_ends(text, separator, final=not block)
            if not len(ends) and block:
                if len(text) > LONGEST_LINE + segment_bytes:
                    raise DataError(
                        f"{str(path)!r}: a row of more than {LONGEST_LINE:,} bytes (is a quote left open?); repair it."
                    )
                rest = text
                continue
            full = _not_blank(text, ends)
            if left:
                dropped = min(left, len(ends))
                left -= dropped
                head = int(ends[dropped - 1])
                begin, first_line = place + head, line + 1 + text.count(b"\n", 0, head)
                full[:dropped] = False
            rows = int((ends > begin - place).sum()) if keep_blank else int(full.sum())
            last = int(ends[-1])
            line += text.count(b"\n", 0, last)
            if rows and not left:
                yield _Stretch(begin, place + last, rows, row, first_line)
                row += rows
            begin, first_line = place + last, line + 1
            place, rest = place + last, text[last:]
            if not block:
                break


def _not_blank(text: bytes, ends: np.ndarray) -> np.ndarray:
    """Which lines hold more than their own end."""
    array = np.frombuffer(text, np.uint8)
    begins = np.concatenate([[0], ends[:-1]])
    lengths = ends - begins
    first, second = array[begins], array[np.minimum(begins + 1, len(array) - 1)]
    only_end = (lengths == 1) & ((first == FEED) | (first == RETURN))
    return ~(only_end | ((lengths == 2) & (first == RETURN) & (second == FEED)))


def _line_ends(text: bytes, separator: str, *, final: bool) -> np.ndarray:
    """Places after each line end outside quotes; at the end of a file, its end too."""
    array = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(array == FEED)
    if b"\r" in text:
        returns = np.flatnonzero(array[:-1] == RETURN)
        lone = returns[array[returns + 1] != FEED]
        ends = np.sort(np.concatenate([ends, lone]))
    if QUOTE in text:
        quotes = np.flatnonzero(array == QUOTE)
        openings = quotes[::2]
        before = array[np.maximum(openings - 1, 0)]
        at_start = (openings == 0) | np.isin(before, [ord(separator), FEED, RETURN, QUOTE])
        if not at_start.all():
            quotes = _turning_quotes(text, quotes, separator)
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    ends = ends + 1
    if final and (not len(ends) or ends[-1] != len(text)):
        ends = np.append(ends, len(text))
    return ends


def _turning_quotes(text: bytes, quotes: np.ndarray, separator: str) -> np.ndarray:
    """The quotes that open a cell or close it, where others stand in the midst of one."""
    starts = {ord(separator), FEED, RETURN}
    turning, inside, passed = [], False, -1
    for place in quotes.tolist():
        if place == passed:
            continue
        if not inside:
            if place and text[place - 1] not in starts:
                continue
            inside = True
        elif text[place + 1 : place + 2] == b'"':
            passed = place + 1
            continue
        else:
            inside = False
        turning.append(place)
    return np.array(turning, np.int64)


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True
