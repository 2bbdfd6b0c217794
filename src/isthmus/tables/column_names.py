"""What the name of a column suggests: that its cells identify rows, are codes, or are dates or times."""

from __future__ import annotations

import re

__all__ = ["may_be_unnamed", "quoted", "says_code", "says_id", "says_moment", "says_row", "says_time"]

TIME = re.compile(
    "years?|yr|rank|time|t|days?|week|month|quarter|hour|age|step|date|jahr|ann[ée]e|a[ñn]o|anno|jaar|monat|tag|season"
    "|frame|epoch|period"
)
ROW = re.compile("record|recno|obs|ids?|no|nr|num|index|idx|rows?|unnamed|key|rowid|rownames|seq|sno")
ID_END = re.compile(
    "ids?|code|key|uuid|guid|no|nr|identifier|kennung|nummer|codigo|número|isbn(10|13)?|issn|ean(13)?|gtin|upc|barcode"
    "|asin|sku|phone|telephone|mobile|fax|ssn|imei|vin"
)
NO_ID = re.compile("(?:ac|gr|pa|val|sol|flu|cov|hum|rap|liqu|hybr|b|a|lip)id")  # acid, grid, paid, …
CODE = re.compile("codes?|zip|zipcode|fips|postcode|postal|plz|isbn|sku|gtin|ean|naics|sic")
MOMENT = re.compile(
    "date|time|timestamp|stamp|datetime|dt|created|updated|modified|epoch|dttm|at|ts|datum|fecha|data|zeit|pickup|dropoff"
    "|unixtime|utc"
)
INSIDE = re.compile("date|time|stamp|drop-?off|pick-?up", re.IGNORECASE)
UNNAMED = re.compile(r"column \d+|unnamed: ?\d+|", re.IGNORECASE)


def _words(name: str) -> list[str]:
    """The words of a name.

    >>> _words("orderId"), _words("created_at")
    (['order', 'id'], ['created', 'at'])
    """
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.split(r"[\W_]+", parts) if word]


def says_time(name: str) -> bool:
    """Whether numbers that increase by one are to be expected: years, ranks, days."""
    return any(TIME.fullmatch(word) for word in _words(name))


def says_row(name: str) -> bool:
    """Whether the name is typical of a column of row numbers, or missing."""
    return is_unnamed(name) or any(ROW.fullmatch(word) for word in _words(name))


def says_id(name: str) -> bool:
    """Whether the last word of the name suggests one value per row."""
    last = (_words(name) or [""])[-1]
    return ID_END.fullmatch(last) is not None or (last.endswith("id") and NO_ID.fullmatch(last) is None)


def says_code(name: str) -> bool:
    """Whether its numbers are codes, whose size means nothing."""
    return any(CODE.fullmatch(word) for word in _words(name))


def says_moment(name: str) -> bool:
    """Whether its cells are dates or times."""
    return INSIDE.search(name) is not None or any(MOMENT.fullmatch(word) for word in _words(name))


def is_unnamed(name: str) -> bool:
    """Whether the name only says the position of the column."""
    return UNNAMED.fullmatch(name) is not None


def may_be_unnamed(name: str) -> bool:
    """The same, or a default name such as x0, which the user may also have chosen."""
    return is_unnamed(name) or re.fullmatch(r"x\d+", name) is not None


def quoted(name: str) -> str:
    """A name as typed on a command line."""
    return name if re.fullmatch(r"[\w.-]+", name) else repr(name)
