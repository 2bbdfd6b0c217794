"""``isthmus decode``: codes in, rows out."""

from __future__ import annotations

from isthmus.cli.matching_rows import codes_expected, open_matching, rows_expected
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, PicturesOutput, RunPath
from isthmus.cli.rows_output import require_writable, write_blocks
from isthmus.cli.run_folder import open_run

__all__ = ["decode"]


def decode(
    run: RunPath,
    codes: str,
    /,
    *,
    output: PicturesOutput = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    overwrite: Overwrite = False,
) -> None:
    """Rebuild rows from codes.

    Row ids and labels are kept beside the rows. Without -o the rows are printed as CSV.

    Parameters
    ----------
    codes
        Codes as isthmus encode writes them.
    """
    found = open_run(run)
    estimator = found.load()
    expected = rows_expected(found, estimator)
    require_writable(output, overwrite=overwrite, image_shape=expected.image_shape)
    refuse_own_inputs([output], [codes], run)
    stream = open_matching(codes, codes_expected(found, estimator), labels=labels, ids=ids, drop=drop)
    write_blocks(
        output,
        stream,
        lambda block: estimator.inverse_transform(block.values),
        expected.columns,
        image_shape=expected.image_shape,
        overwrite=overwrite,
    )
