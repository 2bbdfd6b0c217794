"""Rows for a fitted model: read from the user's file and matched to the model's columns.

Named columns are matched by name, in any order; unnamed ones (an array, a file without a header, pixels) by position.
The labels, ids and dropped columns of the fit are recognised where they are present.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isthmus.cli.outcome import CommandError, say
from isthmus.cli.reading_flags import READ_BY_ITSELF, ReadingFlags, TableFlags
from isthmus.cli.run_folder import Run
from isthmus.text_table import counted

if TYPE_CHECKING:
    from isthmus.cli.conditions import Conditions
    from isthmus.tables import Table
    from isthmus.tables.dialect import Dialect
    from isthmus.tables.layout import TableLayout
    from isthmus.tables.row_shape import RowShape
    from isthmus.tables.stream import TableStream

FILES = ("file", "window")  # names of the ids of rows that are pictures or sounds

__all__ = ["Expected", "codes_expected", "name_columns", "open_matching", "read_matching", "rows_expected", "unnamed"]


@dataclass(frozen=True)
class Expected:
    """The columns a model takes; ``what`` names them in a message.

    ``layout`` holds their kinds, ``dialect`` the format of the fit's file, and ``passed_over`` the columns of that file
    that were not used for training.
    """

    columns: tuple[str, ...]
    what: str
    label_name: str | None = None
    id_name: str | None = None
    drop: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    layout: TableLayout | None = None
    dialect: Dialect | None = None
    passed_over: tuple[str, ...] = ()
    row_shape: RowShape | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)


def rows_expected(run: Run, estimator: Any) -> Expected:
    """What `transform` takes."""
    what, record, layout = "the columns the model was fitted on", run.record, estimator.fitted_.layout
    given = _given_names(estimator)
    if record is not None:
        beside = tuple(name for name in given if name != record.label_name)
        roles = (record.label_name, record.id_name, (*record.drop, *beside))
        layout = record.known_layout or layout
        known = (record.image_shape, layout, record.dialect, record.passed_over)
        return Expected(record.column_names, what, *roles, *known, estimator.fitted_.row_shape, record.reading or {})
    names = getattr(estimator, "feature_names_in_", None)
    names = unnamed(estimator.n_features_in_) if names is None else tuple(map(str, names))
    shape = estimator.fitted_.row_shape
    return Expected(names, what, drop=given, image_shape=estimator.image_shape, layout=layout, row_shape=shape)


def codes_expected(run: Run, estimator: Any, latents: int | None = None) -> Expected:
    """What `inverse_transform` takes; with ``latents``, only that many, the first."""
    columns, what = tuple(estimator.get_feature_names_out())[:latents], "the latent dimensions of a code"
    given = _given_names(estimator)
    if run.record is None:
        return Expected(columns, what, drop=given)
    return Expected(columns, what, run.record.label_name, run.record.id_name, given)


def _given_names(estimator: Any) -> tuple[str, ...]:
    layout = estimator.fitted_.given_layout
    return () if layout is None else layout.names


def open_matching(
    source: str,
    expected: Expected,
    *,
    labels: str | None = None,
    ids: str | None = None,
    drop: Sequence[str] = (),
    share: tuple[int, int] | None = None,
    reading: TableFlags = READ_BY_ITSELF,
    given: Conditions | None = None,
) -> TableStream:
    """Open a table with the expected columns, in their order; an error names those missing.

    Columns that were not there at fit are left out, with a note. ``given`` are the conditions to read as well.
    """
    stream = _open_columns(source, expected, labels=labels, ids=ids, drop=drop, share=share, reading=reading)
    if given is None:
        return stream
    options = reading.options()
    return given.beside(stream, source, options if options else {"dialect": expected.dialect})


def _open_columns(
    source: str,
    expected: Expected,
    *,
    labels: str | None,
    ids: str | None,
    drop: Sequence[str],
    share: tuple[int, int] | None,
    reading: TableFlags,
) -> TableStream:
    from isthmus.tables import DataError, open_table
    from isthmus.tables.layout import plain_layout

    where, given = repr(source), reading.options()
    files = ReadingFlags.of({name: value for name, value in expected.reading.items() if name in ("pad", "window")})
    as_fitted = files.options() | {"row_shape": expected.row_shape} | given
    named = expected.columns != unnamed(len(expected.columns)) and expected.image_shape is None
    known: dict[str, Any] = {"dialect": None if given else expected.dialect, "passed_over": expected.passed_over}
    try:
        look = open_table(source, **as_fitted, dialect=known["dialect"])
    except DataError:  # such as a single row, whose columns alone have no kinds
        if not named:
            raise
        layout = expected.layout or plain_layout(expected.columns)
        return open_table(source, labels=labels, ids=ids, drop=drop, share=share, layout=layout, **known, **given)
    if look.row_shape is not None and look.row_shape == expected.row_shape and look.id_name in FILES:
        for note in () if look.description is None else look.description.notes:
            say(f"note: {note}")
        return look if share is None else look.share(*share)
    names = look.all_columns
    _require_same_pictures(look, expected, where)
    free = [name for name in names if name not in expected.columns]
    labels = expected.label_name if labels is None and expected.label_name in free else labels
    if ids is None and expected.id_name is None and look.id_name not in (*drop, *expected.drop, labels):
        ids = look.id_name if look.id_name in free else None  # a saved detector stores no ids
    ids = expected.id_name if ids is None and expected.id_name in free else ids
    drop = tuple(
        dict.fromkeys([*drop, *(name for name in expected.drop if name in free and name not in (labels, ids))])
    )
    described = look.description is not None and bool(look.description.findings)
    roles: dict[str, Any] = {"labels": labels, "ids": ids, "drop": drop, "share": share} | given
    complete = all(name in names for name in expected.columns)
    left = [name for name in names if name not in (labels, ids, *drop)]
    if look.has_names and named and not complete:
        _refuse_missing([name for name in expected.columns if name not in left], left, expected, where)
    if described and complete:
        table = open_table(source, **roles, layout=expected.layout or plain_layout(expected.columns), **known)
        _say_differences(table)
        return table
    if complete:
        table = open_table(source, **roles, columns=expected.columns)
        _refuse_extra([name for name in free if name not in (table.label_name, table.id_name, *drop)], expected, where)
        return table
    table = open_table(source, **roles, columns=left if described else None)
    if table.n_columns != len(expected.columns):
        found, count = counted(table.n_columns, "column"), len(expected.columns)
        raise CommandError(f"{where}: {found}, and there must be {count}, {expected.what}.")
    return table


def _say_differences(table: TableStream) -> None:
    """Note what is new in a file: columns, categories, formats of dates."""
    from isthmus.tables.errors import said

    if table.description is None:
        return
    new = [one.name for one in table.description.findings if one.why == "not there at fit"]
    if new:
        say(f"note: columns that were not there at fit are left out: {said(new)}.")
    for finding in table.description.findings:
        for note in finding.notes:
            say(f"note: {finding.name}: {note}.")


def read_matching(source: str, expected: Expected, **roles: Any) -> Table:
    """The same as `open_matching`, all of it in memory."""
    return open_matching(source, expected, **roles).load()


def unnamed(count: int) -> tuple[str, ...]:
    """The names given to columns that have none."""
    return tuple(f"x{index}" for index in range(count))


def name_columns(estimator: Any, table: Table) -> None:
    """Give an estimator fitted to the table's values the names of its columns, if they have any."""
    import numpy as np

    if estimator.fitted_.layout is None and table.image_shape is None and table.columns != unnamed(table.n_columns):
        estimator.feature_names_in_ = np.array(table.columns, dtype=object)


def _require_same_pictures(table: TableStream, expected: Expected, where: str) -> None:
    shapes = (table.image_shape, expected.image_shape)
    if None not in shapes and shapes[0] != shapes[1]:
        said = ["×".join(map(str, shape or ())) for shape in shapes]
        raise CommandError(f"{where}: the pictures are {said[0]}, and the model takes {said[1]}; resize them.")


def _refuse_extra(extra: list[str], expected: Expected, where: str) -> None:
    if not extra:
        return
    from isthmus.tables.errors import said

    count = counted(len(extra), "column", "is", "are")
    flags = " ".join(f"--drop {name!r}" for name in extra[:3]) + (" …" if len(extra) > 3 else "")
    raise CommandError(f"{where}: {count} not among {expected.what}: {said(extra)}; leave out with {flags}.")


def _refuse_missing(missing: list[str], names: list[str], expected: Expected, where: str) -> None:
    from isthmus.tables.errors import said

    close = difflib.get_close_matches(missing[0], names, n=1)
    guess = f" (is {close[0]!r} meant?)" if close else ""
    count = f"1 of {expected.what} is" if len(missing) == 1 else f"{len(missing)} of {expected.what} are"
    held = f"the file has {said(names)}" if names else "the file has no others"
    raise CommandError(f"{where}: {count} missing: {said(missing)}{guess}; {held}.")
