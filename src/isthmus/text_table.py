"""How a result looks where Python prints it: a table of text, its columns aligned to the right."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ELLIPSIS", "aligned"]

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
