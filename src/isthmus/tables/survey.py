"""What one pass over all rows finds in each column: which cells are missing, numbers, dates or words, and how many.

Cells are read block by block, and little is kept: at most a thousand different words per column, and statistics. The
kind of a column is decided from these afterwards, in `isthmus.tables.kinds`, and so never from the first rows alone.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.tables.cells import plain_cells, texts
from isthmus.tables.column_names import may_be_unnamed, says_moment
from isthmus.tables.date_counts import DateCounts
from isthmus.tables.distinct import DistinctTexts, mask_of
from isthmus.tables.figures import Figures
from isthmus.tables.marks import marked
from isthmus.tables.odd_cells import OddCells
from isthmus.tables.text_numbers import BOUND, ERROR, MAGNITUDES, PLAIN_NUMBER, beside, matches, numbers_of

__all__ = ["MAX_WORDS", "ColumnSurvey"]

MAX_WORDS = 1000  # different words of a column that are distinguished
LOOKED_AT = 200  # texts of a block that are searched for units
FEW = 0.5  # share of the texts so far: if fewer are numbers or dates, the search for these stops
LONG_DIGITS, LONG_NUMBER = "^[-+]?[1-9][0-9]{15,}$", 1e15  # more digits than float64 holds
PROSE = 40  # characters of a cell, on average, from which text is more than a name
LONGEST_MARK = 24  # bytes of a missing mark, with some blanks beside it
PADDED = "^0[0-9]+$"
GROUPED = r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+$"


@dataclass
class ColumnSurvey:
    """What is known about one column.

    Attributes
    ----------
    kind : str
        Arrow's name for its type in the file; ``string`` for text.
    decimal : str
        The decimal mark of the file, which decides what 1,500 is if no other cell of the column does.
    read_with : set of str
        The decimal marks with which ``numbers`` were read.
    n_missing, n_marks : int
        Cells that are missing in any kind of column; texts that are missing in a column of numbers or dates.
    words : Counter or None
        The different texts that are not missing, with their counts; None if they are too many.
    n_characters : int
        Of all texts together.
    dot, comma, firm_dot, firm_comma : int
        Texts that are numbers with a decimal point, or comma; and those that are numbers in one case only.
    dates : DateCounts
        How many texts are dates in each form that is still possible.
    units : Counter
        What stands beside numbers, with counts.
    odd : OddCells
        The texts that are not numbers, where most are.
    padded : int
        Whole numbers with leading zeros, among the texts examined.
    shortest, longest : int
        Characters of plain numbers, among the texts examined.
    """

    name: str
    kind: str
    others: tuple[str, ...] = ()
    decimal: str = "."
    n_rows: int = 0
    n_missing: int = 0
    n_marks: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    first_mark: dict[str, int] = field(default_factory=dict)
    words: Counter[Any] | None = field(default_factory=Counter)
    n_characters: int = 0
    repeated: bool = False
    dot: int = 0
    comma: int = 0
    firm_dot: int = 0
    firm_comma: int = 0
    dates: DateCounts = field(default_factory=DateCounts)
    units: Counter[str] = field(default_factory=Counter)
    magnitudes: int = 0
    odd: OddCells = field(default_factory=OddCells)
    padded: int = 0
    shortest: int = 1 << 31
    longest: int = 0
    numbers: Figures = field(default_factory=Figures)
    plain: int = 0
    read_with: set[str] = field(default_factory=set)
    bounds: int = 0  # numbers after < or a similar sign
    errors: int = 0  # numbers with ± and an error
    phrases: int = 0  # texts with a blank inside, among those examined
    _only_words: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the file holds it as text."""
        return self.kind == "string"

    @property
    def n_present(self) -> int:
        """Cells that are not missing in any kind of column."""
        return self.n_rows - self.n_missing

    @property
    def likely_decimal(self) -> str:
        """The decimal mark of the unambiguous cells; if there are none, the file's."""
        if self.firm_dot == self.firm_comma:
            return self.decimal
        return "." if self.firm_dot > self.firm_comma else ","

    @property
    def n_different(self) -> float:
        """Number of different texts or values; infinity if they are too many to keep."""
        return math.inf if self.words is None else len(self.words)

    @property
    def may_name_rows(self) -> bool:
        """Whether all are different whole numbers so far."""
        return self.numbers.count > 0 and self.numbers.whole and self.numbers.different

    @property
    def is_prose(self) -> bool:
        """Whether it is so far text that is too long and too varied for names or categories."""
        return self._only_words and self.words is None and self.n_characters > PROSE * self.n_present

    def add(self, cells: Any) -> Any:
        """Add cells; returns them as numbers or timestamps if known to be such, or dictionary-encoded."""
        cells = plain_cells(cells)
        read = self._add_texts(cells) if self.is_text else self._add_typed(cells)
        self.n_rows += len(cells)
        return read

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
            missing = np.isnan(values)
            for mark in self.others:
                missing |= values == _number(mark)
            self.n_missing += int(missing.sum())
            self._count(values[~missing])
            return
        self.n_missing += cells.null_count
        present = cells.drop_null()
        if types.is_boolean(kind):
            self.words = None if self.words is None else self.words + Counter(present.to_pylist())
        elif types.is_temporal(kind):
            self._count(np.asarray(_ticks(present), np.float64))

    def _count(self, values: np.ndarray) -> None:
        self.numbers.add(values)
        for part in (values[: 1 << 16], values[1 << 16 :]):
            if self.words is not None:
                found, counts = np.unique(part, return_counts=True)
                self._add_words(found.tolist(), counts.tolist())

    def _add_words(self, words: list[Any], counts: list[int]) -> None:
        if self.words is None:
            return
        if len(words) > MAX_WORDS:
            self.words = None
            return
        for word, count in zip(words, counts, strict=True):
            self.words[word] += count
        if len(self.words) > MAX_WORDS:
            self.words = None

    # ---- texts -----------------------------------------------------------------------------------------

    def _add_texts(self, cells: Any) -> Any:
        import pyarrow

        cells = cells if pyarrow.types.is_string(cells.type) else cells.cast(pyarrow.string())
        if (numbers := self._add_plain_numbers(cells)) is not None:
            return numbers
        if self.words is None and not self.others:
            moments = self.dates.add_iso(cells, self.n_present)
            if moments is not None:
                self.n_missing += cells.null_count
                return moments
        return self._add_prose(cells) if self.is_prose else self._add_other_texts(cells)

    def _add_prose(self, cells: Any) -> None:
        """The fast path for long free text: missing marks are short, and nothing else is needed."""
        import pyarrow.compute

        compute: Any = pyarrow.compute
        longest = max([LONGEST_MARK, *(len(mark.encode()) for mark in self.others)])
        short = cells.filter(compute.less_equal(compute.binary_length(cells), longest))
        missing = marked(compute.utf8_trim_whitespace(short), among_numbers=False, others=self.others)
        self.n_missing += cells.null_count + (compute.sum(missing).as_py() or 0)
        self.n_characters += compute.sum(compute.utf8_length(cells)).as_py() or 0

    def _add_other_texts(self, cells: Any) -> Any:
        """Add texts by their different values, and return them dictionary-encoded."""
        import pyarrow.compute

        compute: Any = pyarrow.compute
        different = compute.dictionary_encode(cells)
        words, indices = compute.utf8_trim_whitespace(different.dictionary), different.indices
        times = np.bincount(np.asarray(indices.drop_null()), minlength=len(words))
        missing = np.asarray(marked(words, among_numbers=False, others=self.others))
        n_missing = cells.null_count + int(times[missing].sum())
        self.n_missing += n_missing
        self.repeated = self.repeated or 2 * len(words) < len(cells) - n_missing
        self._add_text_words(words, np.where(missing, 0, times))
        self.phrases += sum(" " in word for word in words[:LOOKED_AT].to_pylist() if word)
        lengths = np.asarray(compute.utf8_length(words))
        self.n_characters += int((lengths * np.where(missing, 0, times)).sum())
        if self._only_words or n_missing == len(cells):
            return different
        maybe_missing = np.asarray(marked(words, among_numbers=True)) & ~missing
        self._note_marks(words, maybe_missing, times, indices)
        known = DistinctTexts(words, indices, np.where(missing | maybe_missing, 0, times))
        self._add_numbers(known)
        n_left = self.n_present + len(cells) - self.n_marks  # n_rows is counted after
        eight_digits = self.shortest == self.longest == 8  # 20200131
        wanted = says_moment(self.name) or (eight_digits and may_be_unnamed(self.name))
        if self.plain <= FEW * max(1, self.n_rows) or self.dates.counts or wanted:
            self.dates.add(known, FEW * n_left)
        self._only_words = n_left >= 1000 and max(self.dot, self.comma, self.dates.most) < FEW * n_left
        return different

    def _add_plain_numbers(self, cells: Any) -> Any:
        """The fast path for a column of only plain numbers so far; None if one of these cells is not."""
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        if not self.plain or self.plain < self.n_present or self.others or self.dates.counts:
            return None
        try:
            numbers = compute.cast(cells, pyarrow.float64())
        except pyarrow.ArrowInvalid:
            return None
        values = np.asarray(numbers.drop_null(), np.float64)
        if not len(values) or not np.isfinite(values).all() or np.abs(values).max() >= LONG_NUMBER:
            return None
        if not self.firm_dot and b"." in cells.buffers()[-1].to_pybytes():
            return None  # 1.234 may be 1234
        self.plain += len(values)
        self.dot += len(values)
        if self.firm_dot:
            self.firm_dot += len(values)
        else:
            self.comma += len(values)
        self.n_missing += cells.null_count
        if self.words is not None:
            counts = compute.value_counts(cells.drop_null())
            self._add_text_words(counts.field("values"), np.asarray(counts.field("counts")))
        self.numbers.add(values)
        return numbers

    def _add_text_words(self, words: Any, times: np.ndarray) -> None:
        if self.words is not None:
            present = times > 0
            if present.sum() > MAX_WORDS:
                self.words = None
                return
            self._add_words(words.filter(mask_of(present)).to_pylist(), times[present].tolist())

    def _note_marks(self, words: Any, is_mark: np.ndarray, times: np.ndarray, indices: Any) -> None:
        import pyarrow.compute

        compute: Any = pyarrow.compute
        for place in np.flatnonzero(is_mark & (times > 0)):
            mark = words[int(place)].as_py()
            self.n_marks += int(times[place])
            self.marks[mark] += int(times[place])
            if mark not in self.first_mark:
                self.first_mark[mark] = self.n_rows + compute.index(indices, int(place)).as_py()

    def _add_numbers(self, known: DistinctTexts) -> None:
        """Count numbers with a point and with a comma."""
        import pyarrow.compute

        compute: Any = pyarrow.compute
        words = known.words
        plain = np.asarray(compute.match_substring_regex(words, PLAIN_NUMBER))
        n_plain = known.count(plain)
        self.plain += n_plain
        self.dot += n_plain
        if n_plain:
            self.padded += known.count(np.asarray(compute.match_substring_regex(words, PADDED)))
            lengths = np.asarray(compute.utf8_length(words))[plain & (known.times > 0)]
            self.shortest = min(self.shortest, int(lengths.min()))
            self.longest = max(self.longest, int(lengths.max()))
            pointed = plain & np.asarray(compute.match_substring(words, "."))
            grouped = pointed & np.asarray(compute.match_substring_regex(words, GROUPED))
            self.firm_dot += known.count(pointed & ~grouped)
            self.comma += known.count(plain & ~pointed) + known.count(grouped)
        is_number = plain
        if n_plain < known.n_cells:
            other = words if not n_plain else compute.if_else(mask_of(plain), None, words)
            dot, comma = (np.asarray(compute.fill_null(matches(other, mark), False)) for mark in ".,")
            self.dot += known.count(dot)
            self.comma += known.count(comma)
            self.firm_dot += known.count(dot & ~comma)
            self.firm_comma += known.count(comma & ~dot)
            is_number = plain | dot | comma
            for what, expression in (("bounds", f"^{BOUND}"), ("errors", f"[0-9]{ERROR}")):
                count = known.count(np.asarray(compute.match_substring_regex(words, expression)) & is_number)
                setattr(self, what, getattr(self, what) + count)
            self._note_units(other.filter(mask_of(dot | comma)))
            self.odd.note(known, is_number, self.n_rows)
        if known.count(is_number) >= FEW * max(1, known.n_cells):
            decimal = self.likely_decimal
            self.read_with.add(decimal)
            long = np.asarray(compute.match_substring_regex(words, LONG_DIGITS))
            self.numbers.exact = self.numbers.exact and not known.count(long)
            values = compute.if_else(mask_of(known.times > 0), numbers_of(words, decimal), None)
            infinite = np.asarray(compute.fill_null(compute.is_inf(values), False))  # 1e999 is too large for float64
            if infinite.any():
                self.dot, self.comma = (count - known.count(infinite) for count in (self.dot, self.comma))
                self.odd.note(known, ~infinite, self.n_rows)
            self.numbers.add(np.asarray(compute.take(values, known.indices).drop_null(), np.float64))

    def _note_units(self, numbers: Any) -> None:
        for cell in numbers[:LOOKED_AT].to_pylist():
            if cell is not None:
                before, after = beside(cell)
                self.magnitudes += after.split(" ")[0] in MAGNITUDES
                self.units[f"{before}|{after}"] += 1


def _number(word: str) -> float:
    with suppress(ValueError):
        return float(word)
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
