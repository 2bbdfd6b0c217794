"""Every gesture of mouse and finger, sent to the browser as the real thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.explorer import write_explorer

from .browsing import go_to, opened, state

START = "#tab=0&item=5&colour=class&rank=error&layers=points,uncertainty"


@pytest.fixture(scope="module")
def shown(browser, digits_file):
    return opened(browser, digits_file, viewport={"width": 1100, "height": 1000}, has_touch=True)


@pytest.fixture
def page(shown):
    """The page as it opens, the pointer elsewhere."""
    shown.mouse.move(5, 5)
    go_to(shown, START)
    shown.focus("#plane")
    shown.keyboard.press("Escape")
    yield shown
    assert shown.faults == []


def spot(page, item):
    """Where a dot is in the window."""
    return page.evaluate(
        "item => { const { map } = window.isthmus.app, [x, y] = map.spots[item];"
        "const edge = map.above.getBoundingClientRect(); return [edge.left + x, edge.top + y] }",
        item,
    )


def lonely(page, within):
    """An item without another so near, and the places of the window where no dot is so near."""
    return page.evaluate(
        "within => { const { spots } = window.isthmus.app.map, far = ([a, b], [c, d]) => Math.hypot(a - c, b - d);"
        "return spots.findIndex((s, i) => s[0] > 80 && s[0] < 380 && s[1] > 80 && s[1] < 380 &&"
        "spots.every((t, j) => i === j || far(s, t) > within)) }",
        within,
    )


def empty_place(page, within=40):
    return page.evaluate(
        "within => { const { map } = window.isthmus.app, edge = map.above.getBoundingClientRect();"
        "for (let x = 80; x < map.side - 80; x += 5) for (let y = 80; y < map.height - 80; y += 5)"
        "if (map.spots.every(s => Math.hypot(s[0] - x, s[1] - y) > within)) return [edge.left + x, edge.top + y] }",
        within,
    )


def code_at(page, x, y):
    return page.evaluate(
        "([x, y]) => { const { map } = window.isthmus.app, edge = map.above.getBoundingClientRect();"
        "return Array.from(map.code(...map.toPlane(x - edge.left, y - edge.top))) }",
        [x, y],
    )


def span(page):
    return page.evaluate("window.isthmus.app.map.limits()")


def frames(page, count=3):
    """Let the browser draw, and so deliver what was sent."""
    for _ in range(count):
        page.evaluate("new Promise(requestAnimationFrame)")


class Fingers:
    """Touches sent through the browser's own protocol: as many fingers as given, moved together."""

    def __init__(self, page):
        self.session = page.context.new_cdp_session(page)

    def send(self, kind, *places):
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, *ways, steps=5):
        """Each way is (from, to)."""
        self.send("touchStart", *(way[0] for way in ways))
        for step in range(1, steps + 1):
            share = step / steps
            self.send(
                "touchMove",
                *((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])) for a, b in ways),
            )
        self.send("touchEnd")


@pytest.fixture
def fingers(page):
    return Fingers(page)


PANEL = """() => document.getElementById("panel").innerText
  + [...document.querySelectorAll("#trio canvas")].map((canvas) => canvas.toDataURL()).join()
  + [...document.querySelectorAll("#row-table .bar")].map((bar) => bar.style.width).join()"""


def pinned(page):
    return page.evaluate("(a => a.pinned ? a.pinned.item : a.state.item)(window.isthmus.app)")


def test_hovering_over_empty_map_decodes_there_and_says_that_there_is_no_original(page):
    x, y = empty_place(page)
    page.mouse.move(x, y)
    assert state(page)["item"] == -1
    assert state(page)["z"] == pytest.approx(code_at(page, x, y))
    assert page.inner_text("#panel-title") == "Decoded here; there is no original"
    assert "no picture lies at this place" in page.inner_text("#trio")


def test_hovering_over_a_dot_shows_its_row_and_leaving_brings_back_what_was_pinned(page):
    item = lonely(page, 12)
    page.mouse.move(*spot(page, item))
    assert (state(page)["item"], pinned(page)) == (item, 5)
    assert page.inner_text("#panel-title") == page.evaluate(f"window.isthmus.app.data.name({item})")
    assert page.locator("#trio canvas").count() == 3
    page.wait_for_timeout(250)  # at rest
    assert "item=5" in page.evaluate("location.hash")
    page.mouse.move(5, 5)
    assert (state(page)["item"], page.evaluate("window.isthmus.app.pinned")) == (5, None)
    assert page.inner_text("#panel-title") == page.evaluate("window.isthmus.app.data.name(5)")


@pytest.fixture(scope="module")
def many_rows(browser, tmp_path_factory):
    """4,000 rows in nine columns, half of them shown in a cloud where no place is free of dots."""
    rng = np.random.default_rng(0)
    X = np.tanh(rng.standard_normal((4600, 3)) @ rng.standard_normal((3, 9))) * np.logspace(0, 3, 9)
    model = isthmus.Autoencoder(2, scale="standard", max_iter=1, random_state=0).fit(X[4000:])
    path = tmp_path_factory.mktemp("many") / "many.html"
    write_explorer(model, path, X[:4000], X_train=X[4000:])
    page = opened(browser, path, viewport={"width": 1100, "height": 1000})
    yield page
    assert page.faults == []
    page.context.close()


@pytest.mark.parametrize("kind", ["digits", "4,000 rows"])
def test_every_hover_over_a_dot_changes_the_panel(page, many_rows, kind):
    shown = page if kind == "digits" else many_rows
    spots = shown.evaluate(
        "(m => { const edge = m.above.getBoundingClientRect();"
        "return m.spots.filter(s => m.framed(s).inside).map(([x, y]) => [edge.left + x, edge.top + y]) })"
        "(window.isthmus.app.map)"
    )
    draws, last, unchanged = np.random.default_rng(1), shown.evaluate(PANEL), 0
    for place in draws.choice(len(spots), 60, replace=False):
        shown.mouse.move(*spots[place])
        now = shown.evaluate(PANEL)
        unchanged += now == last
        last = now
    assert unchanged == 0


def test_a_look_elsewhere_does_not_turn_the_map(browser, table_file):
    page = opened(browser, table_file, viewport={"width": 1100, "height": 1000})
    drawn = "document.getElementById('still').toDataURL()"
    page.wait_for_timeout(300)
    before, box = page.evaluate(drawn), page.locator("#above").bounding_box()
    for share in (0.3, 0.4, 0.6):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        page.wait_for_timeout(200)
    assert page.evaluate("window.isthmus.app.pinned !== null")
    assert page.evaluate(drawn) == before
    page.context.close()


def test_a_click_on_a_dot_selects_it_with_its_code(page):
    item = lonely(page, 12)
    page.mouse.click(*spot(page, item))
    assert state(page)["item"] == item
    assert state(page)["z"] == page.evaluate(f"window.isthmus.app.model.code({item})")
    assert page.locator("#trio canvas").count() == 3
    assert page.inner_text("#about").startswith("Squared error ")


def test_a_click_on_empty_map_decodes_there(page):
    x, y = empty_place(page)
    page.mouse.click(x, y)
    assert state(page)["z"] == pytest.approx(code_at(page, x, y))


def test_dragging_moves_the_map_and_a_double_click_brings_it_back_and_keeps_what_was_pinned(page):
    x, y = empty_place(page)
    whole, there = span(page), code_at(page, x, y)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 40, steps=4)
    page.mouse.up()
    assert code_at(page, x - 60, y + 40) == pytest.approx(there, abs=0.01 * (whole[0][1] - whole[0][0]))
    assert pinned(page) == 5
    page.mouse.dblclick(x, y)
    assert span(page) == whole
    page.mouse.move(5, 5)
    assert state(page)["item"] == 5


def test_the_map_cannot_be_dragged_away_from_the_codes(page):
    x, y = empty_place(page)
    for _ in range(8):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 300, y + 300, steps=3)
        page.mouse.up()
    middles = [(low + high) / 2 for low, high in span(page)]
    limits = page.evaluate("window.isthmus.app.model.facts.limits")
    assert all(low - 1e-9 <= middle <= high + 1e-9 for middle, (low, high) in zip(middles, limits, strict=True))


def test_an_end_of_the_path_is_dragged_to_another_dot(page):
    page.evaluate("window.isthmus.app.set({ a: 5, b: 9 })")
    item, whole = lonely(page, 12), span(page)
    page.mouse.move(*spot(page, 9))
    page.mouse.down()
    page.mouse.move(*spot(page, item), steps=4)
    page.mouse.up()
    assert (state(page)["a"], state(page)["b"]) == (5, item)
    assert span(page) == whole
    assert page.locator("#path .frames").first.locator("> *").count() == 11


@pytest.mark.parametrize("how", ["shift", "button"])
def test_a_lasso_selects_says_what_distinguishes_and_exports(page, how):
    bounds = page.locator("#above").bounding_box()
    left, top = bounds["x"] + 60, bounds["y"] + 60
    corners = [(left, top), (left + 200, top), (left + 200, top + 260), (left, top + 260)]
    wanted = page.evaluate(
        "([x, y]) => { const { map, data } = window.isthmus.app, edge = map.above.getBoundingClientRect();"
        "return map.spots.slice(0, data.n).map(([a, b]) => [a + edge.left, b + edge.top])"
        ".flatMap(([a, b], i) => a > x && a < x + 200 && b > y && b < y + 260 ? [i] : []) }",
        [left, top],
    )
    if how == "button":
        page.click("#lasso")
    else:
        page.keyboard.down("Shift")
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    chosen = page.evaluate("[...window.isthmus.app.chosen].flatMap((is, item) => is ? [item] : [])")
    assert chosen == wanted
    assert page.inner_text("#chosen h2") == f"{len(wanted)} of 360 pictures selected"
    assert page.locator("#chosen canvas").count() == 3
    with page.expect_download() as download:
        page.click("#export-ids")
    ids = page.evaluate("items => items.map(item => window.isthmus.app.data.facts.ids[item])", wanted)
    assert Path(download.value.path()).read_text().split() == ["id", *ids]
    page.click("#clear-chosen")
    assert not page.is_visible("#chosen")


def test_a_lasso_around_nothing_says_so(page):
    x, y = empty_place(page)
    page.keyboard.down("Shift")
    page.mouse.move(x, y)
    page.mouse.down()
    for corner in ((x + 12, y), (x + 12, y + 12), (x, y + 12)):
        page.mouse.move(*corner)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert page.is_visible("#chosen")
    assert page.inner_text("#chosen h2") == "No picture selected"
    page.keyboard.press("Escape")
    assert not page.is_visible("#chosen")


def test_all_in_view_is_selected_by_a_key(page):
    page.keyboard.press("+")
    page.keyboard.press("s")
    seen = page.evaluate(
        "(a => a.map.spots.slice(0, a.data.n).filter(spot => a.map.framed(spot).inside).length)(window.isthmus.app)"
    )
    assert 0 < seen < 360
    assert page.inner_text("#chosen h2").startswith(f"{seen} of 360")
    page.keyboard.press("Escape")
    assert not page.is_visible("#chosen")


def test_two_buttons_make_the_same_path(page):
    page.click("#set-a")
    page.click("#strip button >> nth=5")
    page.click("#set-b")
    assert state(page)["a"] == 5
    assert state(page)["b"] == page.evaluate("window.isthmus.app.order[5]")


@pytest.mark.parametrize(("off", "selects"), [(0, True), (14, True), (23, True), (30, False)])
def test_a_tap_selects_the_nearest_item_within_24_pixels(page, fingers, off, selects):
    item = page.evaluate(
        "() => { const { spots } = window.isthmus.app.map;" # a dot with room above it
        "return spots.findIndex((s, i) => s[1] > 60 && s[1] < 400 && s[0] > 60 && s[0] < 430 && spots.every((t, j) => "
        "i === j || Math.hypot(t[0] - s[0], t[1] - s[1] + 30) > 34)) }"
    )  # fmt: skip
    assert item >= 0
    x, y = spot(page, item)
    page.wait_for_timeout(400)  # the tap before this one would make it a double tap
    fingers.drag(((x, y - off), (x, y - off)), steps=0)
    assert (state(page)["item"] == item) is selects
    if not selects:
        assert state(page)["z"] == pytest.approx(code_at(page, x, y - off))


def test_a_dragging_finger_moves_the_handle_with_the_picture_above_it(page, fingers):
    begin, end = spot(page, 7), empty_place(page)
    fingers.send("touchStart", begin)
    fingers.send("touchMove", [(a + b) / 2 for a, b in zip(begin, end, strict=True)])
    fingers.send("touchMove", end)
    frames(page)
    lens = page.locator(".lens").bounding_box()
    assert lens["y"] + lens["height"] < end[1] - 20
    assert lens["x"] < end[0] < lens["x"] + lens["width"]
    fingers.send("touchEnd")
    assert not page.is_visible(".lens")
    assert state(page)["item"] == -1
    assert state(page)["z"] == pytest.approx(code_at(page, *end), abs=1e-3)


def test_pinching_zooms_about_the_fingers(page, fingers):
    x, y = empty_place(page)
    before, there = span(page), code_at(page, x, y)
    fingers.drag(((x - 20, y), (x - 60, y)), ((x + 20, y), (x + 60, y)))
    after = span(page)
    assert (after[0][1] - after[0][0]) * 3 == pytest.approx(before[0][1] - before[0][0], rel=0.01)
    assert code_at(page, x, y) == pytest.approx(there, abs=0.02 * (after[0][1] - after[0][0]))
    assert state(page)["item"] == 5  # two fingers select nothing
    page.keyboard.press("Escape")
    assert span(page) == before


def test_two_fingers_pan(page, fingers):
    x, y = empty_place(page)
    before, there = span(page), code_at(page, x, y)
    fingers.drag(((x - 20, y), (x + 20, y + 30)), ((x + 20, y), (x + 60, y + 30)))
    after = span(page)
    assert after[0][1] - after[0][0] == pytest.approx(before[0][1] - before[0][0], rel=0.01)
    assert code_at(page, x + 40, y + 30) == pytest.approx(there, abs=0.01 * (before[0][1] - before[0][0]))


def test_buttons_and_keys_zoom_about_the_place_selected(page):
    whole = span(page)
    page.click("#zoom-in")
    page.focus("#plane")
    page.keyboard.press("+")
    near = span(page)
    assert (near[0][1] - near[0][0]) * 1.5**2 == pytest.approx(whole[0][1] - whole[0][0])
    z = state(page)["z"]
    assert near[0][0] < z[0] < near[0][1]
    for _ in range(30):  # the view follows the handle out of it
        page.keyboard.press("Shift+ArrowRight")
    moved, z = span(page), state(page)["z"]
    assert moved[0][0] < z[0] < moved[0][1]
    page.keyboard.press("-")
    page.click("#zoom-out")
    assert span(page) == whole


def test_the_page_scrolls_by_finger_outside_the_map_and_not_on_it(page):
    touch = "selector => { let e = document.querySelector(selector); const all = [];" \
        "for (; e; e = e.parentElement) all.push(getComputedStyle(e).touchAction); return all }"  # fmt: skip
    assert set(page.evaluate(touch, "#trio")) == {"auto"}
    assert page.evaluate(touch, "#above")[0] != "auto" or page.evaluate(touch, "#above")[1] == "none"


@pytest.mark.parametrize("held", [None, "Control"])
def test_the_wheel_zooms_about_the_pointer(page, held):
    x, y = empty_place(page)
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    before, there, scrolled = span(page), code_at(page, x, y), page.evaluate("scrollY")
    if held:
        page.keyboard.down(held)
    page.mouse.wheel(0, -100)
    frames(page)
    if held:
        page.keyboard.up(held)
    after = span(page)
    assert after[0][1] - after[0][0] < before[0][1] - before[0][0]
    assert code_at(page, x, y) == pytest.approx(there, abs=0.02 * (after[0][1] - after[0][0]))
    assert page.evaluate("scrollY") == scrolled


def test_the_wheel_scrolls_the_page_over_the_whole_map_and_over_a_map_that_came_under_the_pointer(page):
    page.mouse.move(*empty_place(page))
    whole = span(page)
    page.mouse.wheel(0, 100)  # nothing more to see
    frames(page, 10)
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0
    page.mouse.wheel(0, -50)  # the pointer has not moved since
    frames(page, 10)
    assert page.evaluate("scrollY") < scrolled
    assert span(page) == whole


def test_the_prompts_of_a_first_visit_vanish_once_followed(browser, digits_file):
    page = opened(browser, digits_file, viewport={"width": 1100, "height": 1000})
    prompts = page.locator("#guide li")
    assert prompts.count() == 3
    page.mouse.move(*empty_place(page))
    assert prompts.count() == 2
    page.mouse.click(*spot(page, lonely(page, 12)))
    assert prompts.all_inner_texts() == ["Scroll to zoom, drag to move."]
    page.click("#zoom-in")
    assert prompts.count() == 0
    page.context.close()


def test_a_tap_leaves_no_box_around_the_map_and_a_key_brings_it_back(page, fingers):
    outline = "getComputedStyle(document.getElementById('plane')).outlineStyle"
    fingers.drag((spot(page, 9), spot(page, 9)), steps=0)
    assert page.evaluate("document.activeElement.id") == "plane"
    assert page.evaluate(outline) == "none"
    page.keyboard.press("n")
    assert page.evaluate(outline) == "solid"
