"""``isthmus sample``: new rows from a model that has a prior."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from isthmus.cli.matching_rows import rows_expected
from isthmus.cli.outcome import Failure, WrongUse
from isthmus.cli.row_flags import Overwrite, PicturesOutput, RunPath
from isthmus.cli.rows_output import require_writable, write_rows
from isthmus.cli.run_folder import open_run

__all__ = ["sample"]

LARGEST_SEED = 2**32 - 1


def sample(
    run: RunPath,
    /,
    *,
    number: Annotated[int, Parameter(("--number", "-n"))] = 16,
    seed: int | None = None,
    output: PicturesOutput = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw new rows: codes from the prior, decoded.

    Only a model with a prior over its codes can, as the variational one has. Without -o the rows are printed as CSV.

    Parameters
    ----------
    number
        How many rows.
    seed
        Another seed draws other rows; without it the model's own is taken, so the same rows come again.
    """
    if number < 1:
        raise WrongUse(f"--number must be at least 1, got {number}.")
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise WrongUse(f"--seed must be from 0 to {LARGEST_SEED}, got {seed}.")
    found = open_run(run)
    estimator = found.load()
    if not hasattr(estimator, "sample"):
        raise Failure(
            f"{type(estimator).__name__} has no prior over its codes to sample from; fit with --variant variational."
        )
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, image_shape=expected.image_shape)
    rows = estimator.sample(number, random_state=seed)
    write_rows(output, rows, expected.columns, image_shape=expected.image_shape, overwrite=overwrite)
