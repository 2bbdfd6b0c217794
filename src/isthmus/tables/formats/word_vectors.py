"""Word vectors as GloVe and word2vec write them: a word, then its numbers, blanks between; the words name the rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

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
LOOKED_AT = 100
ALIKE = 0.8  # of the lines looked at: others are told as faults when all are read
MOST_NAMED = 4
BLOCK = 1 << 20
LEAST_NUMBERS = 8
NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
HEAD = re.compile(r"([0-9]+) ([0-9]+)\s*")


def matches(file: File) -> bool:
    """A first line of two whole numbers, or none, and then lines of a word and as many numbers."""
    lines = _lines(file)
    if len(lines) < 3:
        return False
    head = HEAD.fullmatch(lines[0])
    body = lines[1:] if head else lines
    cells = [line.split() for line in body[:LOOKED_AT]]
    widths = Counter(map(len, cells))
    commonest = int(head[2]) + 1 if head else widths.most_common(1)[0][0]
    if (head is None and commonest - 1 < LEAST_NUMBERS) or widths[commonest] < ALIKE * len(cells):
        return False
    cells = [row for row in cells if len(row) == commonest]
    number = re.compile(NUMBER)
    words = [row[0] for row in cells]
    spelled = sum(number.fullmatch(word) is None for word in words)
    signed = any(cell.startswith("-") for row in cells for cell in row[1:]) or head is not None
    one_blank = all("  " not in line.strip() and "\t" not in line for line in body[:LOOKED_AT])
    return (
        all(number.fullmatch(cell) for row in cells for cell in row[1:])
        and len({*words}) >= ALIKE * len(words)
        and spelled >= 0.5 * len(words)
        and signed
        and one_blank
    )


def open_file(file: File, request: Request) -> TableStream:
    """Columns x0, x1, …; the words name the rows. Words may hold blanks, as some of GloVe's do: numbers stand last."""
    head, width = _head(file)
    encoding = encoding_of(file.head[:65536], whole=len(file.head) < 65536)
    words: list[str] = []
    blocks: list[np.ndarray] = []
    faults: list[str] = []
    number = 0
    with file.open() as stream:
        while lines := stream.readlines(BLOCK):
            numbers: list[str] = []
            for line in lines:
                number += 1
                cells = decoded(line, encoding).rstrip().split(" ")
                if (head is not None and number == 1) or cells == [""]:
                    continue
                if len(cells) <= width:
                    faults.append(f"line {number:,} ({cells[0]!r}) has {len(cells) - 1} numbers, not {width}")
                    continue
                words.append(" ".join(cells[:-width]))
                numbers += cells[-width:]
            try:
                block = np.array(numbers, np.float32).reshape(-1, width)
            except ValueError as error:
                raise DataError(
                    f"{file.where}: a vector holds what is no number near line {number:,} ({error})."
                ) from error
            if not np.isfinite(block).all():
                row = len(words) - len(block) + int(np.argwhere(~np.isfinite(block))[0, 0])
                raise DataError(
                    f"{file.where}: the vector of {words[row]!r} holds NaN or infinity; leave the word out."
                )
            blocks.append(block)
    if faults:
        more = f" and {len(faults) - MOST_NAMED:,} more" if len(faults) > MOST_NAMED else ""
        raise DataError(
            f"{file.where}: vectors of unequal length: {'; '.join(faults[:MOST_NAMED])}{more}; mend or remove them."
        )
    require_different(words, file.where)
    notes = []
    if head is not None and head != len(words):
        notes.append(f"the first line promises {head:,} words, and there are {len(words):,}")
    cache = RowCache(len(words), width, np.dtype(np.float32), request.held_bytes, request.scratch)
    for block in blocks:
        cache.append(block)
    return vectors_stream(cache, words, file, request, notes)


def vectors_stream(
    cache: RowCache, words: list[str], file: File, request: Request, notes: Sequence[str]
) -> TableStream:
    """Embeddings with their words."""
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
    """Refuse words that stand twice, all in one sentence."""
    seen: dict[str, int] = {}
    twice = []
    for row, word in enumerate(words):
        if word in seen:
            twice.append(f"{word!r} (words {seen[word] + 1:,} and {row + 1:,})")
        else:
            seen[word] = row
    if twice:
        more = f" and {len(twice) - MOST_NAMED:,} more" if len(twice) > MOST_NAMED else ""
        raise DataError(f"{where}: words that stand twice: {', '.join(twice[:MOST_NAMED])}{more}; keep one of each.")


def _head(file: File) -> tuple[int | None, int]:
    """How many words the first line promises, if it does, and the numbers of a vector."""
    lines = _lines(file)
    head = HEAD.fullmatch(lines[0])
    return (int(head[1]), int(head[2])) if head else (None, len(lines[0].split()) - 1)


def _lines(file: File) -> list[str]:
    text = decoded(file.head[:65536], encoding_of(file.head[:65536], whole=len(file.head) < 65536))
    lines = LINE.split(text)
    return [line for line in (lines[:-1] if len(file.head) >= 65536 else lines) if line.strip()][: LOOKED_AT + 1]
