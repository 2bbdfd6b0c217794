"""``isthmus detect FILE --time COLUMN``: when a series behaves unusually, and in which channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.detection_output import as_rows, require_writable, stamp_column, write_columns, written_stamp
from isthmus.cli.detection_summary import reads_a_person, show_episodes
from isthmus.cli.outcome import CommandError, UsageError, escaped, print_json, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import ReadingFlags
from isthmus.cli.row_flags import refuse_flags_of_tables
from isthmus.cli.series_run import table_options
from isthmus.cli.window_flags import window_length

if TYPE_CHECKING:
    from isthmus.series import SeriesDetection, SeriesOutlierDetector
    from isthmus.series.reading import SeriesFile

__all__ = ["AskedSeries", "detect_series"]

OF_DETECTION = (
    "train", "until", "model", "stride", "alarm_rate", "tracked", "top", "labels", "drop", "seed", "output", "plot",
    "save", "overwrite", "json",
)  # fmt: skip
MAX_EXPLAINED = 2_000_000  # contributions to write, steps times channels
LONGEST_STEP = 3600.0  # seconds: of longer steps a week has few


@dataclass(frozen=True)
class AskedSeries:
    """The arguments of the command."""

    data: str
    time: str
    entity: str | None
    time_zone: str | None
    reading: ReadingFlags
    train: str | None
    until: str | None
    model: str | None
    stride: int | None
    alarms: str | None
    tracked: bool
    top: int
    labels: str | None
    drop: tuple[str, ...]
    seed: int


def detect_series(
    asked: AskedSeries,
    output: Path | None,
    plot: Path | None,
    save: Path | None,
    *,
    overwrite: bool,
    json: bool = False,
) -> None:
    """Find the episodes of a series, write them to standard output, and each step to ``output``."""
    _require_sense(asked, save)
    require_writable(output, plot, save, overwrite=overwrite)
    refuse_own_inputs([output, plot], [asked.data, asked.train], asked.model, replaced=[save])
    detector, channels = _saved(asked)
    file = _read(asked, asked.data, channels, whole=True)
    for note in file.notes:
        say(f"note: {note}")
    known = None if asked.train is None else _read(asked, asked.train, _shared_channels(file), whole=False)
    for note in () if known is None else (*known.notes, *(note for one in known.series for note in one.notes)):
        say(f"note: {asked.train!r}: {note}")
    if save is not None and len(file.series) > 1:
        raise UsageError("--save keeps the detector of one series, and --entity names several; use one file for each.")
    everything, refused = [], []
    for name, series in zip(file.entities, file.series, strict=True):
        whose = "" if name is None else f"{asked.entity} {name!r}: "
        train = _train_of(known, name, asked)
        try:
            detection = _detected(asked, detector, series, train)
        except CommandError as error:  # one machine with a few readings is no reason to refuse all others
            everything.append(None)
            refused.append(f"{whose}{error}")
            continue
        for note in detection[1].notes:
            say(f"note: {whose}{note}")
        everything.append(detection)
        _say_found(name, *detection, asked.until)
    found = [one for one in everything if one is not None]
    if not found:
        raise CommandError(refused[0])
    for error in refused:
        say(f"note: without scores: {error}")
    if asked.model is None and asked.alarms is None and not asked.tracked:
        grid = found[0][1].series.grid
        rate = "2 per week" if grid.is_dated and grid.step <= LONGEST_STEP else "1 per 200 steps"
        say(f"To list less certain episodes, too, state the rate of false ones you accept, as --alarms '{rate}'.")
    if save is not None:
        from isthmus.storage import save as save_model

        save_model(found[0][0], save, overwrite=overwrite)
        say(f"The detector is in {str(save)!r}.")
    detections = [None if one is None else one[1] for one in everything]
    if output is not None:
        write_columns(output, _step_columns(asked, file, detections), overwrite=overwrite, zone=file.zone)
        say(f"{len(file):,} steps, in the order of the file, are in {str(output)!r}.")
    if plot is not None:
        _draw(plot, found[0][1], asked)
    episodes = _episode_columns(asked, file, detections)
    if json:
        written = {} if output is None else {"output": str(output)}
        print_json({"steps": len(file), "episodes": as_rows(episodes), **written})
    elif reads_a_person() and episodes["score"]:
        show_episodes(episodes)
    else:
        write_columns(None, episodes, overwrite=False)


def _require_sense(asked: AskedSeries, save: Path | None) -> None:
    refuse_flags_of_tables(*OF_DETECTION)
    past = [flag for flag, one in (("--train", asked.train), ("--until", asked.until), ("--model", asked.model)) if one]
    if len(past) > 1:
        raise UsageError(f"{' and '.join(past)} each say what is normal; give one of them.")
    if asked.model is not None:
        fixed = {
            "window": asked.reading.window,
            "stride": asked.stride,
            "alarms": asked.alarms,
            "tracked": asked.tracked or None,
        }
        if given := [f"--{name}" for name, value in fixed.items() if value is not None]:
            raise UsageError(f"{', '.join(given)}: fixed when the detector of --model was fitted; leave it out.")
        if save is not None:
            raise UsageError("--save writes a new detector, and --model uses a fitted one; give one of them.")


def _saved(asked: AskedSeries) -> tuple[Any, tuple[str, ...] | None]:
    if asked.model is None:
        return None, None
    from isthmus.series import SeriesOutlierDetector
    from isthmus.storage import load

    detector = load(asked.model)
    if not isinstance(detector, SeriesOutlierDetector):
        raise CommandError(
            f"{asked.model!r} holds a {type(detector).__name__}, and --time needs the detector of a series; "
            "fit one with isthmus detect FILE --time COLUMN --save FOLDER."
        )
    return detector, detector.channels_


def _read(asked: AskedSeries, source: str, channels: tuple[str, ...] | None, *, whole: bool) -> SeriesFile:
    """The series of a file; the one to learn from (not ``whole``) may lack labels, entities and dropped columns."""
    from isthmus.series.reading import read_series
    from isthmus.tables import open_table

    drop, labels, entity, options = asked.drop, asked.labels, asked.entity, table_options(asked.reading)
    if not whole:
        names = open_table(source, **{name: value for name, value in options.items() if name != "kinds"}).all_columns
        drop = tuple(name for name in drop if name in names)
        labels = labels if labels in names else None
        entity = entity if entity in names else None
    return read_series(
        source, time=asked.time, entity=entity, labels=labels, drop=drop, time_zone=asked.time_zone, channels=channels,
        options=options,
    )  # fmt: skip


def _shared_channels(file: SeriesFile) -> tuple[str, ...]:
    return file.series[0].channels


def _train_of(known: SeriesFile | None, name: Any, asked: AskedSeries) -> Any:
    """The series to learn from for one entity: its own where the file has entities, else the only one."""
    if known is None:
        return None
    if known.entities == (None,):
        return known.series[0]
    if name not in known.entities:
        raise CommandError(f"{asked.train!r} has no {asked.entity} {name!r} to train on.")
    return known.series[known.entities.index(name)]


def _detected(
    asked: AskedSeries, detector: Any, series: Any, train: Any
) -> tuple[SeriesOutlierDetector, SeriesDetection]:
    if detector is not None:
        try:
            return detector, detector.detect(series)
        except ValueError as error:
            raise CommandError(_as_flags(str(error))) from error
    from isthmus.series import SeriesOutlierDetector

    try:
        alarms = None if asked.alarms is None else float(asked.alarms)
    except ValueError:
        alarms = asked.alarms
    detector = SeriesOutlierDetector(
        window=window_length(asked.reading),
        train=train,
        until=asked.until,
        episodes=alarms,
        threshold="tracked" if asked.tracked else "static",
        stride=asked.stride,
        random_state=asked.seed,
    )
    try:
        detector.fit(series)
    except ValueError as error:
        raise CommandError(_as_flags(str(error))) from error
    return detector, detector.found_at_fit()


def _as_flags(text: str) -> str:
    """An error message of the estimator, with its settings as flags."""
    text = text.replace("SeriesOutlierDetector: ", "")
    for setting, flag in (
        ("episodes must", "--alarms must"),
        ("pass times, or ", ""),
        ("until:", "--until:"),
        ("until=", "--until "),
    ):
        text = text.replace(setting, flag)
    return text


def _say_found(
    name: Any, detector: SeriesOutlierDetector, detection: SeriesDetection, until: str | None = None
) -> None:
    from isthmus.series.stamps import length_text

    n_steps, grid = len(detection.scores), detection.series.grid
    lengths = ", ".join(map(str, detector.windows_))
    start = 0 if until is None else detection.series.step_at(until)
    n_after = sum(not _is_past(one, start) for one in detection.episodes)
    per = 1000 * n_after / max(1, n_steps - start)
    what = "" if name is None else f"{name}: "
    step = f" of {length_text(grid.step)}" if grid.is_dated else ""
    chance = "" if detector.rate_ is not None else f" that {'stands' if n_after == 1 else 'stand'} out beyond chance"
    how = "" if detector.rate_ is None else f"; the threshold is set for {detector.rate_.said}"
    say(
        f"{what}{n_steps:,} steps{step}, {detection.series.n_channels} "
        f"{'channel' if detection.series.n_channels == 1 else 'channels'}, windows of {lengths} steps: "
        f"{_episodes(n_after)}{'' if until is None else f' after {until}'}{chance} ({per:.3g} per 1,000 steps{how})."
    )
    if until is not None:
        n_past = len(detection.episodes) - n_after
        if start >= n_steps:
            last = written_stamp(detection.stamps[-1])
            say(f"note: there is no step after {until}: the series ends at {last}; give an earlier date.")
        say(
            f"note: {_episodes(n_past)} before it, in the clean past that the threshold was set by; the column part "
            "marks them."
        )


def _episodes(count: int) -> str:
    return f"{count} {'episode' if count == 1 else 'episodes'}"


def _is_past(episode: Any, step: int) -> bool:
    """Whether an episode ended before a step; one that reaches beyond it is an alarm."""
    return episode.last < step


def _episode_columns(asked: AskedSeries, file: SeriesFile, found: list[SeriesDetection | None]) -> dict[str, list[Any]]:
    """A row for each episode, in order of time."""
    rows = []
    for name, detection in zip(file.entities, found, strict=True):
        if detection is None:
            continue
        start = 0 if asked.until is None else detection.series.step_at(asked.until)
        for one in detection.episodes:
            row: dict[str, Any] = {} if asked.entity is None else {asked.entity: file.entity(name)}
            row |= {} if asked.until is None else {"part": "clean past" if _is_past(one, start) else "after"}
            row |= {
                "start": written_stamp(one.start), "end": written_stamp(one.end), "peak": written_stamp(one.peak),
                "focus_start": written_stamp(one.focus_start), "focus_end": written_stamp(one.focus_end),
                "score": _short(one.score),
            }  # fmt: skip
            for rank in range(min(asked.top, len(one.channels))):
                row[f"channel_{rank + 1}"] = one.channels[rank]
                row[f"contribution_{rank + 1}"] = _short(one.contributions[rank])
                row[f"value_{rank + 1}"] = _short(one.values[rank], 12)
                row[f"expected_{rank + 1}"] = _short(one.expected[rank])
            rows.append(row)
    names = ["start", "end", "peak", "focus_start", "focus_end", "score"]
    keys = [*([] if asked.entity is None else [asked.entity]), *([] if asked.until is None else ["part"])]
    names = list(rows[0]) if rows else [*keys, *names]
    return {name: [row[name] for row in rows] for name in names}


def _step_columns(asked: AskedSeries, file: SeriesFile, found: list[SeriesDetection | None]) -> dict[str, Any]:
    """A row for each row of the file, in its order; without numbers where a series has no detection."""
    import numpy as np

    n_rows = len(file)
    channels = next(one.series.channels for one in found if one is not None)
    explained = n_rows * len(channels) <= MAX_EXPLAINED
    names = ["score", "rank", "threshold", *(f"expected {name}" for name in channels)]
    if explained:
        names += [f"contribution {name}" for name in channels]
    else:
        say("note: the series is long; contributions of channels are written for episodes only.")
    numbers = {name: np.full(n_rows, np.nan) for name in names}
    alarm, whose = np.zeros(n_rows, bool), np.empty(n_rows, object)
    for name, rows, detection in zip(file.entities, file.rows, found, strict=True):
        whose[rows] = file.entity(name)
        if detection is None:
            continue
        parts = {"score": detection.scores, "rank": detection.ranks, "threshold": detection.thresholds}
        expected = detection.expected()
        parts |= {f"expected {one}": expected[:, at] for at, one in enumerate(channels)}
        if explained:
            contributions = detection.contributions()
            parts |= {f"contribution {one}": contributions[:, at] for at, one in enumerate(channels)}
        for key, part in parts.items():
            numbers[key][rows] = detection.of_readings(part)
        alarm[rows] = detection.of_readings(detection.alarms)
    columns: dict[str, Any] = {asked.time: stamp_column(file.stamps)}
    if asked.entity is not None:
        columns[asked.entity] = whose.tolist()
    head = {key: [_number(one) for one in part.tolist()] for key, part in numbers.items()}
    columns |= {key: head.pop(key) for key in ("score", "rank", "threshold")}
    columns["alarm"] = alarm.tolist()
    columns |= head
    if file.labels is not None and asked.labels is not None:
        columns[asked.labels] = file.labels.tolist()
    return columns


def _number(value: float) -> float | None:
    """The number; None for NaN, which not every format has."""
    return None if value != value else float(value)


def _short(value: float, digits: int = 6) -> float | None:
    """The number with that many significant digits; None for NaN."""
    return None if value != value else float(f"{value:.{digits}g}")


def _draw(path: Path, detection: SeriesDetection, asked: AskedSeries) -> None:
    from isthmus import plots

    try:
        figure = plots.plot_series(detection, time_name=escaped(asked.time))
        plots.save_figure(figure, path)
    except ImportError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise CommandError("no figure without matplotlib: pip install 'isthmus[plots]'.") from error
    say(f"The picture is {str(path)!r}.")
