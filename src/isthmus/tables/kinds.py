"""The kind of a column, decided from all of its rows.

    number      if whole, all different, and counting or naming the rows: an id, left out
    date        learned from as days since 1970
    boolean     two words, one of which means yes
    category    few different words; of up to a thousand the 49 most common, and "other"
    text        more than that, or long: left out
    constant, empty: left out

Labels are never guessed. A column that only names rows is used only if asked for, and what is left out is reported.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from isthmus.tables.column import BooleanForm, Column
from isthmus.tables.column_names import may_be_unnamed, quoted, says_moment
from isthmus.tables.errors import DataError
from isthmus.tables.finding import Finding, Hints, constant, learned, left_out, marks_said, no_date_said
from isthmus.tables.number_kinds import number
from isthmus.tables.survey import MAX_WORDS, ColumnSurvey
from isthmus.tables.text_dates import TIME_ALONE, DateForm
from isthmus.tables.text_numbers import NumberForm

__all__ = ["BOOLEANS", "category", "date", "kind_of", "number_form"]

MAX_BOUNDS = 0.5  # share of the numbers of a column
SHARE = 0.95  # of the present cells that must be numbers, or dates
FEW_CATEGORIES, MAX_CATEGORIES = 20, 50
LONG, LONGER, LONG_ANSWERS = 30, 40, 30  # characters of a name and of a sentence; different answers in a survey
RECURRENCES = 5  # cells for each different text, by which long texts are categories, such as diagnoses
MIN_DAYS = 10  # different numbers, all valid days, by which an unnamed column is one of dates
MIN_ROWS = 5  # fewer show no pattern: no number is left out by guess
FLAG = re.compile(r"\|\s?(?:\(?[A-Za-z]\)?|\[.{1,8}\]?)")  # a footnote beside some of the numbers
SET_APART = re.compile(r"\|(?:\s[A-Za-z]|\s?\([A-Za-z]\)?|\s?\[.{1,8}\]?)")
CHECK_LETTER = re.compile(r"\|[A-Z]")
MODEL_LETTER = re.compile(r"\|(?![VAWKCFLNJHGTSMB])[A-Z]")  # 3D, 2B: no unit is written so
NUMBER = r"[-+]?[0-9]{1,4}(?:[.,][0-9]+)?"
TWO_NUMBERS = re.compile(
    rf"{NUMBER}\s?(?:[-–/:;,x×]|to)\s?{NUMBER}|{NUMBER}\s?\({NUMBER}\)"
)  # 120/80, 5-9, 3 x 4, 5 (2)
MAX_UNITS = 4
STREETS = (
    "st|str|street|ave?|avenue|road|rd|lane|ln|drive|dr|blvd|boulevard|way|court|place|square|highway|rue|allée|quai|"
    "via|viale|piazza|calle|avenida|rua|ulica|ul|stra(ß|ss)e|weg|platz|allee|gata|gatan|vägen|vej|gade|laan|straat"
)
# several words, one of them capitalized as names are, or a word for a street
NAMED = re.compile(rf"\|\s*(?=\S+\s)(?:.*(?<!\w)[^\W\d_a-zß-ÿ][^\W\d_A-Z]+|(?:.*\s)?(?i:{STREETS})\.?(?:\s|$))")
BOOLEANS = (
    ("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("j", "n"),
    ("wahr", "falsch"), ("oui", "non"), ("o", "n"), ("vrai", "faux"), ("sí", "no"), ("si", "no"),
    ("sim", "não"), ("sim", "nao"), ("verdadero", "falso"), ("vero", "falso"), ("da", "nu"), ("да", "нет"),
    ("ja", "nej"), ("ja", "nee"), ("tak", "nie"), ("evet", "hayır"), ("是", "否"), ("はい", "いいえ"),
)  # fmt: skip


def kind_of(survey: ColumnSurvey, position: int, hints: Hints) -> Finding:
    """The kind of the column at ``position`` of a table."""
    if survey.n_rows < MIN_ROWS and hints.guess:
        hints = replace(hints, few=True)
    if survey.n_present == 0:
        return left_out(survey, "empty", "every cell marks a missing value" if survey.others else "has no values")
    if survey.is_text:
        return _kind_of_text(survey, position, hints)
    if survey.kind == "bool":
        if hints.guess and not hints.few and survey.n_different == 1:
            return constant(survey)
        return learned(survey, Column(survey.name, "boolean", "bool"))
    if survey.kind.startswith(("timestamp", "date", "time", "duration")):
        if hints.guess and not hints.few and survey.n_different == 1:
            return constant(survey)
        column = Column(survey.name, "date", survey.kind, whole=_whole_days(survey))
        return learned(survey, column)
    if not survey.numbers.count:
        return left_out(survey, survey.kind, f"holds {_type_name(survey.kind)}, which cannot be learned from")
    return number(survey, position, hints, None)


# ---- texts -------------------------------------------------------------------------------------------------


def _kind_of_text(survey: ColumnSurvey, position: int, hints: Hints) -> Finding:
    n_cells = survey.n_present - survey.n_marks
    dates = survey.dates.best(day_first=hints.day_first)
    # 20200131 is a number unless the column says that it is a date
    named = says_moment(survey.name)
    named = named or (dates is not None and may_be_unnamed(survey.name) and survey.n_different >= MIN_DAYS)
    plain = survey.plain >= dates[1] if dates is not None else False
    clock = dates is not None and dates[0].pattern == TIME_ALONE and plain  # 1.05 is not a time of day
    if dates is not None and _nearly_all(dates[1], n_cells) and (dates[0].pattern != "%Y%m%d" or named) and not clock:
        return date(survey, dates, hints)
    form = number_form(survey, hints)
    if form is not None:
        return number(survey, position, hints, form)
    words = survey.words
    if words is not None and len(words) == 1:
        return constant(survey) if hints.guess and not hints.few else category(survey)
    if words is not None and len(words) == 2:
        pair = {str(word).lower() for word in words}
        known = next((one for one in BOOLEANS if {*one} == pair), None)
        if known is not None:
            true, false = (next(word for word in words if word.lower() == which) for which in known)
            return learned(survey, Column(survey.name, "boolean", "bool", form=BooleanForm(true, false)))
    return _kind_of_words(survey, hints)


def _kind_of_words(survey: ColumnSurvey, hints: Hints) -> Finding:
    n_cells, n_different = survey.n_present, survey.n_different
    mean = survey.n_characters / max(1, n_cells)
    example = next(iter(survey.words)) if survey.words else ""
    if math.isinf(n_different):
        names_rows = not survey.repeated and (mean <= LONG or not survey.phrases)
        kind, why = ("id", "names the rows") if names_rows else ("text", f"more than {MAX_WORDS:,} different texts")
        return left_out(survey, kind, why)
    if not hints.guess:
        if n_different > max(FEW_CATEGORIES, n_cells / 2) or n_different == n_cells > 2:
            raise DataError(
                f"column {survey.name} has {n_different} different texts in {n_cells} rows, such as "
                f"{str(example)[:40]!r}, too many for a category; drop it, or group its texts first."
            )
        return category(survey)
    if n_different > n_cells / 2 and not hints.few:
        if mean > LONG and survey.phrases:
            return left_out(survey, "text", "free text")
        if why := _numbers_beside(survey):
            return left_out(survey, "text", why)
        return left_out(
            survey, "id", "names the rows" if n_different > 0.9 * n_cells else "nearly every text is different"
        )
    if mean > LONGER and n_different > max(LONG_ANSWERS, n_cells / RECURRENCES):
        return left_out(survey, "text", "free text")
    return category(survey)


def _numbers_beside(survey: ColumnSurvey) -> str:
    """Why texts that contain numbers are not numbers: two in a cell, or several units; else empty."""
    words = list(survey.words or ())
    two = sum(TWO_NUMBERS.fullmatch(word) is not None for word in words)
    if two and two >= SHARE * len(words):
        return f"two numbers in a cell, such as {words[0]!r}; split them into two columns"
    units = sorted({unit.partition("|")[2].strip() for unit in survey.units if unit.partition("|")[2].startswith(" ")})
    if 1 < len(units) <= MAX_UNITS and max(survey.dot, survey.comma) >= SHARE * survey.n_present:
        return f"numbers in several units, such as {', '.join(units)}; convert them to one"
    return ""


def category(survey: ColumnSurvey) -> Finding:
    """A column of categories: all of its words, or the most common ones and "other"."""
    words: Counter[Any] = survey.words or Counter()
    notes: tuple[str, ...] = ()
    if len(words) > MAX_CATEGORIES:
        ranked = sorted(words.items(), key=lambda pair: (-pair[1], str(pair[0])))
        kept = sorted(word for word, _ in ranked[: MAX_CATEGORIES - 1])
        notes = (f"the {len(kept)} most common of {len(words)}, and {'other'!r}",)
        column = Column(survey.name, "category", "string", categories=tuple(kept), other=True)
    else:
        column = Column(survey.name, "category", "string", categories=tuple(sorted(words)))
    return learned(survey, column, notes)


def number_form(survey: ColumnSurvey, hints: Hints) -> NumberForm | None:
    """How the texts of a column write numbers, if nearly all of them are numbers."""
    n_cells = survey.n_present - survey.n_marks
    if n_cells <= 0 or survey.bounds > MAX_BOUNDS * n_cells:  # <50 and >50 alone are two categories
        return None
    order = ".," if survey.likely_decimal == "." else ",."
    counts = {".": survey.dot, ",": survey.comma}
    decimal = next((mark for mark in order if _nearly_all(counts[mark], n_cells)), None)
    if decimal is None and survey.odd.are_missing_marks(counts[order[0]], n_cells, survey.n_different):
        decimal = order[0]
    if decimal is None:
        return None
    spelled = Counter({unit: count for unit, count in survey.units.items() if _is_spelled(unit)})
    loose = SET_APART if survey.numbers.whole else FLAG  # 61A and 171b are codes
    flagged = 4 * survey.plain >= n_cells and all(map(loose.fullmatch, spelled))
    if survey.numbers.whole and survey.plain and any(map(CHECK_LETTER.fullmatch, spelled)):
        return None  # 043965548X, 61A: codes
    letters = {*filter(CHECK_LETTER.fullmatch, survey.units)}
    several = len(letters) > 1 or survey.numbers.high < 10
    of_models = any(map(MODEL_LETTER.fullmatch, letters)) or (several and letters - {"|K", "|M", "|B"})
    if survey.numbers.whole and of_models:
        return None  # 3D, 2A and 3B: models and grades
    if spelled and survey.magnitudes:
        return None  # 40, 42A, 45B: the B is not a billion
    if any(NAMED.search(unit) for unit in spelled):
        return None  # 12 Main St, 7 rue Monge: an address
    if len(spelled) > 1 and max(spelled.values()) < SHARE * spelled.total() and not flagged:
        return None  # 3rd, 4A, 5 Jan: the words are not a unit
    form = NumberForm(decimal)
    if survey.units and not survey.magnitudes and not survey.plain:
        ((unit, count),) = survey.units.most_common(1)
        if count == survey.units.total():
            before, _, after = unit.partition("|")
            form = NumberForm(decimal, before[:24], after[:24])
    return form


def _nearly_all(count: int, n_cells: int) -> bool:
    """Whether ``count`` is nearly all cells: 19 in 20, or all but one of ten or more."""
    return count > 0 and (count >= SHARE * n_cells or (n_cells >= 10 and count >= n_cells - 1))


def _is_spelled(unit: str) -> bool:
    word = unit.partition("|")[2].strip()
    return any(letter.isalpha() for letter in word) and word not in ("K", "k", "M", "B", "bn", "mn", "Mio", "Mrd")


def date(survey: ColumnSurvey, dates: tuple[DateForm, int, bool], hints: Hints) -> Finding:
    """A column of dates, in the form that most cells have."""
    form, n_dates, unclear = dates
    if hints.guess and not hints.few and survey.n_different == 1:
        return constant(survey)
    notes: list[str] = []
    if unclear:
        first = "day" if form.day_first else "month"
        other = "%m/%d/%Y" if form.day_first else "%d/%m/%Y"
        notes.append(
            f"unclear whether day or month is first: read {first} first; else --kind {quoted(survey.name)}=date:{other}"
        )
    if form.also:
        notes.append(f"dates in two forms, {form.pattern} and {form.also}")
    n_cells = survey.n_present - survey.n_marks
    if n_dates < n_cells:
        notes.append(no_date_said(n_cells - n_dates, survey.n_rows))
    whole = survey.dates.whole_days.get(form, False) and not form.is_span
    dtype = "duration[us]" if form.is_span else "timestamp[us, tz=UTC]" if form.zoned else "timestamp[us]"
    dtype = "date32[day]" if whole and not form.timed else dtype
    column = Column(survey.name, "date", dtype, whole=whole, form=form, marks=survey.others)
    return learned(survey, column, (*notes, *marks_said(survey)), survey.n_marks + n_cells - n_dates)


# ---- types -------------------------------------------------------------------------------------------------


def _whole_days(survey: ColumnSurvey) -> bool:
    if survey.kind.startswith("date"):
        return True
    words = survey.words
    return (
        survey.kind.startswith("timestamp") and words is not None and all(word % 86_400_000_000 == 0 for word in words)
    )


def _type_name(kind: str) -> str:
    if kind.startswith(("list", "large_list", "fixed_size_list")):
        return "lists"
    if kind.startswith(("binary", "large_binary", "fixed_size_binary")):
        return "bytes that are not text"
    return kind.partition("<")[0]
