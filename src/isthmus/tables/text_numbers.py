"""Numbers as people write them: ``1,234.5``, ``1.234,5``, ``1 234``, ``$12``, ``12 %``, ``(12)``, ``1.5e3``, ``2.5M``.

A column writes its numbers in one `NumberForm`: its decimal mark, and a unit that may stand beside each number. All of
its cells decide which form it is; ``1,234`` alone could have either mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

__all__ = ["BOUND", "ERROR", "PLAIN_NUMBER", "NumberForm", "beside", "matches", "numbers_of", "shape_of"]

PLAIN_NUMBER = r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"
CURRENCY = (
    r"[$€£¥₹₽₩₺₪฿₴₫￥₱₦₵₡₲₸₼₾৳﷼]|[A-Z]{1,3}\$|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|BRL|RUB"
    r"|Fr\.?|Rs\.?|kr\.?|Rp\.?|RM"
)
GROUPS = {".": "[, '’\u00a0\u202f]", ",": "[. '’\u00a0\u202f]"}
BESIDE = " $€£¥₹₽₩₺₪฿₴₫￥₱₦₵₡₲₸₼₾৳﷼%+-−–()<>≤≥~≈\u00a0\u202f"
BOUND = r"[<>≤≥~≈]\s?"  # before a number that is only a bound, or approximate
MAGNITUDES = {
    "k": 1e3,
    "K": 1e3,
    "M": 1e6,
    "B": 1e9,
    "bn": 1e9,
    "Bn": 1e9,
    "mn": 1e6,
    "Mio": 1e6,
    "Mrd": 1e9,
    "T": 1e12,
}
POWER = "[eE][-+]?[0-9]+|[dD][-+][0-9]{2,3}"  # the second as Fortran writes it
FOOTNOTE = r"\s?\([A-Za-z]\)|\s?\[[^\]]{1,8}\]"  # a footnote mark beside a number: 12 (a), 1,200[3]
ERROR = r"\s?(?:±|\+/[-−]|\+[-−])\s?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?"  # the error: 5.1 ± 0.2
MARGIN = r"(?:±|\+/[-−])\s?"  # before a margin of error: ±12, +/-1,200
UNIT = r"[^0-9\s,;:()<>=|_&!?+.\\-]+\.?"  # letters and signs such as km, %, m/s, °C


@dataclass(frozen=True)
class NumberForm:
    """How a column writes its numbers: the decimal mark, and what stands before or after each number."""

    decimal: str = "."
    before: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        plain = all(isinstance(part, str) and len(part) <= 24 for part in (self.before, self.after))
        if self.decimal not in GROUPS or not plain:
            raise ValueError("a column's way of writing numbers is not described correctly")

    @property
    def is_plain(self) -> bool:
        """Whether a program can read them as they are."""
        return self == NumberForm()

    def write(self, number: float, *, whole: bool) -> str:
        """One number as the column writes it.

        >>> NumberForm(",", after=" %").write(12.5, whole=False)
        '12,5 %'
        """
        text = str(round(number)) if whole else repr(float(number)).removesuffix(".0")
        return f"{self.before}{text.replace('.', self.decimal)}{self.after}"


@cache
def shape_of(decimal: str) -> str:
    """The regular expression of a trimmed number with this decimal mark."""
    group, mark = GROUPS[decimal], "\\" + decimal
    grouped = f"[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}(?:{mark}[0-9]*)?"
    digits = f"(?:{grouped}|[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+)"
    before = rf"%?(?:{BOUND}|{MARGIN})?[-+−–]?\s?(?:{CURRENCY})?\s*[-−–]?"
    return rf"^\(?{before}{digits}(?:{POWER})?(?:{ERROR})?\s?(?:{UNIT})?(?:\s{UNIT})?[-−]?\)?(?:{FOOTNOTE})?$"


def matches(cells: pyarrow.Array, decimal: str) -> Any:
    """Which trimmed texts are numbers with this decimal mark; null where a cell is."""
    from pyarrow.compute import match_substring_regex  # pyrefly: ignore[missing-module-attribute]

    return match_substring_regex(cells, shape_of(decimal))


def numbers_of(cells: pyarrow.Array, decimal: str = ".") -> Any:
    """Trimmed texts as float64, null where a cell is null or not a number.

    Units beside a number are ignored; ``12 %`` is 12, ``2.5M`` is 2,500,000, ``(3)`` is -3.
    """
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are generated at import
    pointed = cells
    if decimal == ",":  # cells without a point, whose comma becomes one
        pointed = compute.replace_substring(compute.if_else(compute.match_substring(cells, "."), None, cells), ",", ".")
    plain = compute.fill_null(compute.match_substring_regex(pointed, PLAIN_NUMBER), False)
    easy = compute.cast(compute.if_else(plain, pointed, None), pyarrow.float64())
    if easy.null_count == cells.null_count:
        return easy
    rest = compute.if_else(plain, None, cells)
    rest = compute.if_else(compute.match_substring_regex(rest, shape_of(decimal)), rest, None)
    if rest.null_count == len(rest):
        return easy
    return compute.coalesce(easy, _decorated_numbers(rest, decimal))


def _decorated_numbers(cells: Any, decimal: str) -> Any:
    """Numbers with digit groups, signs, magnitudes and units; every cell is a number or null."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    cells = compute.replace_substring_regex(cells, f"(?:{FOOTNOTE})$", "")
    cells = compute.replace_substring_regex(cells, f"^{MARGIN}", "")
    cells = compute.replace_substring_regex(cells, ERROR, "")
    digits = compute.utf8_trim(cells, BESIDE)
    for group in GROUPS[decimal][1:-1]:
        digits = compute.replace_substring(digits, group, "")
    digits = compute.replace_substring(digits, ",", ".") if decimal == "," else digits
    bare = compute.match_substring_regex(digits, r"^(?:[0-9]+\.?[0-9]*|\.[0-9]+)$")
    if not compute.all(bare).as_py():  # words beside the number
        kept = "." if decimal == "." else ","
        other = compute.if_else(bare, None, cells)
        other = compute.replace_substring_regex(other, rf"(?:{POWER})|\pL+\.?|[^0-9{kept}]", "")
        other = compute.replace_substring(other, ",", ".") if decimal == "," else other
        digits = compute.if_else(bare, digits, other)
    number = compute.cast(digits, pyarrow.float64())
    power = compute.match_substring_regex(cells, rf"[0-9.,](?:{POWER})")
    if compute.any(power).as_py():  # rare beside groups and units
        powers = compute.if_else(power, cells, None)
        text = compute.extract_regex(powers, r"[eEdD](?P<power>[-+]?[0-9]+)").field("power")
        exponent = compute.cast(compute.if_else(compute.equal(text, ""), "0", text), pyarrow.float64())
        number = compute.multiply(number, compute.power(10.0, compute.fill_null(exponent, 0.0)))
    for magnitude, factor in MAGNITUDES.items():
        has = compute.match_substring_regex(cells, rf"[0-9.,]\s?{magnitude}(?:[^\pL0-9_]|$)")
        if compute.any(has).as_py():
            number = compute.if_else(has, compute.multiply(number, factor), number)
    negative = compute.match_substring_regex(cells, rf"^[(]|^%?(?:{BOUND})?[-−–]|[-−]$|^\+?\s?(?:{CURRENCY})\s?[-−–]")
    return compute.if_else(negative, compute.negate(number), number)


def beside(cell: str) -> tuple[str, str]:
    """What stands before and after the digits of a number.

    >>> beside("$1,200"), beside("12 km")
    (('$', ''), ('', ' km'))
    """
    cell = re.sub(ERROR, "", re.sub(f"^{MARGIN}", "", cell))
    digits = [place for place, letter in enumerate(cell) if letter.isdigit()]
    if not digits:
        return "", ""
    return cell[: digits[0]].strip("+-−–.,( "), cell[digits[-1] + 1 :].strip("-−).,").rstrip()
