"""Every key of the page: what it does while the map has the focus, and that it does nothing elsewhere."""

from __future__ import annotations

import pytest

from .browsing import go_to, opened, state

LETTERS = ("n", "p", "j", "k", "a", "b", ",", ".", "c", "d", "3", "?", "ArrowRight", "Escape")

FOCUSED = """() => {
  const e = document.activeElement, box = e.getBoundingClientRect();
  const { outlineStyle, outlineWidth } = getComputedStyle(e);
  const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return [e.tagName + (e.id && "#" + e.id), outlined, box.bottom > 0 && box.top < innerHeight];
}"""


@pytest.fixture(scope="module")
def shown(browser, digits_file):
    return opened(browser, digits_file)


@pytest.fixture
def page(shown):
    """The page as it opens, its map focused."""
    go_to(shown, "#tab=0&item=5&t=0.5&colour=class&rank=error&layers=points,uncertainty")
    if shown.get_attribute("#help", "aria-expanded") == "true":
        shown.click("#help")
    shown.focus("#plane")
    yield shown
    assert shown.faults == []


def limits(page, axis):
    low, high = page.evaluate(f"window.isthmus.app.model.facts.limits[{axis}]")
    return high - low


@pytest.mark.parametrize(
    ("key", "axis", "sign"), [("ArrowLeft", 0, -1), ("ArrowRight", 0, 1), ("ArrowDown", 1, -1), ("ArrowUp", 1, 1)]
)
@pytest.mark.parametrize(("pressed", "share"), [("", 0.01), ("Shift+", 0.1)])
def test_arrows_move_by_a_share_of_the_range(page, key, axis, sign, pressed, share):
    before = state(page)["z"]
    page.keyboard.press(pressed + key)
    after = state(page)
    assert after["item"] == -1
    assert after["z"][axis] - before[axis] == pytest.approx(sign * share * limits(page, axis), rel=1e-4)
    assert after["z"][1 - axis] == pytest.approx(before[1 - axis], abs=1e-6)
    assert page.inner_text("#panel-title") == "Decoded here; there is no original"
    assert "rror" not in page.inner_text("#about")


def test_n_and_p_walk_the_nearest_items_out_and_back(page):
    nearest = page.evaluate("window.isthmus.app.model.nearest(window.isthmus.app.state.z, 3, 5)")
    walked = []
    for key in "nnnppp":
        page.keyboard.press(key)
        walked.append(state(page)["item"])
    assert walked == [*nearest, nearest[1], nearest[0], 5]


def test_n_away_from_items_begins_at_the_nearest(page):
    page.keyboard.press("ArrowRight")
    wanted = page.evaluate("window.isthmus.app.model.nearest(window.isthmus.app.state.z, 1)")[0]
    page.keyboard.press("n")
    assert state(page)["item"] == wanted


def test_j_and_k_go_down_and_up_the_ranking(page):
    order = page.evaluate("window.isthmus.app.order")
    at = order.index(5)
    page.keyboard.press("j")
    assert state(page)["item"] == order[at + 1]
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert state(page)["item"] == order[at - 1]
    page.evaluate(f"window.isthmus.app.select({order[0]})")
    page.keyboard.press("k")
    assert state(page)["item"] == order[0]


def test_a_b_comma_and_full_stop_make_a_path(page):
    page.keyboard.press("a")
    page.keyboard.press("n")
    page.keyboard.press("b")
    ends = state(page)
    assert (ends["a"], ends["b"]) == (5, ends["item"])
    assert page.locator("#path .frames").first.locator("> *").count() == 11
    middle = state(page)["t"]
    page.keyboard.press(".")
    assert state(page)["t"] == pytest.approx(middle + 0.1)
    page.keyboard.press(",")
    page.keyboard.press(",")
    now = state(page)
    assert now["t"] == pytest.approx(middle - 0.1)
    codes = page.evaluate(f"[5, {ends['b']}].map(item => window.isthmus.app.model.code(item))")
    assert now["z"] == pytest.approx([(1 - now["t"]) * p + now["t"] * q for p, q in zip(*codes, strict=True)])
    for _ in range(12):
        page.keyboard.press(".")
    assert state(page)["t"] == 1


def test_c_goes_round_the_colourings(page):
    seen = [state(page)["colour"]]
    while len(seen) < 2 or seen[-1] != seen[0]:
        page.keyboard.press("c")
        seen.append(state(page)["colour"])
        assert len(seen) < 20
    assert {"class", "error", "uncertainty", "none"} <= set(seen)
    assert len(seen) == len(set(seen)) + 1


def test_d_switches_uncertainty(page):
    page.keyboard.press("d")
    assert not state(page)["uncertainty"]
    page.keyboard.press("d")
    assert state(page)["uncertainty"]


@pytest.mark.parametrize("digit", "0123456789")
def test_a_digit_leaves_only_the_class_of_that_name(page, digit):
    page.keyboard.press(digit)
    assert state(page)["only"] == int(digit)
    assert page.get_attribute(f"#class-{digit}", "aria-pressed") == "true"
    page.keyboard.press(digit)
    assert state(page)["only"] == -1


def test_classes_of_other_names_go_by_their_place(open_page, table_file):
    page = open_page(table_file)
    page.focus("#plane")
    for key, only in (("2", 1), ("9", 1), ("1", 0)):
        page.keyboard.press(key)
        assert state(page)["only"] == only


def test_escape_clears(page):
    for key in ("a", "n", "b", "3", "Escape"):
        page.keyboard.press(key)
    now = state(page)
    assert (now["a"], now["b"], now["only"]) == (-1, -1, -1)


def test_the_question_mark_shows_and_hides_the_keys(page):
    assert not page.is_visible("#keys")
    page.evaluate("document.getElementById('plane').scrollIntoView()")
    page.keyboard.press("?")
    assert page.evaluate("document.getElementById('keys').getBoundingClientRect().top") > -1
    assert page.get_attribute("#help", "aria-expanded") == "true"
    page.focus("#plane")
    page.keyboard.press("?")
    assert not page.is_visible("#keys")


@pytest.mark.parametrize("where", ["#share", "#colour", "#paste", "#sliders input"])
def test_letters_do_nothing_elsewhere(page, where):
    page.locator(where).first.focus()
    before = state(page)
    for key in LETTERS:
        if not (where == "#sliders input" and key == "ArrowRight") and not (where == "#colour" and len(key) == 1):
            page.keyboard.press(key)
    after = state(page)
    if where == "#colour":
        before.pop("colour"), after.pop("colour")
    assert after == before
    page.fill("#paste", "")


@pytest.mark.parametrize("held", ["Control", "Alt", "Meta"])
def test_the_browsers_own_shortcuts_are_left_alone(page, held):
    before = state(page)
    for key in ("c", "d", "b"):
        page.keyboard.press(f"{held}+{key}")
    assert state(page) == before


def test_tab_reaches_everything_and_is_held_nowhere(page):
    page.click(".brand strong")
    reached = []
    for _ in range(400):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        if reached[-1][0] == "BODY":
            break
    names = [name for name, _, _ in reached]
    assert names[-1] == "BODY", "the focus never leaves the page"
    assert {"BUTTON#share", "BUTTON#help", "SECTION#plane", "SELECT#colour", "BUTTON#set-a", "TEXTAREA#paste"} <= set(
        names
    )
    assert names.count("INPUT") >= 2  # the sliders
    assert [name for name, outlined, _ in reached[:-1] if not outlined] == []
    assert [name for name, _, in_view in reached[:-1] if not in_view] == []
