"""From cells to a table that can be learned from: a pass over all rows, the kind of each column, and a stream.

With the layout of a fit nothing is inferred again: columns are found by name and read as they were then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from isthmus.tables.arrow_stream import ArrowStream, Reading
from isthmus.tables.as_fitted import as_fitted, new_columns, require_columns, sequential
from isthmus.tables.asked_flags import table_faults
from isthmus.tables.asked_kinds import asked_kind
from isthmus.tables.cells import plain_cells
from isthmus.tables.column import Column
from isthmus.tables.column_names import quoted
from isthmus.tables.container import Scratch
from isthmus.tables.description import Description, placed
from isthmus.tables.errors import DataError, said
from isthmus.tables.finding import Finding, Hints
from isthmus.tables.kept_cells import KeptCells
from isthmus.tables.kinds import kind_of
from isthmus.tables.layout import TableLayout, survey_kind
from isthmus.tables.number_kinds import COUNTS_EACH_FILE
from isthmus.tables.request import Request
from isthmus.tables.roles import known_part
from isthmus.tables.segments import HeldSegments, MappedSegments, Segments, spooled
from isthmus.tables.source import SegmentsSource, Source
from isthmus.tables.stream import HELD_BYTES
from isthmus.tables.survey import ColumnSurvey

if TYPE_CHECKING:
    import pyarrow

__all__ = ["understood"]

HELD_TEXT = 64 << 20  # bytes of cells that are kept from the first pass for the second
NO_ROWS = "no rows of data; add at least one below the column names"


def understood(source: Source, request: Request, where: str) -> ArrowStream:
    """The rows of a source, with the kind of each column inferred from all of its cells."""
    request = _expanded(source, request)
    known, faults = known_part(source.names, replace(request, columns=()) if request.layout else request)
    faults += table_faults(request, source.flags)
    if request.layout is not None:
        return _as_fitted(source, request, where, request.layout, faults)
    request = known
    surveys, kept = _surveyed(source, request, source.names)
    n_rows = max((survey.n_rows for survey in surveys), default=0)
    if not n_rows:
        faults.append(NO_ROWS)
        raise DataError(f"{where}: {'; '.join(faults)}.")
    findings, id_name, label_name = _findings(source, surveys, request, where, faults)
    columns = [finding.column for finding in findings if finding.column is not None]
    if request.columns:
        order = {name: place for place, name in enumerate(request.columns)}
        columns.sort(key=lambda column: order[column.name])
    if not columns:
        raise DataError(f"{where}: {_nothing_left(findings)}")
    layout = TableLayout(tuple(columns))
    description = _description(source, n_rows, findings, id_name, label_name)
    missing = any(finding.n_missing for finding in findings if finding.learned)
    return _stream(source, request, where, layout, id_name, label_name, description, kept, missing, n_rows)


def _description(
    source: Source, n_rows: int, findings: Sequence[Finding], id_name: str | None, label_name: str | None
) -> Description:
    located = tuple(replace(one, notes=tuple(placed(note, source.line_of) for note in one.notes)) for one in findings)
    notes = tuple(dict.fromkeys([*source.notes, *source.findings]))
    return Description(source.name, n_rows, located, notes, id_name=id_name, label_name=label_name)


def _decimal(source: Source) -> str:
    return source.dialect.decimal if source.dialect is not None else "."


def _expanded(source: Source, request: Request) -> Request:
    """The request, with the entries of lists in place of their columns."""
    drop, columns = (tuple(source.lists.names(names)) for names in (request.drop, request.columns))
    return replace(request, drop=drop, columns=columns)


def _as_fitted(source: Source, request: Request, where: str, layout: TableLayout, faults: Sequence[str]) -> ArrowStream:
    """The columns of a fit, found by name in another file."""
    require_columns(layout, source.names, where)
    if faults:
        raise DataError(f"{where}: {'; '.join(faults)}.")
    surveys, kept = _surveyed(source, request, layout.names)
    n_rows = max((survey.n_rows for survey in surveys), default=0)
    if not n_rows:
        raise DataError(f"{where}: {NO_ROWS}.")
    decimal = _decimal(source)
    learned = [as_fitted(survey, column, decimal) for survey, column in zip(surveys, layout.columns, strict=True)]
    findings = [*learned, *new_columns(source.names, layout, request)]
    ids, labels = request.ids, request.labels
    description = _description(source, n_rows, findings, ids, labels)
    found = TableLayout(tuple(finding.column for finding in learned if finding.column is not None))
    if kept is not None or source.segments is not None:
        return _stream(source, request, where, found, ids, labels, description, kept, True, n_rows)
    return sequential(source, found, ids, labels, where, description)


# ---- what the columns are ----------------------------------------------------------------------------------


def _surveyed(source: Source, request: Request, columns: Sequence[str]) -> tuple[list[ColumnSurvey], KeptCells | None]:
    """A pass over all rows of some columns; and their cells, for a second one."""
    known = source.known()
    names = [name for name in columns if name not in known or name in request.kinds]
    marks = (*source.marks, *request.missing_marks)
    found = {name: survey for name, survey in known.items() if name not in names}
    if not names:
        return [found[name] for name in columns], None
    kept = None
    if source.segments is None and (source.n_bytes <= HELD_TEXT or request.layout is None):
        wanted = {*request.kinds, *request.columns, request.labels, request.ids, source.label_name, source.id_name}
        kept = KeptCells(
            in_memory=source.n_bytes <= HELD_TEXT, scratch=request.scratch, wanted=(one for one in wanted if one)
        )
    decimal = _decimal(source)
    surveys: list[ColumnSurvey] = []
    for file, batch in _read(source, names):
        if not surveys:
            surveys = [ColumnSurvey(name, survey_kind(batch.schema.field(name).type), marks, decimal) for name in names]
        read = {survey.name: survey.add(batch.column(survey.name)) for survey in surveys}
        if kept is not None:
            kept.add(file, batch, read, surveys)
    found |= {survey.name: survey for survey in surveys or [ColumnSurvey(name, "string", marks) for name in names]}
    return [found[name] for name in columns], kept


def _read(source: Source, names: Sequence[str] = ()) -> Iterator[tuple[int, Any]]:
    """The batches of a source, each with the number of the file it is from."""
    if isinstance(source, SegmentsSource):
        yield from ((0, batch) for batch in source.batches_of(names))
        return
    for file, part in enumerate(source.parts):
        yield from ((file, batch) for batch in part.batches())


def _findings(
    source: Source, surveys: Sequence[ColumnSurvey], request: Request, where: str, faults: Sequence[str]
) -> tuple[list[Finding], str | None, str | None]:
    """What each column is, and which are the ids and the labels; ``faults`` are known already."""
    decimal = _decimal(source)
    semicolons = source.dialect is not None and source.dialect.separator == ";"
    hints = Hints(decimal, decimal == "," or semicolons, n_files=len(source.parts))
    labels = request.labels or (
        source.label_name if source.label_name not in (*request.columns, *request.drop) else None
    )
    ids = request.ids or (source.id_name if source.id_name not in (*request.columns, *request.drop) else None)
    found: list[Finding] = []
    faults = [*faults]
    first = next((place for place, survey in enumerate(surveys) if survey.n_present), 0)
    for place, survey in enumerate(surveys, -first):  # 0 is the first column with a cell
        name = survey.name
        out = Finding(name, "id", None, "", (), survey.n_missing)
        if name in request.drop:
            found.append(replace(out, kind="left out", why="as asked"))
        elif name == labels:
            found.append(replace(out, kind="labels"))
        elif name == ids:
            found.append(out)
        elif request.columns and name not in request.columns:
            found.append(replace(out, kind="left out", why="not asked for"))
        elif name in source.index and name not in request.columns and name not in request.kinds:
            found.append(replace(out, why="the index of the frame that was saved"))
        else:
            try:
                asked = request.kinds.get(name)
                wanted = replace(hints, guess=name not in request.columns)
                found.append(kind_of(survey, place, wanted) if asked is None else asked_kind(survey, asked, wanted))
            except DataError as error:
                faults.append(str(error).rstrip("."))
    faults += _decimal_faults(found, surveys, request)
    wrong = [one.name for one in found if one.name in request.columns and not one.learned]
    if wrong:
        faults.append(f"nothing can be learned from {said(wrong)}: remove it from the columns to learn from")
    if faults:
        raise DataError(f"{where}: {'; '.join(faults)}.")
    if ids is None and not request.columns:
        ids = next(
            (
                one.name
                for one in found
                if one.kind == "id" and not one.n_missing and one.why not in ("as asked", COUNTS_EACH_FILE)
            ),
            None,
        )
    return found, ids, labels


def _decimal_faults(found: Sequence[Finding], surveys: Sequence[ColumnSurvey], request: Request) -> list[str]:
    """A fault if --decimal names a mark that no number has, and some have the other."""
    numeric = {one.name for one in found if one.column is not None and one.column.is_numeric}
    numbers = [survey for survey in surveys if survey.name in numeric]
    other = "." if request.decimal == "," else ","
    with_it, with_other = (
        [one.name for one in numbers if (one.firm_dot if mark == "." else one.firm_comma)]
        for mark in (request.decimal, other)
    )
    if request.decimal is None or with_it or not with_other:
        return []
    return [
        f"--decimal {request.decimal!r}: the numbers of {said(with_other)} have {other!r} before their decimals; "
        f"leave it out, or use --decimal {other!r}"
    ]


def _nothing_left(findings: Sequence[Finding]) -> str:
    listed = ", ".join(f"{one.name!r} ({one.why or one.kind})" for one in findings[:8])
    more = f" and {len(findings) - 8} more" if len(findings) > 8 else ""
    name = next((one.name for one in findings if one.kind in ("id", "text", "constant")), None)
    advice = (
        f"; learn from one with --kind {quoted(name)}=number or =category"
        if name is not None and all(one.why != "as asked" for one in findings)
        else "; leave out fewer"
    )
    return f"no column is left to learn from: {listed}{more}{advice}."


# ---- the rows ----------------------------------------------------------------------------------------------


def _stream(
    source: Source, request: Request, where: str, layout: TableLayout, id_name: str | None, label_name: str | None,
    description: Description, kept: KeptCells | None, missing: bool, n_rows: int,
) -> ArrowStream:  # fmt: skip
    options: dict[str, Any] = {
        "where": where, "name": source.name, "missing": missing, "description": description, "line_of": source.line_of,
    }  # fmt: skip
    if source.segments is not None:
        reading = Reading(layout, id_name, label_name, source.lists)
        stream = ArrowStream(source.segments, reading, **options)
        stream.missing = missing or isinstance(source, SegmentsSource)
        stream.origin = source
        return stream
    reading = Reading(layout, id_name, label_name, typed=True)
    words = [name for name in (id_name, label_name) if name is not None]
    typed = _typed(source, layout, words, kept)
    if 4 * n_rows * layout.width <= (request.held_bytes or HELD_BYTES):
        import pyarrow

        batches = list(typed)
        sizes = [sum(len(batch) for file, batch in batches if file == one) for one in range(len(source.parts))]
        table = pyarrow.Table.from_batches([batch for _, batch in batches]).combine_chunks()
        segments: Segments = HeldSegments(table, sizes)
    else:
        segments = _spooled(typed, request)
    stream = ArrowStream(segments, reading, **options)
    stream.origin = source
    return stream


def _typed(
    source: Source, layout: TableLayout, words: Sequence[str], kept: KeptCells | None
) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    """Batches with the number of their file: columns in the types that are learned from, ids and labels unchanged."""
    import pyarrow

    again = None if kept is None else kept.batches(layout.columns, words)
    for file, batch in _read(source) if again is None else again:
        cells = [_stored(column, column.typed(batch.column(column.name))) for column in layout.columns]
        cells += [plain_cells(batch.column(name)) for name in words]
        yield file, pyarrow.RecordBatch.from_arrays(cells, names=[*layout.names, *words])


def _stored(column: Column, cells: Any) -> Any:
    """Cells in a type that is the same in every batch."""
    import pyarrow

    if not column.is_numeric or pyarrow.types.is_integer(cells.type):
        return cells
    return cells.cast(pyarrow.int64() if column.whole else pyarrow.float64())


def _spooled(typed: Iterator[tuple[int, Any]], request: Request) -> MappedSegments:
    first = next(typed, None)
    if first is None:
        raise DataError(f"{NO_ROWS}.")
    return spooled(chain([first], typed), first[1].schema, Scratch(request.scratch))
