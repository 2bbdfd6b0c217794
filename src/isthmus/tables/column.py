"""One column of a table as columns of numbers, and back.

    number     x                   one column, scaled; integers are rounded when decoded
    count      integer x ≥ 0       the same
    date       days since 1970     one column, scaled; also times of day and durations, in days
    boolean    0 or 1              one column; true if at least 1/2 when decoded
    category   one-hot             one column per category; the most probable when decoded

A missing cell is null in Arrow and NaN when encoded; for a category, in all of its columns.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from isthmus.tables.cells import arrow_type, date_texts, moments, plain_cells, texts, without_nan, zone_of
from isthmus.tables.errors import DataError
from isthmus.tables.marks import without_marks
from isthmus.tables.text_dates import DAY, DateForm, dates_of, iso_dates
from isthmus.tables.text_numbers import NumberForm, numbers_of

if TYPE_CHECKING:
    import pyarrow

__all__ = ["KINDS", "OTHER", "BooleanForm", "Column", "EpochForm"]

KINDS = ("number", "count", "date", "boolean", "category")
OTHER = "other"  # the category that replaces all rare ones
SHOWN_LENGTH = 40
DTYPE = re.compile(r"(?!.*(//|dateutil))[\w+:,=|/()\[\] -]{1,80}")  # no path: pandas would open one as a time zone


@dataclass(frozen=True)
class BooleanForm:
    """The words that a column uses for true and false."""

    true: str
    false: str


@dataclass(frozen=True)
class EpochForm:
    """Dates written as a number of seconds (``unit`` 1), milliseconds (1e3) or finer since 1970."""

    unit: float = 1.0


Form = NumberForm | DateForm | BooleanForm | EpochForm


@dataclass(frozen=True)
class Column:
    """A column as it was at fit: enough to encode its cells and to restore its type.

    Attributes
    ----------
    dtype : str
        Arrow's name for the type of its cells.
    whole : bool
        For numbers, whether all are integers; for dates, whether there is no time of day.
    categories : tuple
        Strings, numbers or booleans, in order. With ``other``, one more column encodes all that are not listed.
    ordered : bool
        Whether the order is meaningful.
    form : NumberForm, DateForm, BooleanForm, EpochForm or None
        How the cells are written where they are text (or, for a date, a number).
    marks : tuple of str
        Additional markers for a missing cell.
    """

    name: str
    kind: Literal["number", "count", "date", "boolean", "category"]
    dtype: str = "double"
    whole: bool = False
    categories: tuple[bool | int | float | str, ...] = ()
    ordered: bool = False
    other: bool = False
    form: Form | None = None
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        plain = isinstance(self.name, str) and isinstance(self.dtype, str) and self.kind in KINDS
        plain = plain and DTYPE.fullmatch(self.dtype) is not None
        flags = (self.whole, self.ordered, self.other)
        if not plain or any(type(flag) is not bool for flag in flags):
            raise ValueError("the description of a column of the table is invalid")
        known = all(type(value) in (str, int, bool) or _is_finite(value) for value in self.categories)
        if not known or len({*self.categories}) != len(self.categories):
            raise ValueError(f"the categories of column {self.name!r} must be different strings or numbers")
        if bool(self.categories) != (self.kind == "category"):
            raise ValueError(f"column {self.name!r} is a {self.kind} with {len(self.categories)} categories")
        if self.kind == "count" and not self.whole:
            raise ValueError(f"column {self.name!r} is a count, and counts are whole")
        if not all(isinstance(mark, str) for mark in self.marks):
            raise ValueError(f"the marks of column {self.name!r} must be strings")

    @property
    def is_numeric(self) -> bool:
        """Whether its cells are numbers: measured or counted."""
        return self.kind in ("number", "count")

    @property
    def width(self) -> int:
        """How many numbers encode a cell."""
        return len(self.categories) + self.other if self.kind == "category" else 1

    @property
    def encoded_names(self) -> list[str]:
        """A name for each encoded column."""
        named = [f"{self.name}={value}" for value in self.categories] + [f"{self.name}={OTHER}"] * self.other
        return named or [self.name]

    # ---- cells -----------------------------------------------------------------------------------------

    def typed(self, cells: pyarrow.Array) -> Any:
        """Cells of a file or frame in the type used for encoding, null where one is missing.

        Numbers become float64 (typed integers stay integers), dates microseconds, categories their own type.
        """
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute  # its functions are made when it is imported
        if isinstance(cells, pyarrow.DictionaryArray) and pyarrow.types.is_string(cells.dictionary.type):
            return compute.take(self.typed(cells.dictionary), cells.indices)  # each word once
        kind = (cells := plain_cells(cells)).type
        if pyarrow.types.is_null(kind):
            return pyarrow.nulls(len(cells), self._canonical())
        if pyarrow.types.is_string(kind):
            return self._typed_texts(cells)
        if self.is_numeric:
            cells = cells.cast(pyarrow.uint8()) if pyarrow.types.is_boolean(kind) else cells
            cells = cells if pyarrow.types.is_integer(kind) else cells.cast(pyarrow.float64())
            return self._without_numeric_marks(without_nan(cells))
        if self.kind == "boolean":
            is_float = pyarrow.types.is_floating(kind)
            return compute.greater_equal(cells, 0.5) if is_float else cells.cast(pyarrow.bool_())
        if self.kind == "date":
            return self._typed_dates(cells)
        known = pyarrow.array(self.categories)
        if pyarrow.types.is_floating(kind) and not pyarrow.types.is_string(known.type):
            return without_nan(cells)
        return cells if cells.type == known.type or not pyarrow.types.is_string(known.type) else texts(cells)

    def _canonical(self) -> Any:
        import pyarrow

        if self.kind == "category":
            return pyarrow.array(self.categories).type
        if self.kind == "date":
            return pyarrow.duration("us") if self._is_span else pyarrow.timestamp("us")
        return pyarrow.bool_() if self.kind == "boolean" else pyarrow.float64()

    @property
    def _is_span(self) -> bool:
        return self.dtype.startswith(("duration", "time32", "time64"))

    def _typed_texts(self, cells: Any) -> Any:
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        plain = isinstance(self.form, NumberForm) and self.form.decimal == "." and not self.marks
        if plain or (isinstance(self.form, DateForm) and self.form.is_iso and not self.marks):
            with suppress(pyarrow.ArrowInvalid):  # fast path, for cells that need no cleaning
                kind = pyarrow.float64() if self.is_numeric else self._canonical()
                found = compute.cast(cells, kind)
                if self.kind == "date" or bool(np.isfinite(np.asarray(found.drop_null())).all()):
                    return found
        different = compute.dictionary_encode(cells)
        if 2 * len(different.dictionary) < len(cells):
            return compute.take(self._typed_words(different.dictionary), different.indices)
        return self._typed_words(cells)

    def _typed_words(self, cells: Any) -> Any:
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        cells = compute.utf8_trim_whitespace(cells)
        cells = without_marks(cells, among_numbers=self.is_numeric or self.kind == "date", others=self.marks)
        if self.is_numeric:
            form = self.form if isinstance(self.form, NumberForm) else NumberForm()
            numbers = numbers_of(cells, form.decimal)
            return self._without_numeric_marks(compute.if_else(compute.is_finite(numbers), numbers, None))
        if self.kind == "date":
            if self.form is None or isinstance(self.form, DateForm):  # None: typed dates at fit, text here
                return (dates_of(cells, self.form) if self.form else iso_dates(cells)).cast(self._canonical())
            return self._typed_dates(numbers_of(cells))
        if self.kind == "boolean":
            form = self.form if isinstance(self.form, BooleanForm) else BooleanForm("true", "false")
            lower = compute.utf8_lower(cells)
            true, false = (compute.equal(lower, word.lower()) for word in (form.true, form.false))
            return compute.if_else(compute.or_(true, false), true, None)
        kinds = {type(value) for value in self.categories}
        if str in kinds:
            return cells
        numbers = numbers_of(cells)
        return compute.cast(numbers, pyarrow.array(self.categories).type, safe=False) if kinds <= {int} else numbers

    def _typed_dates(self, cells: Any) -> Any:
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        types, kind = pyarrow.types, cells.type
        if isinstance(self.form, EpochForm) and (types.is_integer(kind) or types.is_floating(kind)):
            micros = compute.multiply(cells.cast(pyarrow.float64()), 1e6 / self.form.unit)
            return compute.round(without_nan(micros)).cast(pyarrow.int64()).cast(pyarrow.timestamp("us"))
        if types.is_time(kind):
            cells = cells.cast(pyarrow.time64("us"), safe=False).cast(pyarrow.int64())
            return cells.cast(pyarrow.duration("us"))
        if types.is_duration(kind):
            return cells.cast(pyarrow.duration("us"), safe=False)
        if not types.is_temporal(kind):
            raise DataError(f"column {self.name!r} was a date at fit and is {kind} here; convert it to a date.")
        return cells.cast(pyarrow.timestamp("us"), safe=False)

    def _without_numeric_marks(self, cells: Any) -> Any:
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        values = [float(mark) for mark in self.marks if _reads_as_float(mark)]
        if not values:
            return cells
        is_mark = compute.is_in(cells.cast(pyarrow.float64()), value_set=pyarrow.array(values))
        return compute.if_else(is_mark, None, cells)

    # ---- numbers ---------------------------------------------------------------------------------------

    def encode(self, cells: pyarrow.Array, unseen: str, first_row: int = 0) -> np.ndarray:
        """Encode cells as float64, shape (n_rows, width); an unseen category is an error or a missing cell."""
        import pyarrow
        import pyarrow.compute

        compute: Any = pyarrow.compute
        given = cells
        try:
            cells = self.typed(cells)
        except (pyarrow.ArrowException, TypeError) as error:
            raise DataError(
                f"column {self.name!r} was a {self.kind} at fit and is {cells.type} here; convert it back."
            ) from error
        if self.kind != "category":
            fault = self.unread(given, cells, first_row) if unseen == "error" else None
            if fault:
                raise DataError(f"{fault}; correct it, or use unseen='missing' (with missing='mask').")
            if self.kind == "date":
                days = np.asarray(cells.cast(pyarrow.int64()).fill_null(0)) / DAY
                return np.where(np.asarray(cells.is_null()), np.nan, days)[:, None]
            numbers = np.asarray(cells.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
            if self.kind == "count":
                self._require_counts(numbers, first_row)
            return numbers[:, None]
        known = pyarrow.array(self.categories)
        place = np.asarray(compute.fill_null(compute.index_in(_alike(cells, known), value_set=known), -1))
        present = ~np.asarray(cells.is_null())
        unknown = np.flatnonzero(present & (place < 0))
        if len(unknown) and self.other:
            place = np.where(present & (place < 0), len(self.categories), place)
        elif len(unknown) and unseen == "error":
            raise DataError(
                f"column {self.name} has the category {str(cells[int(unknown[0])].as_py())[:SHOWN_LENGTH]!r} in row "
                f"{first_row + unknown[0]}, which was not there at fit; correct it, or use unseen='missing' (with "
                "missing='mask')."
            )
        encoded = np.zeros((len(cells), self.width))
        rows = np.flatnonzero(place >= 0)
        encoded[rows, place[rows]] = 1.0
        encoded[place < 0] = np.nan
        return encoded

    def _require_counts(self, numbers: np.ndarray, first_row: int) -> None:
        wrong = np.flatnonzero(~np.isnan(numbers) & ((numbers < 0) | (numbers != np.floor(numbers))))
        if len(wrong):
            found = f"{numbers[wrong[0]]:g} in row {first_row + wrong[0]}"
            raise DataError(f"column {self.name} holds counts, whole numbers from 0, and has {found}; correct it")

    def unread(self, given: Any, cells: Any, first_row: int = 0) -> str | None:
        """A sentence on the first of the given text cells that could not be read as ``cells``; None if all could."""
        import pyarrow

        given = plain_cells(given)
        if not pyarrow.types.is_string(given.type) or cells.null_count == given.null_count:
            return None
        words = without_marks(given, among_numbers=self.is_numeric or self.kind == "date", others=self.marks)
        unread = np.flatnonzero(np.asarray(cells.is_null()) & ~np.asarray(words.is_null()))
        if not len(unread):
            return None
        shown = str(given[int(unread[0])].as_py())[:SHOWN_LENGTH]
        return f"column {self.name} has {shown!r} in row {first_row + unread[0]}, which is not a {self.kind}"

    def decode(self, encoded: np.ndarray) -> Any:
        """Decode numbers of shape (n_rows, width) to an Arrow array of the column's own type; NaN becomes null."""
        import pyarrow

        encoded = np.asarray(encoded, np.float64)
        missing = np.asarray(np.isnan(encoded).any(1))
        if self.kind == "category":
            words = [*self.categories, *([OTHER] if self.other else [])]
            known = pyarrow.array(words if not self.other else [str(word) for word in words])
            place = np.where(missing, 0, np.where(np.isnan(encoded), -np.inf, encoded).argmax(1))
            return known.take(pyarrow.array(place, mask=missing))
        number = np.where(missing, 0.0, encoded[:, 0])
        number = np.maximum(number, 0.0) if self.kind == "count" else number
        if self.kind == "boolean":
            return pyarrow.array(number >= 0.5, mask=missing)
        if self.kind == "date":
            return moments(np.rint(number) if self.whole else number, missing, self.dtype)
        if not self.whole:
            return pyarrow.array(number, mask=missing).cast(arrow_type(self.dtype), safe=False)
        kind = arrow_type(self.dtype)
        if not pyarrow.types.is_integer(kind):
            return pyarrow.array(np.rint(number), mask=missing).cast(kind, safe=False)
        limits = np.iinfo(kind.to_pandas_dtype())
        # The largest float64 below 2^63 is 2^63 - 1024.
        clipped = np.clip(np.rint(number), max(limits.min, -(2**63)), min(limits.max, 2**63 - 1024))
        return pyarrow.array(clipped.astype(limits.dtype), mask=missing).cast(kind)

    def written(self, cells: pyarrow.Array) -> list[str | None]:
        """Typed cells as text in the form of the column; None where one is missing."""
        import pyarrow

        values = cells.to_pylist() if self.kind != "date" else self.typed(cells).cast(pyarrow.int64()).to_pylist()
        form = self.form
        if isinstance(form, NumberForm):
            return [value if value is None else form.write(value, whole=self.whole) for value in values]
        if isinstance(form, DateForm):
            return [value if value is None else form.write(value) for value in values]
        if isinstance(form, EpochForm):
            return [value if value is None else f"{value * form.unit / 1e6:.15g}" for value in values]
        if isinstance(form, BooleanForm):
            return [value if value is None else form.true if value else form.false for value in values]
        if self.kind == "date" and self.dtype.startswith("timestamp"):
            return date_texts(self.typed(cells), zone_of(self.dtype))
        return [value if value is None else str(value) for value in texts(cells).to_pylist()]


def _alike(cells: Any, known: Any) -> Any:
    """Cells cast to the type of the categories; null if that is impossible."""
    import pyarrow

    if cells.type == known.type:
        return cells
    if pyarrow.types.is_string(known.type):
        return texts(cells)
    try:
        return cells.cast(known.type, safe=False)
    except pyarrow.ArrowException:
        return pyarrow.nulls(len(cells), known.type)


def _reads_as_float(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _is_finite(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)
