"""Series: windows, gaps and stamps; scores that add up; episodes; a stream in pieces of any size; files."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus import Autoencoder, SeriesOutlierDetector, WindowedAutoencoder, load, save
from isthmus.series import series_of
from isthmus.series.bridging import _bridge, bridged
from isthmus.series.episodes import (
    ROUNDING,
    Rate,
    Tracker,
    count_episodes,
    episodes_above,
    outlying_threshold,
    static_threshold,
)
from isthmus.series.held_out import split_blocks
from isthmus.series.lengths import period_of, window_lengths
from isthmus.series.neighbours import Reference
from isthmus.series.reading import read_series
from isthmus.series.scoring import learn
from isthmus.series.series import joined_series
from isthmus.series.ssa import SingularSpectrum
from isthmus.series.stamps import grid_of, in_utc
from isthmus.series.windows import Units, WindowGrid, overlap_mean, window_chunks
from isthmus.tables import DataError

HOUR = np.timedelta64(3600, "s")
START = np.datetime64("2024-01-01", "us")


def sine(n=900, channels=2, seed=0, period=40.0, noise=0.1):
    rng = np.random.default_rng(seed)
    t = np.arange(n)[:, None]
    return np.sin(2 * np.pi * t / period + np.arange(channels)) + noise * rng.normal(size=(n, channels))


def anomalous(**given):
    X = sine(**given)
    X[500:525, 0] = 1.0
    return X


def hours(n):
    return START + np.arange(n) * HOUR


KINDS = {
    "plain": lambda: (anomalous(), None),
    "one channel": lambda: (anomalous(channels=1), None),
    "missing cells": lambda: (np.where(np.random.default_rng(1).random((900, 2)) < 0.03, np.nan, anomalous()), None),
    "gaps": lambda: (anomalous(), hours(900) + np.where(np.arange(900) > 300, 100, 0) * HOUR),
    "short gaps": lambda: (anomalous()[np.r_[0:200, 203:900]], hours(900)[np.r_[0:200, 203:900]]),
    "a constant channel": lambda: (np.column_stack([anomalous(), np.full(900, 3.0)]), None),
    "an empty channel": lambda: (np.column_stack([anomalous(), np.full(900, np.nan)]), None),
    "huge numbers": lambda: (anomalous() * 1e150, None),
    "many channels": lambda: (anomalous(n=700, channels=30), None),
}


@pytest.fixture(scope="module")
def fitted():
    found = {}
    for name, made in KINDS.items():
        X, times = made()
        found[name] = SeriesOutlierDetector().fit(X, times=times)
    return found


# ---- scores and what explains them ---------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_contributions_of_channels_and_lags_add_up_to_the_score(name, fitted):
    detection = fitted[name].detection_
    scores = detection.scores
    known = np.isfinite(scores)
    assert known.mean() > 0.9
    added = detection.contributions().sum(1)
    np.testing.assert_allclose(added[known], scores[known], rtol=1e-9, atol=1e-9)
    assert np.isnan(added[~known]).all()
    for step in np.flatnonzero(known)[:: max(1, known.sum() // 7)]:
        cells = detection.contribution_map(step)
        assert cells.sum() == pytest.approx(scores[step], rel=1e-9)
        np.testing.assert_allclose(cells.sum(1), detection.contributions(step, step + 1)[0], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", sorted({*KINDS} - {"many channels"}))
def test_the_anomaly_is_the_highest_episode_and_its_channel_is_named(name, fitted):
    detection = fitted[name].detection_
    top = max(detection.episodes, key=lambda one: one.score)
    place = detection.series.grid.place
    at = place[np.r_[500:525] if name != "short gaps" else np.r_[497:522]]
    assert at[0] - 60 <= top.highest <= at[-1] + 60
    assert top.channels[0] == "x0"
    assert top.contributions == tuple(sorted(top.contributions, reverse=True))
    assert top.first <= top.highest <= top.last
    focus = detection.stamps[[np.searchsorted(detection.stamps, moment) for moment in (top.focus_start, top.focus_end)]]
    assert detection.stamps[at[0] - 15] <= focus[0] <= focus[1] <= detection.stamps[at[-1] + 15]


@pytest.mark.parametrize("name", KINDS)
def test_a_range_is_the_same_as_its_part_of_the_whole(name, fitted):
    detection = fitted[name].detection_
    for begin, end in ((0, 50), (333, 412), (len(detection.scores) - 20, len(detection.scores))):
        np.testing.assert_allclose(
            detection.contributions(begin, end), detection.contributions()[begin:end], rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(detection.expected(begin, end), detection.expected()[begin:end], rtol=1e-9)


def test_units_do_not_matter():
    X = anomalous()
    one = SeriesOutlierDetector().fit(X)
    other = SeriesOutlierDetector().fit(X * [1e3, 1e-4] + [5, -700])
    np.testing.assert_allclose(one.scores_, other.scores_, rtol=1e-6, atol=1e-8)
    assert [(e.first, e.last) for e in one.episodes_] == [(e.first, e.last) for e in other.episodes_]


def test_a_series_run_backwards_has_its_scores_backwards_within_the_stride():
    X = sine(n=800, channels=1)
    X[390:410] += 1.0
    one = SeriesOutlierDetector(window=32).fit(X).scores_
    other = SeriesOutlierDetector(window=32).fit(X[::-1].copy()).scores_[::-1]
    assert np.corrcoef(one, other)[0, 1] > 0.97


def test_a_repeated_anomaly_is_found_though_it_has_near_neighbours():
    X = sine(n=1600, channels=1, noise=0.05)
    for begin in (400, 1200):
        X[begin : begin + 40, 0] = 0.3
    detector = SeriesOutlierDetector(episodes="4 per 1600 steps").fit(X)
    for begin in (400, 1200):
        assert any(one.first <= begin + 20 <= one.last for one in detector.episodes_)


def test_trivial_matches_are_left_out():
    """A window's own neighbours overlap it and are nearly equal: without the exclusion every distance is near 0."""
    rows = np.random.default_rng(0).normal(size=(30, 1, 8))
    starts = np.arange(0, 120, 4)
    own = Reference(rows, None, starts).amounts(rows, None, starts)
    others = Reference(rows, None, starts).elsewhere().amounts(rows, None, starts)
    assert (own[:, 0] > others[:, 0]).all()
    for at in (0, 13, 29):
        far = np.abs(starts - starts[at]) >= 8
        distances = np.sort(((rows[far] - rows[at]) ** 2).sum((1, 2)))
        assert own[at, 0] == pytest.approx(distances[:5].mean())
        assert own[at, 1] == pytest.approx(distances[: far.sum() // 3].mean())


def test_distances_leave_missing_cells_out():
    rng = np.random.default_rng(0)
    rows, present = rng.normal(size=(20, 2, 6)), rng.random((20, 2, 6)) < 0.8
    rows = np.where(present, rows, 0.0)
    starts = np.arange(20) * 10
    found = Reference(rows, present, starts).amounts(rows, present, starts)
    for at in range(20):
        both = present & present[at]
        distances = (both * (rows - rows[at]) ** 2).sum((1, 2)) * 12 / both.sum((1, 2))
        distances = np.sort(np.delete(distances, at))
        assert found[at, 0] == pytest.approx(distances[:5].mean())


@pytest.mark.parametrize("present", [None, True], ids=["whole", "gaps"])
def test_cells_add_up_to_the_amounts(present):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3, 5))
    mask = None if present is None else rng.random(rows.shape) < 0.9
    rows = rows if mask is None else np.where(mask, rows, 0.0)
    reference = Reference(rows, mask, np.arange(40) * 3)
    amounts, cells = reference.amounts(rows, mask, np.arange(40) * 3), reference.cells(rows, mask, np.arange(40) * 3)
    added = cells.sum((2, 3)).T
    np.testing.assert_allclose(added[:, 2], amounts[:, 2])
    if mask is None:
        np.testing.assert_allclose(added, amounts)
    assert (cells >= 0).all()


# ---- windows -------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(2, 12), st.integers(1, 6), st.integers(0, 2**31)
)
@settings(max_examples=60, deadline=None)
def test_steps_are_the_mean_of_the_windows_that_cover_them(sizes, length, stride, seed):
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    segments = np.stack([bounds[:-1], bounds[1:]], 1)
    grid = WindowGrid.of(segments, length, stride)
    n_steps, rng = int(bounds[-1]), np.random.default_rng(seed)
    values = rng.normal(size=len(grid))
    values[rng.random(len(grid)) < 0.2] = np.nan
    sums, counts = np.zeros(n_steps), np.zeros(n_steps)
    for low, high in segments:
        if high - low < length:
            continue
        own = (grid.starts >= low) & (grid.starts < high)
        known = np.isfinite(values[own])
        for start in range(low, high - length + 1):
            weight = np.interp(start, grid.starts[own], known.astype(float))
            if weight > 1e-12:
                value = np.interp(start, grid.starts[own], np.where(known, values[own], 0.0)) / weight
                sums[start : start + length] += value
                counts[start : start + length] += 1
    expected = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    np.testing.assert_allclose(grid.per_step(values, 0, n_steps), expected, atol=1e-12)
    middle = n_steps // 3
    np.testing.assert_allclose(grid.per_step(values, middle, n_steps), expected[middle:], atol=1e-12)
    for step in {0, middle, n_steps - 1}:
        places, hats = grid.weights_at(step)
        if len(places) and np.isfinite(values[places]).all():
            assert (hats @ values[places]).mean() == pytest.approx(expected[step], abs=1e-12)


@given(st.integers(2, 9), st.integers(1, 3), st.integers(20, 60))
@settings(max_examples=25, deadline=None)
def test_overlapping_windows_average_back_to_the_series(length, channels, n):
    series = series_of(sine(n=n, channels=channels), who="t")
    units = Units.of(series)
    grid = WindowGrid.of(series.segments, length, max(1, length // 2))
    rows = np.concatenate([np.array(part) for _, part, _ in window_chunks(series, units, grid)])
    back = units.undo(overlap_mean(rows, grid.starts, n))
    np.testing.assert_allclose(back, series.values, atol=1e-9)


def test_windows_are_views_of_few_steps():
    """Chunks of windows lay out what they need and no more, and none crosses a gap."""
    X, times = KINDS["gaps"]()
    series = series_of(X, times, who="t")
    grid = WindowGrid.of(series.segments, 32, 4)
    ends = grid.starts + 32
    assert len(series.segments) == 2
    cut = series.segments[1, 0]
    assert not ((grid.starts < cut) & (ends > cut)).any()
    for places, rows, _ in window_chunks(series, Units.of(series), grid):
        assert rows.base is not None or len(places) < len(grid) or rows.shape == (len(grid), 2, 32)


def test_the_period_of_a_sine_is_found():
    for period in (12.0, 40.0, 96.0):
        series = series_of(sine(n=3000, period=period, channels=1), who="t")
        assert period_of(series, Units.of(series)) == pytest.approx(period, abs=1)
    noise = series_of(np.arange(500.0), who="t")
    assert period_of(noise, Units.of(noise)) is None


@given(st.integers(32, 5000), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_windows_fit_the_series(n, channels):
    series = series_of(np.random.default_rng(n).normal(size=(n, channels)), who="t")
    for length in window_lengths(series, Units.of(series), "auto", "t"):
        assert 4 <= length <= n // 8
        assert length * channels <= max(1200, 4 * channels)


# ---- stamps --------------------------------------------------------------------------------------------


def test_the_order_of_the_rows_does_not_matter():
    X, times = anomalous(), hours(900)
    order = np.random.default_rng(0).permutation(900)
    one = SeriesOutlierDetector().fit(X, times=times)
    other = SeriesOutlierDetector().fit(X[order], times=times[order])
    np.testing.assert_array_equal(one.scores_[order], other.scores_)
    assert any("backwards" in note for note in other.detection_.notes)


def test_repeated_stamps_are_averaged():
    X, times = anomalous(), hours(900)
    twice = np.r_[0:900, 200, 201]
    Y = X[twice].copy()
    Y[200] += 0.5
    Y[900] -= 0.5
    detector = SeriesOutlierDetector().fit(Y, times=times[twice])
    np.testing.assert_allclose(detector.scores_[:900], SeriesOutlierDetector().fit(X).scores_, atol=1e-9)
    assert detector.scores_[200] == detector.scores_[900]
    assert any("2 stamps are repeated" in note for note in detector.detection_.notes)


def test_short_gaps_are_missing_steps_and_long_ones_end_a_segment():
    kept = np.r_[0:100, 104:300, 400:900]
    grid = grid_of(hours(900)[kept], len(kept))
    assert grid.segments.tolist() == [[0, 300], [300, 800]]
    assert grid.place[100] == 104
    np.testing.assert_array_equal(grid.stamps[grid.place], hours(900)[kept])
    assert len(grid.notes) == 2
    steps = np.diff(grid.stamps[:300]).astype("timedelta64[s]").astype(int)
    assert (steps == 3600).all()


def test_irregular_stamps_are_said_to_be():
    times = np.cumsum(np.random.default_rng(0).exponential(size=500))
    grid = grid_of(times, 500)
    assert grid.is_identity
    assert "irregular" in grid.notes[0]


def test_an_hour_that_clocks_repeat_is_two_hours():
    utc = pd.date_range("2024-10-26 20:00", periods=40, freq="30min", tz="UTC")
    local = utc.tz_convert("Europe/Berlin").tz_localize(None).to_numpy().astype("datetime64[us]")
    np.testing.assert_array_equal(
        in_utc(local, "Europe/Berlin", "t"), utc.tz_localize(None).to_numpy().astype("datetime64[us]")
    )
    grid = grid_of(local, 40)
    assert any("time zone" in note for note in grid.notes)
    spring = pd.date_range("2024-03-30 22:00", periods=20, freq="30min", tz="UTC")
    local = spring.tz_convert("Europe/Berlin").tz_localize(None).to_numpy()
    np.testing.assert_array_equal(
        in_utc(local, "Europe/Berlin", "t"), spring.tz_localize(None).to_numpy().astype("datetime64[us]")
    )
    with pytest.raises(ValueError, match="there is no time zone 'Berlin'"):
        in_utc(local, "Berlin", "t")


@pytest.mark.parametrize("kind", ["periods", "time differences"])
def test_an_index_of_periods_or_differences_gives_the_times(kind):
    pandas = pytest.importorskip("pandas")
    X, gap = anomalous(), np.where(np.arange(900) > 300, 100, 0)
    whole = pandas.PeriodIndex(hours(900) + gap * HOUR, freq="h")
    index = whole if kind == "periods" else whole.to_timestamp() - whole.to_timestamp()[0]
    found = SeriesOutlierDetector().fit(pandas.DataFrame(X, index=index)).detection_
    assert len(found.series.segments) == 2
    assert (found.stamps[1] - found.stamps[0]) in (HOUR, 3600.0)


def test_an_index_without_times_is_said_to_be_left_out():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(anomalous(), index=[f"2024-01-{place}" for place in range(900)])
    assert "the index holds no dates" in SeriesOutlierDetector().fit(frame).detection_.notes[0]
    assert not SeriesOutlierDetector().fit(frame.reset_index(drop=True)).detection_.notes
    levels = pandas.MultiIndex.from_product([["pump", "fan"], hours(450)], names=["machine", "stamp"])
    with pytest.raises(ValueError, match=r"the index has 2 levels \(machine, stamp\)"):
        SeriesOutlierDetector().fit(frame.set_axis(levels))


def test_infinite_values_are_said_to_be_missing():
    X = anomalous()
    X[[3, 9], 0] = np.inf, -np.inf
    found = SeriesOutlierDetector().fit(X)
    assert "2 values are infinite and counted as missing." in found.detection_.notes
    X[[3, 9], 0] = np.nan
    np.testing.assert_array_equal(found.scores_, SeriesOutlierDetector().fit(X).scores_)


@pytest.mark.parametrize("form", ["array", "index", "zoned index", "column", "polars", "list"])
def test_the_same_series_in_any_form(form):
    import polars

    X, times = anomalous(), hours(900)
    frame = pd.DataFrame(X, columns=["a", "b"])
    given = {
        "array": (X, times),
        "index": (frame.set_index(pd.DatetimeIndex(times)), None),
        "zoned index": (frame.set_index(pd.DatetimeIndex(times).tz_localize("UTC").tz_convert("Asia/Tokyo")), None),
        "column": (frame, times),
        "polars": (polars.DataFrame({"a": X[:, 0], "b": X[:, 1]}), times),
        "list": (X.tolist(), [str(moment) for moment in times]),
    }[form]
    detector = SeriesOutlierDetector(episodes="1 per week").fit(given[0], times=given[1])
    reference = SeriesOutlierDetector(episodes="1 per week").fit(X, times=times)
    np.testing.assert_array_equal(detector.scores_, reference.scores_)
    assert detector.episodes_[0].peak == reference.episodes_[0].peak


# ---- episodes ------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=80), st.integers(1, 6), st.floats(0.001, 0.5))
@settings(max_examples=80, deadline=None)
def test_the_static_threshold_keeps_the_stated_rate(scores, quiet, rate):
    values = np.array(scores)
    threshold = static_threshold(values, rate, quiet)
    spans = episodes_above(values, threshold, quiet)
    assert len(spans) == count_episodes(values, threshold, quiet) <= rate * len(values) + ROUNDING
    for (_, last), (first, _) in itertools.pairwise(spans):
        assert first - last > quiet


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=120),
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.01, 0.1]),
)
@settings(max_examples=120, deadline=None)
def test_a_tracked_threshold_is_the_rule_and_knows_nothing_of_pieces(scores, sizes, quiet, rate):
    values = np.array(scores)
    tracker = Tracker(1.0, rate, 0.7, quiet)
    whole, spans = dataclasses.replace(tracker).follow(values, 0)
    threshold, opened, last, expected, found = 1.0, None, 0, [], []
    for step, score in enumerate(values):
        if opened is not None and step - last > quiet:
            found.append((opened[0], last))
            opened = None
        if opened is not None:
            expected.append(opened[1])
            last = step if score > opened[1] else last
            continue
        expected.append(threshold)
        if score > threshold:
            opened, last = (step, threshold), step
            threshold += 0.7 * (1 - rate) if rate else 0.0
        else:
            threshold -= 0.7 * rate
    found += [] if opened is None else [(opened[0], last)]
    np.testing.assert_allclose(whole, expected, atol=1e-9)
    assert spans == found
    pieces, seen, begin = [], set(), 0
    one = dataclasses.replace(tracker)
    for size in [*sizes, len(values)]:
        thresholds, ended = one.follow(values[begin : begin + size], begin)
        pieces.append(thresholds)
        seen |= {first for first, _ in ended}
        begin += size
        if begin >= len(values):
            break
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-9)
    assert seen == {first for first, _ in spans}


def test_a_stated_rate_beyond_what_windows_can_tell_apart_does_not_join_everything():
    scores = np.where(np.arange(400) % 40 < 4, 5.0, 1.0) + 0.01 * np.random.default_rng(0).random(400)
    assert count_episodes(scores, 5.0, 20) == 10
    assert len(episodes_above(scores, static_threshold(scores, 0.1, 20), 20)) == 10


@pytest.mark.parametrize("seed", range(8))
def test_beyond_the_outlying_threshold_half_a_peak_is_expected_by_chance(seed):
    rng = np.random.default_rng(seed)
    found = [outlying_threshold(rng.exponential(3.0, size=2_000), 1) for _ in range(60)]
    # Of 2,000 independent exponential scores half a one exceeds 3 log(2,000 / 0.5).
    assert np.mean(found) == pytest.approx(3 * np.log(4_000), rel=0.05)
    assert outlying_threshold(np.array([1.0, 2.0, np.nan]), 1) == -np.inf


def test_anomalies_do_not_move_the_outlying_threshold():
    scores = np.random.default_rng(0).exponential(1.0, size=900)
    wild = scores.copy()
    wild[::5] = np.where(wild[::5] > 1.2, 500.0, wild[::5])  # of what is among the highest third
    assert outlying_threshold(wild, 1) == pytest.approx(outlying_threshold(scores, 1))


# ---- seasons -------------------------------------------------------------------------------------------


def weeks(seed, weeks=9, **anomaly):
    """Hours with working days and lower weekends, the two anomalies of which are planted if they are named."""
    rng, t = np.random.default_rng(seed), np.arange(168 * weeks)
    day = np.clip(np.sin(np.pi * (t % 24 - 6) / 14), 0, None)
    values = 20 + 60 * day * np.where(t // 24 % 7 >= 5, 0.4, 1.0) + 3 * rng.normal(size=len(t))
    for at, change in anomaly.items():
        values[int(at[1:]) : int(at[1:]) + 18] += change
    return values


@pytest.mark.parametrize("seed", range(4))
def test_ordinary_weekends_do_not_stand_out(seed):
    assert len(SeriesOutlierDetector().fit(weeks(seed)).episodes_) <= 1
    found = SeriesOutlierDetector().fit(weeks(seed, s400=40, s1000=-35))
    assert len(found.episodes_) == 2
    for episode, at in zip(found.episodes_, (400, 1000), strict=True):
        assert episode.first <= at + 17
        assert episode.last >= at


@pytest.mark.parametrize("stride", [1, 16, 30])
def test_at_another_stride_scores_are_near_and_still_explained(stride):
    X = anomalous()
    usual, other = SeriesOutlierDetector(window=40).fit(X), SeriesOutlierDetector(window=40, stride=stride).fit(X)
    (grid,) = other.detection_.scored.grids
    assert len(grid) == len(np.unique(np.append(np.arange(0, 860, stride), 860)))
    assert np.corrcoef(usual.scores_, other.scores_)[0, 1] > 0.9
    top = max(other.episodes_, key=lambda one: one.score)
    assert top.first <= 525
    assert top.last >= 500
    np.testing.assert_allclose(other.detection_.contributions().sum(1), other.scores_, rtol=1e-9)


def test_the_stride_is_that_of_updates_and_saved(tmp_path):
    from isthmus.storage import load, save

    X = anomalous()
    detector = SeriesOutlierDetector(window=40, stride=20).fit(X[:450])
    save(detector, tmp_path / "saved")
    again, pieces = load(tmp_path / "saved"), load(tmp_path / "saved")
    np.testing.assert_array_equal(again.detect(X).scores, detector.detect(X).scores)
    scores = detector.update(X[450:]).scores
    np.testing.assert_array_equal(again.update(X[450:]).scores, scores)
    found = [pieces.update(part).scores for part in np.array_split(X[450:], 7)]
    np.testing.assert_allclose(np.concatenate(found), scores, rtol=1e-9)
    assert len(np.unique(scores)) < 30  # a score is held until the next window is computed


def test_a_stride_that_leaves_steps_out_is_refused():
    with pytest.raises(ValueError, match="SeriesOutlierDetector: a stride of 41 steps is longer than the window of 40"):
        SeriesOutlierDetector(window=40, stride=41).fit(sine())


def test_a_detector_without_a_stated_rate_is_saved(tmp_path):
    from isthmus.storage import load, save

    values = weeks(3)
    detector = SeriesOutlierDetector().fit(values)
    save(detector, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.rate_ is None
    np.testing.assert_array_equal(again.detect(values).scores, detector.detect(values).scores)


def test_an_hour_that_clocks_repeat_in_hourly_stamps_is_two():
    utc = pd.date_range("2024-10-26 20:00", periods=12, freq="h", tz="UTC")
    local = utc.tz_convert("Europe/Berlin").tz_localize(None).to_numpy()
    assert any("clocks go back" in note for note in grid_of(local, 12).notes)
    expected = utc.tz_localize(None).to_numpy().astype("datetime64[us]")
    np.testing.assert_array_equal(in_utc(local, "Europe/Berlin", "t"), expected)


@pytest.mark.parametrize(
    ("said", "seconds", "per_step"),
    [
        (2, None, 0.002),
        ("1 per 500 steps", None, 0.002),
        ("2 per 1,000", None, 0.002),
        ("2 per thousand", None, 0.002),
        ("2 per week", 604.8, 0.002),
        ("2/day", 86.4, 0.002),
    ],
)
def test_rates(said, seconds, per_step):
    assert Rate.of(said).per_step(seconds) == pytest.approx(per_step)


@pytest.mark.parametrize("said", [0, -1, "often", "2 per", "0 per week", float("nan"), "1 per 0 steps", True])
def test_a_rate_that_is_none_is_refused(said):
    with pytest.raises(ValueError, match=r"must be|no rate"):
        SeriesOutlierDetector(episodes=said).fit(sine())


def test_a_rate_of_days_needs_dates():
    with pytest.raises(ValueError, match="a rate per day or week needs dated steps"):
        SeriesOutlierDetector(episodes="1 per day").fit(sine())


def test_ranks_are_shares_of_the_past():
    detection = SeriesOutlierDetector().fit(anomalous()).detection_
    order = np.argsort(detection.scores)
    assert (np.diff(detection.ranks[order]) <= 0).all()
    assert detection.ranks.min() == pytest.approx(2 / 901)
    assert detection.ranks.max() == 1.0


# ---- what is learned from ------------------------------------------------------------------------------


def test_until_learns_from_the_past_alone():
    X = anomalous()
    one = SeriesOutlierDetector(until=400).fit(X)
    Y = X.copy()
    Y[700:] += 5 * np.random.default_rng(5).normal(size=Y[700:].shape)
    other = SeriesOutlierDetector(until=400).fit(Y)
    assert one.threshold_ == other.threshold_
    np.testing.assert_allclose(one.scores_[:400], other.scores_[:400], rtol=1e-9)
    dated = SeriesOutlierDetector(until="2024-01-17T16:00").fit(X, times=hours(900))
    np.testing.assert_allclose(dated.scores_, one.scores_)


def test_train_is_another_series():
    detector = SeriesOutlierDetector(train=sine(seed=1)).fit(anomalous())
    top = max(detector.episodes_, key=lambda one: one.score)
    assert 470 <= top.highest <= 550
    np.testing.assert_array_equal(detector.scores_, -detector.score_samples(anomalous()))
    np.testing.assert_array_equal(detector.predict(anomalous()), detector.fit_predict(anomalous()))


def test_a_past_with_anomalies_is_pointed_out():
    notes = SeriesOutlierDetector(train=anomalous()).fit(sine(seed=3)).detection_.notes
    assert any("unlike the rest of it" in note for note in notes)
    notes = SeriesOutlierDetector(train=sine(seed=4)).fit(anomalous()).detection_.notes
    assert not any("unlike the rest of it" in note for note in notes)


def test_an_update_takes_its_stamps_from_the_index():
    hours = pd.date_range("2024-01-01", periods=600, freq="h")
    frame = pd.DataFrame({"a": np.sin(np.arange(600) / 4)}, index=hours)
    detector = SeriesOutlierDetector().fit(frame[:500])
    assert detector.update(frame[510:]).stamps[-1] == hours[-1].to_datetime64()
    with pytest.raises(ValueError, match="times must be later than all before, but that of step 0"):
        detector.update(frame[520:])


@pytest.mark.parametrize("threshold", ["static", "tracked"])
@pytest.mark.parametrize("name", sorted({*KINDS} - {"many channels", "an empty channel"}))
def test_updates_in_pieces_are_one_update(name, threshold):
    X, times = KINDS[name]()
    known = {"episodes": 5.0, "threshold": threshold}
    whole, pieces = (
        SeriesOutlierDetector(**known).fit(X[:450], times=None if times is None else times[:450]) for _ in range(2)
    )
    rest = slice(450, None)
    at_once = whole.update(X[rest], times=None if times is None else times[rest])
    found, begin = [], 450
    for size in [1, 1, 7, 64, 0, 200, 300]:
        end = min(begin + size, len(X))
        found.append(pieces.update(X[begin:end], times=None if times is None else times[begin:end]))
        begin = end
    np.testing.assert_allclose(np.concatenate([one.scores for one in found]), at_once.scores, rtol=1e-9)
    np.testing.assert_allclose(np.concatenate([one.thresholds for one in found]), at_once.thresholds, rtol=1e-9)
    assert at_once.episodes
    top = max(at_once.episodes, key=lambda one: one.score)
    assert top.channels[0] == "x0"
    assert sum(top.contributions) == pytest.approx(top.score, rel=1e-6)


def test_later_steps_can_not_change_a_score():
    X = anomalous()
    one, other = SeriesOutlierDetector().fit(X[:450]), SeriesOutlierDetector().fit(X[:450])
    Y = X[450:].copy()
    Y[200:] += 100.0
    np.testing.assert_array_equal(one.update(X[450:]).scores[:200], other.update(Y).scores[:200])


def test_a_long_gap_in_a_stream_begins_a_segment():
    X, times = anomalous(), hours(900)
    detector = SeriesOutlierDetector().fit(X[:450], times=times[:450])
    found = detector.update(X[450:600], times=times[450:600] + 500 * HOUR)
    assert np.isnan(found.scores[: detector.windows_[0] - 1]).all()
    assert np.isfinite(found.scores[detector.windows_[0] :]).all()
    with pytest.raises(ValueError, match="times must be later than all before"):
        detector.update(X[600:], times=times[600:])


def test_a_tracked_threshold_is_frozen_in_an_episode():
    tracker = Tracker(1.0, 0.01, 1.0, 3)
    scores = np.concatenate([np.zeros(10), np.full(200, 9.0), np.zeros(10)])
    thresholds, spans = tracker.follow(scores, 0)
    assert spans == [(10, 209)]
    assert len(np.unique(thresholds[10:210])) == 1


# ---- singular spectrum analysis ------------------------------------------------------------------------


@pytest.mark.parametrize(("waves", "rank"), [((40.0,), 2), ((40.0, 40.0 / 2**0.5), 4)])
def test_a_sine_takes_two_components(waves, rank):
    t = np.arange(2000)
    X = sum(np.sin(2 * np.pi * t / wave) for wave in waves) + 0.1 * np.random.default_rng(0).normal(size=2000)
    series = series_of(X, who="t")
    units = Units.of(series)
    grid = WindowGrid.of(series.segments, 80, 1)
    rows = np.concatenate([np.array(part) for _, part, _ in window_chunks(series, units, grid)])
    assert SingularSpectrum.of(rows).n_components == rank


def test_without_missing_cells_the_conditional_code_is_the_same():
    rows = np.random.default_rng(0).normal(size=(300, 2, 12)).cumsum(2)
    spectrum = SingularSpectrum.of(rows, n_components=3)
    present = np.ones(rows.shape, bool)
    np.testing.assert_allclose(spectrum.expected(rows, present), spectrum.expected(rows), rtol=1e-8, atol=1e-8)


def test_what_is_expected_of_a_quarter_does_not_depend_on_it():
    rows = np.random.default_rng(0).normal(size=(300, 1, 16)).cumsum(2)
    spectrum = SingularSpectrum.of(rows)
    changed = rows.copy()
    changed[:, :, 4:8] += 10.0
    np.testing.assert_allclose(spectrum.expected(changed)[:, :, 4:8], spectrum.expected(rows)[:, :, 4:8])


# ---- bad input -----------------------------------------------------------------------------------------

BAD = {
    "one step": ({}, np.array([1.0]), None, r"has 1 step, and at least 32 are needed"),
    "no steps": ({}, np.empty((0, 2)), None, "has no steps"),
    "few": ({}, np.arange(20.0), None, "has 20 steps, and at least 32"),
    "all missing": ({}, np.full(100, np.nan), None, "every value of the series to learn from is missing"),
    "text": ({}, np.array(["a", "b"] * 50), None, "must be numbers"),
    "three axes": ({}, np.zeros((5, 5, 5)), None, "must have shape"),
    "a long window": ({"window": 200}, sine(n=100), None, "longer than the longest stretch"),
    "a window of a quarter": ({"window": 40}, sine(n=100), None, "too few for a window of 40"),
    "equal stamps": ({}, sine(n=100), np.zeros(100), "time stamps are the same"),
    "a stamp too few": ({}, sine(n=100), np.arange(99.0), r"times must have shape \(100,\)"),
    "a missing stamp": ({}, sine(n=100), np.r_[np.nan, 1:100], "1 of 100 times are missing, the first .* row 0"),
    "words for stamps": ({}, sine(n=100), ["soon"] * 100, "times must be dates or numbers"),
    "both": ({"train": sine(), "until": 5}, sine(), None, "give one of them"),
    "until before": ({"until": -5}, sine(), None, "leaves no step to learn from"),
    "until no date": ({"until": "soon"}, sine(n=100), hours(100), "is no date"),
    "other channels": ({"train": sine(channels=3)}, sine(), None, "has 2 channels, and 3 were fitted"),
    "a window of one": ({"window": 1}, sine(), None, "window must be at least 2"),
    "all gaps": ({}, sine(n=100), np.arange(100) // 2 * 10000.0 + np.arange(100) % 2, "cut by gaps|no window"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_sentence(name):
    chosen, X, times, words = BAD[name]
    with pytest.raises(ValueError, match=words) as caught:
        SeriesOutlierDetector(**chosen).fit(X, times=times)
    assert str(caught.value).startswith("SeriesOutlierDetector")
    assert "\n" not in str(caught.value)


def test_a_constant_series_has_no_episodes():
    detector = SeriesOutlierDetector().fit(np.full(300, 7.0))
    assert detector.episodes_ == ()
    assert any("constant" in note for note in detector.detection_.notes)


def test_a_channel_that_has_vanished_is_named():
    frame = pd.DataFrame(anomalous(), columns=["a", "b"])
    detector = SeriesOutlierDetector().fit(frame)
    with pytest.raises(ValueError, match="has no channel 'b', learned from at fit"):
        detector.detect(frame[["a"]])
    found = detector.detect(frame.assign(c=1.0)[["c", "b", "a"]])
    np.testing.assert_allclose(found.scores, detector.detect(frame).scores, rtol=1e-9)
    assert any("not at fit, and left out: c" in note for note in found.notes)


# ---- files ---------------------------------------------------------------------------------------------


def test_long_format_is_a_series_an_entity(tmp_path):
    X, times = anomalous(), hours(900)
    frame = pd.DataFrame({"at": np.r_[times, times], "who": ["p"] * 900 + ["q"] * 900, "a": np.r_[X[:, 0], X[:, 1]]})
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "long.csv", index=False)
    file = read_series(str(tmp_path / "long.csv"), time="at", entity="who")
    assert sorted(file.entities) == ["p", "q"]
    for name, series, rows in zip(file.entities, file.series, file.rows, strict=True):
        np.testing.assert_allclose(series.values[:, 0], X[:, "pq".index(name)])
        assert (shuffled["who"].to_numpy()[rows] == name).all()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_larger_than_memory_is_the_same(suffix, tmp_path, monkeypatch):
    X, times = anomalous(), hours(900)
    frame = pd.DataFrame({"at": times, "a": X[:, 0], "b": X[:, 1]})
    path = tmp_path / f"series.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    held = read_series(str(path), time="at").series[0]
    monkeypatch.setattr("isthmus.series.series.HELD_CELLS", 100)
    streamed = read_series(str(path), time="at", held_bytes=1000).series[0]
    assert isinstance(streamed.values, np.memmap)
    np.testing.assert_array_equal(streamed.values, held.values)
    one, other = SeriesOutlierDetector().fit(held), SeriesOutlierDetector().fit(streamed)
    np.testing.assert_array_equal(one.scores_, other.scores_)


def test_seconds_since_1970_are_dates(tmp_path):
    seconds = 1_700_000_000 + 60 * np.arange(100)
    for unit in (1, 1000):
        pd.DataFrame({"t": seconds * unit, "a": np.sin(np.arange(100))}).to_csv(tmp_path / "s.csv", index=False)
        series = read_series(str(tmp_path / "s.csv"), time="t").series[0]
        assert series.grid.is_dated
        assert series.grid.step == 60
        assert str(series.grid.stamps[0]).startswith("2023-11-14T22:13:20")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"time": "tme"}, r"no column 'tme' for --time \(did you mean 'time'\?\)"),
        ({"time": "word"}, "column 'word' holds no times"),
        ({"time": "time", "entity": "x"}, "no column 'x' for --entity"),
        ({"time": "time", "drop": ("a",)}, "no column of numbers that vary beside 'time'"),
        ({"time": "time", "drop": ("nothing",)}, "no column 'nothing' to drop"),
        ({"time": "holes"}, "1 time is missing or can't be read, the first in row 7"),
    ],
)
def test_a_file_that_is_no_series_gets_one_sentence(given, words, tmp_path):
    times = hours(60).astype("datetime64[s]").astype(str)
    holes = np.where(np.arange(60) == 7, "", times)
    frame = pd.DataFrame({"time": times, "a": sine(n=60)[:, 0], "word": ["x", "y", "z"] * 20, "holes": holes})
    frame.to_csv(tmp_path / "f.csv", index=False)
    with pytest.raises(DataError, match=words) as caught:
        read_series(str(tmp_path / "f.csv"), **given)
    assert "\n" not in str(caught.value)


def test_learning_from_the_beginning_scores_it_the_same():
    series = series_of(anomalous(), who="t")
    units = Units.of(series)
    one, _ = learn(series.before(500), (32,), units)
    other, _ = learn(series, (32,), units, 500)
    np.testing.assert_array_equal(one.windows[0].reference.rows, other.windows[0].reference.rows)


# ---- an autoencoder of windows -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def windowed():
    return WindowedAutoencoder(2, window=40, network="none", random_state=0).fit(sine(channels=2))


def test_its_closed_form_is_singular_spectrum_analysis(windowed):
    series = series_of(sine(channels=2), who="t")
    grid = WindowGrid.of(series.segments, 40, 7)
    split = split_blocks(grid)
    rows = np.concatenate([np.array(part) for _, part, _ in window_chunks(series, windowed.units_, grid)])
    spectrum = SingularSpectrum.of(rows[split.training], n_components=2)
    back = spectrum.decode(spectrum.encode(rows))
    found = windowed.autoencoder_.reconstruct(rows.reshape(len(rows), -1)).reshape(rows.shape)
    np.testing.assert_allclose(found, back, atol=1e-4)
    np.testing.assert_allclose(windowed.spectrum_.decode(windowed.spectrum_.encode(rows)), back)
    errors = [((rows[block] - back[block]) ** 2).mean() for block in split.blocks]
    np.testing.assert_allclose(windowed.block_errors_[windowed.kind_], errors, rtol=1e-4)


@given(st.integers(100, 3000), st.integers(4, 40), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_held_out_blocks_share_no_step_with_the_training_windows(n, length, stride):
    grid = WindowGrid.of(np.array([[0, n]]), length, stride)
    split = split_blocks(grid)
    if not split.blocks:
        return
    trained = np.zeros(n, bool)
    for start in grid.starts[split.training]:
        trained[start : start + length] = True
    for block in split.blocks:
        first, last = grid.starts[block[0]], grid.starts[block[-1]] + length
        assert not trained[max(first - length, 0) : min(last + length, n)].any()


@pytest.mark.parametrize("form", ["array", "gaps", "missing cells"])
def test_codes_go_back_to_the_series(form, windowed):
    X, times = KINDS.get(form, KINDS["plain"])()
    codes = windowed.transform(X, times=times)
    _, grid = windowed.windows_of(X, times=times)
    assert codes.shape == (len(grid), 2)
    back = windowed.denoise(X, times=times)
    assert back.shape == X.shape
    quiet = np.r_[60:240, 620:850]
    assert np.nanmean((back - X)[quiet] ** 2) < 0.03
    if form == "array":
        again = windowed.inverse_transform(codes, n_steps=900)
        assert np.mean((again - X)[quiet] ** 2) < 0.03
        assert windowed.inverse_transform(codes[:-1]).shape[0] == (len(codes) - 2) * 7 + 40


def test_denoising_is_nearer_to_the_truth_than_the_readings(windowed):
    clean = sine(noise=0.0)
    noisy = clean + 0.3 * np.random.default_rng(2).normal(size=clean.shape)
    assert ((windowed.denoise(noisy) - clean) ** 2).mean() < 0.2 * ((noisy - clean) ** 2).mean()


def test_every_phase_of_a_period_is_learned():
    # A channel whose period is a quarter of the window would look the same in all windows a quarter apart.
    t = np.arange(1200)
    X = np.column_stack([np.sin(2 * np.pi * t / 96), np.sin(2 * np.pi * t / 24)])
    X += 0.05 * np.random.default_rng(0).normal(size=X.shape)
    model = WindowedAutoencoder(4, window=96, network="none", random_state=0).fit(X)
    assert ((model.denoise(X) - X) ** 2).mean(0).max() < 0.01


def test_a_frame_comes_back_as_a_frame(windowed):
    frame = pd.DataFrame(sine(channels=2), index=pd.DatetimeIndex(hours(900)), columns=["flow", "heat"])
    model = WindowedAutoencoder(2, window=40, random_state=0).fit(frame)
    turned = frame[["heat", "flow"]]
    turned.iloc[300:306, 1] = np.nan
    for result in (model.denoise(turned), model.impute(turned)):
        pd.testing.assert_index_equal(result.index, frame.index)
        assert list(result.columns) == ["heat", "flow"]
        assert (result - frame).abs().mean().max() < 0.2
    known = turned.notna()
    pd.testing.assert_frame_equal(model.impute(turned)[known], turned)
    assert list(windowed.denoise(turned).columns) == ["heat", "flow"]
    one = WindowedAutoencoder(2, window=40, random_state=0).fit(frame["heat"]).denoise(frame["heat"])
    assert one.name == "heat"
    pd.testing.assert_index_equal(one.index, frame.index)


def test_gaps_are_filled_and_readings_left_alone(windowed):
    clean = sine(noise=0.0)
    X = sine()
    X[300:306] = np.nan
    X[500:520, 1] = np.nan
    filled = windowed.impute(X)
    known = ~np.isnan(X)
    np.testing.assert_array_equal(filled[known], X[known])
    assert ((filled - clean)[~known] ** 2).mean() < 0.01
    times = hours(900)
    kept = np.r_[0:400, 405:900]
    stamps, steps = windowed.impute_steps(sine()[kept], times=times[kept])
    np.testing.assert_array_equal(stamps, times)
    assert ((steps - clean)[400:405] ** 2).mean() < 0.01


def test_windows_are_drawn_like_those_of_the_series(windowed):
    drawn = windowed.sample(400)
    assert drawn.shape == (400, 40, 2)
    assert drawn.std(axis=(0, 1)) == pytest.approx(sine().std(0), rel=0.15)
    assert not np.isnan(drawn).any()


def test_a_network_is_kept_only_where_it_does_better():
    noise = np.random.default_rng(0).normal(size=(800, 1))
    quick = Autoencoder(2, max_iter=3, hidden_layer_sizes=(8,))
    kept = WindowedAutoencoder(2, window=20, autoencoder=quick, random_state=0).fit(noise)
    assert kept.kind_ == "singular spectrum analysis"
    assert set(kept.block_errors_) == {"singular spectrum analysis", "Autoencoder"}
    curved = WindowedAutoencoder(1, window=40, network="perceptron", random_state=0).fit(sine(n=2500, channels=1))
    assert curved.kind_ == "perceptron"
    assert np.mean(curved.block_errors_["perceptron"]) < 0.8 * np.mean(
        curved.block_errors_["singular spectrum analysis"]
    )


def test_a_convolution_sees_channels_and_time():
    model = WindowedAutoencoder(1, window=16, network="convolution", random_state=0)
    model.fit(sine(n=700, channels=2, period=16.0))
    assert "convolution" in model.block_errors_
    assert model.denoise(sine(channels=2, period=16.0)).shape == (900, 2)


def test_several_series_share_windows_and_no_window_spans_two():
    one, other = series_of(sine(n=200), who="t"), series_of(sine(n=300, seed=1), who="t")
    model = WindowedAutoencoder(2, window=20, network="none", random_state=0).fit([one, other])
    joined = joined_series([one, other], "t")
    assert joined.segments.tolist() == [[0, 200], [200, 500]]
    assert model.transform(joined).shape[0] == model.transform(one).shape[0] + model.transform(other).shape[0]


@pytest.mark.parametrize(
    ("chosen", "X", "words"),
    [
        ({"window": 60}, sine(n=100), "too few for a window of 60"),
        ({}, sine(n=10), "has 10 steps, and at least 32"),
        ({"window": 20, "stride": 0}, sine(), "stride must be at least 1"),
        ({"window": 20, "network": "transformer"}, sine(), "network must be one of"),
    ],
)
def test_windows_that_can_not_be_get_one_sentence(chosen, X, words):
    with pytest.raises(ValueError, match=words) as caught:
        WindowedAutoencoder(**chosen).fit(X)
    assert "\n" not in str(caught.value)


def test_codes_of_another_length_are_refused(windowed):
    with pytest.raises(ValueError, match="900 steps have 124 windows of 40 at a stride of 7, and there are 5 codes"):
        windowed.inverse_transform(np.zeros((5, 2)), n_steps=900)
    with pytest.raises(ValueError, match="the windows have 40 steps, and the series has 30 in a row"):
        windowed.transform(sine(n=30))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95, 0.9999])
def test_a_bridge_is_the_conditional_mean_of_an_autoregression(rho):
    n, gone = 12, np.array([0, 3, 4, 5, 9, 11])
    residuals = np.random.default_rng(0).normal(size=n)
    known = np.setdiff1d(np.arange(n), gone)
    covariance = rho ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    expected = covariance[np.ix_(gone, known)] @ np.linalg.solve(covariance[np.ix_(known, known)], residuals[known])
    holes = residuals.copy()
    holes[gone] = np.nan
    np.testing.assert_allclose(_bridge(holes, rho)[gone], expected, atol=1e-6)
    if rho > 0.99:
        np.testing.assert_allclose(_bridge(holes, rho)[gone], np.interp(gone, known, residuals[known]), atol=2e-3)


def test_a_bridge_ends_with_its_segment():
    values = np.array([[5.0], [np.nan], [np.nan], [3.0], [3.2], [2.9]])
    filled = bridged(values, np.zeros((6, 1)), np.array([[0, 2], [2, 6]]))
    assert 0 < filled[1, 0] < 5
    assert filled[1, 0] / 5 == pytest.approx(filled[2, 0] / 3)  # each has a neighbour on one side alone
    np.testing.assert_array_equal(filled[[0, 3, 4, 5]], values[[0, 3, 4, 5]])


def test_windows_take_the_size_of_the_autoencoder_given(tmp_path):
    X = sine(n=300)
    model = WindowedAutoencoder(window=32, autoencoder=Autoencoder(5, max_iter=1), random_state=0).fit(X)
    assert model.n_components_ == model.spectrum_.n_components == 5
    assert model.transform(X).shape[1] == 5
    np.testing.assert_array_equal(load(save(model, tmp_path / "windows")).transform(X), model.transform(X))
    for sizes in ((3, 5), (None, 0.9), (3, "auto")):
        with pytest.raises(ValueError, match=r"the autoencoder has n_components=.* set one of them to a whole number"):
            WindowedAutoencoder(sizes[0], window=32, autoencoder=Autoencoder(sizes[1])).fit(X)


def test_readings_with_the_same_stamp_keep_their_values_where_missing_ones_are_filled():
    model = WindowedAutoencoder(2, window=40, network="none", random_state=0).fit(sine())
    X = np.insert(sine(), 301, [5.0, np.nan], axis=0)
    times = np.insert(hours(900), 301, hours(900)[300])
    order = np.random.default_rng(0).permutation(len(X))
    found = model.impute(X[order], times=times[order])
    back = np.empty_like(found)
    back[order] = found
    np.testing.assert_array_equal(back[np.isfinite(X)], X[np.isfinite(X)])
    assert back[301, 1] == X[300, 1]  # the value known at that time


@pytest.mark.parametrize("n", [98, 250, 400])
def test_a_short_series_has_its_episode_too(n):
    X = sine(n, channels=1)
    X[n // 2] += 8.0
    detector = SeriesOutlierDetector().fit(X)
    assert [one.first <= n // 2 <= one.last for one in detector.episodes_] == [True]
    few = SeriesOutlierDetector(episodes=2).fit(X).detection_
    assert not few.episodes
    assert any(f"2 per 1,000 steps is less than one episode in the {n} steps" in note for note in few.notes)
    assert len(SeriesOutlierDetector(episodes=f"1 per {n} steps").fit(X).episodes_) == 1


def test_a_repeated_hour_is_said_once():
    local = pd.date_range("2024-10-27", periods=200, freq="15min", tz="Europe/Berlin").tz_localize(None)
    assert sum("clocks go back" in note for note in grid_of(np.asarray(local, "datetime64[us]"), 200).notes) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", [list, pd.Series, lambda times: [time.isoformat() for time in times]])
def test_times_with_a_zone_are_in_utc_in_every_form(form):
    times = pd.date_range("2024-10-26", periods=200, freq="h", tz="Europe/Berlin")
    found = series_of(sine(200), form(times), who="test").grid
    assert found.stamps.tolist() == [time.to_pydatetime().replace(tzinfo=None) for time in times.tz_convert("UTC")]
    assert not found.notes
    assert series_of(sine(200), times, who="test").step_at(times[50]) == 50


@pytest.mark.parametrize(
    ("times", "until", "message"),
    [
        (hours(900), 500, "500 is no date"),
        (None, "abc", "'abc' is no number"),
        (None, float("nan"), "nan is no number"),
        (hours(900), pd.NaT, "NaT is no date"),
    ],
)
def test_a_moment_that_is_none_is_refused(times, until, message):
    with pytest.raises(ValueError, match=message):
        SeriesOutlierDetector(until=until).fit(sine(), times=times)


def test_complex_numbers_are_refused():
    with pytest.raises(ValueError, match="magnitude"):
        SeriesOutlierDetector().fit(sine() + 1j)


def test_steps_of_another_length_than_those_learned_from_are_said():
    coarse = hours(900)[::4]
    detector = SeriesOutlierDetector(train=sine(225)).fit(sine(), times=hours(900), train_times=coarse)
    assert any("a step is 1 hour here, and was 4 hours" in note for note in detector.detection_.notes)
    assert not SeriesOutlierDetector().fit(sine(), times=hours(900)).detect(sine(), times=hours(900)).notes


def test_updates_take_frames_whose_index_lacks_steps():
    whole = pd.DataFrame(anomalous(), columns=["a", "b"], index=pd.DatetimeIndex(hours(900)))
    detector = SeriesOutlierDetector().fit(whole[:450])
    holey = whole[450:].drop(whole.index[[500, 501, 700]])
    found = detector.update(holey)
    assert len(found.scores) == 450
    assert found.of_readings(found.scores).shape == (447,)
    again = SeriesOutlierDetector().fit(whole[:450]).update(holey.to_numpy(), times=holey.index)
    np.testing.assert_array_equal(found.scores, again.scores)


def test_results_have_the_form_of_what_is_given():
    X = sine()
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = WindowedAutoencoder(2, window=40, network="none", random_state=0).fit(frame)
    more = frame.assign(other=1.0)[["b", "other", "a"]]
    for call in (model.denoise, model.impute):
        assert list(call(more)) == ["b", "a"]
        np.testing.assert_allclose(call(more)[["a", "b"]], call(X))
    one = WindowedAutoencoder(2, window=40, network="none", random_state=0).fit(X[:, 0])
    assert one.impute(X[:, 0]).shape == one.denoise(X[:, 0].tolist()).shape == (900,)
    assert one.denoise(X[:, :1]).shape == (900, 1)


def test_a_list_of_series_is_no_array():
    several = WindowedAutoencoder(2, window=40, network="none", random_state=0).fit([sine(), sine(300, seed=1)])
    assert several.transform(sine()).shape[1] == 2
    steps = WindowedAutoencoder(2, window=40, network="none", random_state=0).fit(sine().tolist())
    assert steps.channels_ == several.channels_
