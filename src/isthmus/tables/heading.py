"""Where a table starts among rows of text, and which of its rows hold names.

A row holds names if it differs in kind from the rows below: words above numbers. Titles, empty lines, rows of units and
names over several rows are recognized, and a file without names keeps its first row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from isthmus.tables.cell_kinds import cell_kind, may_be_name
from isthmus.tables.counted_names import counted_names
from isthmus.tables.header_names import cleaned, is_complete, joined
from isthmus.tables.rows_above import completes_names, end_of_preamble, name_row, rows_of_words
from isthmus.tables.rows_below import LOOKED_AT, are_signs, are_units, column_kind, holds_nothing, may_be_names_too

__all__ = ["Heading", "heading_of", "widest_row"]

MAX_HEADINGS = 4
MAX_UNITS = 2
MIN_BELOW = 3  # rows needed to see that a column has no gaps
MIN_ANSWERS = 3  # columns of answers that repeat
MIN_OWN = 0.25  # share of rows with as many cells as there are names, where most rows have more
COUNTED = re.compile(r"(.*\D)[0-9]+")
FOLLOWING = 12  # rows examined to see whether a table continues


@dataclass(frozen=True)
class Heading:
    """The names of the columns, the first row of data, and the rows above it that are neither.

    Attributes
    ----------
    names : tuple of str
        One per column.
    first : int
        The first row of data.
    above : tuple of int
        Rows before the names that are not part of the table.
    named : bool
        Whether there was a row of names.
    units : tuple of str
        The units below the names, if there are any.
    notes : tuple of str
        Other remarks for the user, such as rows between the names and the data that are neither.
    """

    names: tuple[str, ...]
    first: int
    above: tuple[int, ...] = ()
    named: bool = True
    units: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def widest_row(rows: Sequence[Sequence[str]]) -> int:
    """The most common number of cells per row, from the last three quarters of the rows."""
    counts = Counter(len(row) for row in rows[len(rows) // 4 :] if any(cell.strip() for cell in row))
    width = max(counts, key=lambda width: (counts[width], width)) if counts else 0
    own = len(rows[0]) if rows else 0
    if 2 < own < width and counts[own] >= MIN_OWN * counts.total() and _names_all(rows[0]):
        return own  # text in the last column contains the separator
    return width


def _names_all(row: Sequence[str]) -> bool:
    return is_complete(row) and all(map(may_be_name, row))


def heading_of(rows: Sequence[Sequence[str]], width: int, header: bool | int | None = None) -> Heading:
    """Find the heading of a table of text with ``width`` columns.

    Parameters
    ----------
    rows
        The first rows of the file.
    header
        Whether there are names, or in how many rows; None infers it.
    """
    preamble = end_of_preamble(rows)
    if preamble:
        found = heading_of(rows[preamble:], width, header)
        above = (*range(preamble), *(preamble + place for place in found.above))
        return replace(found, first=preamble + found.first, above=above)
    found = _heading_of(rows, width, header)
    if header is not None:
        return found
    start = _first_full_row(rows, width)
    body = [_fitted(row, width) for row in rows[start : start + LOOKED_AT]]
    count = rows_of_words(body)
    if count < 2 or start + count <= found.first:
        return found
    place = name_row(body[:count])
    left: list[list[str]] = []
    if place is None and count <= MAX_HEADINGS:
        names, named, above = cleaned(joined(body[:count])), True, tuple(range(start))
    elif place is None:
        names, named, above = found.names, found.named, found.above
        left = body[found.first - start : count]
    else:
        names, named, above = cleaned(body[place]), True, tuple(range(start + place))
        left = body[place + 1 : count]
    rest = [" ".join(cell.strip() for cell in row if cell.strip())[:40] for row in left]
    lines = "1 row" if len(rest) == 1 else f"{len(rest)} rows"
    notes = (f"{lines} between the names and the data left out, the first {rest[0]!r}",) if rest else ()
    return Heading(names, start + count, above, named, notes=notes)


def _heading_of(rows: Sequence[Sequence[str]], width: int, header: bool | int | None) -> Heading:
    """The heading, from the kinds of cells in the first few rows."""
    start = _first_full_row(rows, width)
    body = [_fitted(row, width) for row in rows[start : start + LOOKED_AT]]
    short = None if header is False else _short_row_above(rows, start, width)
    count = _count_of_names(body) if header is None else int(header)
    if count == 0 and short is not None:
        names = _spread(rows[short], width, body)
        return Heading(cleaned(names), start, tuple(range(short)), True)
    above = tuple(range(start))
    if header is None and count in (1, 2) and _is_key_and_values(body):
        above, body, start, count = (*above, start), body[1:], start + 1, 1
    if count == 0:
        return Heading(tuple(f"x{place}" for place in range(width)), start, above, False)
    if header is None and count > 2 and is_complete(body[count - 1]) and not body[0][-1].strip():
        above, body, start, count = (*above, *range(start, start + count - 1)), body[count - 1 :], start + count - 1, 1
    heads, rest = body[:count], body[count:]
    if (
        header is None
        and count == 1
        and start
        and not is_complete(heads[0])
        and _are_headings_of_groups(rows[start - 1], width)
    ):
        heads, above = [_fitted(rows[start - 1], width), *heads], above[:-1]
    skipped = 0
    while rest and skipped < 2 and holds_nothing(rest[0]) and header is None:
        rest, skipped = rest[1:], skipped + 1  # pandas writes the names of an index between names and rows
    units: tuple[str, ...] = ()
    for _ in range(MAX_UNITS):  # loggers write below the unit how a value was averaged
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
    return Heading(cleaned(names), start + count + skipped, above, True, units, notes)


def _first_full_row(rows: Sequence[Sequence[str]], width: int) -> int:
    """The first row with as many cells as the table has columns, at least half of them filled."""
    for place, row in enumerate(rows):
        filled = sum(bool(cell.strip()) for cell in row)
        last = len(row)
        while last > width and not row[last - 1].strip():
            last -= 1  # commas that a spreadsheet appends to every line
        following = rows[place + 1 : place + 1 + FOLLOWING]
        # names may have more separators than the rows below
        wide = last == width or (
            place == 0
            and filled >= width
            and {*map(len, following[:5])} == {width}
            and not _is_certain(rows[1], rows[2 : 2 + LOOKED_AT])
        )
        alike = sum(abs(len(other) - width) <= 1 or len(other) == len(row) for other in following)
        if not wide or alike < 0.7 * len(following):
            continue
        if 2 * filled >= width or (filled >= 2 and _has_gaps_throughout(rows, place, width)):
            return place
    return 0


def _has_gaps_throughout(rows: Sequence[Sequence[str]], place: int, width: int) -> bool:
    """Whether the rows below have gaps as well, so this row is not a title."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[place + 1 : place + 4] if len(row) == width]
    return len(filled) == 3 and min(filled) >= 1 and 2 * max(filled) < width


def _short_row_above(rows: Sequence[Sequence[str]], start: int, width: int) -> int | None:
    """The index of a row of names just above that has up to two cells too few or too many."""
    place = start - 1
    while place >= 0 and not any(cell.strip() for cell in rows[place]):
        place -= 1
    if place < 0 or width < 3:
        return None
    row = rows[place]
    close = width - 2 <= len(row) <= width + 2 and len(row) >= 2
    return place if close and all(may_be_name(cell) for cell in row if cell.strip()) else None


def _spread(row: Sequence[str], width: int, body: Sequence[Sequence[str]]) -> list[str]:
    """A name for every column; if one is lacking, the first column, an index, has none."""
    names = [cell.strip() for cell in row]
    if len(names) == width - 1 and body and not any(other[-1].strip() for other in body):
        return [*names, ""]  # each row ends with a separator, but the names do not
    if len(names) == width - 1:
        return ["", *names]
    return [*names[:width], *[""] * (width - len(names))]


def _fitted(row: Sequence[str], width: int) -> list[str]:
    return [*row[:width], *[""] * (width - len(row))]


def _names_index(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has only a first cell, and those below have more, as pandas writes an index name."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[: 1 + FOLLOWING]]
    return bool(rows[0][0].strip()) and filled[0] == 1 < min(filled[1:])


# ---- names or not ------------------------------------------------------------------------------------------


def _count_of_names(body: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are names; more than one only if the first does not name every column uniquely."""
    if len(body) < 2:  # names without rows, if they are words; R leaves the first one empty
        return int(bool(body) and any(body[0]) and all(map(may_be_name, body[0][not body[0][0].strip() :])))
    first = _is_names(body[0], body[1:])
    if first and (is_complete(body[0]) or holds_nothing(body[1])):
        return 1
    if first and completes_names(body[0], body[1], body[2:]):
        return 2
    for place in reversed(range(1, min(MAX_HEADINGS, len(body) - 1))):
        below = body[place + 1 :]
        if _is_certain(body[place], below) and all(
            (_are_groups(row) or _is_names(row, below)) and not _is_keyed(row) for row in body[:place]
        ):
            return place + 1
    return int(first)


def _is_key_and_values(body: Sequence[Sequence[str]]) -> bool:
    """Whether a first row is a key and its values, above a row of names: ``Plate:``, a number with decimals."""
    first = [cell.strip() for cell in body[0]]
    is_pair = _is_keyed(first) or any(cell_kind(cell) == "number" and "." in cell for cell in first)
    return is_pair and len(body) > 2 and may_be_names_too(body[1], body[2:]) and _is_certain(body[1], body[2:])


def _is_keyed(row: Sequence[str]) -> bool:
    """Whether the first filled cell of a row is a key with a colon."""
    return next((cell.strip() for cell in row if cell.strip()), "").endswith(":")


def _are_headings_of_groups(row: Sequence[str], width: int) -> bool:
    """Whether a row with gaps, right above names that repeat, holds the headings of their groups."""
    filled = [cell.strip() for cell in row if cell.strip()]
    return len(row) == width and 2 <= len(filled) < width and max(map(len, filled)) <= 30


def _are_groups(row: Sequence[str]) -> bool:
    """Whether a row may hold headings of groups above names: words, or repeated values."""
    filled = [cell.strip() for cell in row if cell.strip()]
    return bool(filled) and (
        sum(cell_kind(cell) == "text" for cell in filled) >= len(filled) / 2
        or 2 * len({*filled}) <= len(filled) + 1
        or (len(filled) < len(row) and not any("." in cell for cell in filled))  # 2019 above Q1 and Q2
    )


def _is_certain(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row certainly holds names: words above most columns of numbers and dates."""
    kinds = [column_kind(below, place) for place in range(len(row))]
    above = [cell_kind(cell) for cell, kind in zip(row, kinds, strict=True) if kind in ("number", "date")]
    words = sum(kind == "text" for kind in above)
    lengths = [len(cell.strip()) for cell in row if cell.strip()]
    return len(above) >= 2 and words >= 0.8 * len(above) and not _all_alike(row) and max(lengths, default=0) > 0


def _all_alike(row: Sequence[str]) -> bool:
    return len({cell.strip() for cell in row}) <= 1


def _is_names(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row differs in kind from the rows below, as names do."""
    if not below or not any(cell.strip() for cell in row):
        return False
    if len(row) > 1 and [cell.strip() for cell in row] == [str(place) for place in range(len(row))]:
        return True  # numbered columns, as pandas writes a frame without names
    if _leaves_index_unnamed(row, below):
        return True
    kinds = [column_kind(below, place) for place in range(len(row))]
    years = counted_names(row, below, kinds)
    votes, numbers = 0.0, 0
    for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
        own, values = cell_kind(cell), {other[place].strip() for other in below}
        if kind in ("number", "date"):
            numbers += 1
            if own == "text" or (own == "date" and kind == "number"):  # months above monthly counts
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
    """Whether only the first cell is empty, above a full column, and the others are words or increasing numbers."""
    others = [cell.strip() for cell in row[1:]]
    if row[0].strip() or not all(others) or len({*others}) < len(others) or len(below) < MIN_BELOW:
        return False
    if not all(other[0].strip() for other in below):
        return False
    numbers = [float(cell) for cell in others if re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell)]
    if len(numbers) == len(others):
        return numbers == sorted(numbers)
    return not numbers and all(map(may_be_name, others))


def _looks_named(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row above text only looks like names: not much longer than the cells below, nor one more of them.

    Questions of a survey are long; they are names where the answers below most of them repeat, or where only they
    end with a question mark.
    """
    if any(_continues(cell, [row[place].strip() for row in below]) for place, cell in enumerate(cells)):
        return False
    asked = [cell.endswith("?") for cell in cells]
    if 2 * sum(asked) >= len(cells) and not any(cell.strip().endswith("?") for row in below for cell in row):
        return True
    answers = [{row[place].strip() for row in below} for place in range(len(cells))]
    if sum(2 * len(known) <= len(below) for known in answers) >= max(MIN_ANSWERS, len(cells) / 2):
        return True
    lengths = [len(cell.strip()) for row in below for cell in row if cell.strip()]
    if not lengths:
        return True
    mean = sum(lengths) / len(lengths)
    return sum(map(len, cells)) / max(1, len(cells)) <= max(3 * mean, 30)


def _continues(cell: str, below: Sequence[str]) -> bool:
    """Whether a cell and all cells below are the same word followed by a number: k1 above k2 and k3."""
    counted = [COUNTED.fullmatch(word) for word in (cell, *below)]
    stems = {"" if found is None else found[1] for found in counted}
    return len(below) >= MIN_BELOW and len(stems) == 1 and "" not in stems
