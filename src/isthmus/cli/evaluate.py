"""``isthmus evaluate``: how good a fitted model is, beside PCA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.data_split import held_out_again, require_data
from isthmus.cli.matching_rows import open_matching, rows_expected
from isthmus.cli.outcome import CommandError, print_json, show
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Drop, Ids, JsonOutput, Labels, RunPath, Seed, rows_of
from isthmus.cli.run_folder import open_run
from isthmus.text_table import counted

__all__ = ["evaluate"]


def evaluate(
    run: RunPath,
    data: Annotated[
        str | None, rows_of("Rows for the evaluation, which the model was not trained on; without them those held out")
    ] = None,
    /,
    *,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    given: GivenValues = (),
    reading: Reading = READ_BY_ITSELF,
    pairs: Annotated[Path | None, Parameter(show_default=False)] = None,
    seed: Seed = 42,
    json: JsonOutput = False,
) -> None:
    """Evaluate a fitted model, with PCA for comparison.

    Without DATA, uses the rows that isthmus fit held out, if the data are still in the same place.

    Parameters
    ----------
    pairs
        For word vectors: a file with two words and a human score per line, to compare by rank with the codes.
    seed
        Seed of the folds and samples behind the figures.
    """
    from isthmus.evaluation import evaluate as figures_of
    from isthmus.evaluation import evaluation_table, sentence

    if data is None:
        require_data()
    found = open_run(run)
    if found.is_of_series:
        from isthmus.cli.commands_of_series import evaluate_series, refuse_flags

        refuse_flags(found, "json")
        evaluate_series(found, data, reading, json=json)
        return
    estimator = found.load()
    conditions = Conditions(found, estimator, given)
    evaluated_rows: Any
    rows: Any = None
    stream: Any = None
    if data is None:
        rows = held_out_again(found)
        evaluated_rows, beside = rows.held_out.rows, rows.held_out.given
        evaluation, evaluated_on = (
            rows.evaluate(estimator, seed),
            f"the {counted(len(rows.test), 'row')} held out from training",
        )
    else:
        stream = open_matching(
            data, rows_expected(found, estimator), labels=labels, ids=ids, drop=drop, reading=reading, given=conditions
        )
        beside = conditions.repeated(len(stream), stream.given)
        evaluation = figures_of(estimator, stream, given=beside, random_state=seed)
        evaluated_rows = stream.load().rows if estimator.fitted_.layout is not None else None
        evaluated_on = f"the {counted(len(stream), 'row')} of {data!r}"
    agreement = None
    if pairs is not None:
        table = rows.table if data is None else stream.load()
        agreement = _agreement(estimator, table, pairs, evaluation.pca_components)
    if json:
        facts = {
            "run": run,
            "rows": evaluated_on,
            "sentence": sentence(evaluation),
            "evaluation": evaluation.to_dict(),
            **({} if agreement is None else {"pairs": vars(agreement)}),
        }
        print_json(facts)
        return
    by_column = []
    if estimator.fitted_.layout is not None:
        from isthmus.evaluation.by_column import column_error_lines, column_errors

        by_column = column_error_lines(column_errors(estimator, evaluated_rows, given=beside))
    show(
        f"Evaluated on {evaluated_on}.",
        evaluation_table({type(estimator).__name__: evaluation}),
        sentence(evaluation),
        *([] if agreement is None else [agreement.sentence()]),
        *by_column,
    )


def _agreement(estimator: Any, table: Any, pairs: Path, size: int) -> Any:
    """Rank correlation with human scores of word pairs, over all rows."""
    import torch

    from isthmus.evaluation.neighbours import pair_scores, read_pairs

    if table.ids is None:
        raise CommandError("--pairs needs rows that are named by words; name their column with --ids.")
    units = torch.from_numpy(estimator.scaling_.apply(table.values)).to(estimator.principal_.mean.dtype)
    principal = estimator.principal_.encode(units, size).numpy()
    return pair_scores(read_pairs(pairs), table.ids.tolist(), table.values, estimator.transform(table), principal)
