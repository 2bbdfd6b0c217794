"""The lines of a text file for pyarrow: UTF-8, without the lines above the table and without comments."""

from __future__ import annotations

import codecs
import csv
import io
import re
from contextlib import suppress
from typing import Any

import numpy as np

from isthmus.tables.bounds import LONGEST_LINE
from isthmus.tables.dialect import LINE, Dialect, split_line
from isthmus.tables.encoding import STRAY
from isthmus.tables.errors import DataError
from isthmus.tables.escapes import EscapesInBytes

__all__ = ["Utf8Lines"]


class Utf8Lines:
    """A stream of UTF-8 for pyarrow, without the lines above the table and without comments."""

    def __init__(self, stream: Any, dialect: Dialect, skipped: int, block: int):
        self._stream, self._dialect, self._skipped, self.block = stream, dialect, skipped, block
        encoding = dialect.encoding
        self._decoder: Any = None
        if encoding not in ("utf-8", "utf-8-sig"):
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._tail = b""  # the first bytes of a character that continues in the next block
        self._foreign = not dialect.separator.isascii()  # ¦ or §, which pyarrow does not accept
        self._whole_lines = dialect.is_blanks or bool(dialect.comment) or dialect.spaced or self._foreign
        quoted = dialect.quote and not dialect.escape and not dialect.is_blanks
        self._escapes = EscapesInBytes(dialect.quote) if quoted else None
        self._rest = b""
        self._begun = self._ended = False
        self._ready = io.BytesIO()
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        found = self._ready.read(size)
        while not found and not self._ended:
            self._ready = io.BytesIO(self._next())
            found = self._ready.read(size)
        return found

    @property
    def found_escapes(self) -> bool:
        """Whether quotes are escaped in what was read, though the dialect has none."""
        return self._escapes is not None and self._escapes.found

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def _next(self) -> bytes:
        block = self._stream.read(self.block)
        self._ended = not block
        text = self._as_utf8(block)
        if self._escapes is not None:
            self._escapes.add(text)
        if not self._begun and (text or self._ended):
            text = text.removeprefix(codecs.BOM_UTF8)
            self._begun = True
        if self._skipped:
            text = self._skip(self._rest + text)
        if self._whole_lines:
            text = self._rest + text
            end = len(text) if self._ended else max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
            if not end and len(text) > LONGEST_LINE:
                raise DataError(f"a line of more than {LONGEST_LINE:,} bytes; break it into rows.")
            text, self._rest = self._cleaned(text[:end]), text[end:]
        return text

    def _as_utf8(self, block: bytes) -> bytes:
        if self._decoder is not None:
            return self._decoder.decode(block, final=self._ended).encode("utf-8", "replace")
        if block.isascii() and not self._tail:
            return block
        text = self._tail + block if self._tail else block
        end = len(text) if self._ended else _end_of_characters(text)
        text, self._tail = text[:end], text[end:]
        return text if _is_utf8(text) else text.decode("utf-8", STRAY).encode("utf-8", "replace")

    def _skip(self, text: bytes) -> bytes:
        """Skip lines above the table, and return what is left of ``text``."""
        start, self._rest = 0, b""
        for found in re.finditer(rb"\r\n|\n|\r", text):
            if found.end() == len(text) and found.group() == b"\r" and not self._ended:
                break  # its line feed may follow
            start = found.end()
            self._skipped -= 1
            if not self._skipped:
                return text[start:]
        if not self._ended:
            self._rest = text[start:]
        return b""

    def _cleaned(self, text: bytes) -> bytes:
        dialect = self._dialect
        if dialect.comment:
            mark = re.escape(dialect.comment.encode())
            text = re.sub(rb"(?m)^[ \t]*" + mark + rb"[^\r\n]*(?:\r\n|\n|\r|\Z)", b"", text)
        if dialect.spaced:  # pyarrow recognises a quote only at the start of a cell
            quote, separator = re.escape(dialect.quote.encode()), re.escape(dialect.separator.encode())
            cell = rb"(?:%b(?!%b)|%b%b(?=[ ]*(?:%b|[\r\n]|\Z)))" % (quote, quote, quote, quote, separator)
            text = re.sub(rb"(?m)(^|%b)[ ]+(?=%b)" % (separator, cell), rb"\1", text)
        if not (dialect.is_blanks or self._foreign):
            return text
        quoted = dialect.quote and dialect.quote.encode() in text
        if dialect.starts or quoted:
            lines = [line for line in LINE.split(text.decode("utf-8")) if line.strip()]
            rows = (
                (row for _, row in dialect.rows(lines))
                if self._foreign
                else (split_line(line, dialect) for line in lines)
            )
            out, quoting = io.StringIO(), csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE
            csv.writer(
                out,
                delimiter=dialect.arrow_separator,
                quotechar=dialect.quote or None,
                quoting=quoting,
                lineterminator="\n",
            ).writerows(rows)
            return out.getvalue().encode()
        if self._foreign:
            return text.replace(dialect.separator.encode(), dialect.arrow_separator.encode())
        text = re.sub(rb"(?m)^[ \t\xa0]+|[ \t]+(?=\r|\n|\Z)", b"", text)
        return re.sub(rb"[ \t]+" if dialect.separator == " " else rb"[ \t]{2,}|\t", b"\t", text)


def _end_of_characters(text: bytes) -> int:
    """Where the last whole character ends: its first byte says how many it has."""
    for back in range(1, min(3, len(text)) + 1):
        first = text[-back]
        if first >= 0xC0:
            n_bytes = 2 + (first >= 0xE0) + (first >= 0xF0)
            return len(text) - back if n_bytes > back else len(text)
        if first < 0x80:
            break
    return len(text)


def _is_utf8(text: bytes) -> bool:
    """Whether bytes are UTF-8; Arrow checks that many times faster than Python decodes them."""
    import pyarrow

    ends = pyarrow.py_buffer(np.array([0, len(text)], np.int32))
    cell = pyarrow.Array.from_buffers(pyarrow.binary(), 1, [None, ends, pyarrow.py_buffer(text)])
    with suppress(pyarrow.ArrowInvalid):
        cell.cast(pyarrow.string())
        return True
    return False
