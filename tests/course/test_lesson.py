"""Numbers of a lesson: named, asserted, or the lesson stops."""

from __future__ import annotations

import json

import pytest

from isthmus_course import Lesson, ResultError


@pytest.fixture
def lesson() -> Lesson:
    return Lesson(2, "The line", seed=0)


def test_an_exact_result_that_is_not_stops_the_lesson(lesson):
    lesson.exact("half", 0.5, known=1 / 2)
    with pytest.raises(ResultError, match=r"'third' is 0.333, not 0.333"):
        lesson.exact("third", 0.333, known=1 / 3)
    with pytest.raises(ResultError, match=r"'v'"):
        lesson.exact("v", [1.0, 2.0], known=[1.0])
    with pytest.raises(ResultError, match=r"'nothing'"):
        lesson.exact("nothing", float("nan"), known=0.0)


def test_a_trained_result_needs_five_seeds_and_its_bounds(lesson):
    with pytest.raises(ResultError, match=r"4 seeds are under 5"):
        lesson.within("slope", [0.9] * 4, low=0, high=1)
    with pytest.raises(ResultError, match=r"'slope' is 1.1 at one seed, not from 0 to 1"):
        lesson.within("slope", [0.9, 0.8, 1.1, 0.9, 0.9], low=0, high=1)
    with pytest.raises(ResultError, match=r"under PCA's, holds for 4 of 5"):
        lesson.holds("better", [True, True, False, True, True], "its error is under PCA's")


def test_prose_is_filled_by_name_place_and_format(lesson):
    lesson.given("x", [2.0, 2.4])
    lesson.within("slope", [0.9, 0.91, 0.92, 0.9, 0.9], low=0, high=1)
    assert lesson.fill("x₂ = {{ x[1]:.1f }}, {{slope.low:.2f}} to {{ slope.high:.2f }}") == "x₂ = 2.4, 0.90 to 0.92"
    with pytest.raises(ResultError, match=r"no result is named 'y'; there are x, slope"):
        lesson.fill("{{ y }}")
    with pytest.raises(ResultError, match=r"no result is named 'x.low'"):
        lesson.fill("{{ x.low }}")


def test_a_name_stands_for_one_thing(lesson):
    lesson.given("x", 1)
    with pytest.raises(ResultError, match=r"'x' is named twice"):
        lesson.given("x", 1)


def test_results_are_recorded_only_where_a_build_asks_for_them(lesson, tmp_path, monkeypatch):
    lesson.given("x", 1)
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("ISTHMUS_LESSON_RECORDS", str(tmp_path))
    lesson.within("slope", [0.9] * 5, low=0, high=1)
    facts = json.loads((tmp_path / "2.json").read_text())
    assert [entry["name"] for entry in facts["results"]] == ["x", "slope"]
    assert "seed 0" in facts["made_by"]


def test_a_widgets_state_cannot_end_its_script(lesson):
    html = lesson.widget("line", "a < b", text="</script>")._repr_html_()
    assert html.count("</script>") == 1
    assert "a &lt; b" in html
