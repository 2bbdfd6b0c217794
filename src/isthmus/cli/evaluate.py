"""``isthmus evaluate``: how good a fitted model is, beside PCA."""

from __future__ import annotations

from typing import Any

from isthmus.cli.data_split import held_out_again
from isthmus.cli.matching_rows import open_matching, rows_expected
from isthmus.cli.outcome import print_json, show
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Drop, Ids, JsonOutput, Labels, RunPath, Seed
from isthmus.cli.run_folder import open_run

__all__ = ["evaluate"]


def evaluate(
    run: RunPath,
    data: str | None = None,
    /,
    *,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    reading: Reading = READ_BY_ITSELF,
    seed: Seed = 42,
    json: JsonOutput = False,
) -> None:
    """Evaluate a fitted model, with PCA for comparison.

    Without DATA, on the rows that isthmus fit held out, if the data are still in the same place.

    Parameters
    ----------
    data
        Rows for the evaluation, which the model was not trained on.
    seed
        Seed of the folds and samples taken for the figures.
    """
    from isthmus.evaluation import evaluate as figures_of
    from isthmus.evaluation import evaluation_table, sentence

    found = open_run(run)
    estimator = found.load()
    judged_rows: Any
    if data is None:
        rows = held_out_again(found)
        judged_rows = rows.held_out.rows
        evaluation, judged_on = (
            rows.judge(estimator, seed),
            f"the {len(rows.test):,} rows held out at the fit",
        )
    else:
        stream = open_matching(
            data, rows_expected(found, estimator), labels=labels, ids=ids, drop=drop, reading=reading
        )
        evaluation = figures_of(estimator, stream, random_state=seed)
        judged_rows = stream.load().rows if estimator.fitted_.layout is not None else None
        judged_on = f"the {len(stream):,} rows of {data!r}"
    if json:
        facts = {
            "run": run,
            "rows": judged_on,
            "sentence": sentence(evaluation),
            "evaluation": evaluation.to_dict(),
        }
        print_json(facts)
        return
    by_column = []
    if estimator.fitted_.layout is not None:
        from isthmus.evaluation.by_column import column_error_lines, column_errors

        by_column = column_error_lines(column_errors(estimator, judged_rows))
    show(
        f"Evaluated on {judged_on}.",
        evaluation_table({type(estimator).__name__: evaluation}),
        sentence(evaluation),
        *by_column,
    )
