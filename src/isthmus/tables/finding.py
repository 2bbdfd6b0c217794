"""How a column was read, and the sentences that say so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from isthmus.tables.column import Column
from isthmus.tables.survey import ColumnSurvey

__all__ = ["Finding", "Hints", "constant", "learned", "left_out", "marks_said", "no_date_said", "odd_said"]

NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?(e[+-]?[0-9]+)?")


@dataclass(frozen=True)
class Hints:
    """Information that decides what the cells alone leave open.

    ``decimal`` is the decimal mark of the file, ``guess`` whether columns may be left out, ``few`` whether there are
    too few rows for that, ``n_files`` the number of concatenated files.
    """

    decimal: str = "."
    day_first: bool = False
    guess: bool = True
    few: bool = False
    n_files: int = 1


@dataclass(frozen=True)
class Finding:
    """How one column was read.

    ``why`` is the reason why it is left out, ``notes`` are other remarks for the user; ``column`` is how it is encoded,
    None if it is not learned from.
    """

    name: str
    kind: str
    column: Column | None = None
    why: str = ""
    notes: tuple[str, ...] = ()
    n_missing: int = 0

    @property
    def learned(self) -> bool:
        """Whether it is learned from."""
        return self.column is not None


def learned(survey: ColumnSurvey, column: Column, notes: Sequence[str] = (), more_missing: int = 0) -> Finding:
    """A column that is learned from."""
    if not {*survey.others} <= {*column.marks}:
        column = replace(column, marks=tuple(dict.fromkeys((*survey.others, *column.marks))))
    kind = "time" if column.kind == "date" and column.dtype.startswith(("duration", "time3", "time6")) else column.kind
    return Finding(survey.name, kind, column, "", tuple(notes), survey.n_missing + more_missing)


def left_out(survey: ColumnSurvey, kind: str, why: str) -> Finding:
    """A column that is not learned from."""
    return Finding(survey.name, kind, None, why, (), survey.n_missing)


def constant(survey: ColumnSurvey) -> Finding:
    """A column whose cells are all alike."""
    value = next(iter(survey.words)) if survey.words else survey.numbers.low
    text = f"{value:g}" if isinstance(value, float) else str(value)[:24]
    text = text if NUMBER.fullmatch(text) else repr(text)
    others = (
        f", or missing ({'once' if survey.n_missing == 1 else f'{survey.n_missing:,} times'})"
        if survey.n_missing
        else ""
    )
    return left_out(survey, "constant", f"every row is {text}{others}")


def odd_said(survey: ColumnSurvey, count: int) -> list[str]:
    """How many cells of a column of numbers are not numbers, and where the first is."""
    if count <= 0 or survey.odd.first is None:
        return []
    row, cell = survey.odd.first
    verb = "is not a number" if count == 1 else "are not numbers"
    return [f"{count:,} of {survey.n_rows:,} cells {verb}, the first {cell[:24]!r} in {{row {row}}}"]


def no_date_said(count: int, n_rows: int) -> str:
    """How many cells of a column of dates are not dates."""
    return f"{count:,} of {n_rows:,} cells {'is' if count == 1 else 'are'} no such date, taken as missing"


def marks_said(survey: ColumnSurvey) -> list[str]:
    """The words that were read as missing cells, how often, and where first."""
    return [
        f"{mark!r} taken as missing ({'once,' if count == 1 else f'{count:,} times, first'} "
        f"in {{row {survey.first_mark[mark]}}})"
        for mark, count in survey.marks.most_common(3)
    ]
