"""Fixed-width columns: each starts at the same position of every line, and a cell may be empty.

Every line has a space at the same position between two columns. Where cells are empty or contain spaces, these
positions separate the columns and runs of spaces do not: cells after an empty one would move to the left.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

__all__ = ["HEADING_ROWS", "cut", "names_over", "spans_below", "starts_of"]

MIN_LINES = 5
WIDEST_LINE = 4096
HEADING_ROWS = 3
LINES_PER_REMARK = 40  # one line in 40 may cross the columns, as a remark does


def starts_of(lines: Sequence[str]) -> tuple[int, ...]:
    """Where the columns of lines start, each with the first character of any line; empty if there is only one column.

    Only the last three quarters of the lines are used, to skip any text above the table.

    >>> starts_of(["name     n", "Oslo     1", "New York", "Lima     5", "Rome     3", "Paris    4", "Bonn     9"])
    (0, 9)
    """
    body = [line.rstrip() for line in lines[len(lines) // 4 :]]
    width = max(map(len, body), default=0)
    if len(body) < MIN_LINES or width > WIDEST_LINE or any("\t" in line for line in body):
        return ()
    counts = [0] * width  # of characters at each position
    for line in body:
        for found in re.finditer(r"[^ \u00a0]+", line):
            for place in range(*found.span()):
                counts[place] += 1
    few = len(body) // LINES_PER_REMARK
    exact, most = _columns(counts, 0), _columns(counts, few)
    common = all(max(counts[start:stop]) > few for start, stop in exact)
    chosen = exact if common and len(exact) >= len(most) else most
    return tuple(start for start, _ in chosen) if len(chosen) > 1 else ()


def _columns(counts: Sequence[int], few: int) -> list[tuple[int, int]]:
    """The spans of columns between positions where at most ``few`` lines have a character."""
    filled = [False, *(count > few for count in counts), False]
    starts = [place for place in range(len(counts)) if filled[place + 1] and not filled[place]]
    stops = [place + 1 for place in range(len(counts)) if filled[place + 1] and not filled[place + 2]]
    return [*zip(starts, stops, strict=True)]


def cut(line: str, starts: Sequence[int]) -> list[str] | None:
    """The cells of a line; None if a word crosses the start of a column.

    >>> cut("New York   ", (0, 10)), cut("Los Angeles 12", (0, 10))
    (['New York', ''], None)
    """
    if any(place < len(line) and not line[place - 1].isspace() and not line[place].isspace() for place in starts[1:]):
        return None
    stops = [*starts[1:], len(line)]
    return [line[start:stop].strip().replace("\t", " ") for start, stop in zip((0, *starts[1:]), stops, strict=True)]


def names_over(heads: Sequence[str], columns: Sequence[tuple[int, int]]) -> list[str]:
    """Names from lines above columns with these spans: each word belongs to the column it is above."""
    parts: list[list[str]] = [[] for _ in columns]
    for line in heads:
        for found in re.finditer(r"\S+", line):
            middle = (found.start() + found.end()) / 2
            place = min(range(len(columns)), key=lambda one: _distance(found.span(), middle, columns[one]))
            parts[place].append(found.group())
    return [" ".join(words) for words in parts]


def spans_below(lines: Sequence[str], width: int) -> list[tuple[int, int]]:
    """The spans of columns, from the lines with one word in each; empty if they are not aligned."""
    spans = [[found.span() for found in re.finditer(r"\S+", line)] for line in lines if line.strip()]
    spans = [line for line in spans if len(line) == width]
    if len(spans) < 3:
        return []
    columns = [(min(line[place][0] for line in spans), max(line[place][1] for line in spans)) for place in range(width)]
    return [] if any(after[0] < before[1] for before, after in itertools.pairwise(columns)) else columns


def _distance(span: tuple[int, int], middle: float, column: tuple[int, int]) -> float:
    overlap = min(span[1], column[1]) - max(span[0], column[0])
    return -float(overlap) if overlap > 0 else abs(middle - (column[0] + column[1]) / 2)
