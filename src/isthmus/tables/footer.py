"""Rows below a table: totals and notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from isthmus.tables.cell_kinds import cell_kind

__all__ = ["footer_of"]

TOTALS = re.compile(
    r"(grand |sub)?totals?:?|sums?|sum total|summe|gesamt(summe)?|insgesamt|somme|total général|totaal|totale|suma"
    r"|итого|всего|razem|celkem|合计|总计|合計|총계|toplam|totalt|i alt|yhteensä",
    re.IGNORECASE,
)
NOTES = ("source", "note", "*", "quelle", "©", "(", "fuente", "data ")
LONG_NOTE = 24
MIN_WIDTH = 3


def _is_out_of_place(rows: Sequence[Sequence[str]], cells: Sequence[str]) -> bool:
    """Whether the only filled cell of a row is text in a column of numbers."""
    place = next(place for place, cell in enumerate(cells) if cell.strip())
    kinds = [cell_kind(row[place]) for row in rows if row is not cells and place < len(row) and row[place].strip()]
    return len(kinds) > 2 and kinds.count("number") >= 0.8 * len(kinds) and cell_kind(cells[place]) == "text"


def footer_of(rows: Sequence[Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    """The rows at the end that are not part of the table, last first, each with its description.

    >>> footer_of([["a", "1", "2"], ["Total", "1", "2"], ["Source: the office", "", ""]])[1][0]
    'a row of totals at the end'
    """
    found: list[tuple[str, Sequence[str]]] = []
    for cells in reversed(rows):
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(cells) < MIN_WIDTH or not filled:
            break
        lone = filled[0] if len(filled) == 1 and (cells[0].strip() or _is_out_of_place(rows, cells)) else ""
        if TOTALS.fullmatch(filled[0]) is not None:
            found.append(("a row of totals at the end", cells))
        elif lone and (len(lone) > LONG_NOTE or lone.lower().startswith(NOTES) or _is_out_of_place(rows, cells)):
            found.append(("a note below the table", cells))
        else:
            break
    return found
