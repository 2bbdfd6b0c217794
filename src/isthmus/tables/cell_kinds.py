"""What a single cell of text looks like: a number, a date, a missing-value marker, or text."""

from __future__ import annotations

import re

from isthmus.tables.marks import is_mark

__all__ = ["cell_kind", "may_be_name"]

NUMBER = re.compile(
    r"\(?%?[-+−–]?\s?(?:[$€£¥₹￥₩₽₺₫₱₦]|[A-Z]{2,3}\$?\s)?\s*[-−]?"
    r"(?:[0-9]{1,3}(?:[, .'’\u00a0\u202f][0-9]{2,3})*[, .'’\u00a0\u202f][0-9]{3}(?:[.,][0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
    r"(?:[eE][-+]?[0-9]+|[dD][-+][0-9]{2,3})?\s?(?:[%$€£¥₹‰]|[KMBkm]|bn|USD|EUR|GBP|CHF)?\)?"
)
CLOCK = r"(?:[T ,]+[0-9:.]+\s?(?:[AaPp]\.?[Mm]\.?)?(?: ?(?:Z|GMT|UTC|[-+][0-9:]+))?)?"
DATE = re.compile(
    rf"(?:[A-Za-z]{{3,9}},? )?[0-9]{{1,2}}[. -]*[A-Za-z]{{3,9}}\.?[ ,-]+[0-9]{{2,4}}{CLOCK}"  # 3 March 2020
    rf"|(?:[A-Za-z]{{2,9}},? )?[0-9]{{1,4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,4}}{CLOCK}"  # 2020-03-03, 3/3/2020
    r"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?(?:\s?[AaPp][Mm])?"  # 13:45
    r"|[12][0-9]{3}[- ]?[QqMW][0-9]{1,2}|[12][0-9]{3}[-/][01][0-9]|[12][0-9]{3} [A-Z]{3}"  # 2020 Q1, 2020-03, 2020 MAR
    r"|[0-9]{1,2}/[A-Za-z]{3,9}/[0-9]{2,4}(?:[ :][0-9:]+(?: [-+][0-9]{4})?)?"  # 3/Mar/2020:13:45:00 +0000
    r"|(?:[A-Za-z]{3,9},? )?[A-Za-z]{3,9}\.? [0-9]{1,2},? [0-9]{4}"  # March 3, 2020
)
SPECIAL = re.compile(r"[-+]?(?:inf|infinity|nan)", re.IGNORECASE)


def cell_kind(cell: str) -> str:
    """Whether a cell is a "number", a "date", a "mark" for a missing value, or "text".

    >>> [cell_kind(cell) for cell in ("1,200.5", "2020-01-31", "?", "Oslo")]
    ['number', 'date', 'mark', 'text']
    """
    cell = cell.strip()
    if is_mark(cell):
        return "mark"
    if NUMBER.fullmatch(cell) or SPECIAL.fullmatch(cell):
        return "number"
    return "date" if DATE.fullmatch(cell) else "text"


def may_be_name(cell: str) -> bool:
    """Whether a cell may name a column: text may, and so may words that mark a missing value only among numbers.

    >>> [may_be_name(cell) for cell in ("price", "x", "unknown", "N/A", "?", "12")]
    [True, True, True, False, False, False]
    """
    kind, word = cell_kind(cell), cell.strip()
    letters = word.replace(" ", "").isalpha() and not SPECIAL.fullmatch(word)
    return kind == "text" or (kind == "mark" and letters and not is_mark(word, among_numbers=False))
