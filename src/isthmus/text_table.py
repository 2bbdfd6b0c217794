"""How results are put into text: counts with their nouns, and tables with their columns aligned to the right."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ELLIPSIS", "aligned", "counted"]

ELLIPSIS = "…"


def aligned(names: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lines below the names of their columns; the last column is aligned to the left if its cells are words.

    >>> print(aligned(["row", "score", "why"], [["3", "12.5", "far from all"], ["10", "9", "like the others"]]))
     row  score  why
       3   12.5  far from all
      10      9  like the others
    """
    widths = [max(map(len, column)) for column in zip(names, *lines, strict=True)]
    words = any(" " in line[-1] for line in lines)
    written = []
    for line in (names, *lines):
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[-1] = line[-1] if words else cells[-1]
        written.append(" " + "  ".join(cells))
    return "\n".join(written)


def counted(count: int, noun: str, one: str = "", many: str = "") -> str:
    """A count with its noun and, where given, the verb after it for one and for many.

    >>> counted(1, "row"), counted(9472, "row"), counted(2, "log density")
    ('1 row', '9,472 rows', '2 log densities')
    >>> counted(1, "row", "is", "are"), counted(0, "row", "is", "are")
    ('1 row is', '0 rows are')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("ty") else f"{noun}s"
    words = (noun, one) if count == 1 else (plural, many)
    return " ".join([f"{count:,}", *filter(None, words)])
