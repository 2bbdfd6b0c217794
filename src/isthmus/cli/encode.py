"""``isthmus encode``: rows in, codes out."""

from __future__ import annotations

from isthmus.cli.matching_rows import open_matching, rows_expected
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, RunPath, Shard, TableOutput
from isthmus.cli.rows_output import require_writable, shared, write_blocks
from isthmus.cli.run_folder import open_run

__all__ = ["encode"]


def encode(
    run: RunPath,
    data: str,
    /,
    *,
    output: TableOutput = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    overwrite: Overwrite = False,
    shard: Shard = None,
) -> None:
    """Squeeze rows to codes.

    Row ids and labels are kept beside the codes. Without -o the codes are printed as CSV.

    Parameters
    ----------
    data
        Rows with the columns the model was fitted on, in any order.
    """
    output, share = shared(output, shard)
    found = open_run(run)
    require_writable(output, overwrite=overwrite)
    refuse_own_inputs([output], [data], run)
    estimator = found.load()
    stream = open_matching(data, rows_expected(found, estimator), labels=labels, ids=ids, drop=drop, share=share)
    write_blocks(
        output,
        stream,
        lambda block: estimator.transform(block.rows),
        list(estimator.get_feature_names_out()),
        overwrite=overwrite,
        what="codes",
    )
