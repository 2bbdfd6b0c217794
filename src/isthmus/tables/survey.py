"""What one pass over all rows finds in each column: how many cells are missing, numbers, dates, words, and which.

It is read block by block and keeps little: at most a thousand different words a column, and figures. What a column is
taken for is decided from it afterwards, by `isthmus.tables.kinds`, and so never by the first rows alone.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.cells import plain_cells, texts
from isthmus.tables.figures import Figures
from isthmus.tables.marks import marked
from isthmus.tables.text_dates import DAY_AND_MONTH, DateForm, dates_of, likely_forms
from isthmus.tables.text_numbers import MAGNITUDES, PLAIN_NUMBER, matches, numbers_of

if TYPE_CHECKING:
    pass

__all__ = ["MOST_WORDS", "ColumnSurvey"]

MOST_WORDS = 1000  # different words of a column that are told apart
LOOKED_AT = 200  # texts of a block by which dates and units are recognised
FEW = 0.5  # of the texts seen so far: where fewer are numbers or dates, no more are looked for
LONG_NUMBER = "^[-+]?[1-9][0-9]{15,}$"  # more digits than float64 holds


@dataclass
class ColumnSurvey:
    """What is known of one column.

    Attributes
    ----------
    kind : str
        Arrow's name of the type in which the file holds it; ``string`` where it is text.
    n_missing, n_marks : int
        Cells that are missing in any column; and texts that are missing if this is a column of numbers or dates.
    words : Counter or None
        The different texts and how often they stand, but for those missing anywhere; None where they are too many.
    letters, longest : int
        Of all texts together, and of the longest.
    dot, comma, firm_dot, firm_comma : int
        Texts that are numbers where the decimal mark is a point, or a comma; and those that are such in one case only.
    dates : dict
        How many texts are dates in each form that is still in question.
    growing : dict
        How many of these dates are no earlier than the one before.
    units : Counter
        What stands beside numbers.
    odd : tuple of (int, str) or None
        The first text that is no number where most are: its row and itself.
    """

    name: str
    kind: str
    others: tuple[str, ...] = ()
    n_rows: int = 0
    n_missing: int = 0
    n_marks: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    first_mark: dict[str, int] = field(default_factory=dict)
    words: Counter[Any] | None = field(default_factory=Counter)
    letters: int = 0
    longest: int = 0
    repeated: bool = False
    dot: int = 0
    comma: int = 0
    firm_dot: int = 0
    firm_comma: int = 0
    dates: dict[DateForm, int] = field(default_factory=dict)
    growing: dict[DateForm, int] = field(default_factory=dict)
    timed_zero: dict[DateForm, bool] = field(default_factory=dict)
    units: Counter[str] = field(default_factory=Counter)
    magnitudes: int = 0
    odd: tuple[int, str] | None = None
    numbers: Figures = field(default_factory=Figures)
    plain: int = 0
    _hopeless: bool = False
    _last: dict[DateForm, int] = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Whether the file holds it as text."""
        return self.kind == "string"

    @property
    def n_present(self) -> int:
        """Cells that are not missing in any column."""
        return self.n_rows - self.n_missing

    @property
    def n_different(self) -> float:
        """Different texts or values: at most so many are told apart, else infinity."""
        return math.inf if self.words is None else len(self.words)

    def add(self, cells: Any) -> None:
        """The next cells of the column."""
        cells = plain_cells(cells)
        (self._add_texts if self.is_text else self._add_typed)(cells)
        self.n_rows += len(cells)

    # ---- cells that have a type ------------------------------------------------------------------------

    def _add_typed(self, cells: Any) -> None:
        import pyarrow
        import pyarrow.compute

        types, compute = pyarrow.types, pyarrow.compute
        kind = cells.type
        numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
        if numeric:
            values = np.asarray(cells.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
            if types.is_integer(kind) and kind.bit_width == 64 and len(cells) > cells.null_count:
                edges = compute.min_max(cells).as_py()  # pyrefly: ignore[missing-attribute]
                self.numbers.exact = self.numbers.exact and edges["min"] >= -(2**53) and edges["max"] <= 2**53
            gone = np.isnan(values)
            for mark in self.others:
                gone |= values == _number(mark)
            self.n_missing += int(gone.sum())
            self._count(values[~gone])
            return
        self.n_missing += cells.null_count
        present = cells.drop_null()
        if types.is_boolean(kind):
            self.words = None if self.words is None else self.words + Counter(present.to_pylist())
        elif types.is_temporal(kind):
            self._count(np.asarray(_ticks(present), np.float64))

    def _count(self, values: np.ndarray) -> None:
        self.numbers.add(values)
        if self.words is not None:
            found, counts = np.unique(values[: 1 << 16], return_counts=True)
            rest = np.unique(values[1 << 16 :], return_counts=True) if len(values) > 1 << 16 else None
            self._add_words(found.tolist(), counts.tolist())
            if rest is not None:
                self._add_words(rest[0].tolist(), rest[1].tolist())

    def _add_words(self, words: list[Any], counts: list[int]) -> None:
        if self.words is None:
            return
        if len(words) > MOST_WORDS:
            self.words = None
            return
        for word, count in zip(words, counts, strict=True):
            self.words[word] += count
        if len(self.words) > MOST_WORDS:
            self.words = None

    # ---- texts -----------------------------------------------------------------------------------------

    def _add_texts(self, cells: Any) -> None:
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        cells = compute.utf8_trim_whitespace(cells)
        gone = marked(cells, among_numbers=False, others=self.others)
        n_missing = compute.sum(gone).as_py() or 0
        self.n_missing += n_missing
        if n_missing == len(cells):
            return
        present = compute.if_else(gone, None, cells) if n_missing else cells
        different = compute.dictionary_encode(present)
        words = different.dictionary
        self.repeated = self.repeated or 2 * len(words) < len(cells) - n_missing
        if self.words is not None:
            counts = np.bincount(np.asarray(different.indices.drop_null()), minlength=len(words))
            self._add_words(words.to_pylist() if len(words) <= MOST_WORDS else [None] * len(words), counts.tolist())
        lengths = compute.utf8_length(present)
        self.letters += compute.sum(lengths).as_py() or 0
        self.longest = max(self.longest, compute.max(lengths).as_py() or 0)
        if self._hopeless:
            return
        soft = marked(words, among_numbers=True)
        if compute.any(soft).as_py():
            self._note_marks(words, soft, different.indices)
            present = compute.if_else(compute.take(soft, different.indices), None, present)
        few = 4 * len(words) < len(present)
        self._add_numbers(present, (words, soft, different.indices) if few else None)
        self._add_dates(present)
        n_left = self.n_present + len(cells) - self.n_marks  # n_rows is counted after
        best = max(self.dot, self.comma, *self.dates.values(), 0)
        self._hopeless = n_left >= 1000 and best < FEW * n_left

    def _note_marks(self, words: Any, soft: Any, indices: Any) -> None:
        import pyarrow.compute

        compute: Any = pyarrow.compute
        for place in np.flatnonzero(np.asarray(soft)):
            rows = np.flatnonzero(np.asarray(compute.fill_null(compute.equal(indices, int(place)), False)))
            mark = words[int(place)].as_py()
            self.n_marks += len(rows)
            self.marks[mark] += len(rows)
            self.first_mark.setdefault(mark, self.n_rows + int(rows[0]))

    def _add_numbers(self, present: Any, few: Any) -> None:
        """Count numbers with a point and with a comma; ``few`` are the different texts where they are not many."""
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        looked = present if few is None else few[0].filter(compute.invert(few[1]))
        times = None
        if few is not None:
            counts = np.bincount(np.asarray(few[2].drop_null()), minlength=len(few[0]))
            times = counts[~np.asarray(few[1])]
        plain = compute.fill_null(compute.match_substring_regex(looked, PLAIN_NUMBER), False)
        n_all = len(looked) - looked.null_count if times is None else int(times.sum())
        n_plain = _weighed(plain, times)
        self.plain += n_plain
        self.dot += n_plain
        if n_plain:
            pointed = compute.and_(plain, compute.fill_null(compute.match_substring(looked, "."), False))
            grouped = compute.match_substring_regex(looked, r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+$")
            self.firm_dot += _weighed(compute.and_(pointed, compute.invert(compute.fill_null(grouped, False))), times)
            grouped = _weighed(compute.and_(pointed, compute.fill_null(grouped, False)), times)
            self.comma += n_plain - _weighed(pointed, times) + grouped
        is_number = plain
        if n_plain < n_all:
            other = compute.if_else(plain, None, looked)
            dot, comma = (compute.fill_null(matches(other, mark), False) for mark in ".,")
            self.dot += _weighed(dot, times)
            self.comma += _weighed(comma, times)
            self.firm_dot += _weighed(compute.and_(dot, compute.invert(comma)), times)
            self.firm_comma += _weighed(compute.and_(comma, compute.invert(dot)), times)
            is_number = compute.or_(plain, compute.or_(dot, comma))
            self._note_units(other.filter(compute.or_(dot, comma)))
            self._note_odd(present, looked, is_number, few)
        decimal = "," if self.firm_comma > self.firm_dot else "."
        if self.numbers.exact and compute.any(compute.match_substring_regex(looked, LONG_NUMBER)).as_py():
            self.numbers.exact = False
        if _weighed(is_number, times) >= FEW * max(1, n_all):
            values = numbers_of(looked if few is None else few[0], decimal)
            values = values if few is None else compute.take(compute.if_else(few[1], None, values), few[2])
            self.numbers.add(np.asarray(values.drop_null(), np.float64))

    def _note_units(self, numbers: Any) -> None:
        for cell in numbers[:LOOKED_AT].to_pylist():
            if cell is not None:
                before, after = _beside(cell)
                self.magnitudes += after.split(" ")[0] in MAGNITUDES
                self.units[f"{before}|{after}"] += 1

    def _note_odd(self, present: Any, looked: Any, is_number: Any, few: Any) -> None:
        import pyarrow.compute

        compute: Any = pyarrow.compute
        if self.odd is not None:
            return
        strange = np.flatnonzero(~np.asarray(is_number) & ~np.asarray(looked.is_null()))
        if len(strange):
            word = looked[int(strange[0])].as_py()
            row = strange[0] if few is None else compute.index(present, word).as_py()
            self.odd = self.n_rows + int(row), word

    def _add_dates(self, present: Any) -> None:
        if self.plain > FEW * max(1, self.n_rows) and not self.dates:
            return
        cells = present.drop_null()
        if not len(cells):
            return
        if not self.dates:
            step = max(1, len(cells) // LOOKED_AT)
            likely = likely_forms(cells.take(list(range(0, len(cells), step))).to_pylist())
            self.dates = dict.fromkeys(likely, 0)
        for form in list(self.dates):
            found = dates_of(cells, form)
            self.dates[form] += len(found) - found.null_count
            moments = np.asarray(found.drop_null())
            if len(moments):
                steps = np.diff(moments, prepend=self._last.get(form, moments[0]))
                self.growing[form] = self.growing.get(form, 0) + int((steps >= 0).sum())
                self._last[form] = int(moments[-1])
                midnight = bool((moments % 86_400_000_000 == 0).all())
                self.timed_zero[form] = self.timed_zero.get(form, True) and midnight
            if self.dates[form] < FEW * (self.n_present + len(present) - self.n_marks):
                del self.dates[form]

    def best_dates(self, *, day_first: bool) -> tuple[DateForm, int, bool] | None:
        """The form in which most cells are dates, how many are, and whether day and month could be the other way."""
        if not self.dates:
            return None
        most = max(self.dates.values())
        tied = [form for form, count in self.dates.items() if count == most]
        forward = {form: self.growing.get(form, 0) for form in tied}
        order = list(self.dates)

        def rank(form: DateForm) -> tuple[Any, ...]:
            wanted = form.day_first is None or form.day_first == day_first
            return (not form.is_span, forward[form] >= 0.95 * most, wanted, -order.index(form))

        best = max(tied, key=rank)
        other = next((form for form in tied if _turned(form.pattern) == best.pattern), None)
        unclear = other is not None and (forward[best] >= 0.95 * most) == (forward[other] >= 0.95 * most)
        return best, most, unclear


def _weighed(mask: Any, times: np.ndarray | None) -> int:
    marks = np.asarray(mask)
    return int(marks.sum()) if times is None else int(times[marks].sum())


def _beside(cell: str) -> tuple[str, str]:
    """What stands before and after the digits of a number.

    >>> _beside("$1,200"), _beside("12 km")
    (('$', ''), ('', ' km'))
    """
    digits = [place for place, letter in enumerate(cell) if letter.isdigit()]
    if not digits:
        return "", ""
    return cell[: digits[0]].strip("+-−–.,( "), cell[digits[-1] + 1 :].strip("-−).,").rstrip()


def _turned(pattern: str) -> str:
    other = {**DAY_AND_MONTH, **{second: first for first, second in DAY_AND_MONTH.items()}}
    return other.get(pattern, "")


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _ticks(cells: Any) -> Any:
    import pyarrow

    types = pyarrow.types
    if types.is_date(cells.type) or types.is_timestamp(cells.type):
        return cells.cast(pyarrow.timestamp("us"), safe=False).cast(pyarrow.int64())
    if types.is_time(cells.type):
        return cells.cast(pyarrow.time64("us"), safe=False).cast(pyarrow.int64())
    if types.is_duration(cells.type):
        return cells.cast(pyarrow.duration("us"), safe=False).cast(pyarrow.int64())
    return texts(cells)
