"""``isthmus explore``: the page that shows what a model learned."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from isthmus.cli.baseline import BASELINE, fitted_baseline, is_tutorial_data
from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.data_split import held_out_again, require_data
from isthmus.cli.matching_rows import read_matching, rows_expected
from isthmus.cli.outcome import CommandError, UsageError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, RunPath, rows_of
from isthmus.cli.run_folder import NESTED, PAGE, open_run
from isthmus.cli.typed_flags import typed_besides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isthmus.tables import Table

__all__ = ["explore", "write_page"]

PCA_TAB = "PCA"


def explore(
    run: RunPath,
    data: Annotated[str | None, rows_of("Rows to show; without them those held out")] = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    beside: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    image_shape: Annotated[str | None, Parameter(show_default=False)] = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    given: GivenValues = (),
    reading: Reading = READ_BY_ITSELF,
    overwrite: Overwrite = False,
) -> None:
    """Write one offline page to explore a fitted model: it decodes live as you move over the map.

    Without DATA, shows the rows that isthmus fit held out, if the data are still in the same place.

    Parameters
    ----------
    output
        The .html file to write. [default: RUN/explorer.html]
    beside
        Another run fitted on the same data, shown in a tab of its own; repeat the flag for more.
    image_shape
        Show each row as a picture of this height and width, such as 8x8; channels first, such as 3x32x32.
    """
    if data is None:
        require_data()
    found = open_run(run)
    shape = _shape(image_shape)
    page = output or found.path / PAGE
    if page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o must end in .html, got {str(page)!r}.")
    if page.exists() and data is None and not typed_besides():  # it was written by isthmus fit
        again = shlex.join(["isthmus", "explore", str(run), "--overwrite"])
        say(f"the page is in {str(page)!r} already; open it in a browser. To write it again: {again}")
        return
    if found.is_of_series:
        from isthmus.cli.commands_of_series import page_of_series, refuse_flags

        refuse_flags(found, "output", "overwrite")
        page_of_series(found, data, reading, page, overwrite=overwrite)
        return
    source = None if found.record is None else found.record.source
    refuse_own_inputs([page], [data, source, *beside], run)
    from isthmus.variants import name_of

    estimator = found.load()
    models = {name_of(estimator): estimator}
    for place in beside:
        other = open_run(place)
        if found.record is None or other.record is None or other.record.sha256 != found.record.sha256:
            raise CommandError(f"{place!r} was fitted on other data than {run!r}; tabs show models of the same rows.")
        one = other.load()
        models[_free(name_of(one), models, other.path.name)] = one
    if (found.path / NESTED).is_dir():
        from isthmus.storage import load

        models[_free(NESTED, models)] = load(found.path / NESTED)  # of isthmus smallest: one model for every size
    training: Any = None
    conditions, given_train = Conditions(found, estimator, given), None
    asked: dict[str, Any] = {"labels": labels, "ids": ids, "drop": drop, "reading": reading, "given": conditions}
    try:
        split = held_out_again(found)
        rows, training, given_train = split.held_out_named, split.training, split.training_given
    except CommandError as error:
        if data is None:
            raise
        rows = read_matching(data, rows_expected(found, estimator), **asked)
        say(f"note: uncertainty is shown from the codes stored in the model: {error}")
    else:
        if data is not None:
            rows = read_matching(data, rows_expected(found, estimator), **asked)
        elif found.record is not None and is_tutorial_data(found.record.source, split) and not conditions.names:
            say("fitting a tutorial's recipe for comparison …")
            size = min(estimator.n_components_, rows.n_columns)
            models[_free(BASELINE, models)] = fitted_baseline(size, found.record.seed, split)
    width = rows.n_columns
    if shape is not None and math.prod(shape) != width:
        raise UsageError(f"--image-shape {image_shape} has {math.prod(shape)} numbers, and a row has {width}.")
    rows = replace(rows, given=conditions.of(rows))
    write_page(page, models, rows, training, given_train=given_train, image_shape=shape, overwrite=overwrite)
    say(f"the page is in {str(page)!r}; open it in a browser.")


def _free(name: str, taken: Mapping[str, Any], otherwise: str | None = None) -> str:
    """A tab name that is not taken: ``name``, else ``otherwise``, else one with a number."""
    other = otherwise or name
    names = (name, other, *(f"{other} {count}" for count in range(2, len(taken) + 2)))
    return next(one for one in names if one not in taken and one != PCA_TAB)


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    sides = text.lower().replace(",", "x").split("x")
    if len(sides) not in (2, 3) or not all(side.strip().isdigit() and int(side) > 0 for side in sides):
        raise UsageError(f"--image-shape must be height x width, such as 8x8, or 3x32x32, got {text!r}.")
    return tuple(int(side) for side in sides)


def write_page(
    page: Path,
    models: Mapping[str, Any],
    rows: Table,
    training: Any,
    *,
    given_train: Any = None,
    evaluations: Any = None,
    image_shape: tuple[int, ...] | None = None,
    overwrite: bool,
) -> None:
    """The page of one or more estimators on the rows of a table."""
    from isthmus.explorer import write_explorer

    write_explorer(
        models,
        page,
        rows.rows,
        rows.labels,
        given=rows.given,
        X_train=training,
        given_train=given_train,
        ids=rows.ids,
        image_shape=image_shape or rows.image_shape,
        columns=rows.columns if rows.frame is None else None,
        title=rows.name,
        label_name=rows.label_name or "class",
        evaluations=evaluations,
        overwrite=overwrite,
    )
