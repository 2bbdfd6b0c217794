"""Several models of the same rows: columns of their answers, and dots that move from one map to the next."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus.explorer import write_explorer

from .browsing import go_to, opened, state


@pytest.fixture(scope="module")
def file(small_model, digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("beside") / "page.html"
    X_train, X, _, y = digits
    other = isthmus.VariationalAutoencoder(5, max_iter=2, random_state=0).fit(X_train)
    write_explorer({"two": small_model, "five": other}, path, X, y, X_train=X_train, image_shape=(8, 8))
    return path


@pytest.fixture(scope="module")
def shown(browser, file):
    return opened(browser, file)


@pytest.fixture
def page(shown):
    go_to(shown, "#tab=0&item=5&colour=class&rank=error&layers=points,uncertainty")
    yield shown
    assert shown.faults == []


def test_every_model_has_its_column(page):
    names = page.locator("#beside figcaption").all_inner_texts()
    assert names == ["original", "two", "five", "PCA"]
    errors = page.evaluate("window.isthmus.app.models.map(model => model.errors[5])")
    said = [float(text.split()[0]) for text in page.locator("#beside figure p").all_inner_texts()[1:]]
    np.testing.assert_allclose(said, errors, rtol=5e-3)
    page.click("#beside-1")
    assert (state(page)["tab"], state(page)["item"]) == (1, 5)
    assert page.evaluate("document.activeElement.id") == "beside-1"


def test_a_place_that_is_no_item_has_no_columns(page):
    page.focus("#plane")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#beside figure", state="detached")
    assert "Select a picture" in page.inner_text("#beside")


DRAWN = """() => {
  const { map } = window.isthmus.app, drawDots = map.drawDots.bind(map);
  window.drawn = 0;
  map.drawDots = (spots) => { window.drawn++; drawDots(spots); };
}"""


def test_dots_move_from_map_to_map_and_end_where_they_belong(page):
    page.check("#layer-morph")
    page.evaluate(DRAWN)
    page.click("#tabs button:has-text('PCA')")
    page.wait_for_timeout(1100)
    assert page.evaluate("window.drawn") > 0
    x, y = page.evaluate("(a => a.map.toScreen(...a.model.code(5)))(window.isthmus.app)")
    assert page.evaluate("window.isthmus.app.map.spots[5]") == pytest.approx([x, y], abs=1e-3)


def test_nothing_moves_where_motion_is_unwelcome(browser, file):
    page = opened(browser, file, reduced_motion="reduce")
    page.evaluate(DRAWN)
    page.click("#tabs button:has-text('PCA')")
    page.wait_for_timeout(200)
    assert page.evaluate("window.drawn") == 0
    assert page.is_disabled("#layer-morph")
    page.context.close()


def test_the_prior_is_drawn_in_the_axes_own_units(page):
    page.evaluate("window.isthmus.app.set({ tab: 1 })")
    radii = page.evaluate("""() => {
      const { app } = window.isthmus, arcs = [], pen = app.map.still.getContext("2d"), arc = pen.arc;
      app.moveTo(app.model.code(5).map(() => 0));
      pen.arc = (x, y, radius, ...rest) => { arcs.push(radius); arc.call(pen, x, y, radius, ...rest); };
      app.rest();
      pen.arc = arc;
      const unit = app.map.toScreen(1, 0)[0] - app.map.toScreen(0, 0)[0];
      return arcs.filter((radius) => radius > 10).map((radius) => radius / unit);
    }""")
    assert radii == pytest.approx([1, 2], rel=1e-6)
    assert "of the prior" in page.inner_text("#caption")
    page.evaluate("window.isthmus.app.set({ tab: 0 })")
    assert "of the prior" not in page.inner_text("#caption")


def test_the_great_circle_is_offered_to_variational_codes_of_more_than_two(page):
    page.evaluate("window.isthmus.app.set({ a: 1, b: 2 })")
    assert page.locator("#path label:has-text('great circle')").count() == 0
    page.evaluate("window.isthmus.app.set({ tab: 1 })")
    straight = page.locator("#path .frames canvas >> nth=5").evaluate("c => c.toDataURL()")
    page.check("#path label:has-text('great circle') input")
    assert page.locator("#path .frames canvas >> nth=5").evaluate("c => c.toDataURL()") != straight
