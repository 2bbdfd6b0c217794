"""``isthmus plot``: the figures of a fitted model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.data_split import held_out_again, require_data
from isthmus.cli.figures import draw_figures, require_no_figures
from isthmus.cli.matching_rows import read_matching, rows_expected
from isthmus.cli.outcome import CommandError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, RunPath, rows_of
from isthmus.cli.run_folder import FIGURES, Run, open_run

__all__ = ["plot"]


def plot(
    run: RunPath,
    data: Annotated[str | None, rows_of("Rows to draw; without them those held out")] = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    given: GivenValues = (),
    reading: Reading = READ_BY_ITSELF,
    overwrite: Overwrite = False,
) -> None:
    """Draw the figures of a fitted model as PNG files.

    Without DATA, shows the rows that isthmus fit held out, if the data are still in the same place.

    Parameters
    ----------
    output
        Folder for the figures. [default: RUN/figures]
    """
    from isthmus.evaluation import evaluate

    if data is None:
        require_data()
    found = open_run(run)
    folder = output or found.path / FIGURES
    if output is None and folder.is_symlink():
        raise CommandError(f"{str(folder)!r} is a link, and a run's figures stay in it; name a folder with -o.")
    require_no_figures(folder, overwrite=overwrite)
    source = None if found.record is None else found.record.source
    refuse_own_inputs([folder], [data, source], run)
    if found.is_of_series:
        from isthmus.cli.commands_of_series import plot_of_series, refuse_flags

        refuse_flags(found, "output", "overwrite")
        plot_of_series(found, data, reading, folder)
        return
    estimator = found.load()
    conditions = Conditions(found, estimator, given)
    if data is None:
        split = held_out_again(found)
        rows, training, beside = split.held_out, split.training, split.training_given
    else:
        rows = read_matching(
            data, rows_expected(found, estimator), labels=labels, ids=ids, drop=drop, reading=reading, given=conditions
        )
        training, beside = _training_rows(found)
    rows = replace(rows, given=conditions.of(rows))
    pca_components = evaluate(estimator, rows.rows, given=rows.given).pca_components
    paths = draw_figures(folder, estimator, rows, training, pca_components, beside)
    say(f"{len(paths)} figures are in {str(folder)!r}.")


def _training_rows(run: Run) -> tuple[Any, Any]:
    try:
        split = held_out_again(run)
        return split.training, split.training_given
    except CommandError as error:
        say(f"note: no grid of decodes, which needs the training rows: {error}")
        return None, None
