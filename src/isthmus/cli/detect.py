"""``isthmus detect``: rows in, the most anomalous first out, with how sure that is, why, and in which columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.conditions import UnusedGiven
from isthmus.cli.detection_output import DetectionOutput, draw_top_anomalies, require_writable, write_detections
from isthmus.cli.detector import detection_of, detector_of, say_fitted, say_limits, unfitted_detector
from isthmus.cli.engine import Engine, answers_of_workers
from isthmus.cli.matching_rows import Expected, open_matching
from isthmus.cli.outcome import UsageError, say, warnings_said
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import (
    Drop,
    Ids,
    JsonOutput,
    Labels,
    Overwrite,
    Seed,
    SeriesEntity,
    SeriesTime,
    Shard,
    TimeZone,
    require_time,
    rows_of,
)
from isthmus.cli.rows_output import shared
from isthmus.cli.series_detection import AskedSeries, detect_series
from isthmus.cli.series_hint import say_if_series
from isthmus.text_table import counted

if TYPE_CHECKING:
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["detect"]

MAX_ROWS = 100_000  # written of a table that does not fit in memory
MIN_BATCH = 20  # rows needed to test for drift

Score = Literal[
    "combined", "relations", "density", "neighbours", "core", "mahalanobis", "reconstruction", "latent", "likelihood"
]
Rate = Annotated[float | None, Parameter(validator=Number(gt=0, lt=1))]
Share = Annotated[float | None, Parameter(validator=Number(gt=0, lte=0.5))]
Rows = Annotated[int, Parameter(validator=Number(gte=1))]


def detect(
    data: Annotated[str, rows_of("Rows to score")],
    /,
    *,
    train: str | None = None,
    model: str | None = None,
    score: Score | None = None,
    false_alarm_rate: Rate = None,
    fdr: Rate = None,
    contamination: Share = None,
    calibration_fraction: Rate = None,
    no_trim: Annotated[bool, Parameter(show_default=False)] = False,
    variant: str | None = None,
    components: Annotated[int | None, Parameter(("--components", "-p"), validator=Number(gte=1))] = None,
    top: Rows = 3,
    most: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    output: DetectionOutput = None,
    plot: Path | None = None,
    save: Path | None = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    seed: Seed = 42,
    shard: Shard = None,
    engine: Engine = "local",
    time: SeriesTime = None,
    entity: SeriesEntity = None,
    time_zone: TimeZone = None,
    stride: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    until: str | None = None,
    alarm_rate: Annotated[str | None, Parameter("--alarms")] = None,
    tracked: Annotated[bool, Parameter(show_default=False)] = False,
    overwrite: Overwrite = False,
    json: JsonOutput = False,
    given: UnusedGiven = (),
    reading: Reading = READ_BY_ITSELF,
) -> None:
    """Find anomalous rows.

    The output has for each row a score, a p-value, whether it is an alarm, the reason, and the columns that contribute
    most; the most anomalous rows come first. Without --train or --model the rows are compared with one another, each
    by a model fitted without it. Columns may be numbers, text, booleans and dates, and cells may be missing.

    Parameters
    ----------
    seed
        Seed of the fits and of the samples they are made on.
    train
        Rows known to be normal, to train on.
    model
        A detector that --save wrote, or a run of isthmus fit on normal rows, whose held-out rows set the threshold.
    score
        What makes a row anomalous; by default any of the first four (combined):
        relations: it breaks relations between columns;
        density, neighbours, core: it is far from all normal rows, from the nearest, from most of them;
        mahalanobis: its residual is unusual; reconstruction: its reconstruction error is large;
        latent: its code is far from the other codes; likelihood: its likelihood is low.
    false_alarm_rate
        Share of normal rows that may raise a false alarm; by default 0.05, or that of a saved detector.
    fdr
        Instead: the share of normal rows expected among the alarms (Benjamini and Hochberg).
    contamination
        Instead: the share of the training rows that are alarms; without --train or --model, of the rows scored.
    calibration_fraction
        Share of the training rows to hold out for the threshold; by default it is set by cross-validation on all rows.
    no_trim
        Also train on rows that are very far out.
    variant
        Kind of autoencoder; a name of isthmus fit --variant.
    components
        Size of its code; by default as many dimensions as explain half of the variance.
    top
        Columns to name for each row: those that contribute most to its score.
    most
        Write only this many rows, the most anomalous; by default all, or 100,000 if they do not fit in memory.
    plot
        Figure to draw of the most anomalous rows: .png, .svg or .pdf.
    save
        Folder to write the detector to, for --model.
    stride
        For a series: steps between the windows that are scored; scores in between are interpolated. The larger, the
        faster. By default an eighth of a window.
    until
        For a series: the time up to which it is known to be normal; this part sets the threshold.
    alarm_rate
        For a series: accepted rate of false episodes, as "2 per week" or a number per 1,000 steps. By default only
        what stands out beyond chance is an alarm.
    tracked
        For a series: let the threshold follow the level of the scores.
    """
    if given:
        raise UsageError(
            f"isthmus detect compares every column with the others, so leave --given out: {','.join(given)} is then "
            "one of them, and a row that is odd for its value is found."
        )
    if time is not None:
        asked = AskedSeries(
            data, time, entity, time_zone, reading, train, until, model, stride, alarm_rate, tracked, top,
            labels, drop, seed,
        )  # fmt: skip
        detect_series(asked, output, plot, save, overwrite=overwrite, json=json)
        return
    require_time(
        {"--entity": entity, "--time-zone": time_zone, "--stride": stride, "--until": until,
         "--alarms": alarm_rate, "--tracked": tracked or None}
    )  # fmt: skip
    of_fit = {
        "--variant": variant, "--components": components, "--contamination": contamination,
        "--calibration-fraction": calibration_fraction, "--no-trim": no_trim or None,
    }  # fmt: skip
    _require_sense(train, model, save, of_fit, fdr, contamination)
    output, share = shared(output, shard)
    if share is not None and (model is None or fdr is not None):
        raise UsageError("shares of the rows are scored separately: they need --model, and take no --fdr.")
    if engine == "ray" and model is None:
        raise UsageError("--engine ray scores rows by a detector that is fitted already: give --model.")
    require_writable(output, plot, save, overwrite=overwrite)
    refuse_own_inputs([output, plot], [data, train], model, replaced=[save])
    chosen = {"measure": score, "false_alarm_rate": false_alarm_rate}
    settings = {"random_state": seed} | {name: value for name, value in chosen.items() if value is not None}
    if model is None:
        settings |= {"calibration_fraction": calibration_fraction, "trim": not no_trim}
    roles: dict[str, Any] = {"labels": labels, "ids": ids, "drop": drop}
    options = reading.options()
    from isthmus.anomaly.cross_validation import blocks_to_score, detect_stream

    detector: Any = None

    if model is not None:
        detector, expected = detector_of(model, settings)
        stream = open_matching(data, expected, **roles, reading=reading)
        if share is not None:
            stream = stream.share(*share)
            if not len(stream):
                say("note: there are more shares than files or row groups, and none is left for this one.")
                return
    elif train is not None:
        from isthmus.tables import open_table

        known = _only_present(train, roles, options)
        normal = _sample(_described(open_table(train, **known, **options)), train, seed)
        # the rows to score may lack a column of the training rows
        named: dict[str, Any] = {name: roles[name] if known[name] is None else None for name in ("labels", "ids")}
        dropped = [name for name in drop if name not in known["drop"]]
        stream = open_matching(data, _columns_of(normal, drop), drop=dropped, **named, reading=reading)
        with warnings_said():
            detector = unfitted_detector(variant, components, settings, contamination).fit(normal)
        say_fitted(detector, len(normal))
        if save is not None:
            from isthmus.storage import save as save_model

            detector.reading_ = reading.of_files or None
            save_model(detector, save, overwrite=overwrite)
            say(f"The detector is in {str(save)!r}.")
    else:
        from isthmus.tables import open_table

        stream = _described(open_table(data, **roles, **options))
        rows = counted(len(stream), "row")
        say(f"comparing {rows} with one another; rows known to be normal can be given as --train …")
    wanted = contamination if train is None else None
    if detector is None and stream.fits_in_memory:
        table = stream.load()
        say_if_series(table)
        unfitted = unfitted_detector(variant, components, settings, wanted)
        with warnings_said():
            detection = unfitted.fit_detect(table)
        say_limits(unfitted)
        alarms = _alarms(detection, fdr)
        n_alarms = int(alarms.sum())
    else:
        if wanted is not None:
            raise UsageError("--contamination needs a table that fits in memory; use --false-alarm-rate or --fdr.")
        if detector is None:
            sample = _sample(stream, data, seed)
            with warnings_said():
                detector = unfitted_detector(variant, components, settings, None).fit(sample)
        scored = None
        if engine == "ray":
            asked = str(Path(model or "").resolve()), tuple(settings.items())
            scored = answers_of_workers(detection_of, asked, blocks_to_score(stream))
        found = detect_stream(detector, stream, most or (len(stream) if stream.fits_in_memory else MAX_ROWS), scored)
        if stream.fits_in_memory:
            _say_drift(detector, stream.load())
        else:
            n_written = f"{len(found.rows):,} most anomalous rows of it"
            say(f"note: {data!r} does not fit in memory; the {n_written} are written.")
        everywhere = _alarms(found, fdr)
        table, detection, alarms = found.table, found.detection, everywhere[found.rows]
        n_alarms = int(everywhere.sum())
        if table.ids is None:
            table = dataclasses.replace(table, ids=stream.row_numbers[found.rows], id_name="row")
    if fdr is not None:
        detection = _with_limit(detection, alarms)
    facts = _facts(stream, detection, n_alarms) if json else None
    write_detections(output, table, detection, alarms, top=top, most=most, overwrite=overwrite, facts=facts)
    if plot is not None:
        draw_top_anomalies(plot, table, detection, alarms)
    verb = "is an alarm" if n_alarms == 1 else "are alarms"
    say(f"{n_alarms:,} of {counted(len(stream), 'row')} {verb} ({detection.use.partition(':')[0]}).")


def _facts(stream: TableStream, detection: Any, n_alarms: int) -> dict[str, Any]:
    """The fields that --json prints before the rows."""
    data = {} if stream.description is None else {"data": stream.description.to_facts()}
    return {
        "rows": len(stream),
        "alarms": n_alarms,
        "use": detection.use,
        "threshold": detection.threshold.score,
    } | data


def _sample(stream: TableStream, source: str, seed: int) -> Table:
    """All rows of a stream, or a random sample that fits in memory."""
    import numpy as np

    if stream.fits_in_memory:
        return stream.load()
    count = max(1, stream.held_bytes // (8 * stream.width))
    say(f"note: {source!r} does not fit in memory; {count:,} of its {len(stream):,} rows, drawn at random, are used.")
    return stream.take(np.sort(np.random.default_rng(seed).choice(len(stream), count, replace=False)))


def _require_sense(train: Any, model: Any, save: Any, of_fit: Mapping[str, Any], fdr: Any, contamination: Any) -> None:
    if train is not None and model is not None:
        raise UsageError("--train and --model both set what is normal; give one of them.")
    if save is not None and train is None:
        raise UsageError("--save keeps a detector fitted with --train; give --train.")
    given = [flag for flag, value in of_fit.items() if value is not None]
    if model is not None and given:
        verb = "is" if len(given) == 1 else "are"
        raise UsageError(f"{', '.join(given)} {verb} for a fit; --model names what is fitted.")
    if fdr is not None and contamination is not None:
        raise UsageError("--fdr and --contamination set the same alarms; give one of them.")


def _described(stream: TableStream) -> TableStream:
    """Print how the stream's file was read, and return the stream."""
    if stream.description is not None:
        for line in stream.description.lines():
            say(line)
    return stream


def _only_present(source: str, roles: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Columns named for the rows to score, without those that the training rows lack."""
    from isthmus.tables import open_table

    names = open_table(source, **options).all_columns
    return {
        "labels": roles["labels"] if roles["labels"] in names else None,
        "ids": roles["ids"] if roles["ids"] in names else None,
        "drop": tuple(name for name in roles["drop"] if name in names),
    }


def _columns_of(table: Table, drop: tuple[str, ...]) -> Expected:
    what = "the columns of the training rows"
    known = (table.label_name, table.id_name, drop, table.image_shape)
    return Expected(table.columns, what, *known, layout=table.layout, row_shape=table.row_shape)


def _with_limit(detection: Any, alarms: Any) -> Any:
    """The detection with the lowest score of an alarm as its threshold; infinite without alarms."""
    from isthmus.anomaly.conformal import Threshold

    limit = float(detection.explanation.scores[alarms].min()) if alarms.any() else float("inf")
    return dataclasses.replace(detection, threshold=Threshold(limit, float("nan")))


def _say_drift(detector: Any, rows: Table) -> None:
    """Note a batch that differs from the normal rows as a whole: its rows stand out for that reason alone."""
    if len(rows) < MIN_BATCH:
        return
    drift = detector.drift(rows)
    if drift.found:
        say(f"note: {drift}; p-values are valid for rows like the training rows.")


def _alarms(detection: Any, fdr: float | None) -> Any:
    from isthmus.anomaly.conformal import benjamini_hochberg

    if fdr is None:
        return detection.above
    found = benjamini_hochberg(detection.p_values, fdr)
    if not found.any():
        say(
            f"note: there are no alarms at --fdr {fdr:g}; the smallest p-value is "
            f"{detection.p_values.min():.2g}, and smaller ones would need more training rows."
        )
    return found
