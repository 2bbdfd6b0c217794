"""The built site in a browser: nothing is asked of another machine, and the pictures move by pointer and by keys.

Run by ``make docs`` after the site is built; needs Debian's chromium.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

SITE = Path(__file__).parent.parent / "_build" / "site"
PAGES = sorted(SITE.rglob("*.html"))
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def opened(page: Page, name: str) -> None:
    page.goto((SITE / name).as_uri())


def text_of(page: Page) -> str:
    return page.locator("figure.moving").first.inner_text()


def test_no_page_asks_anything_of_another_machine_or_fails(page):
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
    for path in PAGES:
        page.goto(path.as_uri())
    assert len(asked) > len(PAGES) > 1
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
    assert failed == []


def test_no_lesson_has_a_place_left_unfilled():
    for path in (SITE / "course").rglob("*.html"):
        assert "{{" not in path.read_text(encoding="utf-8").replace("{{}}", ""), path.name


@pytest.mark.parametrize("notebook", sorted(SITE.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_holds_the_lessons_text_and_code(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert {cell["cell_type"] for cell in cells} == {"markdown", "code"}
    assert "{{" not in "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for cell in cells:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), notebook.name, "exec")


def test_every_moving_picture_teaches_without_scripts(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    opened(page, "course/02_the_line_by_hand.html")
    assert "0.089 + 0.110 = 0.199" in text_of(page)
    assert page.locator("figure.moving .controls").first.is_hidden()
    context.close()


def test_what_is_drawn_without_scripts_is_what_is_drawn_with_them(browser, page):
    quiet = browser.new_context(java_script_enabled=False)
    still = quiet.new_page()
    for path in PAGES:
        if 'data-widget="' in path.read_text(encoding="utf-8"):
            page.goto(path.as_uri())
            still.goto(path.as_uri())
            words = [view.locator("figure.moving .stage").all_text_contents() for view in (page, still)]
            assert [" ".join(text.split()) for text in words[0]] == [" ".join(text.split()) for text in words[1]]
    quiet.close()


def test_the_line_is_dragged_and_its_sum_rewritten(page):
    opened(page, "course/02_the_line_by_hand.html")
    point = page.locator("[data-handle=point]")
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 60, steps=4)
    page.mouse.up()
    assert "= 0.199" not in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert "0.089 + 0.110 = 0.199" in text_of(page)


def test_the_line_is_moved_by_keys(page):
    opened(page, "course/02_the_line_by_hand.html")
    point = page.locator("[data-handle=point]")
    point.focus()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    assert "z = 2.000" in text_of(page)
    assert "0.000 + 0.000 = 0.000" in text_of(page)
    assert point.get_attribute("aria-valuetext") == "x is 2.00, 1.80; z is 2.000; the error is 0.000"
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Home")
    assert "0.089 + 0.110 = 0.199" in text_of(page)
    page.get_by_label("show the clean point").check()
    assert "noise kept, along the line: 0.401" in text_of(page)


@pytest.mark.parametrize(
    ("name", "handle"),
    [("00_ten_seconds", "puck"), ("02_the_line_by_hand", "point"), ("05_two_thermometers", "q"), ("11_at_work", "pen")],
)
def test_a_finger_carries_a_handle_and_does_not_scroll_the_page(browser, name, handle):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    opened(page, f"course/{name}.html")
    page.add_style_tag(content="html { scroll-behavior: auto !important; }")
    puck = page.locator(f"[data-handle={handle}]")
    puck.evaluate("it => it.scrollIntoView({ block: 'center' })")
    before, scrolled = puck.get_attribute("aria-valuetext"), _top(puck)
    page.evaluate("addEventListener('pointercancel', () => { window.cancelled = true; }, true)")
    box = puck.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = context.new_cdp_session(page)
    for step in range(10):  # slowly, so a browser that may scroll begins to
        kind, at = ("touchMove" if step else "touchStart"), {"x": x + 3 * step, "y": y - 5 * step}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
        page.wait_for_timeout(16)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert puck.get_attribute("aria-valuetext") != before
    assert abs(_top(puck) - scrolled) < 2  # the finger went up by 45
    assert not page.evaluate("window.cancelled ?? false")
    context.close()


def _top(handle: Locator) -> float:
    """Where its picture begins on the screen; the page itself may still settle by a pixel above it."""
    return handle.evaluate("it => it.closest('figure').getBoundingClientRect().top")


def test_a_cloud_is_moved_by_keys_and_collapses(page):
    opened(page, "course/10_a_code_to_draw_from.html")
    assert ", as learned" in text_of(page)
    middle, corner = page.locator("[data-handle=middle]"), page.locator("[data-handle=corner]")
    before = middle.get_attribute("aria-valuetext")
    middle.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert middle.get_attribute("aria-valuetext") != before
    corner.focus()
    page.keyboard.press("ArrowUp")
    assert "the widths are" in (corner.get_attribute("aria-valuetext") or "")
    page.get_by_role("button", name="back to the start").click()
    assert middle.get_attribute("aria-valuetext") == before
    page.get_by_role("button", name="collapse: mse + kl").click()
    assert "Collapsed: every picture has the prior for its cloud" in text_of(page)
    slider = page.get_by_role("slider", name="the decoder's variance")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert ", as learned" in text_of(page)


def test_a_picture_is_drawn_pasted_and_taken_from_the_ranking(page):
    opened(page, "course/11_at_work.html")
    pen = page.locator("[data-handle=pen]")
    assert "of 46." in text_of(page)
    pen.focus()
    before = text_of(page)
    page.keyboard.press("ArrowRight")
    assert "row 4, column 5, grey 16 of 16" in (pen.get_attribute("aria-valuetext") or "")
    assert text_of(page) != before
    page.get_by_role("button", name="clear").click()
    pen.click(position={"x": 8, "y": 8})  # a press alone draws
    assert "row 1, column 1, grey 16 of 16" in (pen.get_attribute("aria-valuetext") or "")
    page.get_by_label("the pen draws").uncheck()
    pen.focus()
    page.keyboard.press("ArrowDown")
    assert "row 2, column 1, grey 0 of 16" in (pen.get_attribute("aria-valuetext") or "")
    page.get_by_label("or 64 numbers").fill("7 " * 63)
    assert "These are not 64 numbers" in text_of(page)
    page.get_by_label("or 64 numbers").fill("7 " * 64)
    assert "row 2, column 1, grey 7 of 16" in (pen.get_attribute("aria-valuetext") or "")
    page.get_by_role("button", name="PCA's error").click()
    page.locator("figure.moving button", has_text="the mean").click()
    assert "above 0 in 100 unseen digits" in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert " ".join(text_of(page).split()) == " ".join(before.split())


def test_a_features_card_is_turned_over_and_the_feature_up(page):
    opened(page, "course/12_where_next.html")
    before = text_of(page)
    assert "turned off" in before
    page.get_by_role("slider", name="the feature's strength").focus()
    page.keyboard.press("ArrowRight")
    assert "0.25 times as strong" in text_of(page)
    page.get_by_label("at any strength").check()
    assert "of all pictures that turn it on" in text_of(page)
    which = page.get_by_role("slider", name="which feature")
    which.focus()
    page.keyboard.press("End")
    assert "dead" in text_of(page)
    assert "It is on for no picture" in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert " ".join(text_of(page).split()) == " ".join(before.split())


def test_the_spectrum_is_moved_by_keys_and_shuffled(page):
    opened(page, "course/01_why_squeezing_can_work.html")
    assert "for nine tenths it takes k = 21" in text_of(page)
    mark = page.locator("[data-handle=mark]")
    mark.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    assert mark.get_attribute("aria-valuetext").startswith("21 numbers keep 90.")
    page.get_by_label("shuffle each column").check()
    assert "for nine tenths it takes k = 36" in text_of(page)
    page.get_by_role("button", name="another row").click()
    page.get_by_role("button", name="back to the start").click()
    assert "for nine tenths it takes k = 21" in text_of(page)


def test_a_training_is_watched_by_keys_and_pointer(page):
    opened(page, "course/06_bending_the_line.html")
    before = text_of(page)
    assert "after epoch 75" in before
    ring = page.locator("[data-handle=ring]")
    ring.focus()
    for _ in range(2):
        page.keyboard.press("Shift+ArrowLeft")
    assert "after epoch 0" in text_of(page)
    assert "PCA's own" in text_of(page)
    page.keyboard.press("ArrowRight")
    assert (ring.get_attribute("aria-valuetext") or "").startswith("epoch 1;")
    page.get_by_role("button", name="the copied recipe").click()
    assert "over PCA's" in text_of(page)
    page.get_by_role("slider", name="epoch", exact=True).press("End")
    assert "the copied recipe, after epoch 100" in text_of(page)
    ring.scroll_into_view_if_needed()
    box = ring.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"], steps=4)
    page.mouse.up()
    assert "after epoch 100" not in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert " ".join(text_of(page).split()) == " ".join(before.split())


def test_a_size_is_loaded_by_keys_and_by_a_click_on_its_dot(page):
    opened(page, "course/07_how_small.html")
    before = text_of(page)
    ring = page.locator("[data-handle=size]")
    assert (ring.get_attribute("aria-valuetext") or "").startswith("8 numbers lose")
    ring.focus()
    for size in (12, 16, 24, 32):
        page.keyboard.press("ArrowRight")
        assert (ring.get_attribute("aria-valuetext") or "").startswith(f"{size} numbers lose")
    for size in (24, 16, 12, 8, 6, 4, 2, 1):
        page.keyboard.press("ArrowLeft")
        assert (ring.get_attribute("aria-valuetext") or "").startswith(f"{size} numbers lose")
    ring.scroll_into_view_if_needed()
    dot = ring.locator("circle").nth(5).bounding_box()
    page.mouse.click(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    assert (ring.get_attribute("aria-valuetext") or "").startswith("12 numbers lose")
    assert "PCA: 29" in text_of(page)
    page.get_by_role("slider", name="allowed to be lost").press("Home")
    assert "To lose at most 1%" in text_of(page)
    assert "networks: no size tried" in text_of(page)
    page.get_by_role("button", name="another digit").click()
    assert "the 4" in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert " ".join(text_of(page).split()) == " ".join(before.split())


def test_the_valley_is_walked_down_and_its_code_multiplied(page):
    page.emulate_media(reduced_motion="reduce")
    opened(page, "course/03_learning_the_line.html")
    page.get_by_role("button", name="walk downhill").click()
    assert "loss 0.0900" in text_of(page)
    assert "encoder w = (0.743, 0.669)" in text_of(page)
    page.get_by_role("button", name="multiply by A").click()
    assert "loss 0.0900" in text_of(page)
    assert "encoder w = (−1.189, −1.07" in text_of(page)
    page.get_by_role("button", name="onto the ridge").click()
    page.get_by_role("button", name="walk downhill").click()
    assert "loss 1.9000" in text_of(page)
    line = page.locator("[data-handle=line]")
    line.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert "the loss is 1.8" in line.get_attribute("aria-valuetext")


def test_what_is_drawn_is_moved_and_three_losses_follow(page):
    opened(page, "course/04_what_the_loss_means.html")
    mark = page.locator("[data-handle=drawn]")
    mark.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert mark.get_attribute("aria-valuetext") == (
        "drawn is 0.40; squared error 0.160, bell 0.604, cross-entropy 0.835"
    )
    page.get_by_role("button", name="surely wrong").click()
    assert "x̂(1 − x̂): 0.005" in text_of(page)
    page.get_by_role("button", name="784").click()
    assert "a weight of 1 beside the sum is 0.00128 beside the mean" in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert "mean 0.0480 · 64 = 3.072" in text_of(page)


def test_the_gap_closes_as_q_is_dragged_or_climbs(page):
    page.emulate_media(reduced_motion="reduce")
    opened(page, "course/05_two_thermometers.html")
    page.get_by_role("button", name="q = likelihood").click()
    assert "ELBO = −2.5429" in text_of(page)
    assert "gap 0.1134" in text_of(page)
    page.get_by_role("button", name="let q climb").click()
    assert "gap 0.000" in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    q = page.locator("[data-handle=q]")
    q.scroll_into_view_if_needed()
    box = q.bounding_box()
    before = text_of(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"], steps=4)
    page.mouse.up()
    assert text_of(page) != before
    page.keyboard.press("Home")
    reading = page.locator("[data-handle=x1]")
    reading.focus()
    page.keyboard.press("Shift+ArrowLeft")
    assert reading.get_attribute("aria-valuetext") == "reading 1 is 0.70; the posterior mean is 0.600"
