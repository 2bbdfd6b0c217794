"""``isthmus reconstruct``: rows in, the same rows rebuilt out."""

from __future__ import annotations

from isthmus.cli.matching_rows import open_matching, rows_expected
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, PicturesOutput, RunPath, Shard
from isthmus.cli.rows_output import require_writable, shared, write_blocks
from isthmus.cli.run_folder import open_run

__all__ = ["reconstruct"]


def reconstruct(
    run: RunPath,
    data: str,
    /,
    *,
    output: PicturesOutput = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    overwrite: Overwrite = False,
    shard: Shard = None,
) -> None:
    """Squeeze rows and rebuild them: what is left of each after the code.

    Row ids, labels and column names are kept. Without -o the rows are printed as CSV.

    Parameters
    ----------
    data
        Rows with the columns the model was fitted on, in any order.
    """
    output, share = shared(output, shard)
    found = open_run(run)
    estimator = found.load()
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, image_shape=expected.image_shape)
    refuse_own_inputs([output], [data], run)
    stream = open_matching(data, expected, labels=labels, ids=ids, drop=drop, share=share)
    write_blocks(
        output,
        stream,
        lambda block: estimator.reconstruct(block.rows),
        expected.columns,
        image_shape=expected.image_shape,
        overwrite=overwrite,
    )
