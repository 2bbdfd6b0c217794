"""States that data bring about: no labels or three hundred, one row, a line, collapse, huge and tiny, odd names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder
from isthmus.explorer import write_explorer
from isthmus.explorer.sentence import percentage

from .browsing import opened, state

FEW = {"max_iter": 1, "random_state": 0, "hidden_layer_sizes": (8,)}
LONG = "a label without an end " * 20
UNICODE = ("日本語 🧬", "עברית \u202e abc")


def rows(n_rows=120, n_columns=6):
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((n_rows, 2))
    return hidden @ rng.standard_normal((2, n_columns)) + 0.1 * rng.standard_normal((n_rows, n_columns))


def with_constant(scale=1.0):
    X = rows()
    X[:, 2] = 7 * scale
    return X


def line():
    return rows()[:, :1] @ np.ones((1, 6))


TWO = Autoencoder(2, **FEW)
HOLES = np.where(np.random.default_rng(1).random((120, 6)) < 0.2, np.nan, rows())
STATES = {  # the model, rows, their labels, and what else is said of them
    "no labels": (TWO, rows(), None, {}),
    "one class": (TWO, rows(), ["only"] * 120, {}),
    "fifteen classes": (TWO, rows(), [f"k{i % 15}" for i in range(120)], {}),
    "three hundred classes": (TWO, rows(300), [f"k{i}" for i in range(300)], {}),
    "labels that are missing": (TWO, rows(), [None if i % 2 else "a" for i in range(120)], {}),
    "labels without an end": (TWO, rows(), [LONG if i % 2 else "x" * 500 for i in range(120)], {"title": LONG}),
    "labels of the world": (TWO, rows(), [UNICODE[i % 2] for i in range(120)], {"columns": [*"größe", "é\n数"]}),
    "a constant column": (TWO, with_constant(), None, {}),
    "a constant column, scaled": (Autoencoder(2, scale="standard", **FEW), with_constant(), None, {}),
    "missing cells": (Autoencoder(2, missing="mask", **FEW), HOLES, None, {}),
    "a line": (TWO, line(), None, {}),
    "a line to three": (Autoencoder(3, **FEW), line(), None, {}),
    "all rows the same": (Autoencoder(1, **FEW), np.ones((50, 4)), None, {}),
    "one column": (Autoencoder(1, **FEW), rows()[:, :1], None, {}),
    "collapsed": (isthmus.VariationalAutoencoder(4, **FEW), line() + 0.01 * rows(), None, {}),
    "huge": (TWO, rows() * 1e12, None, {}),
    "tiny": (TWO, rows() * 1e-12, None, {}),
    "huge beside tiny": (Autoencoder(2, scale="standard", **FEW), rows() * np.logspace(-9, 9, 6), None, {}),
    "far from zero": (TWO, rows() + 1e9, None, {}),
    "more numbers than columns": (isthmus.SparseAutoencoder(20, top_k=3, **FEW), rows(), None, {}),
    "in colour": (Autoencoder(3, **FEW), np.abs(rows(60, 48)), None, {"image_shape": (3, 4, 4)}),
    "two channels, negative": (Autoencoder(3, **FEW), rows(60, 32), None, {"image_shape": (2, 4, 4)}),
    "a row of pixels": (Autoencoder(1, **FEW), rows(60, 5), None, {"image_shape": (1, 5)}),
}
FINITE = """() => {
  const { app } = window.isthmus, wrong = [];
  for (let item = 0; item < app.data.total; item++) {
    if (!Array.from(app.model.decode(app.model.code(item))).every(Number.isFinite)) wrong.push(`decode of ${item}`);
    if (!Array.from(app.map.spots[item]).every(Number.isFinite)) wrong.push(`place of ${item}`);
  }
  if (!app.map.span.flat().every(Number.isFinite)) wrong.push("axes");
  const text = document.querySelector("main").innerText + document.querySelector("main").innerHTML;
  return [...wrong, ...(text.match(/.{0,30}(NaN|undefined|Infinity|\\bnull\\b).{0,20}/g) || [])];
}"""
EVERYTHING = """() => {
  const { app } = window.isthmus, last = app.data.total - 1;
  const colours = [...document.querySelectorAll("#colour option")].map(option => option.value);
  for (const colour of colours.slice(-4)) app.set({ colour });
  for (const rank of ["error", "uncertainty", "pca", "change"]) app.set({ rank });
  app.set({ a: 0, b: Math.min(1, last), decodes: true, training: true });
  app.models.forEach((_, tab) => app.set({ tab }));
  for (const details of document.querySelectorAll("details")) details.open = true;
  app.select(last);
  app.set({ tab: 0 });
}"""


def written(model, X, path, shown=None, y=None, **said):
    write_explorer(model.fit(X), path, X if shown is None else shown, y, X_train=X, **said)
    return path


def walk_through(page):
    """All that can be done, done; nothing may fail, overflow or show what is no number."""
    wrong = page.evaluate(FINITE)
    page.evaluate(EVERYTHING)
    page.focus("#plane")
    for key in ("n", "p", "j", "k", "a", "ArrowRight", "Shift+ArrowUp", "b", ".", "c", "d", "1", "9", "1", "Escape"):
        page.keyboard.press(key)
    assert wrong + page.evaluate(FINITE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.faults == []


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_shown_and_can_be_used(browser, tmp_path, name):
    model, X, y, said = STATES[name]
    page = opened(
        browser, written(model, X, tmp_path / "page.html", y=y, **said), viewport={"width": 320, "height": 800}
    )
    assert state(page)["item"] >= 0
    walk_through(page)
    page.context.close()


@pytest.mark.parametrize("n_shown", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_one_row_or_two_are_enough(open_page, tmp_path, n_shown, size):
    X = rows()
    page = open_page(written(Autoencoder(size, **FEW), X, tmp_path / "page.html", X[:n_shown], ["a", "b"][:n_shown]))
    assert page.inner_text("#sentence").startswith("1 row of" if n_shown == 1 else "2 rows of")
    walk_through(page)


def test_what_is_worse_than_pca_says_so_first(open_page, tmp_path):
    model = Autoencoder(2, start="random", max_iter=0, random_state=0)
    page = open_page(written(model, rows(), tmp_path / "page.html"))
    assert page.inner_text("#banner").startswith("PCA does better here: ")
    assert page.is_visible("#banner")


def test_a_number_that_tells_nothing_is_marked_unused(open_page, tmp_path):
    page = open_page(written(Autoencoder(3, **FEW), line(), tmp_path / "page.html"))
    assert page.inner_text("#sliders").count("(unused)") == 2
    assert page.inner_text("#banner") == "PCA is exact here, too; use PCA."


def test_a_slider_moves_the_latent_it_is_named_after(open_page, tmp_path):
    page = open_page(written(Autoencoder(3, **FEW), rows(), tmp_path / "page.html"))
    assert page.inner_text("#sliders-title") == "The latents"
    second = page.locator("#sliders .slider").nth(1)
    latent = int(second.inner_text().split()[0].removeprefix("z")) - 1
    before = state(page)["z"]
    second.locator("input").focus()
    page.keyboard.press("Home")
    low = page.evaluate("window.isthmus.app.model.facts.sliders[1].limits[0]")
    after = [low if place == latent else value for place, value in enumerate(before)]
    assert state(page)["z"] == pytest.approx(after, rel=1e-4)


def test_rows_that_do_not_vary_are_said_to(open_page, tmp_path):
    page = open_page(written(Autoencoder(1, **FEW), np.ones((50, 4)), tmp_path / "page.html"))
    assert "These rows do not vary" in page.inner_text("#sentence")


def test_names_are_on_one_line_and_turn_nothing(open_page, tmp_path):
    model, X, y, said = STATES["labels of the world"]
    page = open_page(written(model, X, tmp_path / "page.html", y=y, **said))
    assert page.evaluate("window.isthmus.app.data.facts.classes.join()") == "עברית abc,日本語 🧬"
    assert "é 数" in page.inner_text("#trio")
    model, X, y, said = STATES["labels without an end"]
    page = open_page(written(model, X, tmp_path / "page.html", y=y, **said))
    assert max(map(len, page.evaluate("window.isthmus.app.data.facts.classes"))) == 60


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": ["a"]}, r"^write_explorer: y has 1 entries, X has 120 rows\.$"),
        ({"ids": ["a"]}, r"^write_explorer: ids has 1 entries"),
        ({"columns": ["a"]}, r"^write_explorer: columns has 1 names, X has 6 columns\.$"),
        ({"image_shape": (2, 4)}, r"^write_explorer: image_shape=\(2, 4\) has 8 pixels, a row 6\.$"),
    ],
)
def test_what_does_not_fit_the_rows_is_refused_and_nothing_is_written(tmp_path, given, message):
    X = rows()
    with pytest.raises(ValueError, match=message):
        write_explorer(TWO.fit(X), tmp_path / "page.html", X, X_train=X, **given)
    assert list(tmp_path.iterdir()) == []


def test_codes_on_a_line_lie_on_clear_ground_and_keys_reach_beside_them(open_page, tmp_path):
    page = open_page(written(TWO, line(), tmp_path / "page.html"))
    page.evaluate(
        "new Promise(done => { const look = () => app.map.uncertainties ? done(1) : setTimeout(look, 20);"
        "const { app } = window.isthmus; look(); })"
    )
    (left, right), (low, high) = page.evaluate("window.isthmus.app.model.facts.limits")
    assert high - low == pytest.approx(right - left, rel=0.01)
    assert page.evaluate("window.isthmus.app.map.uncertainties.some(uncertainty => uncertainty < 0.95)")


def test_names_that_cannot_be_seen_are_said_to_be_blank(open_page, tmp_path):
    labels, columns = ["  ", "b"] * 60, ["\u202e", *"cdefg"]
    page = open_page(written(TWO, rows(), tmp_path / "page.html", y=labels, columns=columns))
    assert page.evaluate("window.isthmus.app.data.facts.classes") == ["(blank)", "b"]
    assert page.evaluate("window.isthmus.app.data.facts.columns")[0] == "(blank)"


BOXES = """() => {
      const { map } = window.isthmus.app, pen = map.still.getContext("2d"), found = [], plain = pen.fillText;
      pen.fillText = (words, x, y) => {
        if (words.startsWith("a long")) found.push([words, x, y, pen.measureText(words).width / 2]);
        plain.call(pen, words, x, y);
      };
      map.draw();
      delete pen.fillText;
      return found;
    }"""
NAMED = """() => {
      const { map } = window.isthmus.app, pen = map.still.getContext("2d"), found = [], plain = pen.fillText;
      pen.fillText = (words, x, y) => { if (words.startsWith("a long")) found.push(y); plain.call(pen, words, x, y); };
      map.draw();
      delete pen.fillText;
      return found;
    }"""


@pytest.mark.parametrize("classes", [3, 14, 30])
@pytest.mark.parametrize("zoom", [1, 4])
def test_names_of_classes_lie_near_their_items_and_never_on_each_other(open_page, tmp_path, classes, zoom):
    labels = [f"a long name {place % classes}" for place in range(120)]
    page = open_page(written(TWO, rows(), tmp_path / "page.html", y=labels))
    page.evaluate("by => { const { map } = window.isthmus.app; map.turn(by, map.place(), map.place()); }", zoom)
    names = page.evaluate(BOXES)
    assert 1 <= len(names) <= classes
    for place, (name, x, y, half) in enumerate(names):
        for _, other, height, reach in names[:place]:
            assert abs(other - x) >= half + reach or abs(height - y) >= 15
        spots = page.evaluate(
            """name => { const { map, data } = window.isthmus.app;
            return map.spots.filter((spot, item) => data.label(item) === name && map.framed(spot).inside) }""",
            name,
        )
        assert min(np.hypot(a - x, b - y) for a, b in spots) < 110


def test_a_line_has_a_lane_for_each_class(open_page, tmp_path):
    labels = [f"kind {place % 7}" for place in range(120)]
    page = open_page(written(Autoencoder(1, **FEW), rows(), tmp_path / "page.html", y=labels))
    spots = np.array(page.evaluate("window.isthmus.app.map.spots.slice(0, 120)"))
    bands = [(spots[k::7, 1].min(), spots[k::7, 1].max()) for k in range(7)]
    assert all(upper[1] < lower[0] for upper, lower in itertools.pairwise(bands))
    page.evaluate("window.isthmus.app.set({ a: 0, b: 1 })")
    (_, left), (_, right) = page.evaluate("[0, 1].map((item) => window.isthmus.app.map.end(item))")
    assert left == right  # the path runs along the track


def test_of_very_many_classes_the_chosen_one_is_named(open_page, tmp_path):
    labels = [f"a long name {place % 50}" for place in range(120)]
    page = open_page(written(TWO, rows(), tmp_path / "page.html", y=labels))
    assert page.evaluate(NAMED) == []
    page.evaluate("window.isthmus.app.only(4)")
    assert len(page.evaluate(NAMED)) == 1


@pytest.mark.parametrize(
    ("share", "words"), [(-0.003, "0%"), (0.0, "0%"), (-0.26, "−26%"), (0.996, "99.60%"), (1.0, "100%")]
)
def test_a_share_is_never_minus_nothing(share, words):
    assert percentage(share) == words
