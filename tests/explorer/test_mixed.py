"""A table of words, dates, gaps and a condition on the page: read, filled in and chosen as its owner wrote it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus.evaluation import evaluate
from isthmus.explorer import write_explorer
from isthmus.explorer.row_kind import TABLE_ROW
from isthmus.explorer.sentence import banner, opening_sentence

LONG = "renovated from cellar to roof by the previous tenant"


@pytest.fixture(scope="module")
def flats_file(tmp_path_factory):
    """Flats with rents in cents, a balcony or none, and their kind as the condition; every tenth rent is missing."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("mixed") / "flats.html"
    size = rng.normal(70, 20, 200)
    flats = pd.DataFrame(
        {
            "rent": np.round(15 * size + rng.normal(0, 40, 200), 2),
            "rooms": np.clip(np.round(size / 28), 1, 5),
            "balcony": np.where(size > 70, "ja", "nein"),
            "state": np.where(rng.random(200) > 0.5, LONG, "not renovated since the house was built"),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 200), unit="D"),
        }
    )
    flats.loc[::10, "rent"] = np.nan
    kind = pd.DataFrame({"kind": np.where(rng.random(200) > 0.5, "new", "old")})
    model = isthmus.Autoencoder(2, max_iter=3, random_state=0).fit(flats[:120], given=kind[:120])
    write_explorer(
        model, path, flats[120:], given=kind[120:], X_train=flats[:120], given_train=kind[:120], ids=np.arange(120, 200)
    )
    return path, flats.assign(kind=kind)[120:].reset_index(drop=True)


@pytest.fixture
def page(open_page, flats_file):
    return open_page(flats_file[0], viewport={"width": 1440, "height": 900})


def column(page, name):
    return page.evaluate("name => window.isthmus.app.data.fields.findIndex(field => field.name === name)", name)


def test_a_cell_is_shown_as_it_was_written(page, flats_file):
    for item in (1, 2, 5):
        page.evaluate("item => window.isthmus.app.select(item)", item)
        shown = dict(
            page.locator("#row-table tr").evaluate_all(
                "rows => rows.map(r => [r.cells[0].innerText, r.cells[2].innerText])"
            )
        )
        row = flats_file[1].iloc[item]
        assert (shown["rent"], shown["rooms"]) == (f"{row['rent']:.2f}", f"{row['rooms']:.0f}")
        assert shown["since"] == f"{row['since']:%Y-%m-%d}"


def test_the_bar_of_a_boolean_is_that_of_what_the_original_says(page, flats_file):
    item = int(np.flatnonzero(flats_file[1]["balcony"] == "nein")[0])
    page.evaluate("item => window.isthmus.app.select(item)", item)
    row = page.locator("#row-table tr", has_text="balcony")
    assert "nein" in row.inner_text()
    assert row.locator(".bar.original").evaluate("bar => bar.style.width") == "100%"


def test_hollow_dots_are_explained_where_there_are_any(page):
    page.select_option("#colour", str(column(page, "rent")))
    assert "missing8" in page.inner_text("#legend").replace("\n", "").replace(" ", "")
    page.select_option("#colour", str(column(page, "rooms")))
    assert "missing" not in page.inner_text("#legend")


def test_a_boolean_is_ticked_in_the_words_of_its_file(page):
    assert page.locator("#form label").inner_text() == "ja"


def test_a_column_that_is_not_there_is_said_not_to_be(page):
    page.evaluate("window.isthmus.app.columns.find = 'zz'; window.isthmus.app.set({})")
    assert page.is_visible("#no-column")
    page.evaluate("window.isthmus.app.columns.find = ''; window.isthmus.app.set({})")
    assert page.is_hidden("#no-column")


def test_the_condition_of_a_row_is_named(page, flats_file):
    for item in (0, 1, 2, 3, 4, 5):
        page.evaluate("item => window.isthmus.app.select(item)", item)
        assert page.inner_text("#code").endswith(f"given kind={flats_file[1]['kind'][item]}")


def test_an_empty_cell_is_named_by_its_column(page, flats_file):
    page.evaluate("item => window.isthmus.app.select(item)", int(np.flatnonzero(flats_file[1]["rent"].isna())[0]))
    page.click("#from-item")
    assert "rent is empty" in page.inner_text("#own-note")


def test_the_error_under_another_condition_says_that_it_is_not_its_own(page):
    assert "own condition" not in page.inner_text("#about")
    page.select_option("#given", "0")
    assert "own condition" in page.inner_text("#about")


def test_sliders_say_what_changes_in_the_units_of_the_data(page):
    said = page.inner_text("#film-0") + page.inner_text("#film-1")
    assert "rent" in said
    assert "→" in said
    assert " sd" not in said


def test_escape_clears_from_a_button_too_but_not_from_a_field(page):
    page.focus("#find")
    page.keyboard.press("Escape")
    assert page.evaluate("window.isthmus.app.state.a") >= 0
    page.focus("#lasso")
    page.keyboard.press("Escape")
    assert page.evaluate("window.isthmus.app.state.a") == -1


def test_nothing_lies_over_the_map(page):
    over = page.evaluate("""(() => {
      const { map } = window.isthmus.app, edge = map.above.getBoundingClientRect(), found = new Set();
      for (let x = 2; x < edge.width; x += 6) for (let y = 2; y < edge.height; y += 6) {
        const there = document.elementFromPoint(edge.left + x, edge.top + y);
        if (there) found.add(there.id);
      }
      return [...found]; })()""")
    assert over == ["above"]


def test_on_a_phone_a_selection_begins_with_its_count_and_the_lens_can_be_read(open_page, flats_file):
    page = open_page(flats_file[0], viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.tap("#choose-view")
    count, export = (page.locator(name).bounding_box() for name in ("#chosen h2", "#export-ids"))
    assert count["x"] + count["width"] <= export["x"] or count["y"] + count["height"] <= export["y"]
    spot = page.locator("#above").bounding_box()
    session = page.context.new_cdp_session(page)
    for kind, off in (("touchStart", 0), ("touchMove", 30)):
        place = {"x": spot["x"] + 150 + off, "y": spot["y"] + 200, "id": 0}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    assert page.locator(".lens").bounding_box()["width"] >= 140


def test_models_stand_side_by_side_without_scrolling_at_1440(page):
    width = "({ scrollWidth, clientWidth }) => scrollWidth - clientWidth"
    assert LONG in page.inner_text("#beside")
    assert page.locator("#beside .scroll").evaluate(width) <= 0


def test_the_caption_explains_what_is_drawn_and_nothing_else(page):
    assert {"Grey:", "Hatched:", "Squares:"} <= set(page.inner_text("#caption").split())
    page.uncheck("#layer-uncertainty")
    page.uncheck("#layer-points")
    assert not {"Grey:", "Hatched:", "Squares:"} & set(page.inner_text("#caption").split())


def test_the_list_counts_rows_and_what_is_made_up(page):
    assert (
        page.inner_text("#table-summary")
        == f"Table of 80 rows and {page.evaluate('window.isthmus.app.data.facts.probes.length')} made up"
    )


def test_where_pca_does_as_well_nothing_is_said_of_what_it_needs(small_model, digits):
    found = evaluate(small_model, digits[1])
    errors = found.data
    equal = dataclasses.replace(found, data=dataclasses.replace(errors, pca=errors.model, pca_needs=3))
    said = ["".join(text for _, text in opening_sentence(one, TABLE_ROW)) for one in (found, equal)]
    assert "match" in said[0]
    assert "match" not in said[1]
    assert banner(equal, TABLE_ROW).startswith("PCA does as well here")
