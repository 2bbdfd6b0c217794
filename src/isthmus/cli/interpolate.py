"""``isthmus interpolate``: rows between two rows."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.matching_rows import read_matching, rows_expected
from isthmus.cli.outcome import CommandError
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, PicturesOutput, RunPath, rows_of
from isthmus.cli.rows_output import require_writable, write_rows
from isthmus.cli.run_folder import open_run
from isthmus.text_table import counted

__all__ = ["interpolate"]


def interpolate(
    run: RunPath,
    data: Annotated[str, rows_of("Rows with the columns of the fit, in any order")],
    /,
    *,
    from_: Annotated[int, Parameter("--from", validator=Number(gte=0))],
    to: Annotated[int, Parameter("--to", validator=Number(gte=0))],
    steps: Annotated[int, Parameter(validator=Number(gte=2))] = 9,
    path: Literal["auto", "linear", "spherical"] = "auto",
    output: PicturesOutput = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    given: GivenValues = (),
    reading: Reading = READ_BY_ITSELF,
    overwrite: Overwrite = False,
) -> None:
    """Interpolate between the codes of two rows, and decode every step.

    The first row written is the reconstruction of the start, the last that of the end. Without -o they are printed as
    CSV.

    Parameters
    ----------
    from_
        First row, counted from 0.
    to
        Last row, counted from 0.
    steps
        How many rows to write, both ends included.
    path
        Linear, or spherical about the origin; auto is spherical for a variational code of more than 3 dimensions.
    """
    found = open_run(run)
    estimator = found.load()
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, row_shape=expected.row_shape)
    refuse_own_inputs([output], [data], run)
    conditions = Conditions(found, estimator, given)
    table = read_matching(data, expected, labels=labels, ids=ids, drop=drop, reading=reading, given=conditions)
    count = len(table)
    for flag, row in (("--from", from_), ("--to", to)):
        if row >= count:
            raise CommandError(f"{flag} {row} is beyond {data!r}, which has {counted(count, 'row')}, counted from 0.")
    first, last = (table.take([row]) for row in (from_, to))
    beside = {"given": conditions.of(first), "given_end": conditions.of(last)}
    rows = estimator.interpolate(first.rows, last.rows, steps=steps, path=path, **beside)
    write_rows(output, rows, expected.columns, row_shape=expected.row_shape, overwrite=overwrite)
