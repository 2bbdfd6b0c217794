"""The page of a `WindowedAutoencoder`: the map of windows and the series they come from, linked to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.evaluation import Evaluation, evaluate
from isthmus.explorer.items import LINES_ROOM, MIN_ITEMS
from isthmus.explorer.page import write_explorer
from isthmus.explorer.shown_series import MAX_CELLS, ShownSeries, robust_deviation
from isthmus.series import SeriesDetection, SeriesOutlierDetector, WindowedAutoencoder
from isthmus.series.series import Series
from isthmus.series.window_rows import WindowRows, window_rows
from isthmus.tables.row_shape import RowShape

__all__ = ["detected", "evaluated_windows", "shown_series", "window_columns", "write_series_explorer"]

MAX_WINDOWS = 6_000
MAX_DETECTED = 400_000  # steps in which episodes are looked for
MAX_EXPLAINED = 2_000_000  # readings whose expected values and contributions are computed


def write_series_explorer(
    model: WindowedAutoencoder,
    path: str | Path,
    several: Sequence[Series],
    *,
    names: Sequence[Any] = (None,),
    of_fit: bool = True,
    labels: Any = None,
    label_name: str = "class",
    evaluation: Evaluation | None = None,
    detections: Sequence[SeriesDetection | None] | None = None,
    title: str = "",
    time_name: str = "time",
    random_state: int = 0,
    overwrite: bool = True,
) -> None:
    """Write one offline page that shows series, their windows on a map, and a model's results for both.

    Parameters
    ----------
    model
        Fitted.
    path
        The .html file, written atomically.
    several
        The series, as from `isthmus.series.series.series_of`.
    names
        A name for each, if there are several.
    of_fit
        Whether the model was fitted to these series. The figures are then those of the held-out blocks.
    labels
        For each series, a class for each reading; a window has that of its middle step.
    evaluation
        The evaluation of the held-out windows, if it is already known.
    detections
        The result of a detector for each series; by default it is computed with default settings.
    title, label_name, time_name
        Names of the data, the classes and the time axis.
    random_state
        Seed of the detector.
    """
    n_cells = len(model.channels_) * model.length_
    windows = window_rows(
        model, several, of_fit=of_fit, most=min(MAX_WINDOWS, max(MIN_ITEMS, LINES_ROOM // (4 * n_cells + 64)))
    )
    evaluation = evaluation or evaluated_windows(model, windows)
    found = detected(several, random_state) if detections is None else detections
    shown = [
        shown_series(model, one, "" if name is None else str(name), detection, windows, place)
        for place, (one, name, detection) in enumerate(zip(several, names, found, strict=True))
    ]
    classes = _classes(windows, several, names, labels, model.length_)
    write_explorer(
        {model.kind_: model.autoencoder_},
        path,
        windows.rows,
        classes,
        X_train=windows.rows[windows.training] if windows.training.any() else None,
        ids=windows.ids if len(several) == 1 else _named(windows, names),
        columns=window_columns(model),
        title=title,
        label_name=label_name if labels is not None else "series",
        evaluations={model.kind_: evaluation},
        evaluated_rows=_evaluated(windows),
        row_shape=RowShape((len(model.channels_), model.length_), ("channel", "time")),
        beside=lambda places, packer: {
            "lines": {
                "channels": list(model.channels_),
                "length": model.length_,
                "center": model.units_.center.tolist(),
                "spread": np.where(np.isinf(model.units_.spread), 1.0, model.units_.spread).tolist(),
                "unit": "step",
                "rate": 1,
            },
            "measures": _measures(windows, several, found, places, model.length_, packer),
            "series": {
                "time": time_name,
                "all": [one.facts(packer, room=MAX_CELLS // len(shown)) for one in shown],
                "of": packer.whole_numbers(windows.series[places]),
                "starts": packer.whole_numbers(windows.starts[places]),
                "learned": packer.whole_numbers(windows.training[places]),
                "length": model.length_,
            },
        },
        overwrite=overwrite,
    )


def window_columns(model: WindowedAutoencoder) -> list[str]:
    """Names of the cells of a window: the channel, and the step within it."""
    return [f"{name} +{lag}" for name in model.channels_ for lag in range(model.length_)]


def evaluated_windows(model: WindowedAutoencoder, windows: WindowRows) -> Evaluation:
    """The evaluation on the held-out windows; on all, if the series is too short to hold any out."""
    return evaluate(model.autoencoder_, windows.rows[_evaluated(windows)])


def _evaluated(windows: WindowRows) -> np.ndarray:
    return windows.held_out if windows.held_out.sum() > 1 else np.ones(len(windows), bool)


def detected(several: Sequence[Series], random_state: int = 0) -> list[SeriesDetection | None]:
    """The result of a detector with default settings for each series; None if it is too short or too long."""
    found: list[SeriesDetection | None] = []
    for one in several:
        try:
            short = len(one) <= MAX_DETECTED
            found.append(SeriesOutlierDetector(random_state=random_state).fit(one).found_at_fit() if short else None)
        except ValueError:  # too few steps for a window, or nothing that varies
            found.append(None)
    return found


def shown_series(
    model: WindowedAutoencoder,
    series: Series,
    name: str,
    detection: SeriesDetection | None,
    windows: WindowRows,
    place: int,
) -> ShownSeries:
    """A series with its reconstruction, for the page."""
    series, _ = model.windows_of(series)
    expected, deviation = None, np.zeros(series.n_channels)
    if len(series) * series.n_channels <= MAX_EXPLAINED:
        _, expected = model.reconstruct_steps(series)
        deviation = robust_deviation(series.part(0, len(series)) - expected)
    held_out = (windows.series == place) & windows.held_out & ~windows.held_out.all()
    return ShownSeries(name, series, expected, deviation, detection, _runs(windows.starts[held_out], model))


def _runs(starts: np.ndarray, model: WindowedAutoencoder) -> np.ndarray:
    """First and last step of the stretches that windows cover without gaps, shape (n, 2)."""
    if not len(starts):
        return np.empty((0, 2), np.int64)
    breaks = np.flatnonzero(np.diff(starts) > model.length_)
    first = starts[np.concatenate([[0], breaks + 1])]
    last = starts[np.concatenate([breaks, [len(starts) - 1]])] + model.length_ - 1
    return np.stack([first, last], 1)


def _classes(windows: WindowRows, several: Sequence[Series], names: Sequence[Any], labels: Any, length: int) -> Any:
    """A class for each window: that of its middle step or, without labels and with several series, its series."""
    if labels is None:
        return None if len(several) == 1 else np.array([str(names[one]) for one in windows.series], object)
    first = []  # the first reading on each step
    for one in several:
        reading = np.full(len(one), -1)
        reading[one.grid.place[::-1]] = np.arange(len(one.grid.place))[::-1]
        known = np.maximum.accumulate(np.where(reading >= 0, np.arange(len(one)), 0))  # a missing step has the last one
        first.append(reading[known])
    middles = (first[of][start + length // 2] for of, start in zip(windows.series, windows.starts, strict=True))
    return np.array([str(labels[of][at]) for of, at in zip(windows.series, middles, strict=True)], object)


def _named(windows: WindowRows, names: Sequence[Any]) -> list[str]:
    return [f"{names[of]}, {text}" for of, text in zip(windows.series, windows.ids, strict=True)]


def _measures(
    windows: WindowRows,
    several: Sequence[Series],
    found: Sequence[SeriesDetection | None],
    places: np.ndarray,
    length: int,
    packer: Any,
) -> list[Mapping[str, Any]]:
    """Further quantities to colour windows by: their time, and the mean anomaly score of their steps."""
    middle = windows.starts + length // 2
    times, scores = np.empty(len(windows)), np.full(len(windows), np.nan)
    dated = bool(several[0].grid.is_dated)
    for place, (one, detection) in enumerate(zip(several, found, strict=True)):
        own = windows.series == place
        stamps = one.grid.stamps[np.minimum(middle[own], len(one) - 1)]
        times[own] = stamps.astype("datetime64[us]").astype(np.int64) / 86400e6 if dated else stamps
        if detection is not None:
            known = np.isfinite(detection.scores)
            sums = np.concatenate([[0.0], np.cumsum(np.where(known, detection.scores, 0))])
            counts = np.concatenate([[0], np.cumsum(known)])
            starts, stops = windows.starts[own], np.minimum(windows.starts[own] + length, len(one))
            n_known = counts[stops] - counts[starts]
            scores[own] = np.where(n_known > 0, (sums[stops] - sums[starts]) / np.maximum(n_known, 1), np.nan)
    listed = [("time", "date" if dated else "number", times)]
    if np.isfinite(scores).any():
        listed.append(("score", "number", scores))
    return [
        {
            "name": name,
            "kind": kind,
            "whole": False,
            "origin": float(values[0]) if np.isfinite(values[0]) else 0.0,
            "values": packer.floats((values - (values[0] if np.isfinite(values[0]) else 0.0))[places]),
        }
        for name, kind, values in listed
    ]
