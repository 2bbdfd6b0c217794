"""A column read as the kind the user asks for, instead of the one its cells suggest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from isthmus.tables.column import BooleanForm, Column, EpochForm
from isthmus.tables.errors import DataError
from isthmus.tables.finding import Finding, Hints, learned, left_out
from isthmus.tables.kinds import BOOLEANS, category, date, kind_of, number_form
from isthmus.tables.number_kinds import EPOCH_UNITS, number
from isthmus.tables.survey import MAX_WORDS, ColumnSurvey
from isthmus.tables.text_numbers import NumberForm

__all__ = ["ASKABLE", "asked_kind"]

ASKABLE = ("number", "count", "category", "date", "boolean", "text", "id")


def asked_kind(survey: ColumnSurvey, kind: str, hints: Hints) -> Finding:
    """A column read as the given kind, such as ``category`` or ``date:%d/%m/%Y``; a `DataError` if it cannot be."""
    asked, _, how = kind.partition(":")
    name = survey.name
    if asked in ("text", "id"):
        return left_out(survey, asked, "as asked")
    if survey.n_present == 0:
        raise DataError(f"--kind {name}={asked}: the column is empty.")
    if asked == "category":
        if survey.words is None:
            raise DataError(f"--kind {name}=category: it has more than {MAX_WORDS:,} different cells; leave it out.")
        if not survey.is_text:
            whole = all(float(word).is_integer() for word in survey.words) if survey.kind != "bool" else False
            survey = replace(
                survey, words=Counter({str(int(w)) if whole else str(w): n for w, n in survey.words.items()})
            )
        return category(survey)
    if asked == "count":
        return _count_as_asked(survey, hints)
    if asked == "number":
        if not survey.is_text and survey.kind != "bool":
            return number(survey, -1, replace(hints, guess=False), None)
        form = number_form(survey, hints)
        n_numbers = max(survey.dot, survey.comma)
        if form is None and n_numbers:
            form = NumberForm("," if survey.comma > survey.dot else ".")
        if form is None:
            raise DataError(f"--kind {name}=number: none of its cells is a number; the first is {_first(survey)!r}.")
        return number(survey, -1, replace(hints, guess=False), form)
    if asked == "date":
        return _date_as_asked(survey, how, hints)
    words = sorted(map(str, survey.words or ()))
    if len(words) != 2:
        raise DataError(
            f"--kind {name}=boolean: it needs two different cells, and there are {len(words) or 'too many'}."
        )
    known = next((one for one in BOOLEANS if {*one} == {word.lower() for word in words}), None)
    true, false = (words[1], words[0]) if known is None else sorted(words, key=lambda word: word.lower() != known[0])
    form = BooleanForm(true, false) if survey.is_text else None
    return learned(survey, Column(name, "boolean", "bool", form=form))


def _count_as_asked(survey: ColumnSurvey, hints: Hints) -> Finding:
    found, numbers = asked_kind(survey, "number", hints), survey.numbers
    assert found.column is not None  # a number that was asked for is never left out
    if numbers.low < 0 or not numbers.whole:
        what = f"goes down to {numbers.low:g}" if numbers.low < 0 else "holds fractions"
        raise DataError(f"--kind {survey.name}=count: counts are whole numbers from 0, and the column {what}.")
    return replace(found, kind="count", column=replace(found.column, kind="count", whole=True))


def _date_as_asked(survey: ColumnSurvey, how: str, hints: Hints) -> Finding:
    name = survey.name
    if not survey.is_text:
        if survey.numbers.count and not survey.kind.startswith(("timestamp", "date", "time", "duration")):
            size = max(abs(survey.numbers.low), abs(survey.numbers.high))
            unit = next((unit for unit in EPOCH_UNITS if size < 1e11 * unit), 1.0)
            return learned(survey, Column(name, "date", "timestamp[us]", form=EpochForm(unit)))
        return kind_of(survey, -1, replace(hints, guess=False))
    dates = survey.dates.best(day_first=hints.day_first)
    if how:
        form = next((one for one in survey.dates.counts if one.pattern == how), None)
        if form is None:
            known = ", ".join(one.pattern for one in survey.dates.counts) or "not known"
            raise DataError(f"--kind {name}=date:{how}: its cells do not have this form; their forms are {known}.")
        dates = form, survey.dates.counts[form], False
    if dates is None:
        epoch = survey.numbers.count and survey.numbers.low > 1e8
        if epoch:
            unit = next((unit for unit in EPOCH_UNITS if survey.numbers.high < 1e11 * unit), 1.0)
            return learned(survey, Column(name, "date", "timestamp[us]", form=EpochForm(unit)))
        raise DataError(f"--kind {name}=date: its cells are in no known date format, such as {_first(survey)!r}.")
    return date(survey, dates, replace(hints, guess=False))


def _first(survey: ColumnSurvey) -> str:
    return str(next(iter(survey.words)) if survey.words else (survey.odd.first or (0, ""))[1])[:40]
