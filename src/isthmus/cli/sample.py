"""``isthmus sample``: new rows from a model that has a prior."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.matching_rows import rows_expected
from isthmus.cli.outcome import CommandError
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
    output: PicturesOutput = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw new rows: codes from the prior, decoded.

    Only a model with a prior over its codes can, as the variational one has. Without -o the rows are printed
    as CSV.

    Parameters
    ----------
    number
        How many rows.
    seed
        Another seed draws other rows; without it the model's own is taken, so the same rows come again.
    """
    found = open_run(run)
    estimator = found.load()
    if not hasattr(estimator, "sample"):
        raise CommandError(
            f"{type(estimator).__name__} has no prior over its codes to sample from; fit one with "
            "--variant variational."
        )
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, image_shape=expected.image_shape)
    rows = estimator.sample(number, random_state=seed)
    write_rows(output, rows, expected.columns, image_shape=expected.image_shape, overwrite=overwrite)
