"""Columns that stand below one another: each begins at the same letter of every line, and a cell may be empty.

Between two such columns every line has a blank at the same place. Where cells are empty or hold blanks, these places
tell the columns and runs of blanks do not: a line with an empty cell would be read a column too far to the left.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

__all__ = ["HEADING_ROWS", "cut", "names_over", "spans_below", "starts_of"]

LEAST_LINES = 5
WIDEST_LINE = 4096
HEADING_ROWS = 3
FEWER = 40  # one line in so many may go across the columns, as a remark does


def starts_of(lines: Sequence[str]) -> tuple[int, ...]:
    """Where the columns of lines begin, each from the first letter that any line has there; empty if there is one.

    The lines above a table are not looked at: only the last three quarters are.

    >>> starts_of(["name     n", "Oslo     1", "New York", "Lima     5", "Rome     3", "Paris    4", "Bonn     9"])
    (0, 9)
    """
    body = [line.rstrip() for line in lines[len(lines) // 4 :]]
    width = max(map(len, body), default=0)
    if len(body) < LEAST_LINES or width > WIDEST_LINE or any("\t" in line for line in body):
        return ()
    times = [0] * width  # that a letter stands there
    for line in body:
        for found in re.finditer(r"[^ \u00a0]+", line):
            for place in range(*found.span()):
                times[place] += 1
    few = len(body) // FEWER
    exact, most = _columns(times, 0), _columns(times, few)
    common = all(max(times[begin:end]) > few for begin, end in exact)
    chosen = exact if common and len(exact) >= len(most) else most
    return tuple(begin for begin, _ in chosen) if len(chosen) > 1 else ()


def _columns(times: Sequence[int], few: int) -> list[tuple[int, int]]:
    """From where to where columns go, if no more than a few lines go across them."""
    there = [False, *(count > few for count in times), False]
    begins = [place for place in range(len(times)) if there[place + 1] and not there[place]]
    ends = [place + 1 for place in range(len(times)) if there[place + 1] and not there[place + 2]]
    return [*zip(begins, ends, strict=True)]


def cut(line: str, starts: Sequence[int]) -> list[str] | None:
    """The cells of a line; None where a word goes across the beginning of a column.

    >>> cut("New York   ", (0, 10)), cut("Los Angeles 12", (0, 10))
    (['New York', ''], None)
    """
    if any(place < len(line) and not line[place - 1].isspace() and not line[place].isspace() for place in starts[1:]):
        return None
    ends = [*starts[1:], len(line)]
    return [line[begin:end].strip().replace("\t", " ") for begin, end in zip((0, *starts[1:]), ends, strict=True)]


def names_over(heads: Sequence[str], columns: Sequence[tuple[int, int]]) -> list[str]:
    """Names from lines above columns from one letter to another: each word belongs to the column it is over."""
    parts: list[list[str]] = [[] for _ in columns]
    for line in heads:
        for found in re.finditer(r"\S+", line):
            middle = (found.start() + found.end()) / 2
            place = min(range(len(columns)), key=lambda one: _distance(found.span(), middle, columns[one]))
            parts[place].append(found.group())
    return [" ".join(words) for words in parts]


def spans_below(lines: Sequence[str], width: int) -> list[tuple[int, int]]:
    """From where to where columns go, by the lines with a word in each; empty where they are not below one another."""
    spans = [[found.span() for found in re.finditer(r"\S+", line)] for line in lines if line.strip()]
    spans = [line for line in spans if len(line) == width]
    if len(spans) < 3:
        return []
    columns = [(min(line[place][0] for line in spans), max(line[place][1] for line in spans)) for place in range(width)]
    return [] if any(after[0] < before[1] for before, after in itertools.pairwise(columns)) else columns


def _distance(span: tuple[int, int], middle: float, column: tuple[int, int]) -> float:
    overlap = min(span[1], column[1]) - max(span[0], column[0])
    return -float(overlap) if overlap > 0 else abs(middle - (column[0] + column[1]) / 2)
