"""Rows of words above the data of a table, besides its names.

Instruments write keys and values above a table, padded to its width; questionnaires write a second and a technical name
below each name. Such a row has words where the rows of the table have numbers and dates, unlike any row of data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from isthmus.tables.cell_kinds import cell_kind, may_be_name
from isthmus.tables.header_names import is_complete

__all__ = ["completes_names", "end_of_preamble", "name_row", "rows_of_words"]

YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}")
MAX_ROWS, MIN_BELOW = 40, 8
NUMERIC_SHARE, MIN_NUMERIC = 0.9, 2  # share of numbers and dates in a numeric column; how many such columns
MIN_CELLS = 3
END_OF_PREAMBLE = re.compile(  # alone on a line: ***End_of_Header***, [Data], <BEGIN DATA>
    r"\W*(?:end[\W_]*(?:of[\W_]*)?(?:the[\W_]*)?(?:file[\W_]*)?(?:header|preamble|metadata|info)"
    r"|header[\W_]*end|(?:begin|start)[\W_]*(?:of[\W_]*)?(?:the[\W_]*)?data|[\[<*#=]+\s*data)\W*",
    re.IGNORECASE,
)
BETWEEN = 1  # rows without a number or a word that may interrupt the run


def _numeric_places(rows: Sequence[Sequence[str]]) -> list[int]:
    """Columns of numbers and dates, by the last two thirds of some rows."""
    places = []
    for place in range(len(rows[0])):
        counts = Counter(cell_kind(row[place]) for row in rows[len(rows) // 3 :])
        del counts["mark"]
        if counts.total() >= MIN_CELLS and counts["number"] + counts["date"] >= NUMERIC_SHARE * counts.total():
            places.append(place)
    return places


def end_of_preamble(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows end with a line that says that the table follows; 0 if there is no such line.

    >>> end_of_preamble([["Operator", "Ann"], ["***End_of_Header***", ""], ["t", "u"], ["0", "1.5"]])
    2
    """
    for place in reversed(range(len(rows) - 1)):
        filled = [cell for cell in rows[place] if cell.strip()]
        if len(filled) == 1 and END_OF_PREAMBLE.fullmatch(filled[0]):
            return place + 1
    return 0


def rows_of_words(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are not data: words in most of the columns where the others have numbers or dates.

    >>> table = [["Serial", "A-12", ""], ["t", "u", "v"], *[[str(row), "1.5", "2"] for row in range(12)]]
    >>> rows_of_words(table)
    2
    """
    if len(rows) < MIN_BELOW:
        return 0
    places = _numeric_places(rows)
    if len(places) < MIN_NUMERIC:
        return 0
    words = [place for place in range(len(rows[0])) if place not in places]
    count = between = 0
    for index, row in enumerate(rows[: min(MAX_ROWS, len(rows) // 2)]):
        kinds = Counter(cell_kind(row[place]) for place in places if row[place].strip())
        below = rows[max(index + 1, len(rows) // 3) :]
        ordinary = any(
            row[place].strip() and row[place].strip() in {other[place].strip() for other in below} for place in words
        )
        if kinds["text"] and 2 * kinds["text"] >= kinds.total() and not ordinary:
            count, between = index + 1, 0
        elif kinds["number"] + kinds["date"] or between == BETWEEN:
            break
        else:
            between += 1
    return count


def name_row(rows: Sequence[Sequence[str]]) -> int | None:
    """Which of these rows names every column: the first, or with two columns (keys and values) the last.

    >>> name_row([["Serial", "A-12", ""], ["t", "u", "v"]])
    1
    """
    found = [
        place
        for place, row in enumerate(rows)
        if len(row) > 1 and is_complete(row[not row[0].strip() :]) and all(map(may_be_name, row[not row[0].strip() :]))
    ]
    return None if not found else found[0] if len(rows[0]) > 2 else found[-1]


def completes_names(first: Sequence[str], second: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a second row names the columns that the first, a row of groups, leaves unnamed, and is not data."""
    if len(below) < MIN_BELOW or not first[0].strip():
        return False
    gaps = [place for place, cell in enumerate(first) if not cell.strip()]
    if not gaps or not all(second[place].strip() for place in gaps):
        return False
    if _are_repeated_years(second, below):
        return True
    if not all(may_be_name(second[place]) for place in gaps):
        return False
    numeric = [second[place] for place in _numeric_places(below) if place < len(second)]
    kinds = Counter(cell_kind(cell) for cell in numeric)
    empty = sum(not cell.strip() for cell in numeric)
    return bool(numeric) and not kinds["number"] + kinds["date"] and empty + kinds["text"] == len(numeric)


def _are_repeated_years(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the filled cells of a row are the same years repeated, none of which occurs below it."""
    places = [place for place, cell in enumerate(row) if cell.strip()]
    cells = [row[place].strip() for place in places]
    years = sorted({*cells})
    if len(places) == len(row) or len(years) == len(cells) or cells != years * (len(cells) // len(years)):
        return False
    if not all(YEAR.fullmatch(cell) for cell in cells):
        return False
    return not any(other[place].strip() in years for other in below for place in places)
