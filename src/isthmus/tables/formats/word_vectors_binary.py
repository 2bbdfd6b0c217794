"""Word vectors in word2vec's binary form: a line of counts, then each word, a space and its numbers as float32."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from isthmus.tables.bounds import require_columns, require_room, require_rows
from isthmus.tables.cached_rows import RowCache
from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats.word_vectors import require_different, vectors_stream
from isthmus.tables.request import Request
from isthmus.tables.stream import TableStream

__all__ = ["matches", "open_file"]

HEAD = re.compile(rb"([0-9]{1,12}) ([0-9]{1,7})\n")
LONGEST_WORD = 1000
TRIED = 5
BLOCK = 1 << 20


def matches(file: File) -> bool:
    """Two counts, then words followed by finite floats, with bytes that are not text."""
    head = HEAD.match(file.head)
    if head is None:
        return False
    n_rows, width = int(head[1]), int(head[2])
    place, read = head.end(), 0
    values = []
    while read < min(n_rows, TRIED):
        end = file.head.find(b" ", place, place + LONGEST_WORD)
        numbers = file.head[end + 1 : end + 1 + 4 * width]
        if end < 0 or len(numbers) < 4 * width:
            break
        values.append(np.frombuffer(numbers, "<f4"))
        place, read = end + 1 + 4 * width, read + 1
        place += file.head[place : place + 1] == b"\n"
    with np.errstate(invalid="ignore"):
        found = np.concatenate(values) if values else np.array([np.nan], np.float32)
        plain = np.isfinite(found).all() and (np.abs(found) < 1e6).all()
    return bool(plain) and not _is_text(file.head[head.end() : place])


def _is_text(part: bytes) -> bool:
    try:
        return part.decode("utf-8").isprintable() or b"\0" not in part
    except UnicodeDecodeError:
        return False


def open_file(file: File, request: Request) -> TableStream:
    """Columns x0, x1, … with the words as ids."""
    with file.open() as stream:
        head = HEAD.match(stream.readline(64))
        assert head is not None  # `matches` has checked it
        n_rows, width = int(head[1]), int(head[2])
        require_columns(width, file.where)
        require_rows(n_rows, file.size, file.where)
        require_room(4 * n_rows * width, file.size, file.where)
        cache = RowCache(n_rows, width, np.dtype(np.float32), request.held_bytes, request.scratch)
        words = _read(stream, cache, n_rows, width, file.where)
    require_different(words, file.where)
    return vectors_stream(cache, words, file, request, ())


def _read(stream: Any, cache: RowCache, n_rows: int, width: int, where: str) -> list[str]:
    words: list[str] = []
    buffer, place, together = b"", 0, max(1, BLOCK // (4 * width))
    rows: list[np.ndarray] = []
    while len(words) < n_rows:
        if len(buffer) - place < LONGEST_WORD + 4 * width + 2:
            buffer, place = buffer[place:] + (stream.read(BLOCK + 4 * width) or b""), 0
        end = buffer.find(b" ", place, place + LONGEST_WORD)
        numbers = buffer[end + 1 : end + 1 + 4 * width]
        if end < 0 or len(numbers) < 4 * width:
            raise DataError(
                f"{where}: declares {n_rows:,} words of {width} numbers, but ends in word {len(words) + 1:,}; "
                "get it again."
            )
        words.append(buffer[place:end].lstrip(b"\n").decode("utf-8", "backslashreplace"))
        row = np.frombuffer(numbers, "<f4")
        if not np.isfinite(row).all():
            raise DataError(f"{where}: the vector of {words[-1]!r} holds NaN or infinity; leave the word out.")
        rows.append(row)
        place = end + 1 + 4 * width
        if len(rows) >= together:
            cache.append(np.stack(rows))
            rows = []
    if rows:
        cache.append(np.stack(rows))
    return words
