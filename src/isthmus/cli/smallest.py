"""``isthmus smallest``: how few latents still reconstruct the rows well, compared with PCA."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.conditions import UnusedGiven
from isthmus.cli.data_split import DataRequest, DataSplit, read_and_split
from isthmus.cli.hyperparameter_flags import as_flags, settings_of, with_hyperparameter_flags
from isthmus.cli.matching_rows import name_columns
from isthmus.cli.outcome import CommandError, UsageError, finite, print_json, say, say_passing, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import JsonOutput, Seed, SeriesEntity, SeriesTime, Stride, TimeZone, require_time, rows_of
from isthmus.cli.run_folder import FIGURES, NESTED, RESULT, keep_run, require_free_run, written_run

if TYPE_CHECKING:
    from isthmus.smallest import RateDistortion

__all__ = ["smallest"]

FIGURE = "rate_distortion.png"


@with_hyperparameter_flags
def smallest(
    data: Annotated[str, rows_of("What to encode")],
    /,
    *,
    keep: Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))] = None,
    max_error: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    as_good_as: str | None = None,
    sizes: str | None = None,
    seeds: Annotated[int, Parameter(validator=Number(gte=1, lte=20))] = 3,
    output: Annotated[Path | None, Parameter(("--output", "-o"), show_default=False)] = None,
    labels: str | None = None,
    ids: str | None = None,
    drop: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    test_size: Annotated[float, Parameter(validator=Number(gt=0, lt=1))] = 0.2,
    seed: Seed = 42,
    overwrite: Annotated[bool, Parameter(show_default=False)] = False,
    json: JsonOutput = False,
    time: SeriesTime = None,
    entity: SeriesEntity = None,
    time_zone: TimeZone = None,
    stride: Stride = None,
    given: UnusedGiven = (),
    reading: Reading = READ_BY_ITSELF,
    **settings: Any,
) -> None:
    """Find the smallest code that still reconstructs the rows well.

    Without a target it is the size that the data support: the one at which held-out rows are most probable (the
    evidence) or, if the noise differs between columns, at which hidden cells are best predicted from the others. Both
    are printed. Errors are for test rows, which are not used for the choice, and are compared with PCA's. With --time
    the rows are windows of a series, and the baseline is singular spectrum analysis. Many models are fitted, so a small
    table takes about a minute; --seeds 1 is faster.

    Parameters
    ----------
    keep
        Target: the share of the variance to keep, such as 0.95.
    max_error
        Target: the largest squared error per feature, in the data's units.
    as_good_as
        Target: another code to match, such as pca:10, PCA with ten components.
    sizes
        Further sizes to fit models for, such as 2,4,8.
    seeds
        How many splits to use, and models to fit for each size.
    output
        A run folder to write: the model, the nested model, the figure, and the results as JSON.
    labels
        Column of classes, not used for training.
    ids
        Column that names the rows, not used for training.
    drop
        Column to leave out; repeat the flag for more.
    test_size
        Share of the rows to hold out for the evaluation; data that come with a split keep it.
    seed
        Seed of the splits and of training: the same seed gives the same answer.
    overwrite
        Replace the run folder if there is one.
    """
    if given:
        raise UsageError(
            "isthmus smallest takes no covariates; the size of a code given covariates is found by:"
            f" isthmus fit {data} --given {','.join(given)} --n-components auto"
        )
    targets = {"--keep": keep, "--max-error": max_error, "--as-good-as": as_good_as}
    asked = [flag for flag, value in targets.items() if value is not None]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are each a target; give one.")
    if settings.get("n_components") is not None:
        raise UsageError("isthmus smallest finds --n-components itself; --sizes adds sizes to fit.")
    if time is not None:
        from isthmus.cli.series_smallest import smallest_of_series

        smallest_of_series(
            data, time=time, entity=entity, time_zone=time_zone, stride=stride, network=settings.get("network"),
            reading=reading, labels=labels, drop=drop, sizes=_sizes(sizes), keep=keep, seed=seed, json=json,
        )  # fmt: skip
        return
    require_time({"--entity": entity, "--time-zone": time_zone, "--stride": stride})
    chosen = settings_of("vanilla", settings) | {"verbose": False}
    pca_size, wanted = _pca_size(as_good_as), _sizes(sizes)
    if output is not None:
        require_free_run(output, overwrite=overwrite)
        refuse_own_inputs([], [data], replaced=[output])
    rows = read_and_split(DataRequest(data, labels, ids, drop, test_size, seed, reading=reading))
    say_passing("loading PyTorch …")
    from isthmus.smallest import rate_distortion

    try:
        found = rate_distortion(
            rows.table, keep=keep, max_error=max_error, as_good_as=pca_size, sizes=wanted, n_seeds=seeds,
            split=(rows.train, rows.test), random_state=seed, say=say, doing=say_passing,
            keep_models=output is not None, **chosen,
        )  # fmt: skip
    except ValueError as error:
        if not str(error).startswith(("rate_distortion: ", "Autoencoder: ", "NestedAutoencoder: ")):
            raise
        raise CommandError(as_flags(str(error).removeprefix("rate_distortion: "))) from error
    finally:
        say_passing("")
    if output is not None:
        written_run(output, lambda folder: _write(folder, found, rows), overwrite=overwrite)
    if json:
        print_json({"run": None if output is None else str(output)} | found.to_dict())
        return
    from isthmus.smallest.result import bits_sentence, choice_sentence, gap_sentence, second_opinion

    lines = [choice_sentence(found), second_opinion(found), gap_sentence(found), bits_sentence(found)]
    place = [] if output is None else [f"The run is in {str(output)!r}."]
    show(found.table(), found.sentence, *(line for line in lines if line is not None), *place)


def _pca_size(text: str | None) -> int | None:
    if text is None:
        return None
    name, _, size = text.partition(":")
    if name.lower() != "pca" or not size.isdigit() or int(size) < 1:
        raise UsageError(f"--as-good-as must be pca:N, such as pca:10, got {text!r}.")
    return int(size)


def _sizes(text: str | None) -> tuple[int, ...]:
    parts = [] if text is None else text.split(",")
    if not all(part.strip().isdigit() and int(part) >= 1 for part in parts):
        raise UsageError(f"--sizes must be whole numbers such as 2,4,8, got {text!r}.")
    return tuple(int(part) for part in parts)


def _write(folder: Path, found: RateDistortion, rows: DataSplit) -> None:
    """Write a run folder like that of `isthmus fit`: of the chosen code, else of the nested one."""
    from isthmus.storage import save

    model = found.nested if found.model is None else found.model
    for estimator in (model, found.nested):
        name_columns(estimator, rows.table)
    save(found.nested, folder / NESTED)
    keep_run(folder, model, rows.record, rows.facts(), rows.test_places, rows.held_out.ids)
    (folder / RESULT).write_text(json_text.dumps(finite(found.to_dict()), indent=2), encoding="utf-8")
    try:
        from isthmus.plots import save_figure

        save_figure(found.plot(), folder / FIGURES / FIGURE)
    except ImportError as error:
        say(f"note: no figure ({error}); pip install 'isthmus[plots]'.")
