"""``isthmus fit``: from a table to a run folder."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.baseline import BASELINE, fitted_baseline, is_tutorial_data
from isthmus.cli.conditions import GivenColumns, columns_asked
from isthmus.cli.data_split import DataRequest, DataSplit, read_and_split
from isthmus.cli.distributed import is_main_process, joined, restarted
from isthmus.cli.hyperparameter_flags import (
    as_flags,
    chosen_variant,
    settings_of,
    variant_names,
    with_hyperparameter_flags,
)
from isthmus.cli.outcome import CommandError, UsageError, as_json, print_json, say, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.quick_imports import ready_sklearn
from isthmus.cli.ratings_fit import AskedRatings, fit_ratings, require_ratings
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading, ReadingFlags
from isthmus.cli.resume import Asked, asked_again, checkpointed, require_none_unfinished, require_same_data
from isthmus.cli.row_flags import JsonOutput, Seed, SeriesEntity, SeriesTime, Stride, TimeZone, require_time, rows_of
from isthmus.cli.run_folder import (
    EVALUATION,
    FIGURES,
    PAGE,
    keep_run,
    require_free_run,
    written_run,
)
from isthmus.cli.series_fit import AskedWindows, fit_series
from isthmus.cli.typed_flags import typed_besides

if TYPE_CHECKING:
    from isthmus.evaluation import Evaluation

__all__ = ["fit"]

MAX_COUNTS = 8  # columns of counts that are named after a fit
COUNTED = ("poisson", "negative_binomial")  # likelihoods of counts
PACE = ("checkpoint_seconds", "checkpoint_epochs", "checkpoints_kept")
VARIANTS = f"Kind of autoencoder: {' | '.join(variant_names())}."


@with_hyperparameter_flags
def fit(
    data: Annotated[str | None, rows_of("Rows to train on")] = None,
    /,
    *,
    variant: Annotated[str, Parameter(help=VARIANTS)] = "vanilla",
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    labels: str | None = None,
    ids: str | None = None,
    drop: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    given: GivenColumns = (),
    test_size: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.2,
    seed: Seed = 42,
    no_plots: Annotated[bool, Parameter(show_default=False)] = False,
    no_page: Annotated[bool, Parameter(show_default=False)] = False,
    memory: Annotated[int | None, Parameter(validator=Number(gte=1), show_default=False)] = None,
    resume: Annotated[Path | None, Parameter(show_default=False)] = None,
    checkpoint_seconds: Annotated[float, Parameter(validator=Number(gte=0))] = 60.0,
    checkpoint_epochs: Annotated[int | None, Parameter(validator=Number(gte=1), show_default=False)] = None,
    checkpoints_kept: Annotated[int, Parameter(validator=Number(gte=1))] = 2,
    time: SeriesTime = None,
    entity: SeriesEntity = None,
    time_zone: TimeZone = None,
    stride: Stride = None,
    ratings: str | None = None,
    threshold: Annotated[float | None, Parameter(show_default=False)] = None,
    ridge: Annotated[float | None, Parameter(validator=Number(gt=0), show_default=False)] = None,
    max_items: Annotated[int | None, Parameter(validator=Number(gte=2), show_default=False)] = None,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    json: JsonOutput = False,
    reading: Reading = READ_BY_ITSELF,
    **settings: Any,
) -> None:
    """Fit an autoencoder, evaluate it on held-out rows, and write a run folder.

    The output compares it with PCA and, for the digits, with a tutorial's recipe. Ctrl-C ends training early and
    keeps the best model so far; pressing it again stops without writing anything. A fit that was interrupted in
    another way can be resumed with --resume RUN. Under torchrun training is distributed over several processes.

    Parameters
    ----------
    output
        The run folder to write. [default: runs/DATA-VARIANT]
    labels
        Column of classes, not used for training; the output says how well they can be predicted from the code.
    ids
        Column that names the rows, not used for training.
    drop
        Column to leave out; repeat the flag for more.
    test_size
        Share of the rows to hold out for the evaluation; data that come with a split keep it.
    seed
        Seed of the split and of training: the same seed gives the same run.
    no_plots
        Write no figures.
    no_page
        Write no explorer page.
    memory
        Megabytes of rows to hold in memory; a larger table is read from disk in every epoch. [default: 128]
    resume
        Resume the interrupted fit of this run, with its own settings.
    checkpoint_seconds
        Seconds between checkpoints.
    checkpoint_epochs
        Epochs between checkpoints, in addition to --checkpoint-seconds.
    checkpoints_kept
        Number of checkpoints to keep.
    ratings
        Columns user,item or user,item,value: each row is then a rating, and items are recommended to users.
    threshold
        For ratings: the lowest rating that counts as a like. [default: the median rating]
    ridge
        For ratings: ridge penalty of the closed form. [default: chosen on held-out users]
    max_items
        For ratings: the largest number of items; memory grows with its square. [default: 20,000]
    overwrite
        Replace the run folder if there is one.
    """
    if ratings is not None and data is not None:
        of_ratings = settings | {"threshold": threshold, "ridge": ridge, "max_items": max_items}
        asked_ratings = AskedRatings(data, ratings, reading, of_ratings, seed)
        run = output or Path("runs", f"{_name_of(data)}-items")
        fit_ratings(asked_ratings, run, overwrite=overwrite, json=json)
        return
    require_ratings({"--threshold": threshold, "--ridge": ridge, "--max-items": max_items})
    if time is not None and data is not None:
        windows = AskedWindows(
            data, time, entity, time_zone, reading, stride, variant, settings, labels, drop, seed, memory
        )
        run = output or Path("runs", f"{_name_of(data)}-series")
        fit_series(windows, run, plots=not no_plots, page=not no_page, overwrite=overwrite, json=json)
        return
    require_time({"--entity": entity, "--time-zone": time_zone, "--stride": stride})
    if resume is not None:
        own = ("resume", *PACE, "no_plots", "no_page", "overwrite", "json")
        others = [*["DATA"] * (data is not None), *typed_besides(*own)]
        if others:
            raise UsageError(f"--resume continues a fit with its own data and settings; leave out {', '.join(others)}.")
        run, asked = resume, asked_again(resume)
        asked = replace(asked, no_plots=asked.no_plots or no_plots, no_page=asked.no_page or no_page)
    else:
        if data is None:
            raise UsageError("DATA is missing; type isthmus fit table.csv, or isthmus fit digits for bundled data.")
        asked = Asked(
            data, variant, labels, ids, drop, test_size, seed, no_plots, no_page, memory,
            {name: value for name, value in settings.items() if value is not None},
            {name: value for name, value in vars(reading).items() if value not in (None, ())},
            columns_asked(given),
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
        estimator, rows = _fit(asked, run, checkpoints)
        if not first:
            return
        report = _evaluate_and_keep(asked, run, estimator, rows, overwrite=overwrite)
    if json:
        print_json({name: value for name, value in report.items() if name != "shown"})
        return
    show(*report["shown"])


def _fit(asked: Asked, run: Path, checkpoints: Any) -> tuple[Any, DataSplit]:
    """The fitted estimator, and its rows."""
    chosen = settings_of(asked.variant, asked.settings)
    memory, reading = None if asked.memory is None else asked.memory << 20, ReadingFlags.of(asked.reading)
    request = DataRequest(
        asked.data, asked.labels, asked.ids, asked.drop, asked.test_size, asked.seed, memory, reading, asked.given,
    )  # fmt: skip
    with joined():
        rows = read_and_split(request)
        if is_main_process():
            require_same_data(run, rows.record)
        if rows.has_gaps:  # even if, by chance, the training rows have none
            chosen = {"missing": "mask"} | chosen
        say(f"fitting the {asked.variant} autoencoder …")
        ready_sklearn()
        kind = chosen_variant(asked.variant)  # imports PyTorch, now that the data have been described
        estimator = _fitted(kind(**chosen, random_state=asked.seed), rows, checkpoints())
    return estimator.set_params(verbose=kind().verbose), rows  # verbose only on the command line


def _evaluate_and_keep(asked: Asked, run: Path, estimator: Any, rows: DataSplit, *, overwrite: bool) -> dict[str, Any]:
    """Write the run folder of a fitted estimator, and return the report."""
    from isthmus.evaluation import evaluation_table

    variant, seed = asked.variant, asked.seed
    say("evaluating it on the held-out rows …")
    evaluations = {variant: rows.evaluate(estimator, seed)}
    models = {variant: estimator}
    if is_tutorial_data(asked.data, rows) and not asked.given:
        say("fitting a tutorial's recipe for comparison …")
        models[BASELINE] = fitted_baseline(evaluations[variant].pca_components, seed, rows)
        evaluations[BASELINE] = rows.evaluate(models[BASELINE], seed)
    report = _report(run, variant, estimator, evaluations) | {"data": rows.facts()}
    kept = {name: value for name, value in report.items() if name != "run"}

    def write(folder: Path) -> None:
        keep_run(folder, estimator, rows.record, rows.facts(), rows.test_places, rows.held_out.ids)
        (folder / EVALUATION).write_text(as_json(kept), encoding="utf-8")
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
        *_written(run, asked.data, report),
    ]
    return report


def _written(run: Path, data: str, report: dict[str, Any]) -> list[str]:
    """The files of a run worth opening, what for, and a next command that can be pasted."""
    lines = []
    if report.get("page"):
        lines.append(f"  {run / report['page']}: open it in a browser; it decodes as you move over the map.")
    if report.get("figures"):
        lines.append(f"  {run / FIGURES}: {len(report['figures'])} figures for a paper or a talk.")
    lines.append(f"  {run / EVALUATION}: the numbers above, for programs.")
    rows = "DATA" if data == "-" else data  # standard input has been read
    encode = shlex.join(["isthmus", "encode", str(run), rows, "-o", "codes.csv"])
    return [*lines, f"Next: {encode} writes the code of each row."]


def _name_of(data: str) -> str:
    """The name of the data for the run folder: that of the file or folder, without its suffix."""
    path = Path("stdin" if data == "-" else data)
    name = path.stem if path.suffix else path.resolve().name
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "data"


def _fitted(estimator: Any, rows: DataSplit, checkpoints: Any) -> Any:
    """Fit the estimator; in its error messages settings are named as flags."""
    try:
        if estimator.likelihood in COUNTED:
            rows.require_counts(type(estimator).__name__)
        return estimator.fit(rows.to_learn_from, given=rows.given_to_learn_from, checkpoints=checkpoints)
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
        "epochs": estimator.fitted_.n_iter,
        "planned_epochs": estimator.fitted_.planned_epochs,
        "best_epoch": estimator.best_epoch_,
        "refit_rows": estimator.fitted_.refit_rows,
        "likelihoods": estimator.column_likelihoods_ or None,
        "sentence": sentence(evaluations[variant]),
        "evaluation": evaluations[variant].to_dict(),
        **{name: evaluation.to_dict() for name, evaluation in evaluations.items() if name != variant},
    }


def _draw(folder: Path, estimator: Any, rows: DataSplit, pca_components: int) -> list[str]:
    """The figures' names; a run is kept even if they cannot be drawn, for whatever reason."""
    from isthmus.cli.figures import draw_figures

    say("drawing figures …")
    try:
        return [
            path.name
            for path in draw_figures(
                folder, estimator, rows.held_out, rows.training, pca_components, rows.training_given
            )
        ]
    except CommandError as error:
        say(f"note: {error}")
    except Exception as error:
        say(f"note: no figures ({type(error).__name__}: {error}); isthmus plot RUN --debug shows why.")
    return []


def _explore(page: Path, models: dict[str, Any], rows: DataSplit, evaluations: dict[str, Evaluation]) -> str | None:
    """The page's name; a run is kept even if it cannot be written, for whatever reason."""
    from isthmus.cli.explore import write_page
    from isthmus.explorer import UnknownLayerError

    say("writing the explorer page …")
    try:
        write_page(
            page,
            models,
            rows.held_out_named,
            rows.training,
            given_train=rows.training_given,
            evaluations=evaluations,
            overwrite=True,
        )
        return page.name
    except UnknownLayerError as reason:
        say(f"note: no explorer page: {reason}")
    except Exception as error:
        say(f"note: no explorer page ({type(error).__name__}: {error}); isthmus explore RUN --debug shows why.")
    return None


def _advice(estimator: Any, rows: DataSplit) -> list[str]:
    """The errors by column of a mixed-type table; for a numeric one, why its columns were scaled."""
    fitted = estimator.fitted_
    if fitted.layout is not None:
        from isthmus.evaluation.by_column import column_error_lines, column_errors
        from isthmus.tables.errors import said

        lines = column_error_lines(column_errors(estimator, rows.held_out.rows, given=rows.held_out.given))
        counts = [column.name for column in fitted.layout.columns if column.kind == "count"]
        if not counts:
            return lines
        likelihood = estimator.column_likelihoods_[counts[0]].replace("_", " ")
        return [*lines, f"Counts, by a {likelihood} likelihood: {said(counts, MAX_COUNTS)}."]
    lines = []
    if estimator.likelihood == "auto":
        lines.append(
            "The columns are counts, so the likelihood is negative_binomial."
            if fitted.model.likelihood.draws_whole
            else "The columns aren't all whole numbers from 0 with zeros in half of them, so they were learned as "
            "numbers; --likelihood poisson would say which cells are no counts."
        )
    if fitted.scale is not None and fitted.scale_reason:
        lines.append(
            f"Columns were scaled to variance 1, since {fitted.scale_reason}; --scale none leaves them as they are."
        )
    return lines
