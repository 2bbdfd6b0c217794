"""The page of a series: time in its own units, zoom and pan, episodes, one selection in the series and on the map."""

import dataclasses
import re

import numpy as np
import pytest

from isthmus.evaluation import evaluate
from isthmus.explorer import write_series_explorer
from isthmus.explorer.row_kind import TABLE_ROW
from isthmus.explorer.sentence import opening_sentence
from isthmus.explorer.shown_series import ShownSeries
from isthmus.series import SeriesOutlierDetector, WindowedAutoencoder
from isthmus.series.series import series_of

from .browsing import axe_violations, state

N, LENGTH = 1500, 48
HOURS = np.datetime64("2024-01-01T00:00") + np.arange(N) * np.timedelta64(1, "h")
TALL = {"width": 1280, "height": 1400}
PANEL = "window.isthmus.app.series"


def readings():
    rng, t = np.random.default_rng(0), np.arange(N)
    X = np.column_stack([50 + 10 * np.sin(2 * np.pi * t / 24), 20 + 3 * np.cos(2 * np.pi * t / 24)])
    X += rng.normal(size=X.shape) * [1, 0.3]
    X[1000:1030, 0] = 60.0
    X[300:304, 1] = np.nan
    return X


@pytest.fixture(scope="module")
def model():
    return WindowedAutoencoder(4, window=LENGTH, network="none", random_state=0).fit(readings(), times=HOURS)


@pytest.fixture(scope="module")
def series_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("series") / "series.html"
    series = dataclasses.replace(series_of(readings(), HOURS, who="test"), channels=("speed", "heat"))
    write_series_explorer(model, path, [series], title="pump", time_name="hour")
    return path


def middle_of(page, item):
    """Where the middle of an item's window is on the screen."""
    return page.evaluate(
        f"""item => {{ const s = {PANEL}, [a, b] = s.steps(item).map(i => s.readings.moments[i]), {{ left, top }} =
        document.getElementById("series-above").getBoundingClientRect();
        const share = ((a + b) / 2 - s.view.from) / (s.view.to - s.view.from);
        return [left + s.box.left + share * (s.box.right - s.box.left), top + 40]; }}""",
        item,
    )


def test_time_is_on_the_axis_in_its_own_units(open_page, series_file):
    page = open_page(series_file)
    written = page.evaluate(
        f"""() => {{ const pen = document.getElementById("series-still").getContext("2d");
        const found = [], plain = pen.fillText;
        pen.fillText = (words, x, y) => {{ found.push(words); plain.call(pen, words, x, y); }};
        {PANEL}.draw(); delete pen.fillText; return found; }}"""
    )
    assert [text for text in written if re.fullmatch(r"2024-0[1-3]-\d\d", text)]
    assert {"x0", "x1"} <= set(written)  # a model of an array names its channels so
    assert "anomaly score, nats" in written


def test_readings_and_what_is_expected_are_those_of_the_model(open_page, series_file, model):
    page = open_page(series_file)
    low = np.array(page.evaluate(f"Array.from({PANEL}.readings.low)"), dtype=float).reshape(N, 2)
    known = ~np.isnan(readings())
    np.testing.assert_allclose(low[known], readings()[known], rtol=1e-5)
    expected = np.array(page.evaluate(f"Array.from({PANEL}.readings.expected)"), dtype=float).reshape(N, 2)
    np.testing.assert_allclose(expected, model.denoise(readings(), times=HOURS), rtol=1e-4)
    moments = np.array(page.evaluate(f"Array.from({PANEL}.readings.moments)"))
    np.testing.assert_array_equal(moments, HOURS.astype("datetime64[s]").astype(np.int64))


def test_a_click_in_the_series_selects_its_window_on_the_map(open_page, series_file):
    page = open_page(series_file)
    for item in (3, 60, 100):
        x, y = middle_of(page, item)
        page.mouse.click(x, y)
        page.wait_for_function("item => window.isthmus.app.state.item === item", arg=item, timeout=5000)
        ring = page.evaluate(
            "[window.isthmus.app.map.place(), window.isthmus.app.map.spots[window.isthmus.app.state.item]]"
        )
        np.testing.assert_allclose(*ring, atol=0.5)
        page.wait_for_timeout(450)  # the next click is not the second of two


def test_a_click_on_the_map_marks_the_stretch_in_the_series(open_page, series_file):
    page = open_page(series_file, viewport=TALL)
    page.evaluate(f"{PANEL}.see({PANEL}.readings.moments[0], {PANEL}.readings.moments[100])")
    item = page.evaluate(
        "window.isthmus.app.map.spots.findIndex((spot, i) => i > 90 && window.isthmus.app.map.framed(spot).inside)"
    )
    box = page.locator("#above").bounding_box()
    x, y = page.evaluate("item => window.isthmus.app.map.spots[item]", item)
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_timeout(300)
    item = state(page)["item"]
    start = page.evaluate(f"{PANEL}.starts[{item}]")
    first, last = page.evaluate(f"{PANEL}.stretch()")
    seconds = HOURS.astype("datetime64[s]").astype(np.int64)
    assert (first, last) == (seconds[start], seconds[start + LENGTH - 1])
    view = page.evaluate(f"{PANEL}.view")
    assert view["from"] <= last
    assert view["to"] >= first
    page.mouse.move(2, 2)
    assert str(HOURS[start]).replace("T", " ") in page.inner_text("#series-says")


def test_hovering_over_the_map_marks_without_moving_the_view(open_page, series_file):
    page = open_page(series_file, viewport=TALL)
    page.evaluate(f"{PANEL}.see({PANEL}.readings.moments[0], {PANEL}.readings.moments[200])")
    page.wait_for_timeout(100)
    before, box = page.evaluate(f"{PANEL}.view"), page.locator("#above").bounding_box()
    seen = set()
    for item in (10, 40, 70):
        x, y = page.evaluate("item => window.isthmus.app.map.spots[item]", item)
        page.mouse.move(box["x"] + x, box["y"] + y)
        seen.add(page.evaluate(f"String({PANEL}.stretch())"))
    assert len(seen) == 3
    assert page.evaluate(f"{PANEL}.view") == before


def test_the_wheel_zooms_dragging_moves_and_a_double_click_resets(open_page, series_file):
    page = open_page(series_file)
    box = page.locator("#series-above").bounding_box()
    whole = page.evaluate(f"{PANEL}.view")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(150)
    near = page.evaluate(f"{PANEL}.view")
    assert near["to"] - near["from"] < 0.6 * (whole["to"] - whole["from"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 120, box["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_timeout(150)
    moved = page.evaluate(f"{PANEL}.view")
    assert moved["from"] > near["from"]
    assert moved["to"] - moved["from"] == pytest.approx(near["to"] - near["from"])
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 40)
    page.wait_for_timeout(150)
    assert page.evaluate(f"{PANEL}.view") == whole
    page.mouse.wheel(0, 300)  # at the whole the page scrolls
    page.wait_for_timeout(150)
    assert page.evaluate(f"{PANEL}.view") == whole


def test_a_view_never_leaves_the_series(open_page, series_file):
    page = open_page(series_file)
    first, last = page.evaluate(f"[{PANEL}.whole().from, {PANEL}.whole().to]")
    for act in ("see(-1e12, 1e12)", "see(0, 3600)", "zoom(1e9)", "zoom(1e-9)"):
        page.evaluate(f"{PANEL}.{act}")
        view = page.evaluate(f"{PANEL}.view")
        assert first <= view["from"] < view["to"] <= last, act


def test_episodes_are_those_of_the_detector(open_page, series_file):
    page = open_page(series_file)
    found = SeriesOutlierDetector(random_state=0).fit(readings(), times=HOURS).found_at_fit()
    shown = page.evaluate(f"{PANEL}.readings.facts.episodes")
    assert [(one["first"], one["last"], one["peak"]) for one in shown] == [
        (one.first, one.last, one.highest) for one in found.episodes
    ]
    adds = np.array(page.evaluate(f"Array.from({PANEL}.readings.adds)")).reshape(N, 2)
    np.testing.assert_allclose(
        adds * page.evaluate(f"{PANEL}.readings.facts.adds.top"),
        np.nan_to_num(np.maximum(found.contributions(), 0)),
        atol=found.contributions().max() / 400,
    )
    page.click("#episodes summary")
    page.click("#episodes tbody tr:first-child button")
    item = state(page)["item"]
    worst = max(found.episodes, key=lambda one: one.score)
    assert abs(page.evaluate(f"{PANEL}.starts[{item}]") + LENGTH / 2 - worst.highest) <= LENGTH / 4


def test_the_map_is_coloured_by_time_and_by_score(open_page, series_file):
    page = open_page(series_file)
    assert state(page)["colour"] == "score"
    options = page.evaluate("[...document.querySelectorAll('#colour option')].map(one => one.value)")
    assert {"time", "score", "error"} <= set(options)
    assert not any(option.isdigit() for option in options)
    page.select_option("#colour", "time")
    assert "2024-01" in page.inner_text("#legend")


def test_keys_walk_through_time(open_page, series_file):
    page = open_page(series_file)
    page.evaluate("window.isthmus.app.select(20)")
    page.focus("#series-plot")
    for key, item in (("ArrowRight", 21), ("Shift+ArrowRight", 31), ("ArrowLeft", 30)):
        page.keyboard.press(key)
        assert state(page)["item"] == item
    whole = page.evaluate(f"{PANEL}.view")
    page.keyboard.press("+")
    page.wait_for_timeout(100)
    assert page.evaluate(f"{PANEL}.view") != whole
    page.keyboard.press("Escape")
    assert page.evaluate(f"{PANEL}.view") == whole
    page.keyboard.press("]")
    assert state(page)["item"] != 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_has_no_sideways_scroll(open_page, series_file, scheme):
    page = open_page(series_file, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_shows_the_map_before_the_series(open_page, series_file):
    page = open_page(series_file, viewport={"width": 390, "height": 844}, has_touch=True)
    box = page.locator("#above").bounding_box()
    assert box["y"] + 0.75 * box["height"] < 844
    assert page.locator("#series-plot").bounding_box()["y"] > box["y"] + box["height"]


def test_the_opening_counts_the_windows_of_the_map_and_those_evaluated(model):
    rows = np.random.default_rng(0).normal(size=(50, model.autoencoder_.n_features_in_))
    said = "".join(text for _, text in opening_sentence(evaluate(model.autoencoder_, rows), TABLE_ROW, n_rows=247))
    assert said.startswith("247 rows")
    assert "of the variance of the 50 held out" in said
    said = "".join(text for _, text in opening_sentence(evaluate(model.autoencoder_, rows), TABLE_ROW, n_rows=50))
    assert said.startswith("50 rows")
    assert "held out" not in said


def test_a_window_is_drawn_in_the_units_of_the_data(open_page, series_file):
    page = open_page(series_file)
    said = page.evaluate("[...document.querySelectorAll('#trio .channel')].map(one => one.getAttribute('aria-label'))")
    assert len(said) == 2
    low, high = (float(part) for part in re.search(r"from (-?[\d.]+) to (-?[\d.]+)", said[0]).groups())
    assert 30 < low < 45
    assert 55 < high < 70
    assert "per value, in standard units" in page.inner_text("#about")


def test_several_series_are_shown_one_at_a_time(open_page, model, tmp_path):
    several = [series_of(readings() + shift, HOURS, who="test") for shift in (0, 0.5)]
    write_series_explorer(model, tmp_path / "two.html", several, names=("m1", "m2"), of_fit=False, time_name="hour")
    page = open_page(tmp_path / "two.html")
    assert page.evaluate("window.isthmus.app.data.facts.classes") == ["m1", "m2"]
    last = page.evaluate("window.isthmus.app.data.n - 1")
    page.evaluate("item => window.isthmus.app.select(item)", last)
    assert page.input_value("#which-series") == "1"
    page.select_option("#which-series", "0")
    assert page.evaluate(f"{PANEL}.stretch()") is None


class Packed:
    """What is packed, kept as it is."""

    def floats(self, values):
        return np.asarray(values, np.float32)

    def whole_numbers(self, values):
        return np.asarray(values, np.int64)


@pytest.mark.parametrize("room", [100, 1000, 10**6])
def test_a_long_series_is_shown_by_the_least_and_the_greatest_of_stretches(room):
    X = readings()
    series = series_of(X, HOURS, who="test")
    facts = ShownSeries("", series, X, np.ones(2), None, np.empty((0, 2))).facts(Packed(), room=room)
    low = facts["low"]
    high = low if facts["high"] is None else facts["high"]
    assert low.size <= max(room, 2 * N)
    assert len(low) * facts["width"] >= N
    assert np.nanmin(low) == np.float32(np.nanmin(X))
    assert np.nanmax(high) == np.float32(np.nanmax(X))
    assert (facts["width"] == 1) == (room >= X.size)


@pytest.mark.parametrize(
    "stamps",
    [
        np.arange(N) * 0.5,
        np.arange(N),
        np.datetime64("1850-01-01", "us") + np.arange(N) * np.timedelta64(30, "D"),
        np.datetime64("2024-01-01", "us") + np.arange(N) * np.timedelta64(20, "ms"),
    ],
    ids=["halves", "counts", "two centuries", "milliseconds"],
)
def test_moments_are_kept_to_what_they_need(stamps):
    series = series_of(readings(), stamps, who="test")
    times = ShownSeries("", series, None, np.ones(2), None, np.empty((0, 2))).facts(Packed())["times"]
    found = times["origin"] + times["unit"] * np.asarray(times["offsets"], np.float64)
    grid = series.grid.stamps
    wanted = grid.astype(np.int64) / 1e6 if times["dated"] else grid.astype(np.float64)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * (wanted[-1] - wanted[0]))
