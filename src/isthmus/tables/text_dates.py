"""Dates and times as people write them, in one `DateForm` a column.

``03/04/2020`` alone is the third of April or the fourth of March. All cells of the column decide which: the order in
which more of them are dates, then the one in which the column goes forward in time.
"""

from __future__ import annotations

import datetime
import itertools
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow

__all__ = ["DAY_AND_MONTH", "FORMS", "TIME_ALONE", "DateForm", "dates_of", "iso_dates", "likely_forms"]

SECOND, DAY = 1_000_000, 86_400_000_000  # in microseconds
SHARE, MIN_OTHER = 0.95, 0.05  # of the texts that two forms read together; that the second reads
# per language: January to December, then their short forms where those are not the first three letters
MONTHS = {
    "en": "january february march april may june july august september october november december",
    "en.": "jan feb mar apr may jun jul aug sep oct nov dec",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "de.": "jan feb mär apr mai jun jul aug sep okt nov dez",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "fr.": "janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "es.": "ene feb mar abr may jun jul ago sep oct nov dic",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "it.": "gen feb mar apr mag giu lug ago set ott nov dic",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "pt.": "jan fev mar abr mai jun jul ago set out nov dez",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "nl.": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "pl.": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "ru.": "янв фев мар апр май июн июл авг сен окт ноя дек",
    "tr": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
}
YEAR, SHORT_YEAR, MONTH, DATE = "(?P<Y>[0-9]{4})", "(?P<y>[0-9]{2})", "(?P<m>[0-9]{1,2})", "(?P<d>[0-9]{1,2})"
NAME = r"(?P<B>\pL{3,12})\.?"
HOUR = re.compile("[0-9][:h][0-9]{2}|[0-9][.][0-9]{2}[.][0-9]{2}$|[0-9] ?[ap]m$", re.IGNORECASE)
ZONE = re.compile(r"(?:[-+][0-9]{2}:?[0-9]{2}|(?:UTC|GMT)[-+][0-9]{1,2}(?::?[0-9]{2})?)$")
LIKE_DATE = re.compile(r"[0-9].*[0-9].*[0-9]|[^\W\d_]{3}.*[0-9][0-9]")  # in every form; Jan 99 is the shortest
MAX_LENGTH = 80  # characters, more than any date has
LIKELY = 0.7  # share of dates in a sample of texts, in any form
WEEKDAY = r"(?:\pL{2,12}\.?,?\s+)?"
CLOCK = (
    r"(?P<H>[0-9]{1,2})[:.h](?P<M>[0-9]{2})(?:[:.m](?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?s?"
    r"\s?(?P<p>(?:[AaPp]\.?\s?[Mm]\.?)?)\s?(?P<z>(?:Z|(?:UTC|GMT)?[-+][0-9]{1,2}:?(?:[0-9]{2})?|UTC|GMT)?)"
)
# how a date is written in each form; %-codes as in strftime
FORMS = {
    "%Y-%m-%d": rf"{YEAR}-{MONTH}-{DATE}",
    "%Y/%m/%d": rf"{YEAR}/{MONTH}/{DATE}",
    "%Y.%m.%d": rf"{YEAR}\.{MONTH}\.{DATE}\.?",
    "%d.%m.%Y": rf"{WEEKDAY}{DATE}\.\s?{MONTH}\.\s?{YEAR}",
    "%d/%m/%Y": rf"{WEEKDAY}{DATE}/{MONTH}/{YEAR}",
    "%m/%d/%Y": rf"{WEEKDAY}{MONTH}/{DATE}/{YEAR}",
    "%d-%m-%Y": rf"{DATE}-{MONTH}-{YEAR}",
    "%m-%d-%Y": rf"{MONTH}-{DATE}-{YEAR}",
    "%d.%m.%y": rf"{DATE}\.{MONTH}\.{SHORT_YEAR}",
    "%d/%m/%y": rf"{DATE}/{MONTH}/{SHORT_YEAR}",
    "%m/%d/%y": rf"{MONTH}/{DATE}/{SHORT_YEAR}",
    "%d-%m-%y": rf"{DATE}-{MONTH}-{SHORT_YEAR}",
    "%m-%d-%y": rf"{MONTH}-{DATE}-{SHORT_YEAR}",
    "%d %B %Y": rf"{WEEKDAY}{DATE}(?:st|nd|rd|th|er|\.)?[\s/-]*(?:de |of )?\s?{NAME},?[\s/-]*(?:de |del )?\s?{YEAR}",
    "%B %d %Y": rf"{WEEKDAY}{NAME}[\s-]+{DATE}(?:st|nd|rd|th)?,?[\s-]+{YEAR}",
    "%Y %B %d": rf"{YEAR}[\s-]{NAME}[\s-]{DATE}",
    "%d %B %y": rf"{DATE}[\s/-]{NAME}[\s/-]'?{SHORT_YEAR}",
    "%B %Y": rf"{NAME},?[\s/-]+(?:de )?{YEAR}",
    "%Y %B": rf"{YEAR}[\s-]+{NAME}",
    "%B %y": rf"{NAME}[\s/-]'?{SHORT_YEAR}",
    "%Y-%m": rf"{YEAR}-{MONTH}",
    "%m/%Y": rf"{MONTH}[/.]{YEAR}",
    "%Y/%m": rf"{YEAR}/{MONTH}",
    "%YM%m": rf"{YEAR}M{MONTH}",
    "%Y Q%q": rf"{YEAR}[\s-]?[Qq](?P<q>[1-4])",
    "Q%q %Y": rf"[Qq](?P<q>[1-4])[\s/-]?{YEAR}",
    "%G-W%V": rf"{YEAR}-?W(?P<V>[0-9]{{2}})",
    "%Y年%m月%d日": rf"{YEAR}年\s?{MONTH}月\s?{DATE}日?",
    "%Y%m%d": r"(?P<Y>[12][0-9]{3})(?P<m>[01][0-9])(?P<d>[0-3][0-9])",
}
WITH_WEEKDAY_FIRST = "%a %b %d %H:%M:%S %Y"  # as C's ctime has it
COMPACT = "%Y%m%d%H%M%S"
TIME_ALONE, SPAN, SHORT_SPAN = "%H:%M", "%H:%M:%S span", "%M:%S span"
DAY_AND_MONTH = {
    "%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y", "%d/%m/%y": "%m/%d/%y", "%d-%m-%y": "%m-%d-%y",
}  # fmt: skip
CTIME = (
    rf"\pL{{2,4}}\s+{NAME}\s+{DATE}\s+(?P<H>[0-9]{{1,2}}):(?P<M>[0-9]{{2}})(?::(?P<S>[0-9]{{2}}))?"
    rf"\s+(?:[A-Z]{{3,4}}\s+)?(?P<z>(?:[-+][0-9]{{4}})?)\s*{YEAR}"
)
COMPACTS = (
    "(?P<Y>[12][0-9]{3})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[T_ -]?(?P<H>[0-2][0-9])(?P<M>[0-5][0-9])(?P<S>[0-5][0-9])?Z?"
)
SPANS = r"(?P<sign>-?)(?P<H>[0-9]{1,6}):(?P<M>[0-5][0-9]):(?P<S>[0-5][0-9])(?:[.,](?P<f>[0-9]{1,9}))?"
SHORT_SPANS = r"(?P<sign>-?)(?P<M>[0-9]{1,6}):(?P<S>[0-5][0-9])[.,](?P<f>[0-9]{1,9})"  # 2:07.35


# the forms that include a time of day, or are one
WHOLE = {
    WITH_WEEKDAY_FIRST: CTIME, COMPACT: COMPACTS, TIME_ALONE: CLOCK, SPAN: SPANS, SHORT_SPAN: SHORT_SPANS,
}  # fmt: skip


@dataclass(frozen=True)
class DateForm:
    """How a column writes its dates; ``timed`` with a time of day beside them, ``zoned`` with a time zone.

    ``also`` is the second pattern, in a column of two.
    """

    pattern: str
    timed: bool = False
    zoned: bool = False
    language: str = "en."
    also: str = ""

    def __post_init__(self) -> None:
        known = (self.pattern in FORMS or self.pattern in WHOLE) and (not self.also or self.also in FORMS)
        if not known or self.language not in MONTHS or type(self.timed) is not bool or type(self.zoned) is not bool:
            raise ValueError("a column's way of writing dates is not described correctly")

    @property
    def is_span(self) -> bool:
        """Whether it is a duration or a time of day, and not a date."""
        return self.pattern in (TIME_ALONE, SPAN, SHORT_SPAN)

    @property
    def is_iso(self) -> bool:
        """Whether Arrow can parse it."""
        return self.pattern == "%Y-%m-%d" and not self.zoned and not self.also

    @property
    def day_first(self) -> bool | None:
        """Whether the day comes before the month, if the form is ambiguous; else None."""
        own = {self.pattern, self.also}
        return True if own & {*DAY_AND_MONTH} else False if own & {*DAY_AND_MONTH.values()} else None

    @property
    def swapped(self) -> DateForm | None:
        """The same with day and month swapped, if the form is ambiguous; else None."""
        other = {**DAY_AND_MONTH, **{second: first for first, second in DAY_AND_MONTH.items()}}
        if self.day_first is None:
            return None
        return replace(self, pattern=other.get(self.pattern, self.pattern), also=other.get(self.also, self.also))

    def write(self, microseconds: int) -> str:
        """A moment as the column writes it.

        >>> DateForm("%d.%m.%Y").write(86_400_000_000 * 366)
        '02.01.1971'
        """
        if self.pattern in (SPAN, SHORT_SPAN):
            seconds, rest = divmod(abs(microseconds), SECOND)
            fraction = f".{rest:06d}".rstrip("0") if rest else ""
            sign = "-" if microseconds < 0 else ""
            if self.pattern == SHORT_SPAN:
                return f"{sign}{seconds // 60}:{seconds % 60:02d}{fraction or '.0'}"
            return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)
        if self.pattern == TIME_ALONE:
            return moment.strftime("%H:%M:%S" if moment.second else "%H:%M")
        name = MONTHS[self.language].split()[moment.month - 1].capitalize()
        text = self.pattern.replace("%B", name).replace("%b", name).replace("%q", str((moment.month + 2) // 3))
        clock = (" %H:%M:%S" if moment.second else " %H:%M") + ("+00:00" if self.zoned else "") if self.timed else ""
        return moment.strftime(text if "%H" in text else text + clock)


@cache
def _month_numbers() -> dict[str, int]:
    found: dict[str, int] = {}
    for names in MONTHS.values():
        for number, name in enumerate(names.split(), start=1):
            found.setdefault(name, number)
            found.setdefault(_unaccented(name), number)
            found.setdefault(name.upper(), number)
    return found | {name.capitalize(): number for name, number in found.items()}


def _unaccented(word: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))


def _expression(form: DateForm) -> str:
    if form.pattern in WHOLE:
        return f"^{WHOLE[form.pattern]}$"
    return rf"^{FORMS[form.pattern]}" + (rf"(?:[T ,:]*\s?{CLOCK})?$" if form.timed else "$")


def likely_forms(cells: list[str]) -> list[DateForm]:
    """The forms in which at least 8 in 10 of some texts are dates, best first; else pairs of forms."""
    import pyarrow

    known = pyarrow.array(cells, pyarrow.string())
    sample = cells[:: max(1, len(cells) // 40)]
    if sum(LIKE_DATE.search(cell[:MAX_LENGTH]) is not None for cell in sample) < LIKELY * len(sample):
        return []  # before the expression of any form is compiled
    found = []
    for form in _candidates(cells):
        pattern = _python_pattern(form)  # a cheap check of the sample before all are read
        if sum(pattern.match(cell) is not None for cell in sample) >= LIKELY * len(sample):
            n_dates = len(known) - dates_of(known, form).null_count
            if n_dates >= 0.8 * len(known):
                found.append((n_dates, form))
            if form.is_iso and n_dates == len(known):
                break  # which no other form reads
    if not found or max(count for count, _ in found) < SHARE * len(known):
        found += _pairs(known, cells, sample)
    return [form for _, form in sorted(found, key=lambda pair: -pair[0])]


def _pairs(known: Any, cells: list[str], sample: list[str]) -> list[tuple[int, DateForm]]:
    """Pairs of forms that together read nearly all texts, at least one in twenty each, with how many they read."""
    is_date: dict[DateForm, np.ndarray] = {}
    for form in _candidates(cells):
        if "%d" in form.pattern and form.pattern in FORMS and any(_python_pattern(form).match(cell) for cell in sample):
            is_date[form] = ~np.asarray(dates_of(known, form).is_null())
    found = []
    for first, second in itertools.permutations(is_date, 2):
        rest = is_date[second] & ~is_date[first]
        count = int(is_date[first].sum()) + int(rest.sum())
        most = is_date[first].sum() >= is_date[second].sum() and (first.day_first is None or second.day_first is None)
        if most and rest.sum() >= MIN_OTHER * len(known) and count >= SHARE * len(known):
            found.append((count, replace(first, also=second.pattern)))
    return found


@cache
def _python_pattern(form: DateForm) -> re.Pattern[str]:
    return re.compile(_expression(form).replace(r"\pL", r"[^\W\d_]"))


def _candidates(cells: list[str]) -> Iterator[DateForm]:
    timed = sum(HOUR.search(cell) is not None for cell in cells) > len(cells) / 2
    zoned = sum(cell.endswith(("Z", "UTC", "GMT")) or ZONE.search(cell) is not None for cell in cells)
    language = _language(cells)
    for pattern in FORMS:
        plain = DateForm(pattern, timed=timed, zoned=timed and zoned > len(cells) / 2, language=language)
        yield plain
        if timed and "%d" not in pattern:
            yield DateForm(pattern, language=language)
    yield DateForm(WITH_WEEKDAY_FIRST, timed=True, language=language)
    yield DateForm(COMPACT, timed=True)
    yield DateForm(TIME_ALONE)
    yield DateForm(SPAN)
    yield DateForm(SHORT_SPAN)


def _language(cells: list[str]) -> str:
    """The language whose names of months occur in the most cells."""
    words = [{_unaccented(word.lower()) for word in re.findall(r"[^\W\d_]{3,}", cell)} for cell in cells[:200]]
    if not any(words):
        return "en."
    scores = {language: sum(not one.isdisjoint(names) for one in words) for language, names in _month_words().items()}
    return max(scores, key=lambda language: (scores[language], language == "en.", language == "en"))


@cache
def _month_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(map(_unaccented, names.split())) for language, names in MONTHS.items()}


def dates_of(cells: pyarrow.Array, form: DateForm) -> Any:
    """Trimmed texts as microseconds since 1970 (int64), null where a cell is null or not such a date.

    Times with a time zone are converted to UTC; a time of day alone counts from midnight.
    """
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are generated at import
    if form.also:
        return compute.coalesce(
            *(dates_of(cells, replace(form, pattern=one, also="")) for one in (form.pattern, form.also))
        )
    if form.is_iso:
        with suppress(pyarrow.ArrowInvalid):  # Arrow's own parser is a hundred times faster
            return compute.cast(compute.cast(cells, pyarrow.timestamp("us")), pyarrow.int64())
    different = compute.dictionary_encode(cells)
    if 2 * len(different.dictionary) < len(cells):
        return compute.take(dates_of(different.dictionary, form), different.indices)
    parts = compute.extract_regex(cells, _expression(form))
    found = np.array(compute.is_valid(parts))
    fields = {field.name: parts.field(field.name) for field in parts.type}

    def number(name: str, otherwise: int) -> np.ndarray:
        if name not in fields:
            return np.full(len(cells), otherwise, np.int64)
        text = fields[name]
        text = compute.if_else(compute.and_(compute.is_valid(parts), compute.not_equal(text, "")), text, str(otherwise))
        return np.asarray(compute.cast(text, pyarrow.int64()))

    clock, valid = _clock(fields, number, found, is_span=form.pattern in (SPAN, SHORT_SPAN))
    found &= valid
    if form.is_span:
        return pyarrow.array(clock, mask=~found)
    year = number("Y", 0)
    if "y" in fields:
        short = number("y", 0)
        year = np.where(short < 69, 2000, 1900) + short
    month = number("m", 1)
    if "q" in fields:
        month = 3 * number("q", 1) - 2
    if "B" in fields:
        names = _month_numbers()
        place = compute.index_in(fields["B"], value_set=pyarrow.array(list(names), cells.type))
        month = np.asarray(compute.fill_null(compute.take(pyarrow.array(list(names.values())), place), 0))
    day, week = number("d", 1), number("V", 1)
    found &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1) & (week <= 53)
    months = (np.where(found, year, 1970) - 1970) * 12 + np.where(found, month, 1) - 1
    month_start = months.astype("datetime64[M]").astype("datetime64[D]")
    days = month_start + (np.where(found, day, 1) - 1).astype("timedelta64[D]")
    found &= days.astype("datetime64[M]").astype(np.int64) == months
    days = days.astype(np.int64)
    if "V" in fields:  # the week that holds the year's first Thursday is its first
        fourth = days + 3
        days = fourth - (fourth + 3) % 7 + 7 * (week - 1)
    moments = days * DAY + clock
    return pyarrow.array(moments, mask=~found)


def iso_dates(cells: pyarrow.Array) -> Any:
    """Cells written as 2024-12-31, with or without a time of day, as timestamps; null where they are not."""
    import pyarrow.compute

    compute: Any = pyarrow.compute
    return compute.coalesce(*(dates_of(cells, DateForm("%Y-%m-%d", timed=timed)) for timed in (False, True)))


def _clock(fields: dict[str, Any], number: Any, found: np.ndarray, *, is_span: bool) -> tuple[np.ndarray, np.ndarray]:
    """Microseconds since midnight, less the offset of a time zone, and which of them are valid."""
    import pyarrow.compute

    compute: Any = pyarrow.compute
    hour, minute, second = number("H", 0), number("M", 0), number("S", 0)
    valid = (second <= 60) & (is_span | ((minute < 60) & (hour <= 24)))
    if "p" in fields:
        half = compute.utf8_lower(compute.utf8_ltrim_whitespace(fields["p"]))
        morning = np.asarray(compute.fill_null(compute.starts_with(half, "a"), False))
        evening = np.asarray(compute.fill_null(compute.starts_with(half, "p"), False))
        valid &= ~(morning | evening) | (hour <= 12)
        hour = np.where(evening & (hour < 12), hour + 12, np.where(morning & (hour == 12), 0, hour))
    clock = (hour * 3600 + minute * 60 + second) * SECOND
    if "f" in fields:
        fraction = compute.utf8_slice_codeunits(compute.utf8_rpad(fields["f"], 6, padding="0"), 0, 6)
        clock = clock + np.where(found, np.asarray(compute.fill_null(compute.cast(fraction, "int64"), 0)), 0)
    if "z" in fields:
        zone = compute.replace_substring_regex(fields["z"], "[^0-9-]", "")
        offset = compute.if_else(compute.equal(zone, ""), "0", zone)
        offset = np.asarray(compute.fill_null(compute.cast(offset, "int64"), 0))
        size = np.asarray(compute.fill_null(compute.utf8_length(compute.utf8_ltrim(zone, "-")), 0))
        minutes = np.where(size <= 2, offset * 60, np.sign(offset) * (abs(offset) // 100 * 60 + abs(offset) % 100))
        clock = clock - np.where(found, minutes, 0) * 60 * SECOND
    if "sign" in fields:
        clock = np.where(np.asarray(compute.fill_null(compute.equal(fields["sign"], "-"), False)), -clock, clock)
    return clock, valid
