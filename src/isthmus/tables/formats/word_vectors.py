"""Word vectors as GloVe and word2vec write them: a word, then its numbers, blanks between; the words name the rows."""

from __future__ import annotations

import re
from typing import Any

from isthmus.tables.container import File
from isthmus.tables.dialect import LINE, Dialect
from isthmus.tables.encoding import decoded, encoding_of
from isthmus.tables.formats.text import TextSource
from isthmus.tables.heading import Heading
from isthmus.tables.request import Request
from isthmus.tables.source import Source

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".vec",)
LOOKED_AT = 100
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
    widths = {len(line.split()) for line in body[:LOOKED_AT]}
    if (
        len(widths) != 1
        or (head is None and min(widths) - 1 < LEAST_NUMBERS)
        or (head and widths != {int(head[2]) + 1})
    ):
        return False
    cells = [line.split() for line in body[:LOOKED_AT]]
    number = re.compile(NUMBER)
    words = [row[0] for row in cells]
    spelled = sum(number.fullmatch(word) is None for word in words)
    signed = any(cell.startswith("-") for row in cells for cell in row[1:]) or head is not None
    one_blank = all("  " not in line.strip() and "\t" not in line for line in body[:LOOKED_AT])
    return (
        all(number.fullmatch(cell) for row in cells for cell in row[1:])
        and len({*words}) == len(words)
        and spelled >= 0.5 * len(words)
        and signed
        and one_blank
    )


def open_file(file: File, request: Request) -> Source:
    """Columns word, x0, x1, …."""
    return _Vectors(file, request)


class _Vectors(TextSource):
    def _understood(self, text: str, lines: list[str], encoding: str, request: Request) -> Any:
        begin = int(HEAD.fullmatch(lines[0]) is not None)
        width = len(lines[begin].split())
        self.id_name = "word"
        names = ("word", *(f"x{place}" for place in range(width - 1)))
        return Dialect(encoding, " ", ""), Heading(names, 0), begin


def _lines(file: File) -> list[str]:
    text = decoded(file.head[:65536], encoding_of(file.head[:65536], whole=len(file.head) < 65536))
    lines = LINE.split(text)
    return [line for line in (lines[:-1] if len(file.head) >= 65536 else lines) if line.strip()][: LOOKED_AT + 1]
