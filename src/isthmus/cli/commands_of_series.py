"""Commands for a run of ``isthmus fit --time``: a file of series in, its steps or windows out.

The output has the column of times first, then that of entities if the file has one.

===========  ======================================  ==============================
command      writes a row for each                   by
===========  ======================================  ==============================
encode       window, by its start: its code          `WindowedAutoencoder.transform`
score        window: its log density                 `WindowedAutoencoder.score_samples`
reconstruct  row of the file, in its order           `WindowedAutoencoder.denoise`
impute       row of the file, in its order, and step  `WindowedAutoencoder.impute_steps`
             missing in it, after the step before it
sample       step of a window drawn                  `WindowedAutoencoder.sample`
===========  ======================================  ==============================
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.detection_output import require_writable, stamp_column, write_columns
from isthmus.cli.outcome import CommandError, UsageError, print_json, say, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import OF_TABLES, TableFlags
from isthmus.cli.run_folder import FIGURES, PAGE, Run, recorded_sentence
from isthmus.cli.series_run import (
    SeriesData,
    draw_series,
    explore_series,
    long_enough,
    require_record,
    series_again,
    series_data,
    windows_of,
)
from isthmus.cli.typed_flags import typed_besides
from isthmus.text_table import counted

if TYPE_CHECKING:
    import numpy as np

    from isthmus.series import WindowedAutoencoder
    from isthmus.series.reading import SeriesFile
    from isthmus.series.series import Series

__all__ = [
    "evaluate_series",
    "info_of_series",
    "page_of_series",
    "plot_of_series",
    "refuse_flags",
    "sample_windows",
    "series_rows",
]

SERIES_ROWS = ("encode", "score", "reconstruct", "impute")


def series_rows(
    command: str,
    run: Run,
    source: str,
    output: Path | None,
    *,
    reading: TableFlags,
    overwrite: bool,
    allowed: Sequence[str] = (),
) -> None:
    """``isthmus encode``, ``score``, ``reconstruct`` or ``impute`` of a series file."""
    if command not in SERIES_ROWS:
        raise CommandError(
            f"{str(run.path)!r} is of a series, and isthmus {command} takes codes of rows; isthmus reconstruct "
            f"{run.path!s} FILE writes the reconstruction of a file."
        )
    refuse_flags(run, "output", "overwrite", *allowed)
    require_record(run)
    require_writable(output, None, None, overwrite=overwrite)
    refuse_own_inputs([output], [source], run.path)
    model, whole = run.load_any(), series_data(source, run, reading)
    data, short = long_enough(model, whole)
    by_window = command in ("encode", "score")
    by_step = _completed if command == "impute" else _denoised
    columns = _of_windows(command, model, data, run) if by_window else by_step(model, data, run, _apart(whole, short))
    write_columns(output, columns, overwrite=overwrite, zone=data.file.zone)
    if output is not None:
        count = len(next(iter(columns.values())))
        what = f"windows of {model.length_} steps, by their start," if by_window else "rows"
        say(f"{count:,} {what} are in {str(output)!r}.")


def refuse_flags(run: Run, *names: str) -> None:
    """Refuse all flags but ``names`` and those of a table's file: columns, windows and seed are those of the fit."""
    if others := typed_besides(*OF_TABLES, *names):
        raise UsageError(
            f"{', '.join(others)}: not for {str(run.path)!r}, which is of a series; its columns and windows are those "
            "of the fit."
        )


def _of_windows(command: str, model: WindowedAutoencoder, data: SeriesData, run: Run) -> dict[str, Any]:
    import numpy as np

    stamps, whose, values = [], [], []
    for name, series in zip(data.file.entities, data.file.series, strict=True):
        found = model.transform(series) if command == "encode" else model.score_samples(series)[:, None]
        known, grid = model.windows_of(series)
        values.append(np.asarray(found, np.float64))
        stamps.append(known.grid.stamps[grid.starts])
        whose += [name] * len(grid)
    table = np.concatenate(values)
    names = [f"z{place + 1}" for place in range(table.shape[1])] if command == "encode" else ["log_density"]
    return _keys(run, data.file, np.concatenate(stamps), whose) | _numbers(names, table)


def _apart(data: SeriesData, places: list[int]) -> list[tuple[Any, np.ndarray, Series]]:
    """The entities, rows and series at these places."""
    file = data.file
    return [(file.entities[place], file.rows[place], file.series[place]) for place in places]


def _denoised(
    model: WindowedAutoencoder, data: SeriesData, run: Run, short: list[tuple[Any, np.ndarray, Series]]
) -> dict[str, Any]:
    """A value for each step of the file; none for series that are shorter than a window."""
    import numpy as np

    values = np.full((len(data.file), len(model.channels_)), np.nan)
    whose = np.empty(len(values), object)
    for name, rows, series in zip(data.file.entities, data.file.rows, data.file.series, strict=True):
        values[rows], whose[rows] = model.denoise(series), name
    for name, rows, _ in short:
        whose[rows] = name
    _say_left(values)
    return _keys(run, data.file, data.file.stamps, whose.tolist()) | _numbers(list(model.channels_), values)


def _completed(
    model: WindowedAutoencoder, data: SeriesData, run: Run, short: list[tuple[Any, np.ndarray, Series]]
) -> dict[str, Any]:
    """The file with its empty cells filled, and a row for each step that is missing in it.

    Series that are shorter than a window stay as they are.
    """
    import numpy as np

    parts, whose, after = [], [], []
    stamps = []
    n_cells, n_empty, n_steps = len(data.file) * len(model.channels_), 0, 0
    for name, rows, series in zip(data.file.entities, data.file.rows, data.file.series, strict=True):
        known, _ = model.windows_of(series)
        own_stamps, full = model.impute_steps(series)
        n_empty += int(np.isnan(known.readings()).sum())
        place = np.arange(len(full)) if known.grid.is_identity else known.grid.place
        missing = np.setdiff1d(np.arange(len(full)), place)
        row_of = np.full(len(full), -1)
        row_of[place] = rows
        row_before = row_of[np.maximum.accumulate(np.where(row_of >= 0, np.arange(len(full)), 0))]
        n_steps += len(missing)
        parts += [known.completed(full), full[missing]]
        stamps += [data.file.stamps[rows], own_stamps[missing]]
        after += [rows, row_before[missing]]
        whose += [name] * (len(place) + len(missing))
    for name, rows, series in short:
        parts.append(series.readings())
        n_empty += int(np.isnan(parts[-1]).sum())
        stamps.append(data.file.stamps[rows])
        after.append(rows)
        whose += [name] * len(rows)
    order = np.argsort(np.concatenate(after), kind="stable")  # a missing step comes after the row of the step before it
    values = np.concatenate(parts)[order]
    left = int(np.isnan(values).sum())
    missed = f"{counted(n_steps, 'step', 'was', 'were')} missing, and " if n_steps else ""
    n_all = n_empty + n_steps * values.shape[1]
    filled = f"; {n_all - left:,} of {n_all:,} cells are filled" if n_all else ""
    say(f"{missed}{n_empty:,} of {n_cells:,} cells were empty{filled}.")
    _say_left(values)
    return _keys(run, data.file, np.concatenate(stamps)[order], [whose[at] for at in order]) | _numbers(
        list(model.channels_), values
    )


def _say_left(values: np.ndarray) -> None:
    import numpy as np

    if left := int(np.isnan(values).sum()):
        say(f"note: {counted(left, 'cell', 'stays', 'stay')} empty: no window has enough readings there.")


def sample_windows(run: Run, count: int, output: Path | None, *, overwrite: bool) -> None:
    """``isthmus sample``: new windows, a row for each step of each."""
    import numpy as np

    require_writable(output, None, None, overwrite=overwrite)
    refuse_own_inputs([output], [], run.path)
    model = run.load_any()
    drawn = model.sample(count)
    n_windows, length, n_channels = drawn.shape
    columns: dict[str, list[Any]] = {
        "window": np.repeat(np.arange(n_windows), length).tolist(),
        "step": np.tile(np.arange(length), n_windows).tolist(),
    }
    write_columns(output, columns | _numbers(list(model.channels_), drawn.reshape(-1, n_channels)), overwrite=overwrite)
    if output is not None:
        verb = "is" if n_windows == 1 else "are"
        say(f"{counted(n_windows, 'window')} of {counted(length, 'step')} {verb} in {str(output)!r}.")


def evaluate_series(run: Run, source: str | None, reading: TableFlags, *, json: bool) -> None:
    """``isthmus evaluate``: figures on windows the model was not trained on, beside the closed form's."""
    from isthmus.evaluation import evaluation_table
    from isthmus.explorer.series_page import evaluated_windows

    model: Any = run.load_any()
    data, _ = long_enough(model, series_again(run) if source is None else series_data(source, run, reading))
    windows = windows_of(model, data)
    evaluation = evaluated_windows(model, windows)
    held_out = windows.held_out.any()
    on = f"the {counted(evaluation.n_rows, 'window')} "
    on += "of the blocks held out from training" if source is None and held_out else f"of {data.name!r}"
    if json:
        print_json({"run": str(run.path), "rows": on, "evaluation": evaluation.to_dict()})
        return
    show(
        f"Evaluated on {on}, in standard units. PCA of windows is singular spectrum analysis.",
        evaluation_table({model.kind_: evaluation}),
    )


def info_of_series(run: Run) -> dict[str, Any]:
    """What ``isthmus info`` shows."""
    model: Any = run.load_any()
    record = run.series
    default = type(model)()
    changed = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("random_state", "autoencoder") and value != getattr(default, name)
    }
    return {
        "model": str(run.model_path),
        "kind": f"windows of a series; kept: {model.kind_}",
        "channels": list(model.channels_),
        "window": f"{model.length_} steps, one every {model.stride_}",
        "n_components": model.n_components_,
        "parameters": sum(weight.numel() for weight in model.autoencoder_.model_.parameters()),
        "settings": changed,
        "seed": None if record is None else record.seed,
        "data": None if record is None else record.source,
        "rows": None if record is None else record.n_rows,
        "time": None if record is None else record.time,
        "entity": None if record is None else record.entity,
        "labels": None if record is None else record.labels,
        "dropped": None if record is None or not record.drop else list(record.drop),
        "outcome": recorded_sentence(run),
        "figures": sorted(str(path) for path in (run.path / FIGURES).glob("*.png")) or None,
        "fitted_by": None if run.library_version is None else f"isthmus {run.library_version}",
    }


def plot_of_series(run: Run, source: str | None, reading: TableFlags, folder: Path) -> None:
    """``isthmus plot``: the figures, including the series with its episodes."""
    from isthmus.explorer.series_page import detected

    record, model = require_record(run), run.load_any()
    data, _ = long_enough(model, series_again(run) if source is None else series_data(source, run, reading))
    names = draw_series(folder, model, data, detected(data.file.series, record.seed))
    say(f"{len(names)} figures are in {str(folder)!r}.")


def page_of_series(run: Run, source: str | None, reading: TableFlags, output: Path | None, *, overwrite: bool) -> None:
    """``isthmus explore``: the page of the fitted series, or of another file."""
    from isthmus.explorer.series_page import detected

    record = require_record(run)
    page = output or run.path / PAGE
    refuse_own_inputs([page], [source, record.source], run.path)
    model: Any = run.load_any()
    data, _ = long_enough(model, series_again(run) if source is None else series_data(source, run, reading))
    explore_series(page, model, data, detected(data.file.series, record.seed), overwrite=overwrite)
    say(f"the page is in {str(page)!r}; open it in a browser.")


def _keys(run: Run, file: SeriesFile, stamps: np.ndarray, whose: list[Any]) -> dict[str, Any]:
    record = require_record(run)
    entity: dict[str, Any] = {}
    if record.entity is not None and any(name is not None for name in whose):
        entity[record.entity] = [file.entity(name) for name in whose]
    return {record.time: stamp_column(stamps)} | entity


def _numbers(names: list[str], table: np.ndarray) -> dict[str, list[Any]]:
    """Columns of a table; None where a number is missing, which all formats can hold."""
    return {
        name: [None if value != value else value for value in table[:, place].tolist()]
        for place, name in enumerate(names)
    }
