"""The dialect of a text file: separator, quote, escape, decimal mark and comment, inferred from its first lines.

Every separator is scored on the first lines. The score is high if most lines split into the same number of cells, and
the cells are short, numbers or dates. The whole file is then read with the best one.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from isthmus.tables.cell_kinds import cell_kind, may_be_name
from isthmus.tables.errors import DataError
from isthmus.tables.escapes import escapes
from isthmus.tables.fixed_width import HEADING_ROWS, cut, names_over, spans_below, starts_of
from isthmus.tables.header_names import once_each
from isthmus.tables.heading import Heading, heading_of, widest_row

__all__ = ["BLANKS", "WIDE_BLANKS", "Dialect", "dialect_of", "split_line"]

BLANKS, WIDE_BLANKS = " ", "  "  # runs of spaces; runs of two or more, where cells contain single spaces
SEPARATORS = (",", ";", "\t", "|")
RARE_SEPARATORS = (":", "^", "~", "\x01", "\x1f", "¦", "§", "!")
PRIORS = {BLANKS: 0.9, WIDE_BLANKS: 0.88, **dict.fromkeys(RARE_SEPARATORS, 0.6)}
NAMES = {
    "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " ", "spaces": " ", "blank": " ", "\\t": "\t",
}  # fmt: skip
LINE = re.compile(r"\r\n|\n|\r")
COMMENTS = ("#@", "#", "//", "%", "--", "!", "*", ";")
SAMPLE_ROWS = 400
SHORT_CELL = 40
PIECES = re.compile(r"[-+0-9.]+(?:\s+[-+0-9.]+)+")  # several numbers in one cell, a sign of another separator
FIELDS = re.compile(r"^(?:fields|columns|header|names):\s+", re.IGNORECASE)  # precedes the names in log files
SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=([^\w\s"]|\t)"?\s*$', re.IGNORECASE | re.MULTILINE)  # for Excel
ONE_VALUE = re.compile(  # digits grouped by spaces, or a range of dates
    r"[-+]?\d{1,3}(?:\s\d{3})+(?:[.,]\d+)?|\S+ - \S+"
)
UNAMBIGUOUS = {  # numbers that show their decimal mark: 1,5 but not 1,500
    mark.strip("\\"): re.compile(
        rf"[-+]?(?:[0-9]+|[0-9]{{1,3}}(?:[{other} '’][0-9]{{3}})+){mark}(?:[0-9]{{1,2}}|[0-9]{{4,}})"
        rf"|[-+]?[0-9]{{1,3}}(?:{other}[0-9]{{3}})+{mark}[0-9]+|[-+]?0{mark}[0-9]{{3}}"
    )
    for mark, other in ((",", r"\."), (r"\.", ","))
}


@dataclass(frozen=True)
class Dialect:
    """How a text file writes cells and lines.

    Attributes
    ----------
    separator : str
        One character; a space for runs of spaces, two for runs of two or more; empty if each line is one cell.
    quote : str
        The character around cells that contain a separator; empty for none.
    escape : str
        The escape character for quotes inside quotes; empty if quotes are doubled.
    decimal : str
        The decimal mark of most numbers.
    comment : str
        The prefix of comment lines; empty for none.
    starts : tuple of int
        Where each column of a fixed-width table starts; empty for other tables.
    spaced : bool
        Whether spaces come between a separator and a quote.
    """

    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    escape: str = ""
    decimal: str = "."
    comment: str = ""
    starts: tuple[int, ...] = ()
    spaced: bool = False

    @property
    def is_blanks(self) -> bool:
        """Whether cells are separated by spaces."""
        return self.separator in (BLANKS, WIDE_BLANKS)

    @property
    def arrow_separator(self) -> str:
        """The separator for pyarrow, which accepts only ASCII characters."""
        if self.is_blanks:
            return "\t"
        return self.separator if self.separator and self.separator.isascii() else "\x1f"

    def rows(self, lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """The rows of lines, each with the index of its first line; blank lines and comments are skipped."""
        kept = [
            (place, line)
            for place, line in enumerate(lines)
            if line.strip(" \ufeff" if self.separator == "\t" else None)
            and not (self.comment and line.lstrip().startswith(self.comment))
        ]
        if self.separator == "" or self.is_blanks:
            for place, line in kept:
                yield place, split_line(line, self)
            return
        reader = csv.reader(
            (line + "\n" for _, line in kept),
            delimiter=self.separator,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape or None,
            skipinitialspace=self.spaced,
        )
        start = 0
        try:
            for row in reader:
                yield kept[start][0], row
                start = reader.line_num
                if start >= len(kept):
                    break
        except csv.Error:  # a cell too large for Python's reader, or a NUL byte
            return


def split_line(line: str, dialect: Dialect) -> list[str]:
    """The cells of a line separated by spaces, or the line as one cell.

    >>> split_line("  a  'b c'  1", Dialect(separator=" ", quote="'"))
    ['a', 'b c', '1']
    """
    if not dialect.is_blanks:
        text = line.strip()
        quote = dialect.quote
        return [
            text[1:-1].replace(2 * quote, quote) if quote and len(text) > 1 and text[0] == text[-1] == quote else text
        ]
    gap = r"[ \t\u00a0]+" if dialect.separator == BLANKS else r"[ \t\u00a0]{2,}|\t"
    if dialect.starts and (found := cut(line, dialect.starts)) is not None:
        return found
    quote = re.escape(dialect.quote)
    if not quote or dialect.quote not in line:
        return re.split(gap, line.strip())
    cells = re.findall(rf"{quote}((?:[^{quote}]|{quote}{quote})*){quote}(?=\s|$)|(\S+)", line)
    return [(quoted or plain).replace(2 * dialect.quote, dialect.quote) for quoted, plain in cells]


def dialect_of(text: str, *, encoding: str, separator: str | None = None, decimal: str | None = None) -> Dialect:
    """Infer the dialect of a text from its beginning, given ``separator`` and ``decimal`` if they are known."""
    lines = [line for line in LINE.split(text) if line.strip()][: 3 * SAMPLE_ROWS]
    asked = SEPARATOR_LINE.match(text) if separator is None else None
    separator = asked[1] if asked else separator
    comment = _comment(lines)
    plain = [line for line in lines if not (comment and line.lstrip().startswith(comment))][: 2 * SAMPLE_ROWS]
    quote = _quote("\n".join(plain)[:16384])
    escape = "\\" if quote and escapes(text, quote) else ""
    candidates = [NAMES.get(separator.lower(), separator)] if separator else None
    found: dict[str, tuple[float, list[list[str]]]] = {}
    for mark in candidates or (*SEPARATORS, BLANKS, WIDE_BLANKS, *RARE_SEPARATORS):
        one = Dialect(encoding, mark, quote, escape, comment=comment, spaced=_spaced(text[:65536], mark, quote))
        rows = [row for _, row in one.rows(plain)][:SAMPLE_ROWS]
        found[mark] = (1.0 if candidates else _score(rows, mark)), rows
    if separator and all(len(row) < 2 for _, rows in found.values() for row in rows):
        other = dialect_of(text, encoding=encoding).separator
        if other:
            raise DataError(f"--separator {separator!r} is in no line; cells seem to be separated by {other!r}.")
    if separator == decimal == "," and not any(f"{quote}," in line for line in plain):
        raise DataError("--separator and --decimal are both ',', and no cell is quoted; leave one of them out.")
    whole = [mark for mark in SEPARATORS if not candidates and _explains_all(found[mark][1], mark)]
    for mark in found if whole else ():
        if mark not in whole:
            found[mark] = 0.6 * found[mark][0], found[mark][1]
    if not candidates and _words_hold_blanks(found[WIDE_BLANKS][1]):
        found[WIDE_BLANKS] = 1.3 * found[WIDE_BLANKS][0], found[WIDE_BLANKS][1]
    chosen = max(found, key=lambda mark: found[mark][0])
    chosen = chosen if found[chosen][0] > 0 else ""
    spaced = _spaced(text[:65536], chosen, quote)
    best = Dialect(encoding, chosen, quote, escape, comment=comment, spaced=spaced)
    rows = [row for _, row in best.rows(plain)][:SAMPLE_ROWS]
    if best.is_blanks or not (candidates or chosen in whole):
        fixed = Dialect(encoding, WIDE_BLANKS, "", "", comment=comment, starts=starts_of(plain[:SAMPLE_ROWS]))
        below = [row for _, row in fixed.rows(plain)][:SAMPLE_ROWS] if fixed.starts else []
        if below and not _is_even(rows) and _score(below, BLANKS) > _score(rows, best.separator):
            best, rows = fixed, below
    return replace(best, decimal=decimal or _decimal(rows, best.separator))


def headed(dialect: Dialect, lines: Sequence[str], header: bool | int | None) -> tuple[Heading, int]:
    """The heading of the table in ``lines``, and the index of the first line of data.

    If there is no row of names, a comment line above with as many cells as the rows is used.
    """
    found = list(dialect.rows(lines))[: 3 * SAMPLE_ROWS]
    if not found:
        return Heading((), 0), 0
    rows = [row for _, row in found]
    width = widest_row(rows)
    heading = heading_of(rows, width, header)
    first_line = found[heading.first][0] if heading.first < len(found) else len(lines)
    if dialect.is_blanks and header is None and heading.first > 0:
        names = _names_above(lines, first_line, width, dialect)
        if names is not None:
            return Heading(names, heading.first, heading.above), first_line
    if not heading.named and dialect.comment and header is not False:
        names = _commented_names(dialect, lines[: found[0][0]], width)
        if names is not None:
            return Heading(names, heading.first, heading.above), first_line
    return heading, first_line


def _names_above(lines: Sequence[str], first_line: int, width: int, dialect: Dialect) -> tuple[str, ...] | None:
    """Names from the lines right above aligned columns; None if the heading is already split correctly."""
    body, starts = [line for line in lines[first_line : first_line + 50] if line.strip()], dialect.starts
    columns = spans_below(body, width)
    if starts and body:
        stops = [*starts[1:], max([starts[-1] + 1, *map(len, body)])]
        columns = [(start, start + max(len(line[start:stop].rstrip()) for line in body))
                   for start, stop in zip(starts, stops, strict=True)]  # fmt: skip
    above = first_line - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    heads: list[str] = []
    while above >= 0 and lines[above].strip() and len(heads) < HEADING_ROWS:
        words = lines[above].split()
        if not 2 <= len(words) <= 3 * width or any(cell_kind(word) in ("number", "date") for word in words):
            break
        heads.insert(0, lines[above])
        above -= 1
    is_split = all(cut(line, starts) is not None if starts else len(line.split()) == width for line in heads)
    last = heads[-1].split() if heads else []
    unaligned = not columns or names_over(heads[-1:], columns) != last
    if len(last) == width and dialect.separator == WIDE_BLANKS and unaligned:
        return once_each(last)  # single spaces between names, which are not aligned with the columns
    if not columns or not heads or is_split:
        return None
    names = names_over(heads, columns)
    if sum(map(bool, names)) < width - 1:
        return None
    return once_each([name or f"column {place + 1}" for place, name in enumerate(names)])


def _commented_names(dialect: Dialect, above: Sequence[str], width: int) -> tuple[str, ...] | None:
    last = [line.strip() for line in above if line.strip()][-HEADING_ROWS:]
    found = []
    for place, line in enumerate(reversed(last)):
        text = line.lstrip(dialect.comment + " \t") if line.startswith(dialect.comment) else ""
        text = FIELDS.sub("", text)
        for separator in dict.fromkeys((dialect.separator, ",", BLANKS)):
            one = Dialect(separator=separator, quote=dialect.quote)
            cells = next((row for _, row in one.rows([text])), [])
            if len(cells) == width > 1 and all(map(may_be_name, cells)):
                found.append([cell.strip() for cell in cells])
                break
        else:
            if place or len(text.split()) < width - 1:
                break  # a line of units may have one word fewer
    # the line below the names may hold their units, which repeat
    chosen = next((cells for cells in found if len({*cells}) == width), found[0] if found else None)
    return None if chosen is None else once_each(chosen)


def _comment(lines: Sequence[str]) -> str:
    """The prefix of comment lines, if there are any; there must be fewer of them than other lines."""
    if not lines:
        return ""
    for mark in COMMENTS:
        first = lines[0].lstrip("\ufeff ")
        if not first.startswith(mark):
            continue
        count = sum(line.lstrip().startswith(mark) for line in lines)
        if 2 * count > len(lines) or (mark == "*" and not first.startswith("**")):
            return ""
        rest = [line for line in lines[:40] if not line.lstrip("\ufeff ").startswith(mark)]
        for separator in ("\t", ",", ";", "|"):  # a first line of names that begins with the mark
            if rest and count == 1 and lines[0].count(separator) == rest[0].count(separator) > 0:
                return ""
        return mark
    inside = [mark for mark in ("#", "//") if 0 < sum(line.startswith(mark) for line in lines) <= len(lines) / 20]
    if inside and not any(mark in line for line in lines if line.startswith(inside[0]) for mark in SEPARATORS):
        return inside[0]
    return ""


def _quote(text: str) -> str:
    if '"' in text:
        return '"'
    single = re.findall(r"(?:^|[,;\t| ])'[^'\n]*'(?=[,;\t| ]|$)", text, re.MULTILINE)
    return "'" if len(single) >= 2 and 2 * len(single) >= text.count("'") / 2 else '"'


def _spaced(text: str, separator: str, quote: str) -> bool:
    """Whether spaces come between separators and quotes, as in ``1, "a, b"``."""
    if separator.strip() == "" or not quote:
        return False
    return re.search(f"{re.escape(separator)} +{quote}(?!{quote})", text) is not None


def _score(rows: Sequence[Sequence[str]], separator: str) -> float:
    """How well a separator explains the lines: rows of one width, of numbers, dates and short words."""
    body = rows[len(rows) // 4 :]
    if not body:
        return 0.0
    widths = Counter(map(len, body))
    width = max(widths, key=lambda one: (widths[one], one))
    if width < 2:
        return 0.0
    if separator in (BLANKS, WIDE_BLANKS, ":") and width == 2 and len(rows[0]) == 1:
        return 0.0  # a time, or two words, below one name
    own = [row for row in body if len(row) == width]
    cells = [cell for row in own[:100] for cell in row]
    kinds = Counter(map(cell_kind, cells))
    typed = (kinds["number"] + kinds["date"] + kinds["mark"]) / len(cells)
    short = sum(len(cell) <= SHORT_CELL for cell in cells) / len(cells)
    near = sum(widths[one] for one in widths if abs(one - width) <= 1) / len(body)
    share = max(len(own) / len(body), 0.6 * near)
    if separator in (BLANKS, *RARE_SEPARATORS) and typed < 0.2 and share < 0.95:
        return 0.0  # prose
    return share**2 * (0.4 + 0.4 * typed + 0.2 * short) * (1 - 1 / (width + 1)) * PRIORS.get(separator, 1.0)


def _is_even(rows: Sequence[Sequence[str]]) -> bool:
    """Whether all rows have the same number of cells, and more than one."""
    return len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _explains_all(rows: Sequence[Sequence[str]], separator: str) -> bool:
    """Whether a separator splits nearly all lines like the first, with few cells that hold two numbers."""
    widths = Counter(map(len, rows))
    if len(rows) < 3 or len(rows[0]) < 2 or widths[len(rows[0])] < 0.98 * len(rows):
        return False
    if len(rows[0]) > 2 and all(may_be_name(cell) and "  " not in cell.strip() for cell in rows[0]):
        return True  # as many names as cells
    cells = [cell for row in rows[:100] for cell in row]
    pieces = (cell.strip() for cell in cells)
    return sum(bool(PIECES.fullmatch(cell)) and not ONE_VALUE.fullmatch(cell) for cell in pieces) < 0.1 * len(cells)


def _words_hold_blanks(rows: Sequence[Sequence[str]]) -> bool:
    """Whether nearly all lines have several spaces between cells, and cells of words contain single ones."""
    widths = Counter(map(len, rows))
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    if width < 2 or count < 0.95 * len(rows):
        return False
    inner = [cell for row in rows[1:100] for cell in row if " " in cell.strip()]
    return bool(inner) and sum(any(part.isalpha() for part in cell.split()) for cell in inner) >= 0.8 * len(inner)


def _decimal(rows: Sequence[Sequence[str]], separator: str) -> str:
    counts = dict.fromkeys(UNAMBIGUOUS, 0)
    grouped = 0
    for row in rows:
        for cell in row:
            text = cell.strip().strip("$€£% ")
            for mark, pattern in UNAMBIGUOUS.items():
                counts[mark] += pattern.fullmatch(text) is not None
            grouped += re.fullmatch(r"[-+]?[1-9][0-9]{0,2},[0-9]{3}", text) is not None
    if counts[","] != counts["."]:
        return "," if counts[","] > counts["."] else "."
    return "," if separator == ";" and grouped and not counts["."] else "."
