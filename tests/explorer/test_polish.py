"""The page encodes a row of one's own as Python does, best code and standard error, to a thousandth."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder
from isthmus.explorer import write_explorer

from .browsing import opened

FITTED = {"max_iter": 15, "random_state": 0, "refit": False}
N_ROWS = 500  # to learn from, and to look for starts among
MODELS = {
    "2": Autoencoder(2, **FITTED),  # starts from codes of training rows too
    "8": Autoencoder(8, **FITTED),
    "GELU": Autoencoder(6, activation="gelu", **FITTED),
    "scaled": Autoencoder(6, scale="standard", **FITTED),
    "convolution": Autoencoder(6, channels=(4,), image_shape=(8, 8), **FITTED | {"max_iter": 5}),
    "bounded": Autoencoder(6, output_activation="sigmoid", start="random", **FITTED),
    "Bernoulli": Autoencoder(6, likelihood="bernoulli", **FITTED),
    "plain Bernoulli": Autoencoder(6, likelihood="bernoulli", start="random", **FITTED),
    "as asked": Autoencoder(3, polish=5, **FITTED),
    "not at all": Autoencoder(3, polish=0, **FITTED),
    "variational": isthmus.VariationalAutoencoder(3, **FITTED),
}


@pytest.fixture(scope="module")
def page(digits, browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("polish") / "page.html"
    X_train, X, y = digits[0][:N_ROWS], digits[1], digits[3]
    for model in MODELS.values():
        model.fit(X_train)
    write_explorer(dict(MODELS), path, X[:60], y[:60], X_train=X_train, image_shape=(8, 8))
    page = opened(browser, path)
    yield page
    assert page.faults == []


def drawings(digits):
    """Rows that are in no data set: two digits drawn over one another, thinned and moved."""
    X = digits[1]
    drawn = np.clip(np.maximum(X[:40], 0.6 * X[40:80]), 0, 1)
    return np.concatenate([drawn, np.roll(X[:20].reshape(-1, 8, 8), 1, 2).reshape(-1, 64)])


@pytest.mark.parametrize("name", MODELS)
def test_a_drawing_gets_the_code_that_python_gives_it(page, digits, name):
    model, tab, rows = MODELS[name], list(MODELS).index(name), drawings(digits)
    found = page.evaluate(
        "([tab, rows]) => rows.map(row => Array.from(window.isthmus.app.models[tab].encode(row)))", [tab, rows.tolist()]
    )
    codes = model.transform(rows)
    off = np.abs(np.array(found) - codes).max(1) / codes.std(0).max()
    assert (off <= 1e-3).all(), np.sort(off)[-5:]
    guess = model.fitted_.model.encode
    if name in ("2", "8", "GELU", "scaled", "as asked"):
        import torch

        with torch.no_grad():
            amortized = guess(torch.from_numpy(model.scaling_.apply(rows))).mean.numpy() * model.fitted_.code_unit
        assert np.abs(amortized - codes).max() > 0.05 * codes.std(0).max()  # there is something to polish


@pytest.mark.parametrize("name", ["2", "8", "scaled", "bounded"])
def test_the_band_has_the_standard_errors_that_python_gives(page, digits, name):
    model, tab, X = MODELS[name], list(MODELS).index(name), digits[1][:60]
    found = page.evaluate(
        "tab => { const model = window.isthmus.app.models[tab], { unit } = model.facts;"
        "return Array.from({ length: 60 }, (_, item) => model.polish.covariance(Float64Array.from(model.code(item),"
        " v => v / unit)).map((row, i) => unit * Math.sqrt(row[i]))) }",
        tab,
    )
    np.testing.assert_allclose(found, model.transform(X, return_std=True)[1], rtol=5e-3)


def test_the_band_is_drawn_about_the_place_selected(page):
    drawn = page.evaluate(
        "() => { const { app } = window.isthmus, pen = app.map.above.getContext('2d'), seen = [];"
        "const ellipse = pen.ellipse; pen.ellipse = (...at) => { seen.push(at); ellipse.apply(pen, at) };"
        "app.map.drawHandle(); delete pen.ellipse; return [seen, app.map.place()] }"
    )
    (at,), place = drawn
    np.testing.assert_allclose(at[:2], place)
    assert at[2] >= at[3] > 0
