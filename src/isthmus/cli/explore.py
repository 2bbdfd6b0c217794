"""``isthmus explore``: the page that shows what a model learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from isthmus.cli.held_out_rows import held_out_again
from isthmus.cli.matching_rows import read_matching, rows_expected
from isthmus.cli.outcome import CommandError, UsageError, say
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, RunPath
from isthmus.cli.run_folder import PAGE, open_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isthmus.data import Table

__all__ = ["explore", "write_page"]


def explore(
    run: RunPath,
    data: str | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    beside: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    overwrite: Overwrite = False,
) -> None:
    """Write one offline page that shows what a fitted model learned, and decodes live as you move.

    Without DATA, of the rows that isthmus fit held out, if the data are still where they were.

    Parameters
    ----------
    data
        Rows to show, with the columns the model was fitted on.
    output
        The .html file to write. [default: RUN/explorer.html]
    beside
        Another run fitted on the same data, as a tab of its own; repeat the flag for more.
    """
    found = open_run(run)
    page = output or found.path / PAGE
    if page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o must end in .html, got {str(page)!r}.")
    models = {found.path.name: found.load()}
    for place in beside:
        other = open_run(place)
        if found.record is None or other.record is None or other.record.sha256 != found.record.sha256:
            raise CommandError(f"{place!r} was fitted on other data than {run!r}; tabs show models of the same rows.")
        models[other.path.name] = other.load()
    estimator = next(iter(models.values()))
    training: Any = None
    try:
        judged = held_out_again(found)
        rows, training = judged.held_out, judged.training
    except CommandError as error:
        if data is None:
            raise
        rows = read_matching(data, rows_expected(found, estimator), labels=labels, ids=ids, drop=drop)
        say(f"note: doubt is read off the codes that the model remembers: {error}")
    else:
        if data is not None:
            rows = read_matching(data, rows_expected(found, estimator), labels=labels, ids=ids, drop=drop)
    write_page(page, models, rows, training, overwrite=overwrite)
    say(f"the page is in {str(page)!r}; open it in a browser.")


def write_page(
    page: Path,
    models: Mapping[str, Any],
    rows: Table,
    training: Any,
    *,
    evaluations: Any = None,
    overwrite: bool,
) -> None:
    """The page of one or more estimators on the rows of a table."""
    from isthmus.explorer import write_explorer

    write_explorer(
        models,
        page,
        rows.rows,
        rows.labels,
        X_train=training,
        ids=rows.ids,
        image_shape=rows.image_shape,
        columns=rows.columns if rows.frame is None else None,
        title=rows.name,
        label_name=rows.label_name or "class",
        evaluations=evaluations,
        overwrite=overwrite,
    )
