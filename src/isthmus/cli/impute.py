"""``isthmus impute``: rows with empty cells in, the same rows with those filled out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.cli.matching_rows import open_matching, rows_expected
from isthmus.cli.outcome import CommandError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, RunPath, TableOutput
from isthmus.cli.rows_output import require_writable, write_blocks
from isthmus.cli.run_folder import open_run

if TYPE_CHECKING:
    from isthmus.tables import Table

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
    refuse_own_inputs([output], [data], run)
    stream = open_matching(data, expected, labels=labels, ids=ids, drop=drop)
    count = 0

    def filled(block: Table) -> Any:
        nonlocal count
        count += int(np.isnan(block.values).sum())
        return estimator.impute(block.rows)

    write_blocks(output, stream, filled, expected.columns, overwrite=overwrite)
    if output is not None:
        say(f"{count:,} of {len(stream) * stream.n_columns:,} cells were empty and are filled.")
