"""What the row below the names may be: units, more names, a drawn line, or the first row of data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from isthmus.tables.cell_kinds import cell_kind, may_be_name
from isthmus.tables.header_names import is_complete
from isthmus.tables.marks import is_mark

__all__ = ["LOOKED_AT", "are_signs", "are_units", "column_kind", "holds_nothing", "may_be_names_too"]

LOOKED_AT = 200
MIN_ROWS, REPEATS = 12, 4  # rows needed to see that words repeat, and how often on average
SIGN = re.compile(r"[%‰°²³µμΩ€$£/]")
RULE = re.compile(r":?-{2,}:?|:-|-:|={3,}|[-+=| ]*-{3,}[-+=| ]*")


def may_be_names_too(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a second row names every column, with words that do not occur below it."""
    cells = [cell.strip() for cell in row]
    if not is_complete(cells) or len({*cells}) < len(cells) or not all(map(may_be_name, cells)) or len(cells) < 2:
        return False
    rest = [other for other in below if [*other] != [*row]]
    few = 0
    for place, cell in enumerate(cells):
        values = Counter(other[place].strip() for other in rest)
        repeated = len(rest) >= MIN_ROWS and REPEATS * len(values) <= len(rest)
        if cell in values:
            return False
        few += repeated or column_kind(rest, place) in ("number", "date")
    return few >= 2 or few == len(cells)


def are_signs(row: Sequence[str]) -> bool:
    """Whether a cell holds a sign that is rare in names and common in units: %, °, /."""
    return any(SIGN.search(cell) for cell in row)


def column_kind(rows: Sequence[Sequence[str]], place: int) -> str:
    """What most cells of a column are, apart from missing marks."""
    counts = Counter(cell_kind(row[place]) for row in rows[:LOOKED_AT])
    del counts["mark"]
    if not counts:
        return "mark"
    kind, count = counts.most_common(1)[0]
    return kind if count >= 0.8 * counts.total() else "text"


def holds_nothing(row: Sequence[str]) -> bool:
    """Whether a row below names is empty, or the line that Markdown draws there."""
    cells = [cell.strip() for cell in row if cell.strip()]
    return not cells or (len(row) > 1 and all(map(RULE.fullmatch, cells)))


def are_units(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a second row is units: no numbers above numbers, and not only missing marks."""
    kinds = [column_kind(below, place) for place in range(len(row))]
    cells = [cell.strip() for cell, kind in zip(row, kinds, strict=True) if kind in ("number", "date")]
    if len(cells) < 1 or any(cell_kind(cell) in ("number", "date") for cell in cells):
        return False
    words = [cell for cell in cells if cell_kind(cell) == "text" or (cell and not is_mark(cell))]
    rest = [cell.strip() for cell, kind in zip(row, kinds, strict=True) if kind == "text"]
    known = [{other[place].strip() for other in below} for place, kind in enumerate(kinds) if kind == "text"]
    ordinary = sum(cell in values for cell, values in zip(rest, known, strict=True) if cell)
    return (
        bool(words)
        and len(words) >= len([cell for cell in cells if cell]) / 2
        and not ordinary
        and max(map(len, words)) <= 24
    )
