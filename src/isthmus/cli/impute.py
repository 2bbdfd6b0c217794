"""``isthmus impute``: rows with empty cells in, the same rows with those filled out."""

from __future__ import annotations

from isthmus.cli.matching_rows import read_matching, rows_expected
from isthmus.cli.outcome import CommandError, say
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, RunPath, TableOutput
from isthmus.cli.rows_output import require_writable, write_rows
from isthmus.cli.run_folder import open_run

__all__ = ["impute"]


def impute(
    run: RunPath,
    data: str,
    /,
    *,
    output: TableOutput = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    overwrite: Overwrite = False,
) -> None:
    """Fill the empty cells of rows with what the model expects there; every other cell stays as it is.

    Takes a model of isthmus fit --missing mask. Without -o the rows are printed as CSV.

    Parameters
    ----------
    data
        Rows with the columns the model was fitted on, in any order.
    """
    import numpy as np

    found = open_run(run)
    estimator = found.load()
    if estimator.missing != "mask":
        raise CommandError(f"{run!r} was fitted without missing cells; fit it again with --missing mask.")
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite)
    table = read_matching(data, expected, labels=labels, ids=ids, drop=drop)
    count = int(np.isnan(table.values).sum())
    write_rows(output, estimator.impute(table.rows), expected.columns, beside=table, overwrite=overwrite)
    if output is not None:
        say(f"{count:,} of {table.values.size:,} cells were empty and are filled.")
