"""Comma- and tab-separated text, read by pyarrow; Python's own csv module finds the line to blame."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from isthmus.tables.bounds import MOST_NAMED_COLUMNS, lines_within, require_columns
from isthmus.tables.columns import Request, Roles, assign_roles, table_from_arrow
from isthmus.tables.table import DataError, Table

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "Layout",
    "are_whole_numbers",
    "blamed",
    "column_names",
    "layout_of",
    "parse",
    "read_delimited",
    "separator_of",
]

WHOLE_NUMBER = "0|-?[1-9][0-9]{0,17}"
NUMBER = re.compile(r"\s*([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf|nan)\s*", re.IGNORECASE)
LONGEST_ROW = 2**24


@dataclass(frozen=True)
class Layout:
    """Where the columns of a file are named: ``skipped`` rows stand above the first row of data."""

    path: Path
    separator: str
    names: tuple[str, ...]
    skipped: int

    def opened(self) -> IO[str]:
        """The text, to be read from its beginning."""
        return self.path.open(newline="", encoding="utf-8-sig", errors="replace")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row of data as (line on which it begins, its cells), blank lines left out as pyarrow does."""
        with self.opened() as text:
            yield from self.rows_of(lines_within(text, repr(str(self.path))), self.skipped)

    def rows_of(self, text: Iterable[str], skipped: int = 0, line: int = 1) -> Iterator[tuple[int, list[str]]]:
        """The same of lines that begin at a certain one."""
        first, reader = line, csv.reader(text, delimiter=self.separator)
        for number, cells in enumerate(reader):
            if number >= skipped and (cells or len(self.names) == 1):
                yield line, cells or [""]
            line = first + reader.line_num

    def line_of(self, row: int) -> int | None:
        """The line of the file, from 1, on which a row of data, from 0, begins; None if it is not known."""
        try:
            return next((line for number, (line, _) in enumerate(self.rows()) if number == row), None)
        except csv.Error:  # a cell too long for Python's reader
            return None


def read_delimited(path: Path, separator: str, request: Request) -> Table:
    """Read a table of text. A first row of numbers alone, but for 0, 1, 2, …, is data; the columns are then x0, x1, ….

    Labels and ids are kept as they are written (``007`` stays so) unless every one is a plain whole number.
    """
    import pyarrow

    where = repr(str(path))
    layout = layout_of(path, separator, where)
    roles = assign_roles(layout.names, request, where)
    try:
        arrow = parse(str(path), layout, roles, skipped=layout.skipped)
    except pyarrow.ArrowInvalid as error:
        raise blamed(error, layout, layout.rows(), where) from error
    for column in {roles.ids, roles.labels} - {None}:
        position = arrow.schema.get_field_index(column)
        arrow = arrow.set_column(position, column, _whole_numbers(arrow.column(position)))
    return table_from_arrow(
        arrow, roles, where=where, name=path.stem, line_of=layout.line_of, missing=request.missing, mixed=request.mixed
    )


def separator_of(path: Path) -> str:
    """What stands between the cells of a file of this name."""
    return "\t" if path.suffix.lower() == ".tsv" else ","


def layout_of(path: Path, separator: str, where: str) -> Layout:
    """Find the names and the separator of a file, or say why it has none."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            rows = enumerate(csv.reader(lines_within(text, where), delimiter=separator))
            blank, cells = next(((number, cells) for number, cells in rows if cells), (0, []))
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 text; save it as UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{where}: not readable as rows of text ({error}); save it as UTF-8 CSV.") from error
    if not cells:
        raise DataError(f"{where}: the file is empty; it needs column names and rows of numbers.")
    require_columns(len(cells), where, MOST_NAMED_COLUMNS)
    if len(cells) == 1:
        other = next((mark for mark in ",;\t" if mark != separator and mark in cells[0]), None)
        if other:
            suffix = "as .tsv" if other == "\t" else "with commas as .csv"
            raise DataError(f"{where}: the cells seem to be separated by {other!r}; save it {suffix}.")
    names = column_names(cells)
    if names is None:
        return Layout(path, separator, tuple(f"x{index}" for index in range(len(cells))), blank)
    return Layout(path, separator, names, blank + 1)


def column_names(first: list[str]) -> tuple[str, ...] | None:
    """The names in the first row of a file; None if that row is data, being made of numbers alone.

    The row 0, 1, 2, … counts the columns: so pandas writes a frame that was never given names.

    >>> column_names(["0", "1", "2"]), column_names(["5.1", "3.5", "1.4"])
    (('0', '1', '2'), None)
    """
    counted = len(first) > 1 and first == [str(index) for index in range(len(first))]
    return tuple(first) if counted or not all(NUMBER.fullmatch(cell) for cell in first) else None


def blamed(error: Exception, layout: Layout, rows: Iterator[tuple[int, list[str]]], where: str) -> DataError:
    """What is wrong with rows that pyarrow does not take, with its line where that is found."""
    width = len(layout.names)
    try:
        ragged = next(((line, cells) for line, cells in rows if len(cells) != width), None)
    except csv.Error:
        ragged = None
    if ragged is None:
        reason = str(error).splitlines()[0]
        return DataError(f"{where}: not readable as rows of text ({reason}); repair the file.")
    line, cells = ragged
    count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    return DataError(f"{where}: line {line} has {count} where the first row has {width}; repair that line.")


def parse(
    source: Any, layout: Layout, roles: Roles, *, skipped: int = 0, kinds: Mapping[str, pyarrow.DataType] | None = None
) -> pyarrow.Table:
    """Typed columns of a file or of bytes of it; labels and ids as they are written, the others of given ``kinds``."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    words = [column for column in dict.fromkeys((roles.ids, roles.labels)) if column is not None]
    return arrow_csv.read_csv(
        source,
        read_options=arrow_csv.ReadOptions(
            column_names=list(layout.names), skip_rows_after_names=skipped, block_size=LONGEST_ROW
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=layout.separator, newlines_in_values=True, ignore_empty_lines=len(layout.names) > 1
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(dict.fromkeys([*roles.values, *words])),
            column_types={**(kinds or {}), **dict.fromkeys(words, pyarrow.string())},
        ),
    )


def are_whole_numbers(column: pyarrow.ChunkedArray) -> bool:
    """Whether every cell is a plain whole number, without zeros before it."""
    from pyarrow.compute import MatchSubstringOptions, call_function

    matches = call_function("match_substring_regex", [column], MatchSubstringOptions(f"^(?:{WHOLE_NUMBER})$"))
    return not len(matches) or bool(call_function("min_max", [matches])["min"].as_py())


def _whole_numbers(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    import pyarrow

    return column.cast(pyarrow.int64()) if are_whole_numbers(column) else column
