"""Word vectors in the text format of GloVe and word2vec: a word and its numbers per line; the words are the ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from isthmus.tables.cached_rows import RowCache, rows_stream
from isthmus.tables.container import File
from isthmus.tables.dialect import LINE
from isthmus.tables.encoding import decoded, encoding_of
from isthmus.tables.errors import DataError
from isthmus.tables.request import Request
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import TableStream

__all__ = ["SUFFIXES", "matches", "open_file", "require_different", "vectors_stream"]

SUFFIXES = (".vec",)
SAMPLE_LINES = 100
ALIKE = 0.8  # share of the sampled lines; others are reported as faults when all are read
MAX_NAMED = 4
BLOCK = 1 << 20
MIN_NUMBERS = 8
NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
NO_NUMBERS = ("nan", "inf", "infinity")  # which a sum of word vectors may hold
HEAD = re.compile(r"([0-9]+) ([0-9]+)\s*")


def matches(file: File) -> bool:
    """Lines of a word and equally many numbers, perhaps after a first line of two integers."""
    lines = _lines(file)
    if len(lines) < 3:
        return False
    head = HEAD.fullmatch(lines[0])
    body = lines[1:] if head else lines
    cells = [line.split() for line in body[:SAMPLE_LINES]]
    widths = Counter(map(len, cells))
    if head and file.suffix in SUFFIXES:
        return True  # whatever is wrong with the lines is said when they are read
    commonest = int(head[2]) + 1 if head else widths.most_common(1)[0][0]
    if (head is None and commonest - 1 < MIN_NUMBERS) or widths[commonest] < ALIKE * len(cells):
        return False
    cells = [row for row in cells if len(row) == commonest]
    number = re.compile(NUMBER)
    words = [row[0] for row in cells]
    n_words = sum(number.fullmatch(word) is None for word in words)
    signed = any(cell.startswith("-") for row in cells for cell in row[1:]) or head is not None
    single_spaces = all("  " not in line.strip() and "\t" not in line for line in body[:SAMPLE_LINES])
    return (
        all(number.fullmatch(cell) or cell.lower().lstrip("+-") in NO_NUMBERS for row in cells for cell in row[1:])
        and len({*words}) >= ALIKE * len(words)
        and n_words >= 0.5 * len(words)
        and signed
        and single_spaces
    )


def open_file(file: File, request: Request) -> TableStream:
    """Columns x0, x1, … with the words as ids. Words may contain spaces, as some of GloVe do: the numbers come last."""
    head, width = _head(file)
    encoding = encoding_of(file.head[:65536], whole=len(file.head) < 65536)
    words: list[str] = []
    blocks: list[np.ndarray] = []
    faults: list[str] = []
    number, is_number = 0, re.compile(NUMBER).fullmatch
    with file.open() as stream:
        while lines := stream.readlines(BLOCK):
            numbers: list[str] = []
            for line in lines:
                number += 1
                cells = decoded(line, encoding).rstrip().split(" ")
                if (head is not None and number == 1) or cells == [""]:
                    continue
                if len(cells) <= width or (len(cells) > width + 1 and is_number(cells[-width - 1])):
                    faults.append(f"line {number:,} ({cells[0]!r}) has {_numbers_in(cells)} numbers, not {width}")
                    continue
                words.append(" ".join(cells[:-width]))
                numbers += cells[-width:]
            try:
                block = np.array(numbers, np.float32).reshape(-1, width)
            except ValueError as error:
                raise DataError(
                    f"{file.where}: a vector near line {number:,} holds something else than numbers ({error})."
                ) from error
            if not np.isfinite(block).all():
                row = len(words) - len(block) + int(np.argwhere(~np.isfinite(block))[0, 0])
                raise DataError(
                    f"{file.where}: the vector of {words[row]!r} holds NaN or infinity; leave the word out."
                )
            blocks.append(block)
    if faults:
        more = f" and {len(faults) - MAX_NAMED:,} more" if len(faults) > MAX_NAMED else ""
        raise DataError(
            f"{file.where}: vectors of unequal length: {'; '.join(faults[:MAX_NAMED])}{more}; fix or remove them."
        )
    require_different(words, file.where)
    notes = []
    if head is not None and head != len(words):
        notes.append(f"the first line declares {head:,} words, but there are {len(words):,}")
    cache = RowCache(len(words), width, np.dtype(np.float32), request.held_bytes, request.scratch)
    for block in blocks:
        cache.append(block)
    return vectors_stream(cache, words, file, request, notes)


def vectors_stream(
    cache: RowCache, words: list[str], file: File, request: Request, notes: Sequence[str]
) -> TableStream:
    """Word vectors as rows, with the words as ids."""
    width = cache.shape[1]
    return rows_stream(
        cache,
        tuple(f"x{place}" for place in range(width)),
        RowShape.of_features(width),
        name=file.stem,
        ids=np.array(words, np.str_),
        id_name="word",
        notes=notes,
        held_bytes=request.held_bytes,
    )


def require_different(words: Sequence[str], where: str) -> None:
    """Refuse duplicate words, all in one sentence."""
    seen: dict[str, int] = {}
    twice = []
    for row, word in enumerate(words):
        if word in seen:
            twice.append(f"{word!r} (words {seen[word] + 1:,} and {row + 1:,})")
        else:
            seen[word] = row
    if twice:
        more = f" and {len(twice) - MAX_NAMED:,} more" if len(twice) > MAX_NAMED else ""
        raise DataError(f"{where}: words that occur twice: {', '.join(twice[:MAX_NAMED])}{more}; keep one of each.")


def _numbers_in(cells: Sequence[str]) -> int:
    """The numbers that a line ends with, after at least one cell of the word."""
    is_number = re.compile(NUMBER).fullmatch
    return sum(1 for _ in takewhile(is_number, reversed(cells[1:])))


def _head(file: File) -> tuple[int | None, int]:
    """The number of words that the first line declares, if it does, and the length of a vector."""
    lines = _lines(file)
    head = HEAD.fullmatch(lines[0])
    return (int(head[1]), int(head[2])) if head else (None, len(lines[0].split()) - 1)


def _lines(file: File) -> list[str]:
    text = decoded(file.head[:65536], encoding_of(file.head[:65536], whole=len(file.head) < 65536))
    lines = LINE.split(text)
    return [line for line in (lines[:-1] if len(file.head) >= 65536 else lines) if line.strip()][: SAMPLE_LINES + 1]
