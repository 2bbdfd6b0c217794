"""``isthmus sample``: new rows from a fitted model."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.matching_rows import rows_expected
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
    noise: Annotated[bool, Parameter(show_default=False)] = False,
    given: GivenValues = (),
    output: PicturesOutput = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw new rows: codes drawn, then decoded.

    Without -o the rows are printed as CSV.

    Parameters
    ----------
    number
        How many rows.
    seed
        Another seed draws other rows; without it the model's own is taken, so the same rows come again.
    codes
        Where codes come from: the prior of a variational model, or a density fitted to the codes of training rows,
        which every model has; auto takes the prior where there is one.
    noise
        Add what the decoder leaves out: noise as large as the model's error on held-out rows.
    """
    found = open_run(run)
    if found.is_of_series:
        from isthmus.cli.series_commands import refuse_flags, sample_windows

        refuse_flags(
            found, {"--seed": seed is not None, "--codes": codes != "auto", "--noise": noise, "--given": given}
        )
        sample_windows(found, number, output, overwrite=overwrite)
        return
    estimator = found.load()
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, row_shape=expected.row_shape)
    refuse_own_inputs([output], [], run)
    beside = Conditions(found, estimator, given).repeated(number)
    rows = estimator.sample(number, random_state=seed, codes=codes, noise=noise, given=beside)
    write_rows(output, rows, expected.columns, row_shape=expected.row_shape, overwrite=overwrite)
