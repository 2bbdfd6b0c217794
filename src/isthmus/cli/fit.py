"""``isthmus fit``: from a table to a run folder."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.baseline import YARDSTICK, fitted_yardstick, is_tutorial_data
from isthmus.cli.data_split import DataSplit, read_and_split
from isthmus.cli.distributed import is_main_process, joined, restarted
from isthmus.cli.hyperparameter_flags import (
    as_flags,
    chosen_variant,
    settings_of,
    variant_names,
    with_hyperparameter_flags,
)
from isthmus.cli.outcome import CommandError, UsageError, finite, print_json, say, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.resume import Asked, asked_again, checkpointed, require_none_unfinished, require_same_data
from isthmus.cli.row_flags import JsonOutput, Seed
from isthmus.cli.run_folder import (
    EVALUATION,
    FIGURES,
    PAGE,
    DataRecord,
    keep_run,
    require_free_run,
    written_run,
)

if TYPE_CHECKING:
    from isthmus.evaluation import Evaluation

__all__ = ["fit"]

VARIANTS = f"What is asked of the code beside rebuilding: {' | '.join(variant_names())}."


@with_hyperparameter_flags
def fit(
    data: str | None = None,
    /,
    *,
    variant: Annotated[str, Parameter(help=VARIANTS)] = "vanilla",
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    labels: str | None = None,
    ids: str | None = None,
    drop: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    test_size: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.2,
    seed: Seed = 42,
    no_plots: Annotated[bool, Parameter(show_default=False)] = False,
    no_page: Annotated[bool, Parameter(show_default=False)] = False,
    memory: Annotated[int | None, Parameter(validator=Number(gte=1), show_default=False)] = None,
    resume: Annotated[Path | None, Parameter(show_default=False)] = None,
    checkpoint_seconds: Annotated[float, Parameter(validator=Number(gte=0))] = 60.0,
    checkpoint_epochs: Annotated[int | None, Parameter(validator=Number(gte=1), show_default=False)] = None,
    checkpoints_kept: Annotated[int, Parameter(validator=Number(gte=1))] = 2,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    json: JsonOutput = False,
    reading: Reading = READ_BY_ITSELF,
    **settings: Any,
) -> None:
    """Fit an autoencoder, judge it on rows held out, and write a run folder.

    The figures are printed beside PCA's, and for the digits beside the tutorial's own recipe. Ctrl-C ends
    training early and keeps the best model so far; a second one stops without a trace. What a kill or a power cut
    ends goes on with --resume RUN. Under torchrun several processes train one model.

    Parameters
    ----------
    data
        A .csv, .tsv, .parquet, .npy or .npz file, a folder of those or of pictures, or a bundled data set.
    output
        The run folder to write. [default: runs/DATA-VARIANT]
    labels
        Column of classes, not learned from; the code is judged by how well they can be read from it.
    ids
        Column that names the rows, not learned from.
    drop
        Column to leave out; repeat the flag for more.
    test_size
        Share of the rows to hold out; data that come with a split of their own keep it.
    seed
        Decides the split and the training: the same seed gives the same run.
    no_plots
        Write no figures.
    no_page
        Write no explorer page.
    memory
        Megabytes of rows to hold at once; a larger table is learned from where it is. [default: 128]
    resume
        Run whose fit was cut off: go on with it, as it was asked for then.
    checkpoint_seconds
        Time between two checkpoints.
    checkpoint_epochs
        Epochs between two checkpoints, beside that.
    checkpoints_kept
        Checkpoints to keep.
    overwrite
        Replace the run folder if there is one.
    """
    if resume is not None:
        if data is not None or output is not None:
            raise UsageError("--resume goes on with a fit as it was asked for; give neither DATA nor -o beside it.")
        run, asked = resume, asked_again(resume)
    else:
        if data is None:
            raise UsageError("DATA is missing; see isthmus fit --help.")
        asked = Asked(
            data, variant, labels, ids, drop, test_size, seed, no_plots, no_page, memory,
            {name: value for name, value in settings.items() if value is not None},
            reading,
        )  # fmt: skip
        run = output or Path("runs", f"{_name_of(data)}-{variant}")
    pace = {"every_seconds": checkpoint_seconds, "every_epochs": checkpoint_epochs, "keep": checkpoints_kept}
    first = is_main_process()
    if first:
        require_free_run(run, overwrite=overwrite)
        refuse_own_inputs([], [asked.data], replaced=[run])
        if resume is None and not restarted():
            require_none_unfinished(run, overwrite=overwrite)
    with checkpointed(run, asked, pace, first=first) as checkpoints:
        estimator, rows, record = _fit(asked, run, checkpoints)
        if record is None:
            return
        report = _judge_and_keep(asked, run, estimator, rows, record, overwrite=overwrite)
    if json:
        print_json({name: value for name, value in report.items() if name != "shown"})
        return
    show(*report["shown"])


def _fit(asked: Asked, run: Path, checkpoints: Any) -> tuple[Any, DataSplit, DataRecord | None]:
    """The fitted estimator, its rows and, of several processes in the first alone, what is to be known of them."""
    kind, seed = chosen_variant(asked.variant), asked.seed
    chosen = settings_of(asked.variant, asked.settings)
    with joined():
        rows = read_and_split(
            asked.data,
            asked.labels,
            asked.ids,
            asked.drop,
            asked.test_size,
            seed,
            memory=None if asked.memory is None else asked.memory << 20,
            reading=asked.reading,
        )
        record = None
        if is_main_process():
            record = rows.record(asked.data, asked.drop, test_size=asked.test_size, seed=seed)
            require_same_data(run, record)
        if rows.has_gaps:  # which the rows to learn from may be without, by chance
            chosen = {"missing": "mask"} | chosen
        say(f"fitting the {asked.variant} autoencoder …")
        estimator = _fitted(kind(**chosen, random_state=seed), rows.to_learn_from, checkpoints)
    return estimator.set_params(verbose=kind().verbose), rows, record  # verbose as it is without a command line


def _judge_and_keep(
    asked: Asked, run: Path, estimator: Any, rows: DataSplit, record: DataRecord, *, overwrite: bool
) -> dict[str, Any]:
    """The run folder of a fitted estimator, and what is to be said of it."""
    from isthmus.evaluation import evaluation_table

    variant, seed = asked.variant, asked.seed
    say("judging it on the rows held out …")
    evaluations = {variant: rows.judge(estimator, seed)}
    models = {variant: estimator}
    if is_tutorial_data(asked.data, rows):
        say("fitting the tutorial's own recipe beside it …")
        models[YARDSTICK] = fitted_yardstick(evaluations[variant].pca_components, seed, rows)
        evaluations[YARDSTICK] = rows.judge(models[YARDSTICK], seed)
    report = _report(run, variant, estimator, evaluations) | {"data": rows.facts()}
    kept = {name: value for name, value in report.items() if name != "run"}

    def write(folder: Path) -> None:
        keep_run(folder, estimator, record, rows.facts(), rows.test_places, rows.held_out.ids)
        (folder / EVALUATION).write_text(json_text.dumps(finite(kept), indent=2), encoding="utf-8")
        if not asked.no_plots:
            report["figures"] = _draw(folder / FIGURES, estimator, rows, evaluations[variant].pca_components)
        if not asked.no_page:
            report["page"] = _explore(folder / PAGE, models, rows, evaluations)

    written_run(run, write, overwrite=overwrite)
    report["shown"] = [
        evaluation_table(evaluations),
        report["sentence"],
        *_advice(estimator, rows),
        f"The run is in {str(run)!r}.",
    ]
    return report


def _name_of(data: str) -> str:
    """What the run folder is named after: the file or folder without its suffix."""
    path = Path(data)
    name = path.stem if path.suffix else path.resolve().name
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "data"


def _fitted(estimator: Any, rows: Any, checkpoints: Any) -> Any:
    """The estimator fitted; where it refuses, its settings are named as the flags they were given by."""
    try:
        return estimator.fit(rows, checkpoints=checkpoints)
    except ValueError as error:
        if not str(error).startswith(f"{type(estimator).__name__}: "):
            raise
        raise CommandError(as_flags(str(error))) from error


def _report(run: Path, variant: str, estimator: Any, evaluations: dict[str, Evaluation]) -> dict[str, Any]:
    from isthmus.evaluation import sentence

    return {
        "run": str(run),
        "variant": variant,
        "n_components": estimator.n_components_,
        "epochs": estimator.n_iter_,
        "best_epoch": estimator.best_epoch_,
        "sentence": sentence(evaluations[variant]),
        "evaluation": evaluations[variant].to_dict(),
        **{name: evaluation.to_dict() for name, evaluation in evaluations.items() if name != variant},
    }


def _draw(folder: Path, estimator: Any, rows: DataSplit, pca_components: int) -> list[str]:
    """The figures' names; a run is worth keeping even where they cannot be drawn, for whatever reason."""
    from isthmus.cli.figures import draw_figures

    say("drawing figures …")
    try:
        return [path.name for path in draw_figures(folder, estimator, rows.held_out, rows.training, pca_components)]
    except CommandError as error:
        say(f"note: {error}")
    except Exception as error:
        say(f"note: no figures ({type(error).__name__}: {error}); isthmus plot RUN --debug shows why.")
    return []


def _explore(page: Path, models: dict[str, Any], rows: DataSplit, evaluations: dict[str, Evaluation]) -> str | None:
    """The page's name; a run is worth keeping even where it cannot be written, for whatever reason."""
    from isthmus.cli.explore import write_page

    say("writing the explorer page …")
    try:
        write_page(page, models, rows.held_out, rows.training, evaluations=evaluations, overwrite=True)
        return page.name
    except Exception as error:
        say(f"note: no explorer page ({type(error).__name__}: {error}); isthmus explore RUN --debug shows why.")
    return None


def _advice(estimator: Any, rows: DataSplit) -> list[str]:
    """The errors by column of a mixed-type table; for a numeric one, why its columns were scaled."""
    fitted = estimator.fitted_
    if fitted.layout is not None:
        from isthmus.evaluation.by_column import column_error_lines, column_errors

        return column_error_lines(column_errors(estimator, rows.held_out.rows))
    if fitted.scale is not None and fitted.scale_reason:
        return [
            f"Columns were scaled to variance 1, since {fitted.scale_reason}; --scale none leaves them as they are."
        ]
    return []
