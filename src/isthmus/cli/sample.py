"""``isthmus sample``: new rows from a fitted model."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.matching_rows import rows_expected
from isthmus.cli.outcome import CommandError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.row_flags import Overwrite, PicturesOutput, RunPath, Seed
from isthmus.cli.rows_output import require_writable, write_rows
from isthmus.cli.run_folder import open_run

__all__ = ["sample"]


def sample(
    run: RunPath,
    /,
    *,
    number: Annotated[int, Parameter(("--number", "-n"), validator=Number(gte=1))] = 16,
    seed: Seed | None = None,
    codes: Literal["auto", "prior", "density"] = "auto",
    noise: Annotated[bool | None, Parameter(show_default=False)] = None,
    order: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    given: GivenValues = (),
    output: PicturesOutput = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw new rows: codes are drawn, then decoded.

    Without -o the rows are printed as CSV.

    Parameters
    ----------
    number
        How many rows to draw.
    seed
        Seed of the draws; by default the model's own, so every call draws the same rows.
    codes
        Where codes come from: a variational model's prior, or a density fitted to the codes of training rows.
        auto takes whichever is nearer to held-out codes, and says so.
    noise
        Add the noise that the decoder leaves out, as large as the model's error on held-out rows.
        Columns of a table then take values as in training rows: decimals, ranges, categories, empty cells.
        The default for tables with column names.
    order
        A constraint that every row keeps, such as "start <= end"; repeat for more.
    """
    found = open_run(run)
    if found.is_of_series:
        from isthmus.cli.commands_of_series import refuse_flags, sample_windows

        refuse_flags(found, "number", "output", "overwrite")
        sample_windows(found, number, output, overwrite=overwrite)
        return
    estimator = found.load()
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, row_shape=expected.row_shape)
    refuse_own_inputs([output], [], run)
    beside = Conditions(found, estimator, given).repeated(number)
    try:
        rows = estimator.sample(number, random_state=seed, codes=codes, noise=noise, given=beside, order=order)
    except ValueError as error:
        flags = re.sub(r"\b(order|codes)=", r"--\1 ", str(error))
        if flags == str(error):
            raise
        raise CommandError(flags.partition(": ")[2]) from error
    if codes == "auto" and estimator.fitted_.model.bottleneck.has_prior:
        say(f"{estimator.code_source().sentence()}.")
    write_rows(output, rows, expected.columns, row_shape=expected.row_shape, overwrite=overwrite)
