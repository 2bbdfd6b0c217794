"""The run of ``isthmus fit FILE --time COLUMN``: what is written, and the series read again by later commands."""

from __future__ import annotations

import hashlib
import json as json_text
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.outcome import CommandError, as_json, escaped, say
from isthmus.cli.reading_flags import OF_TABLES, READ_BY_ITSELF, TableFlags
from isthmus.cli.run_folder import (
    DATA,
    EVALUATION,
    HISTORY,
    MODEL,
    RECORD,
    TEST_ROWS,
    Run,
    lasting_source,
)
from isthmus.cli.series_record import SERIES_RUN, SeriesRecord

if TYPE_CHECKING:
    from isthmus.series import WindowedAutoencoder
    from isthmus.series.reading import SeriesFile
    from isthmus.series.window_rows import WindowRows

__all__ = [
    "SeriesData",
    "draw_series",
    "explore_series",
    "keep_series_run",
    "long_enough",
    "record_of",
    "require_record",
    "series_again",
    "series_data",
    "table_options",
    "windows_of",
]

MAX_WINDOWS = 20_000  # evaluated and drawn
CHUNK_STEPS = 1 << 18
OF_EVERY_FORMAT = ("kind", "missing_marks")


@dataclass(frozen=True, eq=False)
class SeriesData:
    """A file of series, read; ``of_fit`` says whether the model was fitted on it."""

    file: SeriesFile
    time: str
    label_name: str | None
    name: str
    of_fit: bool

    @property
    def labels(self) -> list[Any] | None:
        """A class for each reading of each series, if a column of labels was named."""
        return None if self.file.labels is None else [self.file.labels[rows] for rows in self.file.rows]


def keep_series_run(
    folder: Path, model: WindowedAutoencoder, data: SeriesData, record: SeriesRecord, report: dict[str, Any]
) -> None:
    """Write the model, its history, the held-out windows, the record of the series, and the evaluation."""
    import numpy as np

    from isthmus.series.window_rows import window_rows
    from isthmus.storage import save
    from isthmus.storage.manifest import manifest_bytes
    from isthmus.tables import write_table

    save(model, folder / MODEL)
    columns = model.autoencoder_.history_.columns
    write_table(folder / HISTORY, np.column_stack(list(columns.values())), list(columns))
    windows = window_rows(model, data.file.series, most=MAX_WINDOWS)
    held_out = np.flatnonzero(windows.held_out)
    stamps = np.array([windows.ids[place] for place in held_out], object)
    write_table(
        folder / TEST_ROWS, windows.starts[held_out][:, None], ["step"], labels=stamps, label_name="window begins"
    )
    (folder / RECORD).write_bytes(manifest_bytes(SERIES_RUN, record))
    (folder / DATA).write_text(json_text.dumps(_facts(data, record), indent=1, ensure_ascii=True), encoding="ascii")
    (folder / EVALUATION).write_text(as_json(report), encoding="utf-8")


def _facts(data: SeriesData, record: SeriesRecord) -> dict[str, Any]:
    """How the file was read, for JSON."""
    from isthmus.series.stamps import stamp_text

    entities = [
        {
            "entity": None if name is None else str(name),
            "steps": len(series),
            "from": stamp_text(series.grid.stamps[0]),
            "to": stamp_text(series.grid.stamps[-1]),
            "step": series.grid.step,
            "segments": len(series.segments),
        }
        for name, series in zip(data.file.entities, data.file.series, strict=True)
    ]
    notes = dict.fromkeys((*data.file.notes, *(note for series in data.file.series for note in series.notes)))
    return {
        "n_rows": record.n_rows,
        "time": record.time,
        "entity": record.entity,
        "channels": list(record.channels),
        "series": entities,
        "notes": list(notes),
    }


def table_options(reading: TableFlags) -> dict[str, Any]:
    """The flags of the file's format, without the window."""
    return {name: value for name, value in reading.options().items() if name != "window"}


def record_of(data: str, asked: Any, file: SeriesFile) -> SeriesRecord:
    """The record of a file that was read for a fit."""
    return SeriesRecord(
        source=lasting_source(data),
        name=Path(data).stem,
        time=asked.time,
        entity=asked.entity,
        labels=asked.labels,
        drop=tuple(asked.drop),
        time_zone=asked.time_zone,
        channels=file.series[0].channels,
        n_rows=len(file),
        n_steps=sum(map(len, file.series)),
        seed=asked.seed,
        sha256=_fingerprint(file),
        reading={
            name: value for name, value in vars(asked.reading).items() if name in OF_TABLES and value not in (None, ())
        }
        or None,
    )


def series_data(source: str, run: Run, reading: TableFlags = READ_BY_ITSELF, *, of_fit: bool = False) -> SeriesData:
    """Read a file like that of the fit, its columns matched by name.

    The columns of entities and labels, and those dropped at fit, may be missing.
    """
    from isthmus.series.reading import read_series
    from isthmus.tables import open_table

    record = require_record(run)
    is_text = _may_be_text(source)
    as_fitted: Any = {
        name: value for name, value in (record.reading or {}).items() if is_text or name in OF_EVERY_FORMAT
    }
    options = TableFlags(**as_fitted).options()
    kinds = options.pop("kinds", {})
    asked = table_options(reading)
    names = open_table(source, **options | asked).all_columns
    options |= {"kinds": {name: kind for name, kind in kinds.items() if name in names} | asked.pop("kinds", {})} | asked
    labels = record.labels if record.labels in names else None
    file = read_series(
        source,
        time=record.time,
        entity=record.entity if record.entity in names else None,
        labels=labels,
        drop=tuple(name for name in record.drop if name in names),
        time_zone=record.time_zone,
        channels=record.channels,
        options=options,
    )
    for note in dict.fromkeys((*file.notes, *(note for series in file.series for note in series.notes))):
        say(f"note: {note}")
    absent = [name for name in record.channels if name not in file.series[0].channels]
    if absent:
        raise CommandError(
            f"{source!r}: channels of the fit are missing: {', '.join(map(repr, absent))}; the file "
            f"has {', '.join(map(repr, names))}."
        )
    return SeriesData(file, record.time, labels, Path(source).stem, of_fit)


def long_enough(model: WindowedAutoencoder, data: SeriesData) -> tuple[SeriesData, list[int]]:
    """The data without the series that are shorter than a window, with a note, and the indices of those."""
    from isthmus.series.windows import WindowGrid

    file = data.file
    short = [
        place
        for place, series in enumerate(file.series)
        if not len(WindowGrid.of(series.segments, model.length_, model.stride_))
    ]
    if not short or len(short) == len(file.series):  # of none of them windows can be made: said later
        return data, []
    kept = [place for place in range(len(file.series)) if place not in short]
    listed = ", ".join(repr(str(file.entities[place])) for place in short[:6])
    more = f" and {len(short) - 6} more" if len(short) > 6 else ""
    say(f"note: left out, with fewer steps in a row than a window has ({model.length_}): {listed}{more}.")
    fewer = replace(
        file,
        entities=tuple(file.entities[place] for place in kept),
        series=tuple(file.series[place] for place in kept),
        rows=tuple(file.rows[place] for place in kept),
    )
    return replace(data, file=fewer), short


def series_again(run: Run) -> SeriesData:
    """The series of the fit; a `CommandError` if the file is gone or has changed."""
    record = require_record(run)
    if not Path(record.source).exists():
        raise CommandError(f"{record.source!r}, which the run was fitted on, is gone; name a file after the run.")
    data = series_data(record.source, run, of_fit=True)
    if _fingerprint(data.file) != record.sha256:
        raise CommandError(f"{record.source!r} has changed since the fit; name the file to use after the run.")
    return data


def require_record(run: Run) -> SeriesRecord:
    """The record of a series run; a model folder alone does not say which column holds the times."""
    if run.series is None:
        raise CommandError(
            f"{str(run.path)!r} is the model of a series alone; name the run folder that isthmus fit --time wrote, or "
            "load it in Python with isthmus.load."
        )
    return run.series


def windows_of(model: WindowedAutoencoder, data: SeriesData) -> WindowRows:
    """The windows of the data, at most 20,000."""
    from isthmus.series.window_rows import window_rows

    return window_rows(model, data.file.series, of_fit=data.of_fit, most=MAX_WINDOWS)


def draw_series(folder: Path, model: WindowedAutoencoder, data: SeriesData, found: list[Any]) -> list[str]:
    """Draw the figures of a run, and one of the series with its episodes; return their names."""
    import numpy as np

    from isthmus import plots
    from isthmus.cli.figures import draw_figures
    from isthmus.explorer.series_page import window_columns
    from isthmus.tables.row_shape import RowShape
    from isthmus.tables.table import Table

    windows = windows_of(model, data)
    chosen = windows.held_out if windows.held_out.any() else np.ones(len(windows), bool)
    places = np.flatnonzero(chosen)
    shape = RowShape((len(model.channels_), model.length_), ("channel", "time"))
    table = Table(windows.rows[places].astype(np.float32), tuple(window_columns(model)), row_shape=shape)
    training = windows.rows[windows.training] if windows.training.any() else None
    drawn = [path.name for path in draw_figures(folder, model.autoencoder_, table, training, model.n_components_)]
    some = [one for one in found if one is not None]
    if some:
        worst = max(some, key=lambda one: max((episode.score for episode in one.episodes), default=0.0))
        plots.save_figure(plots.plot_series(worst, time_name=escaped(data.time)), folder / "series.png")
        drawn.append("series.png")
    return drawn


def explore_series(
    page: Path,
    model: WindowedAutoencoder,
    data: SeriesData,
    found: list[Any],
    *,
    evaluation: Any = None,
    overwrite: bool,
) -> None:
    """Write the page of a series with the episodes found in it."""
    from isthmus.explorer import write_series_explorer

    write_series_explorer(
        model,
        page,
        data.file.series,
        names=data.file.entities,
        of_fit=data.of_fit,
        labels=data.labels,
        label_name=data.label_name or "class",
        evaluation=evaluation,
        title=data.name,
        time_name=data.time,
        detections=found,
        overwrite=overwrite,
    )


def _fingerprint(file: SeriesFile) -> str:
    """SHA-256 of the readings on their grids."""
    import numpy as np

    digest = hashlib.sha256()
    for series in file.series:
        digest.update(f"{len(series)} {series.channels}".encode("utf-8", "backslashreplace"))
        digest.update(np.ascontiguousarray(series.grid.stamps).tobytes())
        for start in range(0, len(series), CHUNK_STEPS):
            digest.update(np.ascontiguousarray(series.part(start, start + CHUNK_STEPS)).tobytes())
    return digest.hexdigest()


def _may_be_text(source: str) -> bool:
    """Whether a file may be text, to which the text format of the fit applies."""
    from isthmus.tables.container import File
    from isthmus.tables.formats import text

    return not Path(source).is_file() or text.matches(File(Path(source)))
