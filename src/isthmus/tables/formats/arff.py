"""ARFF, the format of Weka: a header with the names and kinds of the columns, then the rows."""

from __future__ import annotations

import re

from isthmus.tables.bounds import MAX_NAMED_COLUMNS, require_columns
from isthmus.tables.container import File
from isthmus.tables.dialect import LINE, Dialect
from isthmus.tables.encoding import decoded, encoding_of
from isthmus.tables.errors import DataError
from isthmus.tables.formats.text import TextSource
from isthmus.tables.header_names import once_each
from isthmus.tables.heading import Heading
from isthmus.tables.request import Request
from isthmus.tables.source import BATCH_ROWS, RowsSource, Source

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".arff",)
ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)\s+(.*)", re.IGNORECASE)
CLASS_NAMES = ("class", "classes", "label", "target", "binaryclass", "outcome", "klasse")
MAX_HEAD_BYTES = 1 << 24


def matches(file: File) -> bool:
    """Whether a text starts with @relation, after comments."""
    text = re.sub(rb"(?m)^\s*%.*$", b"", file.head).lstrip(b"\xef\xbb\xbf \t\r\n")
    return text[:9].lower() == b"@relation"


def open_file(file: File, request: Request) -> Source:
    """The columns of the file; a nominal attribute with a name such as class holds the labels."""
    with file.open() as stream:
        data = stream.read(MAX_HEAD_BYTES)
    encoding = request.encoding or encoding_of(file.head, whole=file.is_whole)
    lines = LINE.split(decoded(data, encoding))
    names: list[str] = []
    kinds: list[str] = []
    for place, line in enumerate(lines):
        found = ATTRIBUTE.match(line.strip())
        if found is not None:
            names.append(found[1].strip("'\""))
            kinds.append(found[2].strip())
        elif line.strip().lower().startswith("@data"):
            start = place + 1
            break
    else:
        raise DataError(f"{file.where}: no @data in it; the file is incomplete.")
    if not names:
        raise DataError(f"{file.where}: no @attribute in it; the file is incomplete.")
    require_columns(len(names), file.where, MAX_NAMED_COLUMNS)
    first = next((line.strip() for line in lines[start:] if line.strip() and not line.startswith("%")), "")
    named = once_each(names)
    source: Source
    if first.startswith("{"):
        source = RowsSource(named, _sparse_rows(lines[start:], kinds, file.where))
        source.name = file.stem
    elif len(data) < MAX_HEAD_BYTES and _has_both_quotes(lines[start:]):
        source = RowsSource(named, _quoted_rows(lines[start:], len(named), file.where))
        source.name = file.stem
    else:
        source = _ArffSource(file, request, named, start, encoding)
    source.label_name, source.marks, source.flags = _class_of(named, kinds), ("?",), ("encoding",)
    return source


class _ArffSource(TextSource):
    """The rows below @data, as text with commas (or tabs) between cells and quotes of either kind."""

    def __init__(self, file: File, request: Request, names: tuple[str, ...], start: int, encoding: str):
        self._named, self._start = names, start
        super().__init__(file, request)

    def _inferred(self, text: str, lines: list[str], encoding: str, request: Request) -> tuple[Dialect, object, int]:
        body = [line for line in lines[self._start :] if line.strip() and not line.lstrip().startswith("%")][:200]
        separator = "\t" if body and all("," not in line and "\t" in line for line in body) else ","
        joined = "\n".join(body)
        quote = "'" if joined.count("'") >= joined.count('"') and "'" in joined else '"'
        dialect = Dialect(encoding, separator, quote, "\\" if "\\" + quote in joined else "", ".", "%")
        return dialect, Heading(self._named, 0), self._start


CELL = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^,\t]*?))\s*(?:[,\t]|$)")


def _has_both_quotes(lines: list[str]) -> bool:
    """Whether some cells are in single quotes and others in double quotes, as Weka writes words and dates."""
    body = [line for line in lines if not line.lstrip().startswith("%")]
    return all(any(re.search(rf"(?:^|,)\s*{quote}", line) for line in body) for quote in "'\"")


def _quoted_rows(lines: list[str], width: int, where: str) -> list[list[str | None]]:
    """Rows with cells in single or double quotes."""
    rows: list[list[str | None]] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        row, place = [], 0
        while place <= len(text) and len(row) <= width and (found := CELL.match(text, place)) is not None:
            row.append(re.sub(r"\\(.)", r"\1", next(cell for cell in found.groups() if cell is not None)) or None)
            place = found.end() if text[: found.end()].endswith((",", "\t")) else len(text) + 1
        if len(row) != width or place <= len(text):
            raise DataError(f"{where}: {text[:40]!r} does not have {width} cells; repair it.")
        rows.append(row)
    if not rows:
        raise DataError(f"{where}: no rows below @data; add at least one.")
    return rows


def _class_of(names: tuple[str, ...], kinds: list[str]) -> str | None:
    nominal = [name for name, kind in zip(names, kinds, strict=True) if kind.startswith("{")]
    return next((name for name in nominal if name.lower() in CLASS_NAMES), None)


def _sparse_rows(lines: list[str], kinds: list[str], where: str) -> list[list[str | None]]:
    """Sparse rows, which omit zeros and the first word of each nominal attribute."""
    defaults = [kind.strip("{} ").split(",")[0].strip("' \"") if kind.startswith("{") else "0" for kind in kinds]
    rows: list[list[str | None]] = []
    for line in lines:
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        row: list[str | None] = list(defaults)
        for part in re.findall(r"(\d+)\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^,}]+)", text):
            if int(part[0]) >= len(row):
                raise DataError(
                    f"{where}: {text[:40]!r} has attribute {part[0]}, but there are only {len(row)}; repair it."
                )
            row[int(part[0])] = part[1].strip("'\" ")
        rows.append(row)
        if len(rows) * len(row) > BATCH_ROWS << 12:
            raise DataError(f"{where}: too many sparse rows to write out; save it as .svmlight.")
    if not rows:
        raise DataError(f"{where}: no rows below @data; add at least one.")
    return rows
