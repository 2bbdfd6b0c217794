"""The ranking: orders, filters, a table that sorts, and dots and lists that point at each other."""

from __future__ import annotations

import numpy as np
import pytest

from .browsing import go_to, opened, state


@pytest.fixture(scope="module")
def shown(browser, digits_file):
    return opened(browser, digits_file)


@pytest.fixture
def page(shown):
    go_to(shown, "#tab=0&item=5&colour=class&rank=error&layers=points,uncertainty")
    yield shown
    assert shown.faults == []


def numbers(page, column):
    rows = page.locator("#table-rows tr")
    texts = [rows.nth(row).locator("td").nth(column).inner_text() for row in range(20)]
    return [float(text.removesuffix("%")) for text in texts]


def open_table(page):
    page.evaluate("document.getElementById('table').closest('details').open = true")
    page.wait_for_selector("#table-rows tr >> nth=19")


def test_a_class_and_words_filter_lists_and_map(page):
    page.select_option("#only", label="3")
    labels = page.evaluate("window.isthmus.app.order.map(item => window.isthmus.app.data.label(item))")
    assert set(labels) == {"3"}
    assert state(page)["only"] == 3
    page.select_option("#only", "-1")
    page.fill("#find", "picture 12")
    names = page.evaluate("window.isthmus.app.order.map(item => window.isthmus.app.data.name(item))")
    assert len(names) == 11  # 12 and 120 to 129
    assert all("picture 12" in name for name in names)
    assert page.evaluate("document.activeElement.id") == "find"
    page.fill("#find", "no such thing")
    assert page.is_visible("#none-found")
    page.fill("#find", "made up")
    assert page.locator("#strip button").count() == 3
    names = page.locator("#strip button span:not(.figure)").all_inner_texts()
    assert sorted(name.split()[0] for name in names) == ["inverted", "mean", "shifted"]


def test_the_strip_says_by_what_it_is_ranked(page):
    first = "window.isthmus.app.order[0]"
    error = page.evaluate(f"window.isthmus.app.model.errors[{first}]")
    shown = page.locator("#strip button .figure").first
    assert float(shown.inner_text()) == pytest.approx(error, rel=5e-3)
    page.click("[data-rank=uncertainty]")
    uncertainty = page.evaluate(f"window.isthmus.app.model.uncertainties[{first}]")
    assert shown.inner_text() == f"{round(100 * uncertainty)}%"


def test_the_address_keeps_the_filter(page, browser):
    page.fill("#find", "picture 7")
    page.evaluate("window.isthmus.app.set({ rank: 'name', up: true })")
    again = page.context.new_page()
    again.goto(page.url)
    again.wait_for_function("document.documentElement.dataset.ready === 'yes'")
    assert state(again) == state(page)
    assert again.input_value("#find") == "picture 7"
    again.close()


@pytest.mark.parametrize(("sort", "column"), [("error", 2), ("uncertainty", 3), ("pca", 4)])
def test_the_table_sorts_by_its_columns(page, sort, column):
    open_table(page)
    head = page.locator(f"[data-sort={sort}]")
    if sort != "error":
        head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = numbers(page, column)
    assert values == sorted(values, reverse=True)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = numbers(page, column)
    assert values == sorted(values)


def test_rank_against_pca_is_the_difference_of_two_orders(page):
    change, errors, pca = page.evaluate(
        "(a => [[...a.change], [...a.model.errors], [...a.model.pcaErrors]])(window.isthmus.app)"
    )
    ours, theirs = (np.argsort(np.argsort(-np.array(values), kind="stable")) for values in (errors, pca))
    np.testing.assert_array_equal(change, theirs - ours)
    page.click("[data-rank=change]")
    assert page.evaluate("window.isthmus.app.order[0]") in np.flatnonzero(np.abs(change) == np.abs(change).max())


def test_a_list_rings_its_dot_and_a_dot_marks_its_list(page):
    page.hover("#strip button >> nth=3")
    item = int(page.get_attribute("#strip button >> nth=3", "data-item"))
    assert page.evaluate("window.isthmus.app.map.hinted") == item
    x, y = page.evaluate(f"window.isthmus.app.map.spots[{item}]")
    page.locator("#above").hover(position={"x": x, "y": y})
    hinted = page.evaluate("window.isthmus.app.map.hinted")
    assert hinted >= 0
    spots = page.evaluate("window.isthmus.app.map.spots")
    assert np.hypot(spots[hinted][0] - x, spots[hinted][1] - y) < 1.5


def test_no_entry_stays_marked_when_the_place_is_no_item(page):
    open_table(page)
    page.evaluate("window.isthmus.app.select(window.isthmus.app.order[3])")
    marked = "[...document.querySelectorAll('#strip [aria-current], #table-rows [aria-current]')].length"
    assert page.evaluate(marked) == 2
    page.evaluate("window.isthmus.app.moveTo([0, 0])")
    page.wait_for_function(f"() => {marked} === 0")
