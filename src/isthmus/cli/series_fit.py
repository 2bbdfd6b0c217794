"""``isthmus fit FILE --time COLUMN``: an autoencoder of windows, compared with singular spectrum analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from isthmus.cli.hyperparameter_flags import as_flags, chosen_variant, settings_of
from isthmus.cli.outcome import CommandError, print_json, say, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import ReadingFlags
from isthmus.cli.row_flags import refuse_flags_of_tables
from isthmus.cli.run_folder import EVALUATION, FIGURES, PAGE, require_free_run, written_run
from isthmus.cli.series_run import (
    SeriesData,
    draw_series,
    explore_series,
    keep_series_run,
    long_enough,
    record_of,
    table_options,
    windows_of,
)
from isthmus.cli.window_flags import network_of_windows, window_length
from isthmus.text_table import counted

__all__ = ["AskedWindows", "fit_series"]

OF_FIT = ("variant", "output", "labels", "drop", "seed", "no_plots", "no_page", "memory", "stride", "overwrite", "json")


@dataclass(frozen=True)
class AskedWindows:
    """The arguments of the command."""

    data: str
    time: str
    entity: str | None
    time_zone: str | None
    reading: ReadingFlags
    stride: int | None
    variant: str
    settings: Mapping[str, Any]
    labels: str | None
    drop: tuple[str, ...]
    seed: int
    memory: int | None


def fit_series(
    asked: AskedWindows,
    run: Path,
    *,
    plots: bool = True,
    page: bool = True,
    overwrite: bool,
    json: bool,
) -> None:
    """Fit windows of a series, write the run folder, and print its held-out errors beside the closed form's."""
    refuse_flags_of_tables(*asked.settings, *OF_FIT)
    require_free_run(run, overwrite=overwrite)
    refuse_own_inputs([], [asked.data], replaced=[run])
    model = _unfitted(asked)
    from isthmus.series.reading import read_series

    file = read_series(
        asked.data,
        time=asked.time,
        entity=asked.entity,
        labels=asked.labels,
        drop=asked.drop,
        time_zone=asked.time_zone,
        held_bytes=None if asked.memory is None else asked.memory << 20,
        options=table_options(asked.reading),
    )
    notes = (*file.notes, *(note for series in file.series for note in series.notes))
    for note in dict.fromkeys(notes):
        say(f"note: {note}")
    say(f"{Path(asked.data).stem}: {counted(len(file), 'step')}, {_channels(file.series[0].channels)}.")
    say("fitting singular spectrum analysis and an autoencoder of windows …")
    try:
        model.fit(list(file.series))
    except ValueError as error:
        raise CommandError(as_flags(str(error).replace("WindowedAutoencoder: ", ""))) from error
    report = _evaluate_and_keep(asked, run, model, file, plots=plots, page=page, overwrite=overwrite)
    if json:
        print_json(report)
        return
    show(*_shown(model, report))


def _evaluate_and_keep(
    asked: AskedWindows, run: Path, model: Any, file: Any, *, plots: bool, page: bool, overwrite: bool
) -> dict[str, Any]:
    """Write the run folder of a fitted model, and return the report."""
    from isthmus.explorer.series_page import detected, evaluated_windows

    data, _ = long_enough(model, SeriesData(file, asked.time, asked.labels, Path(asked.data).stem, of_fit=True))
    evaluation = evaluated_windows(model, windows_of(model, data))
    report = _report(model, len(file), run)
    report |= {"sentence": _sentence(model, report), "evaluation": evaluation.to_dict()}
    kept = {name: value for name, value in report.items() if name != "run"}
    record = record_of(asked.data, asked, file)
    found = detected(data.file.series, asked.seed) if plots or page else []

    def write(folder: Path) -> None:
        keep_series_run(folder, model, data, record, kept)
        if plots:
            say("drawing figures …")
            report["figures"] = _tried(lambda: draw_series(folder / FIGURES, model, data, found), "figures", "plot")
        if page:
            say("writing the explorer page …")
            draw = partial(explore_series, folder / PAGE, model, data, found)
            report["page"] = _tried(lambda: draw(evaluation=evaluation, overwrite=True) or PAGE, "page", "explore")

    written_run(run, write, overwrite=overwrite)
    return report


def _tried(make: Callable[[], Any], what: str, command: str) -> Any:
    """The result of ``make``, else None with a note: a run is kept even without figures or page."""
    try:
        return make()
    except CommandError as error:
        say(f"note: {error}")
    except Exception as error:
        say(f"note: no {what} ({type(error).__name__}: {error}); isthmus {command} RUN --debug shows why.")
    return None


def _unfitted(asked: AskedWindows) -> Any:
    from isthmus.series import WindowedAutoencoder

    chosen = settings_of(asked.variant, asked.settings)
    size = chosen.pop("n_components", None)
    typed = {name for name, value in asked.settings.items() if value is not None and name != "n_components"}
    network = "auto"
    if typed == {"network"} and asked.variant == "vanilla":  # a setting of `WindowedAutoencoder` itself
        network, typed = network_of_windows(asked.settings), set()
    autoencoder = None
    if asked.variant != "vanilla" or typed:
        given = {name: value for name, value in chosen.items() if name in typed}
        autoencoder = chosen_variant(asked.variant)(**given)
    return WindowedAutoencoder(
        size if isinstance(size, int) else None,
        window=window_length(asked.reading),
        stride=asked.stride,
        network=network,
        autoencoder=autoencoder,
        random_state=asked.seed,
    )


def _report(model: Any, n_steps: int, run: Path) -> dict[str, Any]:
    import numpy as np

    errors = {name: float(np.mean(one)) if one else None for name, one in model.block_errors_.items()}
    return {
        "run": str(run),
        "steps": n_steps,
        "channels": list(model.channels_),
        "window": model.length_,
        "stride": model.stride_,
        "n_components": model.n_components_,
        "kept": model.kind_,
        "held_out_errors": errors,
    }


def _shown(model: Any, report: Mapping[str, Any]) -> list[Any]:
    from rich.table import Table

    table = Table(title="Mean squared error of windows in held-out blocks, channels scaled to variance 1")
    table.add_column("model")
    table.add_column("error", justify="right")
    table.add_column("kept")
    for name, error in report["held_out_errors"].items():
        table.add_row(name, "not held out" if error is None else f"{error:.4g}", "kept" if name == model.kind_ else "")
    lines = [table, report["sentence"], f"The run is in {report['run']!r}."]
    run = Path(report["run"])
    if report.get("page"):
        lines.append(f"  {run / report['page']}: open it in a browser; it shows the series and a map of its windows.")
    if report.get("figures"):
        lines.append(f"  {run / FIGURES}: {len(report['figures'])} figures for a paper or a talk.")
    lines.append(f"  {run / EVALUATION}: the numbers above, for programs.")
    return [*lines, f"Next: isthmus encode {run} FILE -o codes.csv writes the code of each window."]


def _sentence(model: Any, report: Mapping[str, Any]) -> str:
    from isthmus.evaluation.written import dimensions
    from isthmus.series.windowed import CLOSED_FORM

    untested = not any(report["held_out_errors"].values())
    if untested and model.kind_ != CLOSED_FORM:
        reason = f"The series is too short to hold blocks out, so the {model.kind_} was kept untested."
    elif untested:
        reason = "The series is too short to hold blocks out, so no network was tried."
    elif model.kind_ == CLOSED_FORM:
        reason = "No network does better on held-out blocks than chance explains."
    else:
        reason = f"The {model.kind_} does better on held-out blocks than chance explains."
    return (
        f"Windows of {model.length_} steps of {_channels(model.channels_)} encoded in "
        f"{dimensions(model.n_components_)}. {reason}"
    )


def _channels(names: Sequence[str]) -> str:
    return f"{len(names)} {'channel' if len(names) == 1 else 'channels'}"
