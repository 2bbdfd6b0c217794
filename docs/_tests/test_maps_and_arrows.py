"""The pictures of chapters 8 and 9 are moved by keys and by pointer, as a reader would."""

from __future__ import annotations

from test_site import browser, opened, page, text_of  # noqa: F401


def test_a_map_is_laid_upon_another(page):  # noqa: F811
    opened(page, "course/08_reading_the_map.html")
    before = text_of(page)
    assert "seed 1, as it came" in before
    page.locator("input[data-state=morph]").focus()
    page.keyboard.press("End")
    assert "seed 1, laid on seed 0" in text_of(page)
    page.get_by_role("button", name="PCA").click()
    assert "on the map of PCA too" in text_of(page)
    page.get_by_role("button", name="back to the start").click()
    assert text_of(page) == before
    ring = page.locator("[data-handle=ring]")
    ring.focus()
    for _ in range(8):
        page.keyboard.press("Shift+ArrowUp")
    assert "No digit lives here" in text_of(page)
    assert "no digit lives here" in ring.get_attribute("aria-valuetext")


def test_the_noisy_point_is_carried_and_the_noise_turned_up(page):  # noqa: F811
    opened(page, "course/09_four_other_constraints.html")
    before = text_of(page)
    point = page.locator("[data-handle=point]")
    point.focus()
    page.keyboard.press("ArrowDown")
    assert "x̃ = (1.00, 2.40)" in text_of(page)
    page.keyboard.press("Home")
    assert text_of(page) == before
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"] + 40, steps=3)
    page.mouse.up()
    assert text_of(page) != before
    page.locator("input[data-state=k]").focus()
    page.keyboard.press("ArrowRight")
    assert "σ = 1.00" in text_of(page)
    page.get_by_label("show the score").uncheck()


def test_the_circle_is_carried_about_the_ring_and_the_price_raised(page):  # noqa: F811
    opened(page, "course/09_four_other_constraints.html")
    figure = page.locator('figure[data-widget="stretch"]')
    middle = figure.locator("[data-handle=middle]")
    before = middle.get_attribute("aria-valuetext")
    middle.focus()
    page.keyboard.press("ArrowUp")
    assert "at 2.00, 0.10;" in middle.get_attribute("aria-valuetext")
    page.keyboard.press("Home")
    assert middle.get_attribute("aria-valuetext") == before
    across = figure.locator("p b:last-child").last
    held = float(across.inner_text())
    figure.locator("input[data-state=strength]").focus()
    page.keyboard.press("Home")
    assert "λ = 0" in figure.inner_text()
    assert float(across.inner_text()) > 2 * held
