"""Delimited text: cells separated by commas, semicolons, tabs, bars or spaces.

The dialect is inferred from the first quarter of a megabyte. pyarrow then reads all rows as text, a few megabytes at a
time. Rows with a cell or two too few or too many are fixed, others are left out, and both are reported.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isthmus.tables.bounds import LONGEST_LINE, MAX_NAMED_COLUMNS, require_columns
from isthmus.tables.container import HEAD_BYTES, File
from isthmus.tables.dialect import LINE, Dialect, dialect_of, headed
from isthmus.tables.encoding import STRAY, decoded, encoding_of, require_encoding
from isthmus.tables.errors import DataError
from isthmus.tables.footer import footer_of
from isthmus.tables.heading_notes import heading_notes
from isthmus.tables.request import Request
from isthmus.tables.row_faults import (
    fitted_row,
    repeated_names,
    require_no_prose,
    swallowing_row,
    table_above,
    without_empty_rows,
)
from isthmus.tables.source import Source
from isthmus.tables.utf8_lines import Utf8Lines

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SUFFIXES", "TextSource", "matches", "open_file"]

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".dat", ".tab", ".psv", ".test", ".tbl", ".asc")
BLOCK = 4 << 20
LEFT_OUT, FEW_LEFT_OUT = 0.01, 3  # share and number of rows, the larger of which may be left out
MAX_BELOW = 40  # lines of notes below a table
LONG_CELL = re.compile(r"[^,;\t|\"']{65536,}")  # too long for Python's CSV reader
BINARY = bytes({*range(1, 32)} - {*b"\t\n\f\r\x1a\x1b"})  # control characters that text does not have
LINES_COUNTED = 1 << 26  # bytes up to which lines of rows are counted


def matches(file: File) -> bool:
    """Whether a file is text: hardly any control characters, in any encoding."""
    head = file.head[:8192]
    if head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE)):
        return True
    if b"\0" in head:
        encoding = encoding_of(file.head, whole=file.is_whole)
        if encoding.startswith("utf-16"):
            head = file.head[: len(head) & ~1].decode(encoding, "replace").encode()
        elif encoding != "utf-8" or any(byte in head for byte in BINARY):
            return False  # a few NUL bytes, as a logger leaves that lost its power, are no sign of a binary file
    separators = (1, 31) if b"\n" in head or b"\r" in head else ()
    control = sum(byte < 32 and byte not in (9, 10, 12, 13, 26, 27, *separators) for byte in head)
    return control <= len(head) / 20


def open_file(file: File, request: Request) -> Source:
    """The columns of a file of text."""
    return TextSource(file, request)


class TextSource(Source):
    """A text file as columns of strings."""

    dialect: Dialect  # pyrefly: ignore[bad-override]
    flags = ("header", "separator", "decimal", "encoding")

    def __init__(self, file: File, request: Request):
        super().__init__()
        self.file, self.where, self.name = file, file.where, file.stem
        if not file.head.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
            raise DataError(f"{self.where}: the file is empty; it needs column names and rows of cells.")
        encoding = request.encoding or encoding_of(file.head, whole=file.is_whole)
        require_encoding(file.head, encoding, self.where)
        head = file.head if file.is_whole or file.head.count(b"\n") + file.head.count(b"\r") > 1 else _longer_head(file)
        text = decoded(head, encoding).lstrip("\ufeff")
        lines = LINE.split(text)
        if not file.is_whole and len(lines) > 1:
            lines.pop()  # it may be truncated
        if max(map(len, lines)) > LONGEST_LINE:
            raise DataError(f"{self.where}: a line of more than {LONGEST_LINE:,} characters; break it into rows.")
        if file.is_whole and not request.separator:
            require_no_prose(lines, self.where)
        lines = [LONG_CELL.sub("…", line) if len(line) > 1 << 16 else line for line in lines]
        self.dialect, heading, start = self._inferred(text, lines, encoding, request)
        self.names, self._skipped, self._named = heading.names, start, heading.named
        above = table_above(row for _, row in self.dialect.rows(lines[:start])) if heading.above else 0
        if above:
            raise DataError(
                f"{self.where}: two tables, one above the other: one of {above} columns, and one of {len(self.names)} "
                f"whose rows begin in line {start + 1}; put each into a file of its own."
            )
        self._width = len(self.names)
        self._note_heading(heading, lines, encoding, request)
        if not self.names:
            raise DataError(f"{self.where}: no rows of data; add at least one below the column names.")
        require_columns(self._width, self.where, MAX_NAMED_COLUMNS)
        self._left_out: dict[str, tuple[int, int, str]] = {}
        self._n_rows = 0

    def _inferred(self, text: str, lines: list[str], encoding: str, request: Request) -> Any:
        """The dialect, the heading and the first line of data; with the dialect of the fit if it finds its columns."""
        hints = {"separator": request.separator, "decimal": request.decimal}
        # the widths of fixed columns may differ from file to file
        if request.dialect is not None and not request.dialect.starts and not any(hints.values()):
            one = replace(request.dialect, encoding=encoding)
            with suppress(ValueError, IndexError):
                heading, start = headed(one, lines, request.header)
                if request.columns and set(request.columns) <= set(heading.names):
                    return one, heading, start
        one = dialect_of(text, encoding=encoding, **hints)
        return one, *headed(one, lines, request.header)

    def _note_heading(self, heading: Any, lines: list[str], encoding: str, request: Request) -> None:
        if not encoding.startswith("utf-8"):
            self.notes.append(f"read as {encoding}")
        if self.dialect.decimal == ",":
            self.notes.append("decimal commas")
        first = next((line.strip() for line in lines if line.strip()), "")
        self.notes += heading_notes(heading, first=first, guessed=request.header is None)

    @property
    def n_bytes(self) -> int:
        return 2 * self.file.size if self.file.packing is None else 10 * self.file.size

    # ---- all rows --------------------------------------------------------------------------------------

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        block, given = BLOCK, 0
        while True:
            try:
                for batch in self._all_rows(block):
                    if self._lines.found_escapes:
                        break
                    if given < self._n_rows:  # an earlier attempt has given the rows before
                        yield batch.slice(max(0, len(batch) - (self._n_rows - given)))
                        given = self._n_rows
                if not self._lines.found_escapes:
                    break
            except (pyarrow.ArrowInvalid, DataError) as error:
                if not self._lines.found_escapes:
                    if isinstance(error, DataError) or "straddl" not in str(error) or block > LONGEST_LINE:
                        raise error if isinstance(error, DataError) else self._unreadable(error) from error
                    block *= 16  # a row longer than a block
            if self._lines.found_escapes:  # the rows before have none, and stay unchanged
                self.dialect = replace(self.dialect, escape="\\")
        self._require_few_left_out()

    def _all_rows(self, block: int) -> Iterator[pyarrow.RecordBatch]:
        """All rows from the beginning, reading one block of text at a time."""
        self._left_out, self._n_rows = {}, 0
        with self.file.open() as stream:
            held: pyarrow.RecordBatch | None = None
            self._lines = Utf8Lines(stream, self.dialect, self._skipped, block)
            for batch in self._parsed(self._lines):
                if held is not None:
                    self._n_rows += len(held)
                    yield held
                held = self._without_repeated_names(batch)
            if held is not None:
                held = self._without_footer(held)
                self._n_rows += len(held)
                yield held

    def _without_repeated_names(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """A batch without rows that repeat the names; a quote left open, which swallows rows, is an error."""
        found = swallowing_row(batch, self.dialect.separator) if self.dialect.quote and self._width > 1 else None
        if found is not None:
            row = self._said_row(self._n_rows + found)
            raise DataError(f"{self.where}: a quote is left open in {row}, and swallows the lines below; repair it.")
        again = repeated_names(batch, self.names) if self._named else []
        if not again:
            return batch
        count, first, text = self._left_out.get("again", (0, self._n_rows + again[0] + 1, ""))
        self._left_out["again"] = count + len(again), first, text
        return batch.take([row for row in range(len(batch)) if row not in {*again}])

    def _unreadable(self, error: Exception) -> DataError:
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        return DataError(
            f"{self.where}: not readable as rows of text ({reason}); is a quote left open? Repair the file."
        )

    def _parsed(self, lines: Utf8Lines) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow
        from pyarrow import csv as arrow_csv

        names = [str(place) for place in range(self._width)]
        odd: list[tuple[int, list[str] | None]] = []  # rows of another width, and their fixed cells
        dialect = self.dialect
        separator = dialect.arrow_separator

        faults: list[DataError] = []  # an exception in the handler would be lost in pyarrow

        def repair(row: Any) -> str:
            try:
                odd.append((row.number, self._repaired(row)))
            except DataError as error:
                faults.append(error)
                return "error"
            return "skip"

        try:
            reader = arrow_csv.open_csv(
                pyarrow.PythonFile(lines, mode="r"),
                read_options=arrow_csv.ReadOptions(use_threads=False, block_size=lines.block, column_names=names),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=separator, quote_char=dialect.quote or False, escape_char=dialect.escape or False,
                    double_quote=True, newlines_in_values=True, ignore_empty_lines=self._width > 1,
                    invalid_row_handler=repair,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    check_utf8=False, column_types=dict.fromkeys(names, pyarrow.string()), null_values=[""],
                    strings_can_be_null=True,
                ),
            )  # fmt: skip
            done = seen = 0  # rows given, and odd rows processed
            while True:
                batch = next(reader, None)
                if batch is not None:
                    batch = pyarrow.RecordBatch.from_arrays(batch.columns, names=list(self.names))
                parts, start = [], 0
                size = 0 if batch is None else len(batch)
                while seen < len(odd) and (batch is None or odd[seen][0] - 1 - seen <= done + size):
                    place = odd[seen][0] - 1 - seen - done
                    repaired = odd[seen][1]
                    if batch is not None and place > start:
                        parts.append(batch.slice(start, place - start))
                        start = place
                    if repaired is not None:
                        cells = [pyarrow.array([cell or None], pyarrow.string()) for cell in repaired]
                        parts.append(pyarrow.RecordBatch.from_arrays(cells, names=list(self.names)))
                    seen += 1
                if batch is not None:
                    parts.append(batch.slice(start))
                done += size
                parts = [part for part in map(without_empty_rows, parts) if len(part)]
                if parts:
                    whole = pyarrow.Table.from_batches(parts).combine_chunks().to_batches() if len(parts) > 1 else parts
                    yield from whole
                if batch is None:
                    return
        except pyarrow.ArrowInvalid as error:
            if faults:
                raise faults[0] from error
            if "Empty CSV file" not in str(error):
                raise

    def _repaired(self, row: Any) -> list[str] | None:
        """The cells of a row of another width, fitted to the table; None if it must be left out."""
        text = (row.text or "").removeprefix("\ufeff")
        quote = self.dialect.quote
        opened = quote and (text.lstrip().startswith(quote) or f"{self.dialect.separator}{quote}" in text)
        if opened and text.count(quote) % 2:
            raise DataError(
                f"{self.where}: a quote is left open in {self._said_row(row.number - 1)}: {text.strip()[:40]!r}; "
                "repair it."
            )
        if self.dialect.arrow_separator != self.dialect.separator:
            cells = text.split(self.dialect.arrow_separator)
            text = text.replace("\x1f", self.dialect.separator)
        else:
            try:
                cells = next(
                    iter(self.dialect.rows([text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")]))
                )[1]
            except StopIteration:
                cells = [""]
        fitted = fitted_row(cells, self._width, self.dialect.separator)
        if fitted is None:
            filled = sum(bool(cell.strip()) for cell in cells)
            if filled:
                self._note("left out" if filled > 1 else "alone", row, text)
            return None
        if fitted[1]:
            self._note("repaired", row, text)
        return fitted[0]

    def _said_row(self, row: int) -> str:
        line = self.line_of(row)
        return f"row {row}" if line is None else f"line {line}"

    def _note(self, what: str, row: Any, text: str) -> None:
        count, first, shown = self._left_out.get(what, (0, row.number or 0, text.strip()[:40]))
        self._left_out[what] = count + 1, first, shown

    def _without_footer(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """The last batch without rows that are not part of the table."""
        last = range(max(0, len(batch) - 20), len(batch))
        rows = [[column[place].as_py() or "" for column in batch.columns] for place in last]
        found = footer_of(rows)
        for what, cells in found:
            self._left_out.setdefault(what, (1, 0, " ".join(cell.strip() for cell in cells if cell.strip())[:40]))
        return batch.slice(0, len(batch) - len(found))

    def _require_few_left_out(self) -> None:
        count, first, text = self._left_out.get("left out", (0, 0, ""))
        alone, place, note = self._left_out.get("alone", (0, 0, ""))
        if alone and (place <= self._n_rows or alone > MAX_BELOW):  # else they are notes below the table
            first, text = min((place, note), (first or place, text or note))
            count += alone
        if count > max(FEW_LEFT_OUT, LEFT_OUT * (self._n_rows + count)):
            raise DataError(
                f"{self.where}: {count:,} of {self._n_rows + count:,} lines do not have {self._width} cells, the first "
                f"is {self._said_row(first - 1)}, {text!r}; repair them, or name the --separator."
            )

    @property
    def findings(self) -> list[str]:
        """What was done to rows in the last pass, one sentence each."""
        sentences = []
        for what, (count, first, text) in self._left_out.items():
            if what in ("repaired", "left out", "alone"):
                done = "filled up or cut" if what == "repaired" else "left out"
                rows = "1 row" if count == 1 else f"{count:,} rows"
                sentences.append(f"{rows} of another width {done}, the first {text!r} ({self._said_row(first - 1)})")
            elif what == "again":
                sentences.append(
                    f"{'1 row that repeats' if count == 1 else f'{count:,} rows that repeat'} the names left out"
                )
            else:
                sentences.append(f"{what} left out: {text!r}")
        return sentences

    # ---- lines -----------------------------------------------------------------------------------------

    def line_of(self, row: int) -> int | None:
        """The line at which a row starts, found by reading up to it."""
        if self.file.size > LINES_COUNTED:
            return None
        with self.file.open() as stream:
            text = io.TextIOWrapper(
                io.BytesIO(stream.read()),
                self.dialect.encoding,
                STRAY if self.dialect.encoding.startswith("utf-8") else "replace",
                newline="",
            )
            lines = LINE.split(text.read())
        count = 0
        with suppress(csv.Error):
            for place, cells in self.dialect.rows(lines[self._skipped :]):
                full = len(cells) == self._width and any(cell.strip() for cell in cells)
                fitted = fitted_row(cells, self._width, self.dialect.separator)
                if full or (len(cells) != self._width and fitted is not None):
                    if count == row:
                        return self._skipped + place + 1
                    count += 1
        return None


def _longer_head(file: File) -> bytes:
    """As many bytes as the longest first line allowed."""
    with file.open() as stream:
        return stream.read(LONGEST_LINE + HEAD_BYTES)
