"""The state: in the address and back, said aloud at rest, and still where motion is unwelcome."""

from __future__ import annotations

import itertools

import pytest

from .browsing import go_to, opened, state

AT_REST = "new Promise(done => setTimeout(done, 800))"
WATCH = """() => {
  window.heard = [];
  new MutationObserver(() => window.heard.push([performance.now(), document.getElementById("live").textContent]))
    .observe(document.getElementById("live"), { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def shown(browser, digits_file):
    return opened(browser, digits_file)


@pytest.fixture
def page(shown):
    go_to(shown, "#tab=0&item=5&colour=class&rank=error&layers=points,uncertainty")
    yield shown
    assert shown.faults == []


ALL = {
    "tab": 1, "item": 8, "a": 3, "b": 4, "t": 0.25, "only": 2, "colour": "error", "rank": "change",
    "points": False, "decodes": True, "uncertainty": False, "training": True,
}  # fmt: skip


def test_all_of_the_state_is_in_the_address(page, open_page, digits_file):
    page.evaluate("change => window.isthmus.app.set(change)", ALL)
    page.evaluate("window.isthmus.app.select(8)")
    again = open_page(digits_file, page.evaluate("location.hash"))
    assert state(again) == state(page)
    assert {name: state(again)[name] for name in ALL} == ALL


def test_a_place_that_is_no_item_is_in_the_address_to_the_last_digit(page, open_page, digits_file):
    page.evaluate("window.isthmus.app.moveTo([0.1 + 0.2, -1 / 3]); window.isthmus.app.rest()")
    again = open_page(digits_file, page.evaluate("location.hash"))
    assert state(again)["item"] == -1
    assert state(again)["z"] == state(page)["z"]


def test_going_back_and_editing_the_address_move_the_page(page):
    go_to(page, "#tab=1&item=7")
    assert (state(page)["tab"], state(page)["item"]) == (1, 7)
    assert page.get_attribute("#tabs button >> nth=1", "aria-pressed") == "true"


@pytest.mark.parametrize(
    "hash",
    [
        "#", "#%E0%A4", "#tab=7&item=99999&a=-1&b=1.5&only=77&t=9&colour=toString&rank=__proto__&layers=<img>",
        "#z=1", "#z=1e400,0", "#item=360", "#colour=<script>alert(1)</script>", "#a=1&b=1", "#" + "z=1," * 5000,
    ],
)  # fmt: skip
def test_no_address_breaks_the_page(open_page, digits_file, hash):
    page = open_page(digits_file, hash)
    assert page.locator("#trio figure").count() == 3
    assert state(page)["item"] >= 0
    assert state(page)["only"] == -1


def test_at_rest_one_line_says_where_one_is(page):
    page.focus("#plane")
    page.evaluate(AT_REST)
    page.keyboard.press("ArrowRight")
    page.evaluate(AT_REST)
    said = page.inner_text("#live")
    assert page.get_attribute("#live", "aria-live") == "polite"
    assert said.startswith("z1 ")
    assert "no picture lies here; nearest: " in said
    page.keyboard.press("n")
    page.evaluate(AT_REST)
    said = page.inner_text("#live")
    assert ", picture " in said
    assert "error " in said
    assert page.inner_text("#summary") == said


def test_it_is_said_at_most_twice_a_second_and_the_last_is_said(page):
    page.evaluate(WATCH)
    page.focus("#plane")
    for key in ["ArrowRight", "n", "j"] * 12:
        page.keyboard.press(key)
    page.evaluate(AT_REST)
    heard = page.evaluate("window.heard")
    times = [at for at, _ in heard]
    assert len(heard) >= 1
    assert all(later - earlier >= 450 for earlier, later in itertools.pairwise(times))
    assert heard[-1][1] == page.inner_text("#summary")


def test_a_path_plays_from_a_to_b(page):
    page.evaluate("window.isthmus.app.set({ a: 1, b: 2, t: 0 })")
    page.click("#play")
    assert page.inner_text("#play") == "Stop"
    page.click("#play")
    assert page.inner_text("#play") == "Play"
    assert 0 <= state(page)["t"] < 1


def test_where_motion_is_unwelcome_nothing_plays(open_page, digits_file):
    page = open_page(digits_file, "#item=5&a=1&b=2&t=0.2", reduced_motion="reduce")
    assert page.is_disabled("#play")
    page.evaluate("window.isthmus.app.play()")
    assert page.evaluate("window.isthmus.app.playing") == 0
    assert state(page)["t"] == 0.2
    moving = "[...document.querySelectorAll('*')].flatMap(e => e.getAnimations()).length"
    page.evaluate("window.isthmus.app.set({ tab: 1 })")
    assert page.evaluate(moving) == 0


def test_what_plays_stops_when_motion_becomes_unwelcome(open_page, digits_file):
    page = open_page(digits_file, "#item=5&a=1&b=2&t=0")
    page.click("#play")
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.evaluate("window.isthmus.app.playing") == 0
    assert page.is_disabled("#play")
