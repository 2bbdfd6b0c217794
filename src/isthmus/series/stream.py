"""Streams: the state that a detector keeps between updates, and how it scores new steps.

A step is scored by the windows that are complete by then, so its score is final at once. Windows start at every eighth
of their length from the start of their segment, wherever the pieces of the stream start, so pieces of any size give the
same scores.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.series.detection import Reason, SeriesDetection, conformal_ranks, described, highest, shortest_stretch
from isthmus.series.episodes import Tracker
from isthmus.series.scoring import Scored, SeriesModel, WindowModel
from isthmus.series.series import Series, dates_of_index, series_of, with_channels_of
from isthmus.series.stamps import LONGEST_FILLED, SECOND, Grid, stamps_of
from isthmus.series.windows import MAX_MISSING, WindowGrid, window_chunks

__all__ = ["StreamState", "followed", "stream_state"]


@dataclass(frozen=True, eq=False)
class StreamState:
    """The state at the end of a stream.

    Attributes
    ----------
    tail : ndarray of shape (n, n_channels)
        Latest steps of the current segment: enough for the windows that are still incomplete.
    n_steps : int
        Steps so far.
    segment : int
        First step of the current segment.
    stamp, step : float
        Stamp of the latest step, and the length of one: microseconds for dates.
    is_dated : bool
        Whether stamps are dates.
    held : ndarray of shape (n_windows,)
        The latest score by each length of window in this segment; NaN without one.
    tracker : Tracker
        Threshold, and the episode that may be open.
    """

    tail: np.ndarray
    n_steps: int
    segment: int
    stamp: float
    step: float
    is_dated: bool
    held: np.ndarray
    tracker: Tracker


def stream_state(series: Series, scored: Scored, model: SeriesModel, tracker: Tracker) -> StreamState:
    """The state at the end of a series that was scored as a whole."""
    n_steps, start = len(series), int(series.segments[-1, 0])
    stamp = series.grid.stamps[-1]
    held = [
        _latest(grid, total, window, start, n_steps)
        for grid, total, window in zip(scored.grids, scored.totals, model.windows, strict=True)
    ]
    first = max(start, n_steps - model.windows[-1].length - model.windows[-1].stride)
    dated = series.grid.is_dated
    return StreamState(
        tail=series.part(first, n_steps),
        n_steps=n_steps,
        segment=start,
        stamp=float(stamp.astype(np.int64)) if dated else float(stamp),
        step=series.grid.step * (SECOND if dated else 1),
        is_dated=dated,
        held=np.array(held),
        tracker=tracker,
    )


def _latest(grid: WindowGrid, totals: np.ndarray, window: WindowModel, start: int, n_steps: int) -> float:
    """The score of the last window that an update would have computed, from the start of the segment by strides."""
    anchored = (grid.starts >= start) & ((grid.starts - start) % window.stride == 0)
    places = np.flatnonzero(anchored & (grid.starts + window.length <= n_steps))
    return float(totals[places[-1]]) if len(places) else np.nan


def followed(detector: Any, X: Any, times: Any) -> SeriesDetection:
    """Score new steps, and update the detector's ``stream_``."""
    who, state, model = f"{type(detector).__name__}.update", detector.stream_, detector.model_
    values = _values(X, detector, who)
    n_readings = len(values)
    if times is None and state.is_dated:
        times = dates_of_index(X, who)
    stamps = stamps_of(times, n_readings, who)
    advance = _advance(stamps, state, n_readings, who)
    after_gap = advance > LONGEST_FILLED  # readings after a long gap, which takes no steps
    place = np.cumsum(np.where(after_gap, 1, advance)) - 1  # of each reading among the new steps
    n_new = int(place[-1]) + 1 if n_readings else 0
    steps = np.full((n_new, values.shape[1]), np.nan)
    steps[place] = values
    cuts = place[after_gap]
    bounds = np.unique(np.concatenate([[0], cuts, [n_new]]))
    pieces, now = [], state
    for start, stop in itertools.pairwise(bounds.tolist()):
        if start in cuts:
            now = dataclasses.replace(now, tail=now.tail[:0], segment=now.n_steps, held=np.full(len(now.held), np.nan))
        piece, now = _followed_piece(model, now, steps[start:stop], start)
        pieces.append(piece)
    scores = np.concatenate([np.empty(0), *(piece.scores for piece in pieces)])
    now = dataclasses.replace(now, tracker=dataclasses.replace(now.tracker))  # the old state stays unchanged
    thresholds, spans = now.tracker.follow(scores, state.n_steps)
    of_steps = _stamps(stamps, state, place, n_new)
    if n_new:
        now = dataclasses.replace(now, stamp=float(of_steps[-1].astype(np.int64 if state.is_dated else np.float64)))
    detector.stream_ = now
    grid = Grid(place, of_steps, np.stack([bounds[:-1], bounds[1:]], 1), 0.0, n_new == n_readings)
    series = Series(steps, grid, detector.channels_, (), detector.has_names_)
    inside = [(max(first - state.n_steps, 0), last - state.n_steps) for first, last in spans]
    inside = [(first, last) for first, last in inside if last >= first]
    reasons = [_reason(model, pieces, highest(scores, *span)) for span in inside]
    episodes = described(inside, scores, of_steps, detector.channels_, reasons)
    return SeriesDetection(series, scores, thresholds, conformal_ranks(scores, detector.reference_scores_), episodes)


def _values(X: Any, detector: Any, who: str) -> np.ndarray:
    n_channels = len(detector.channels_)
    if isinstance(X, (int, float)):
        X = np.full((1, 1), X)
    array = np.asarray(X) if isinstance(X, (list, tuple)) else X
    if getattr(array, "ndim", 2) == 1 and n_channels > 1:
        raise ValueError(f"{who}: new steps of {n_channels} channels must have shape (n_steps, {n_channels}).")
    if np.shape(array)[:1] == (0,):
        return np.empty((0, n_channels))
    series = series_of(array, np.arange(np.shape(array)[0]), who=who)  # the dates of an index are read elsewhere
    like = Series(np.empty((0, n_channels)), series.grid, detector.channels_, (), detector.has_names_)
    return with_channels_of(series, like, who).part(0, len(series))


def _advance(stamps: np.ndarray | None, state: StreamState, n_readings: int, who: str) -> np.ndarray:
    """Steps from the previous reading to each; more than can be filled where a new segment starts."""
    if stamps is None:
        return np.ones(n_readings, dtype=np.int64)
    if (stamps.dtype.kind == "M") != state.is_dated:
        kind = "dates" if state.is_dated else "numbers"
        raise ValueError(f"{who}: the times at fit were {kind}, and these are {stamps.dtype}.")
    numbers = stamps.astype(np.int64).astype(np.float64) if state.is_dated else stamps
    differences = np.diff(numbers, prepend=state.stamp)
    if (differences <= 0).any():
        at = int(np.argmax(differences <= 0))
        raise ValueError(
            f"{who}: times must be later than all before, but that of step {at} ({stamps[at]}) isn't; sort them, and "
            "average readings of the same time."
        )
    return np.maximum(np.rint(differences / state.step), 1).astype(np.int64)


def _stamps(stamps: np.ndarray | None, state: StreamState, place: np.ndarray, n_new: int) -> np.ndarray:
    if stamps is None:
        found = state.stamp + state.step * np.arange(1, n_new + 1)
    else:
        numbers = stamps.astype(np.int64).astype(np.float64) if state.is_dated else stamps
        found = np.interp(np.arange(n_new), np.concatenate([[-1], place]), np.concatenate([[state.stamp], numbers]))
    return np.rint(found).astype(np.int64).astype("datetime64[us]") if state.is_dated else found


@dataclass(frozen=True, eq=False)
class _Piece:
    """New steps of one segment with the tail before them, and their scores.

    ``start`` is the first new step's place in the update, ``n_before`` how many steps of ``series`` are older,
    ``origin`` how many steps of the stream came before it, and ``phase`` the step of ``series`` from which windows are
    counted (the start of the segment, at or before 0).
    """

    series: Series
    scores: np.ndarray
    start: int
    n_before: int
    origin: int
    phase: int


def _followed_piece(
    model: SeriesModel, state: StreamState, steps: np.ndarray, start: int
) -> tuple[_Piece, StreamState]:
    """Score the new steps of one segment."""
    values, n_new, n_before = np.concatenate([state.tail, steps]), len(steps), len(state.tail)
    origin = state.n_steps - n_before
    phase = state.segment - origin
    series = _local(values)
    held, scores = state.held.copy(), np.full((len(model.windows), n_new), np.nan)
    for which, window in enumerate(model.windows):
        first = max(n_before - window.length + 1, phase)  # of a window whose last step is a new one
        starts = np.arange(_anchored(first, phase, window.stride), len(values) - window.length + 1, window.stride)
        grid = WindowGrid(window.length, window.stride, starts, series.segments)
        totals = np.full(len(starts), np.nan)
        for places, rows, present in window_chunks(series, model.units, grid):
            amounts = window.reference.amounts(rows, present, starts[places] + origin)
            if present is not None:
                amounts[1 - present.mean((1, 2)) > MAX_MISSING] = np.nan
            totals[places] = window.window_scores(amounts)
        latest = np.searchsorted(starts + window.length - 1 - n_before, np.arange(n_new), side="right")
        scores[which] = np.concatenate([[held[which]], totals])[latest]
        held[which] = totals[-1] if len(totals) else held[which]
    known = np.isfinite(scores)
    mean = np.where(known, scores, 0).sum(0) / np.maximum(known.sum(0), 1)
    combined = np.where(known.any(0), mean, np.nan)
    kept = model.windows[-1].length + model.windows[-1].stride
    after = dataclasses.replace(state, tail=values[-kept:].copy(), n_steps=state.n_steps + n_new, held=held)
    return _Piece(series, combined, start, n_before, origin, phase), after


def _reason(model: SeriesModel, pieces: Sequence[_Piece], peak: int) -> Reason:
    """What each channel adds to the score of a new step, its value, and its expected value at that time."""
    piece = next(piece for piece in reversed(pieces) if piece.start <= peak)
    at = piece.n_before + peak - piece.start
    series = _local(piece.series.values[: at + 1])
    found, n_known = np.zeros((series.n_channels, at + 1)), 0
    for window in model.windows:
        start = piece.phase + (at + 1 - window.length - piece.phase) // window.stride * window.stride
        if start < max(piece.phase, 0):
            continue
        grid = WindowGrid(window.length, window.stride, np.array([start]), series.segments)
        for _, rows, present in window_chunks(series, model.units, grid):
            cells = window.attributed(window.reference, rows, present, grid.starts + piece.origin)
            if np.isfinite(cells).all():
                found[:, start : start + window.length] += cells[0]
                n_known += 1
    first, last = shortest_stretch(found.sum(0))
    return Reason(
        contributions=found.sum(1) / max(n_known, 1),
        values=series.values[at],
        expected=model.expected(series, at, at + 1)[0],
        focus=(peak + first - at, peak + last - at),
    )


def _anchored(first: int, phase: int, stride: int) -> int:
    """The first window at or after ``first``, counted by strides from ``phase``."""
    return phase + -(-(first - phase) // stride) * stride


def _local(values: np.ndarray) -> Series:
    grid = Grid(np.arange(len(values)), np.arange(float(len(values))), np.array([[0, len(values)]]), 1.0, True)
    return Series(values, grid, tuple(map(str, range(values.shape[1]))))
