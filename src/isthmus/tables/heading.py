"""Where a table begins among rows of text, and which of its rows are names.

A row is one of names if it differs in kind from what stands below it: words above numbers. So a title, an empty line, a
row of units and names over several rows are recognised, and a file without names keeps its first row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from isthmus.tables.cell_kinds import cell_kind, may_be_name
from isthmus.tables.counted_names import counted_names
from isthmus.tables.header_names import cleaned, is_complete, joined
from isthmus.tables.rows_above import completes_names, name_row, rows_of_words
from isthmus.tables.rows_below import LOOKED_AT, are_signs, are_units, column_kind, holds_nothing, may_be_names_too

__all__ = ["Heading", "heading_of", "widest_row"]

MOST_HEADINGS = 4
MOST_UNITS = 2
LEAST_BELOW = 3  # rows by which it is seen that a column has no gaps
LEAST_OWN = 0.25  # of the rows that have as many cells as the names, where most have more
COUNTED = re.compile(r"(.*\D)[0-9]+")
FOLLOWING = 12  # rows by which it is seen whether a table goes on


@dataclass(frozen=True)
class Heading:
    """The names of the columns, with the first row of data and the rows above it that are neither.

    Attributes
    ----------
    names : tuple of str
        One a cell of a row.
    first : int
        The row at which data begin.
    above : tuple of int
        Rows before the names that are no part of the table.
    named : bool
        Whether there was a row of names.
    units : tuple of str
        What stands below the names, where that is units.
    notes : tuple of str
        What else a person should know, such as rows between the names and the data that are neither.
    """

    names: tuple[str, ...]
    first: int
    above: tuple[int, ...] = ()
    named: bool = True
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def widest_row(rows: Sequence[Sequence[str]]) -> int:
    """How many cells most rows of a table have, by the last three quarters of them."""
    counts = Counter(len(row) for row in rows[len(rows) // 4 :] if any(cell.strip() for cell in row))
    width = max(counts, key=lambda width: (counts[width], width)) if counts else 0
    own = len(rows[0]) if rows else 0
    if 2 < own < width and counts[own] >= LEAST_OWN * counts.total() and _names_all(rows[0]):
        return own  # a text at the end holds the separator
    return width


def _names_all(row: Sequence[str]) -> bool:
    return is_complete(row) and all(map(may_be_name, row))


def heading_of(rows: Sequence[Sequence[str]], width: int, header: bool | int | None = None) -> Heading:
    """Find the names above rows of text of ``width`` cells.

    Parameters
    ----------
    rows
        From the file's beginning, as far as they were looked at.
    header
        Whether there are names; a number says in how many rows; None finds out.
    """
    found = _heading_of(rows, width, header)
    if header is not None:
        return found
    begin = _begin(rows, width)
    body = [_fitted(row, width) for row in rows[begin : begin + LOOKED_AT]]
    count = rows_of_words(body)
    if count < 2 or begin + count <= found.first:
        return found
    place = name_row(body[:count])
    left: list[list[str]] = []
    if place is None and count <= MOST_HEADINGS:
        names, named, above = cleaned(joined(body[:count])), True, tuple(range(begin))
    elif place is None:
        names, named, above = found.names, found.named, found.above
        left = body[found.first - begin : count]
    else:
        names, named, above = cleaned(body[place]), True, tuple(range(begin + place))
        left = body[place + 1 : count]
    rest = [" ".join(cell.strip() for cell in row if cell.strip())[:40] for row in left]
    lines = "1 row" if len(rest) == 1 else f"{len(rest)} rows"
    notes = (f"{lines} between the names and the data left out, the first {rest[0]!r}",) if rest else ()
    return Heading(names, begin + count, above, named, notes=notes)


def _heading_of(rows: Sequence[Sequence[str]], width: int, header: bool | int | None) -> Heading:
    """The heading by the kinds of the first few rows."""
    begin = _begin(rows, width)
    body = [_fitted(row, width) for row in rows[begin : begin + LOOKED_AT]]
    short = _short_row_above(rows, begin, width)
    if header is None:
        count = _count_of_names(body)
    else:
        count = int(header) if not isinstance(header, bool) or header else 0
        if header is False:
            short = None
    if count == 0 and short is not None:
        names = _spread(rows[short], width, body)
        return Heading(cleaned(names), begin, tuple(range(short)), True)
    above = tuple(range(begin))
    if header is None and count in (1, 2) and _tells_of_table(body):
        above, body, begin, count = (*above, begin), body[1:], begin + 1, 1
    if count == 0:
        return Heading(tuple(f"x{place}" for place in range(width)), begin, above, False)
    if header is None and count > 2 and is_complete(body[count - 1]) and not body[0][-1].strip():
        above, body, begin, count = (*above, *range(begin, begin + count - 1)), body[count - 1 :], begin + count - 1, 1
    heads, rest = body[:count], body[count:]
    if (
        header is None
        and count == 1
        and begin
        and not is_complete(heads[0])
        and _are_headings_of_groups(rows[begin - 1], width)
    ):
        heads, above = [_fitted(rows[begin - 1], width), *heads], above[:-1]
    skipped = 0
    while rest and skipped < 2 and holds_nothing(rest[0]) and header is None:
        rest, skipped = rest[1:], skipped + 1  # pandas writes the names of an index so, between names and rows
    units: tuple[str, ...] = ()
    for _ in range(MOST_UNITS):  # loggers write how a value was averaged below its unit
        if header is not None or count > 1 or len(rest) <= 2 or not are_units(rest[0], rest[1:]):
            break
        if not is_complete(heads[0]):
            heads = [heads[0], rest[0]]
        elif not units:
            units = tuple(cell.strip() for cell in rest[0])
        rest, skipped = rest[1:], skipped + 1
    if header is None and len(heads) > 1 and len(rest) > 2 and _names_index(rest):
        heads, rest, skipped = [*heads[:-1], [rest[0][0], *heads[-1][1:]]], rest[1:], skipped + 1
    names = joined(heads)
    notes: tuple[str, ...] = ()
    second_row = (units or rest[0]) if rest else ()
    if header is None and len(heads) == 1 and may_be_names_too(second_row, rest) and not are_signs(units):
        second = ", ".join(cell.strip() for cell in second_row)[:60]
        notes = (f"the row below the names may be names too ({second}); --header 2 if it is",)
    return Heading(cleaned(names), begin + count + skipped, above, True, units, notes)


def _begin(rows: Sequence[Sequence[str]], width: int) -> int:
    """The first row with as many cells as the table, half of them not empty."""
    for place, row in enumerate(rows):
        filled = sum(bool(cell.strip()) for cell in row)
        last = len(row)
        while last > width and not row[last - 1].strip():
            last -= 1  # commas that a spreadsheet put at the end of every line
        following = rows[place + 1 : place + 1 + FOLLOWING]
        # names with more separators than the rows below have
        wide = last == width or (
            place == 0
            and filled >= width
            and {*map(len, following[:5])} == {width}
            and not _is_certain(rows[1], rows[2 : 2 + LOOKED_AT])
        )
        alike = sum(abs(len(other) - width) <= 1 or len(other) == len(row) for other in following)
        if not wide or alike < 0.7 * len(following):
            continue
        if 2 * filled >= width or (filled >= 2 and _goes_on(rows, place, width)):
            return place
    return 0


def _goes_on(rows: Sequence[Sequence[str]], place: int, width: int) -> bool:
    """Whether the rows below have as many gaps as this one, which then is no title."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[place + 1 : place + 4] if len(row) == width]
    return len(filled) == 3 and min(filled) >= 1 and 2 * max(filled) < width


def _short_row_above(rows: Sequence[Sequence[str]], begin: int, width: int) -> int | None:
    """A row of names just above with a cell or two too few or too many."""
    place = begin - 1
    while place >= 0 and not any(cell.strip() for cell in rows[place]):
        place -= 1
    if place < 0 or width < 3:
        return None
    row = rows[place]
    close = width - 2 <= len(row) <= width + 2 and len(row) >= 2
    return place if close and all(may_be_name(cell) for cell in row if cell.strip()) else None


def _spread(row: Sequence[str], width: int, body: Sequence[Sequence[str]]) -> list[str]:
    """Names for every column: one too few means that the first column, an index, has none."""
    names = [cell.strip() for cell in row]
    if len(names) == width - 1 and body and not any(other[-1].strip() for other in body):
        return [*names, ""]  # each row ends with a separator, and the names do not
    if len(names) == width - 1:
        return ["", *names]
    return [*names[:width], *[""] * (width - len(names))]


def _fitted(row: Sequence[str], width: int) -> list[str]:
    return [*row[:width], *[""] * (width - len(row))]


def _names_index(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has a first cell alone, and those below it all have more: so pandas names an index."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[: 1 + FOLLOWING]]
    return bool(rows[0][0].strip()) and filled[0] == 1 < min(filled[1:])


# ---- names or not ------------------------------------------------------------------------------------------


def _count_of_names(body: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are names; more than one only where the first does not name every column once."""
    if len(body) < 2:  # names without rows, if they are words; R leaves the first of them empty
        return int(bool(body) and any(body[0]) and all(map(may_be_name, body[0][not body[0][0].strip() :])))
    first = _is_names(body[0], body[1:])
    if first and (is_complete(body[0]) or holds_nothing(body[1])):
        return 1
    if first and completes_names(body[0], body[1], body[2:]):
        return 2
    for place in reversed(range(1, min(MOST_HEADINGS, len(body) - 1))):
        below = body[place + 1 :]
        if _is_certain(body[place], below) and all(
            (_are_groups(row) or _is_names(row, below)) and not _is_keyed(row) for row in body[:place]
        ):
            return place + 1
    return int(first)


def _tells_of_table(body: Sequence[Sequence[str]]) -> bool:
    """Whether a first row is a key and its values, above a row of names: ``Plate:``, a number with decimals."""
    first = [cell.strip() for cell in body[0]]
    told = _is_keyed(first) or any(cell_kind(cell) == "number" and "." in cell for cell in first)
    return told and len(body) > 2 and may_be_names_too(body[1], body[2:]) and _is_certain(body[1], body[2:])


def _is_keyed(row: Sequence[str]) -> bool:
    """Whether a row is a key and its value."""
    return next((cell.strip() for cell in row if cell.strip()), "").endswith(":")


def _are_headings_of_groups(row: Sequence[str], width: int) -> bool:
    """Whether a row with gaps, right above names that come more than once, says to which group they belong."""
    filled = [cell.strip() for cell in row if cell.strip()]
    return len(row) == width and 2 <= len(filled) < width and max(map(len, filled)) <= 30


def _are_groups(row: Sequence[str]) -> bool:
    """Whether a row may stand above names, as the headings of groups do: words, or the same again and again."""
    filled = [cell.strip() for cell in row if cell.strip()]
    return bool(filled) and (
        sum(cell_kind(cell) == "text" for cell in filled) >= len(filled) / 2
        or 2 * len({*filled}) <= len(filled) + 1
        or (len(filled) < len(row) and not any("." in cell for cell in filled))  # 2019 above Q1 and Q2
    )


def _is_certain(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a second row is names beyond doubt: no number above the numbers, and words above most of them."""
    kinds = [column_kind(below, place) for place in range(len(row))]
    above = [cell_kind(cell) for cell, kind in zip(row, kinds, strict=True) if kind in ("number", "date")]
    words = sum(kind == "text" for kind in above)
    lengths = [len(cell.strip()) for cell in row if cell.strip()]
    return len(above) >= 2 and words >= 0.8 * len(above) and not _all_alike(row) and max(lengths, default=0) > 0


def _all_alike(row: Sequence[str]) -> bool:
    return len({cell.strip() for cell in row}) <= 1


def _is_names(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row differs in kind from the rows below it, as names do."""
    if not below or not any(cell.strip() for cell in row):
        return False
    if len(row) > 1 and [cell.strip() for cell in row] == [str(place) for place in range(len(row))]:
        return True  # the columns counted: so pandas writes a frame that was never given names
    if _leaves_index_unnamed(row, below):
        return True
    kinds = [column_kind(below, place) for place in range(len(row))]
    years = counted_names(row, below, kinds)
    votes, numbers = 0.0, 0
    for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
        own, values = cell_kind(cell), {other[place].strip() for other in below}
        if kind in ("number", "date"):
            numbers += 1
            if own == "text" or (own == "date" and kind == "number"):  # months above what was counted in them
                votes += 1
            elif own in ("number", "date"):
                votes += 0.5 if place in years else -1
            elif own == "mark" and cell.strip():
                votes += 0.5 if may_be_name(cell) and cell.strip() not in values else -0.25
        elif kind == "text" and cell.strip():
            if cell.strip() in values:
                votes -= 0.5
            elif len(values) <= max(2, len(below) / 2):
                votes += 0.5
    if numbers == 0:
        cells = [cell.strip() for cell in row]
        fresh = all(cell not in {other[place].strip() for other in below} for place, cell in enumerate(cells) if cell)
        alone = len({*filter(None, cells)}) == len([*filter(None, cells)])
        return (
            fresh
            and alone
            and all(cell_kind(cell) in ("text", "mark") or not cell for cell in cells)
            and _looks_named(cells, below)
        )
    return votes > 0


def _leaves_index_unnamed(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether only the first cell is empty, above a column without gaps, and the others are words or rising numbers."""
    others = [cell.strip() for cell in row[1:]]
    if row[0].strip() or not all(others) or len({*others}) < len(others) or len(below) < LEAST_BELOW:
        return False
    if not all(other[0].strip() for other in below):
        return False
    numbers = [float(cell) for cell in others if re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell)]
    if len(numbers) == len(others):
        return numbers == sorted(numbers)
    return not numbers and all(map(may_be_name, others))


def _looks_named(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row above nothing but words reads like names: no longer than what stands below, or of another kind."""
    if any(_continues(cell, [row[place].strip() for row in below]) for place, cell in enumerate(cells)):
        return False
    lengths = [len(cell.strip()) for row in below for cell in row if cell.strip()]
    if not lengths:
        return True
    mean = sum(lengths) / len(lengths)
    return sum(map(len, cells)) / max(1, len(cells)) <= max(3 * mean, 30)


def _continues(cell: str, below: Sequence[str]) -> bool:
    """Whether a word and all of those below it are one word with a number after it: k1 above k2 and k3."""
    counted = [COUNTED.fullmatch(word) for word in (cell, *below)]
    stems = {"" if found is None else found[1] for found in counted}
    return len(below) >= LEAST_BELOW and len(stems) == 1 and "" not in stems
