"""Every gesture of mouse and finger, sent to the browser as the real thing."""

from __future__ import annotations

import pytest

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


def test_hovering_over_empty_map_decodes_there_and_shows_no_original(page):
    x, y = empty_place(page)
    page.mouse.move(x, y)
    assert state(page)["item"] == -1
    assert state(page)["z"] == pytest.approx(code_at(page, x, y))
    assert "no original" in page.inner_text("#trio")


def test_hovering_over_a_dot_does_not_snap(page):
    page.mouse.move(*spot(page, 9))
    assert state(page)["item"] == 5


def test_a_click_on_a_dot_selects_it_with_its_code(page):
    item = lonely(page, 12)
    page.mouse.click(*spot(page, item))
    assert state(page)["item"] == item
    assert state(page)["z"] == page.evaluate(f"window.isthmus.app.model.code({item})")
    assert page.locator("#trio canvas").count() == 3
    assert "error, better than" in page.inner_text("#about")


def test_a_click_on_empty_map_decodes_there(page):
    x, y = empty_place(page)
    page.mouse.click(x, y)
    assert state(page)["z"] == pytest.approx(code_at(page, x, y))


def test_dragging_on_empty_map_moves_the_handle_also_over_dots(page):
    page.mouse.move(*empty_place(page))
    page.mouse.down()
    end = spot(page, 9)
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    assert state(page)["item"] == -1
    assert state(page)["z"] == pytest.approx(code_at(page, *end))
    assert (state(page)["a"], state(page)["b"]) == (-1, -1)


def test_dragging_from_dot_to_dot_makes_a_path(page):
    item = lonely(page, 12)
    page.mouse.move(*spot(page, item))
    page.mouse.down()
    page.mouse.move(*spot(page, 5), steps=4)
    page.mouse.up()
    assert state(page)["a"] == item
    assert state(page)["b"] >= 0
    assert page.locator("#path .frames").first.locator("> *").count() == 11


def test_two_buttons_make_the_same_path(page):
    page.click("#set-a")
    page.click("#strip button >> nth=5")
    page.click("#set-b")
    assert state(page)["a"] == 5
    assert state(page)["b"] == page.evaluate("window.isthmus.app.order[5]")


def test_a_drag_that_ends_nowhere_changes_nothing(page):
    page.mouse.move(*spot(page, lonely(page, 12)))
    page.mouse.down()
    page.mouse.move(*empty_place(page), steps=3)
    page.mouse.up()
    assert (state(page)["item"], state(page)["a"]) == (5, -1)


@pytest.mark.parametrize(("off", "selects"), [(0, True), (14, True), (23, True), (30, False)])
def test_a_tap_selects_the_nearest_item_within_24_pixels(page, fingers, off, selects):
    item = page.evaluate(
        "() => { const { spots } = window.isthmus.app.map;" # a dot with room above it
        "return spots.findIndex((s, i) => s[1] > 60 && s[1] < 400 && s[0] > 60 && s[0] < 430 && spots.every((t, j) => "
        "i === j || Math.hypot(t[0] - s[0], t[1] - s[1] + 30) > 34)) }"
    )  # fmt: skip
    assert item >= 0
    x, y = spot(page, item)
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


def test_control_and_wheel_zoom(page):
    page.mouse.move(*empty_place(page))
    before = span(page)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    frames(page)
    page.keyboard.up("Control")
    assert span(page)[0][1] - span(page)[0][0] < before[0][1] - before[0][0]


def test_the_wheel_alone_scrolls_the_page(page):
    page.mouse.move(*empty_place(page))
    before = span(page)
    page.mouse.wheel(0, 100)
    frames(page, 10)
    assert page.evaluate("scrollY") > 0
    assert span(page) == before
