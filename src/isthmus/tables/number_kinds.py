"""What a column of numbers is: measurements, timestamps counted from 1970, or ids that only name the rows."""

from __future__ import annotations

import math
import re

from isthmus.tables.column import Column, EpochForm
from isthmus.tables.column_names import is_unnamed, quoted, says_code, says_id, says_moment, says_row, says_time
from isthmus.tables.finding import Finding, Hints, constant, learned, left_out, marks_said, odd_said
from isthmus.tables.survey import ColumnSurvey
from isthmus.tables.text_numbers import NumberForm

__all__ = ["COUNTS_EACH_FILE", "EPOCH_UNITS", "number"]

COUNTS_EACH_FILE = "counts the rows of each file"
MIN_ID = 10_000
MAX_WHOLE = 2.0**53  # beyond it float64 does not hold every whole number
EPOCH_UNITS = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
MIN_LONE = 0.005  # share of the cells that hold the only number below zero
ROUND = re.compile(r"-[1-9]0+|-[0-9]*99(\.9*)?")
NINES = re.compile(r"-9+(\.9+)?|-8{2,}|-7{2,}")
SENTINELS = re.compile(r"-?9{2,}(\.0)?|-?9{2,}\.9+|-1|-?9+\.9{2,}|1e\+?(20|30|35)|-1e\+?(20|30|35)|-?32768|-?8{3,}")


def number(survey: ColumnSurvey, position: int, hints: Hints, form: NumberForm | None) -> Finding:
    """A column of numbers, unless they only name the rows."""
    numbers = survey.numbers
    epoch = _epoch_unit(survey)
    notes = list(marks_said(survey)) if form is not None else []
    n_cells = survey.n_present - (survey.n_marks if form is not None else 0)
    n_odd = 0
    if form is not None:
        n_numbers = survey.dot if form.decimal == "." else survey.comma
        n_odd = n_cells - n_numbers
        notes += odd_said(survey, n_odd)
        if survey.bounds:
            bounds = "1 cell is a bound" if survey.bounds == 1 else f"{survey.bounds:,} cells are bounds"
            notes.append(f"{bounds} or approximate, such as '<0.1', and read as the number")
        if survey.errors:
            cells = "1 cell has" if survey.errors == 1 else f"{survey.errors:,} cells have"
            notes.append(f"{cells} an error beside the number, such as '5.1 ± 0.2': only the number is read")
        flags = sorted({unit.partition("|")[2].strip(" ()[]") for unit in survey.units} - {""})
        if len(flags) > 1 and 4 * survey.plain >= n_cells:
            notes.append(f"marks beside some numbers ({', '.join(flags[:4])}) are ignored")
        currencies = {unit.partition("|")[0] for unit in survey.units} - {"", *"<>≤≥~≈"}
        if len(currencies) > 1:
            notes.append(f"in several units ({', '.join(sorted(currencies)[:4])})")
    if epoch is not None and hints.guess:
        column = Column(survey.name, "date", "timestamp[us]", form=EpochForm(epoch), marks=survey.others)
        return learned(survey, column, (*notes, f"{EPOCH_UNITS[epoch]} since 1970"))
    if hints.guess and not hints.few:
        if numbers.count and numbers.low == numbers.high and numbers.exact:
            return constant(survey)
        why = _names_rows(survey, position, hints.n_files)
        if why:
            return left_out(survey, "id", why)
    sentinel = _sentinel(survey)
    if sentinel is not None:
        notes.append(
            f"{sentinel[0]:g} occurs {sentinel[1]:,} times, far from the others; if it means missing: "
            f"--missing-marks {sentinel[0]:g}"
        )
    if numbers.whole and says_code(survey.name):
        notes.append(f"a code, learned from as a number; else --kind {quoted(survey.name)}=category")
    if form is None:
        dtype = "double" if survey.kind.startswith("decimal") else survey.kind
        whole = survey.kind.startswith(("int", "uint"))
    else:
        as_read = survey.read_with <= {form.decimal}  # otherwise the statistics are of other numbers
        whole = numbers.whole and as_read and max(abs(numbers.low), abs(numbers.high)) < MAX_WHOLE
        dtype = "int64" if whole else "double"
    marks = (*survey.others, *sorted(survey.odd.words or ())) if form is not None and n_odd else survey.others
    column = Column(survey.name, "number", dtype, whole=whole, form=form, marks=tuple(dict.fromkeys(marks)))
    extra = 0 if form is None else survey.n_marks + n_odd
    return learned(survey, column, tuple(notes), extra)


def _names_rows(survey: ColumnSurvey, position: int, n_files: int) -> str:
    """Why numbers only name the rows; empty if they do not."""
    numbers, name = survey.numbers, survey.name
    if survey.is_text and survey.plain < numbers.count:
        return ""  # nobody writes an id as $1,200
    if not numbers.exact:
        return "whole numbers of more than 15 digits, which name things"
    if (
        survey.padded
        and survey.shortest == survey.longest
        and numbers.whole
        and numbers.different
        and numbers.count >= 10
    ):
        return "a different number in every row, with leading zeros"
    if numbers.whole and numbers.counts_rows_of(n_files) and (position == 0 or says_row(name)) and not says_time(name):
        return COUNTS_EACH_FILE
    if not numbers.whole or numbers.count < 2 or not numbers.different or says_time(name):
        return ""
    if numbers.counts_rows and (position == 0 or says_row(name)):
        return "counts the rows"
    if position == 0 and is_unnamed(name) and numbers.growing == numbers.count:
        return "numbers the rows"
    like_ids = position == 0 and numbers.low >= MIN_ID and not numbers.high - numbers.low < numbers.count / 2
    if numbers.count >= 10 and (says_id(name) or like_ids):
        return "a different number in every row"
    return ""


def _epoch_unit(survey: ColumnSurvey) -> float | None:
    """How many units a second has, if the numbers are timestamps counted from 1970 and the name says so."""
    numbers = survey.numbers
    if not numbers.count or not says_moment(survey.name):
        return None
    return next((unit for unit in EPOCH_UNITS if 5e8 * unit <= numbers.low and numbers.high < 2.2e9 * unit), None)


def _sentinel(survey: ColumnSurvey) -> tuple[float, int] | None:
    """A repeated number such as -9999, far from all others, and how often it occurs."""
    numbers = survey.numbers
    for value, count, inner, other in (
        (numbers.low, numbers.low_count, numbers.second_low, numbers.high),
        (numbers.high, numbers.high_count, numbers.second_high, numbers.low),
    ):
        rest = abs(other - inner)
        apart = abs(value - inner) > (2 * rest if value != -1 else max(2 * rest, 1e9))
        if count >= 2 and math.isfinite(rest) and rest > 0 and apart and SENTINELS.fullmatch(f"{value:g}"):
            return value, count
    alone = numbers.low_count >= 2 and numbers.low < 0 <= numbers.second_low < numbers.high
    if alone and NINES.fullmatch(f"{numbers.low:g}"):
        return numbers.low, numbers.low_count  # -9 or -99 as the only number below 0
    lone = numbers.low_count >= max(2, MIN_LONE * numbers.count) and numbers.low < -max(9.0, 0.5 * numbers.high)
    if lone and 0 <= numbers.second_low < numbers.high and ROUND.fullmatch(f"{numbers.low:g}"):
        return numbers.low, numbers.low_count  # -200 as the only number below 0
    return None
