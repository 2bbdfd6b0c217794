"""The columns of a fit in another file: found by name, in any order, and read as they were at fit.

Another file may use another decimal mark or date format, and hold categories that were not there at fit. The first is
inferred again, the second is reported.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isthmus.tables.arrow_stream import ArrowStream, Reading
from isthmus.tables.column import BooleanForm, Column
from isthmus.tables.description import Description
from isthmus.tables.errors import DataError, said
from isthmus.tables.finding import Finding, Hints, marks_said, no_date_said, odd_said
from isthmus.tables.kinds import number_form
from isthmus.tables.layout import TableLayout
from isthmus.tables.request import Request
from isthmus.tables.segments import Segments
from isthmus.tables.source import Source
from isthmus.tables.survey import ColumnSurvey
from isthmus.tables.text_dates import DateForm
from isthmus.tables.text_numbers import NumberForm

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Sequential", "as_fitted", "new_columns", "require_columns", "sequential"]

SHARE = 0.95
SHOWN_WORDS = 4


def require_columns(layout: TableLayout, names: Sequence[str], where: str) -> None:
    """Refuse a file without some columns of the fit: a `DataError` names all of them, and a likely match."""
    absent = [name for name in layout.names if name not in names]
    if not absent:
        return
    close = difflib.get_close_matches(absent[0], names, n=1)
    guess = f" (is {close[0]!r} meant?)" if close else ""
    count = "1 column of the fit is" if len(absent) == 1 else f"{len(absent)} columns of the fit are"
    raise DataError(f"{where}: {count} missing: {said(absent)}{guess}; the file has {said(names)}.")


def new_columns(names: Sequence[str], layout: TableLayout, request: Request) -> list[Finding]:
    """The columns of a file that were not used for training at fit, and so are not used now."""
    found = []
    for name in names:
        if name in layout.names:
            continue
        kind = "labels" if name == request.labels else "id" if name == request.ids else "left out"
        why = "as asked" if name in request.drop else "as at fit" if name in request.passed_over else "not there at fit"
        found.append(Finding(name, kind, None, "" if kind != "left out" else why))
    return found


def as_fitted(survey: ColumnSurvey, column: Column, decimal: str) -> Finding:
    """How a column of the fit is read in another file, from a survey of all of its cells there."""
    if not survey.is_text or not survey.n_present:
        return Finding(column.name, column.kind, column, "", (), survey.n_missing)
    n_cells = survey.n_present - survey.n_marks
    notes: list[str] = []
    gone = 0
    if column.is_numeric:
        known = column.form if isinstance(column.form, NumberForm) else NumberForm()
        form = number_form(survey, Hints(decimal))
        mark = form.decimal if form is not None else "," if survey.comma > survey.dot else decimal
        gone = n_cells - (survey.dot if mark == "." else survey.comma)
        notes = [*odd_said(survey, gone), *marks_said(survey)]
        gone += survey.n_marks
        whole = column.whole and (survey.numbers.whole or column.kind == "count")
        column = replace(
            column, form=replace(known, decimal=mark), whole=whole, dtype=column.dtype if whole else "double"
        )
    elif column.kind == "date" and not survey.numbers.count:
        column, gone, notes = _dates(survey, column, n_cells)
        gone += survey.n_marks
    elif survey.words is not None and column.kind in ("boolean", "category"):
        known_words = _words_of(column)
        unknown = [
            str(word) for word in survey.words if str(word) not in known_words and str(word).lower() not in known_words
        ]
        if unknown and not column.other:
            gone = sum(survey.words[word] for word in unknown)
            shown = f"{', '.join(map(repr, unknown[:SHOWN_WORDS]))}{' …' if len(unknown) > SHOWN_WORDS else ''}"
            notes = [f"not there at fit and taken as missing: {shown} ({gone:,} {'cell' if gone == 1 else 'cells'})"]
    return Finding(column.name, column.kind, column, "", tuple(notes), survey.n_missing + gone)


def _words_of(column: Column) -> set[str]:
    if isinstance(column.form, BooleanForm):
        return {column.form.true.lower(), column.form.false.lower()}
    if column.kind == "boolean":
        return {"true", "false"}
    return {str(value) for value in column.categories}


def _dates(survey: ColumnSurvey, column: Column, n_cells: int) -> tuple[Column, int, list[str]]:
    """The form of the fit if it matches the cells, else the one that matches most."""
    known = column.form if isinstance(column.form, DateForm) else None
    counts = {
        form: count for form, count in survey.dates.counts.items() if known is None or form.is_span == known.is_span
    }
    own = next((form for form in counts if known is not None and form.pattern == known.pattern), None)
    best = (
        own
        if own is not None and counts[own] >= SHARE * n_cells
        else max(counts, key=lambda form: counts[form], default=None)
    )
    if best is None:
        return column, n_cells, [f"none of {n_cells:,} cells is a date of a known form"] if n_cells else []
    notes = []
    if known is not None and best.pattern != known.pattern:
        notes.append(f"dates read as {best.pattern}, but as {known.pattern} at fit")
    if counts[best] < n_cells:
        notes.append(no_date_said(n_cells - counts[best], survey.n_rows))
    return replace(column, form=best), n_cells - counts[best], notes


# ---- one pass ----------------------------------------------------------------------------------------------


def sequential(
    source: Source, layout: TableLayout, ids: str | None, labels: str | None, where: str, description: Description
) -> ArrowStream:
    """The rows of a file that is too large for memory, read from the beginning on every pass."""
    sizes = [len(batch) for batch in source.batches()]
    stream = ArrowStream(
        Sequential(source, sizes), Reading(layout, ids, labels), where=where, name=source.name, missing=True,
        description=description, line_of=source.line_of,
    )  # fmt: skip
    stream.seekable, stream.origin = False, source
    return stream


class Sequential(Segments):
    """The batches of a source, each a segment; going back starts again from the first."""

    def __init__(self, source: Source, sizes: Sequence[int]):
        self._source, self.sizes = source, tuple(sizes)
        self._batches: Iterator[Any] | None = None
        self._place, self._held = -1, None

    @property
    def schema(self) -> pyarrow.Schema:
        import pyarrow

        return pyarrow.schema([(name, pyarrow.string()) for name in self._source.names])

    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        import pyarrow

        if self._batches is None or segment < self._place:
            self._batches, self._place, self._held = self._source.batches(), -1, None
        while self._place < segment:
            self._held = next(self._batches, None)
            self._place += 1
        if self._held is None or len(self._held) != self.sizes[segment]:
            raise DataError(
                f"{self._source.name!r}: its rows have changed since it was opened; leave it alone while it is read."
            )
        return pyarrow.Table.from_batches([self._held]).select(list(columns)).slice(start, stop - start)
