"""The explorer page in a real browser: it answers as PyTorch does, asks nothing of the network, and has keys."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus.explorer import write_explorer

from .browsing import opened, state


@pytest.fixture(scope="module")
def digits_page(browser, digits_file):
    return opened(browser, digits_file)


def test_every_item_is_decoded_as_torch_decodes_it(digits_page, small_model, digits):
    codes = small_model.transform(digits[1])
    decoded = digits_page.evaluate("codes => codes.map(window.isthmus.decode)", codes.tolist())
    np.testing.assert_allclose(decoded, small_model.inverse_transform(codes), rtol=0, atol=1e-5)


def test_rows_are_encoded_as_torch_encodes_them(digits_page, small_model, digits):
    encoded = digits_page.evaluate("rows => rows.map(window.isthmus.encode)", digits[1][:50].tolist())
    codes = small_model.transform(digits[1][:50])
    assert np.abs(encoded - codes).max() < 2e-3 * codes.std(0).max()


def test_it_asks_nothing_of_the_network_and_breaks_no_rule_of_its_policy(digits_page):
    assert [url for url in digits_page.requests if not url.startswith("file:")] == []
    assert len(digits_page.requests) == 1
    assert digits_page.faults == []


def test_it_opens_on_an_item_with_one_sentence(digits_page):
    assert state(digits_page)["item"] >= 0
    sentence = digits_page.inner_text("#sentence")
    assert sentence.startswith(
        "360 pictures of 64 pixels, each encoded as 2 numbers. Move over the map: the middle picture is"
    )
    assert "PCA, the best linear code, keeps 28% and needs" in sentence


def test_keys_on_the_map(digits_page):
    page = digits_page
    page.focus("#plane")
    before = state(page)
    page.keyboard.press("ArrowRight")
    moved = state(page)
    assert moved["item"] == -1
    assert moved["z"][0] > before["z"][0]
    assert "no original" in page.inner_text("#panel-title")
    page.keyboard.press("n")
    assert state(page)["item"] >= 0
    page.keyboard.press("a")
    page.keyboard.press("j")
    page.keyboard.press("b")
    assert min(state(page)["a"], state(page)["b"]) >= 0
    assert page.locator("#path .frames > div").count() == 11
    assert state(page)["t"] == 0  # where the page opens is A
    page.keyboard.press(".")
    assert state(page)["t"] == pytest.approx(0.1)
    for key, name in (("c", "colour"), ("d", "uncertainty"), ("3", "only")):
        old = state(page)[name]
        page.keyboard.press(key)
        assert state(page)[name] != old
    page.keyboard.press("Escape")
    assert (state(page)["a"], state(page)["only"]) == (-1, -1)
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    page.keyboard.press("?")


def test_the_address_holds_the_state(digits_page, browser):
    digits_page.evaluate("window.isthmus.app.set({ a: 3, b: 5, rank: 'uncertainty', colour: 'error' })")
    again = digits_page.context.new_page()
    again.goto(digits_page.url)
    again.wait_for_function("document.documentElement.dataset.ready === 'yes'")
    assert state(again) == state(digits_page)
    again.close()


def test_tabs_keep_the_selected_item(digits_page):
    digits_page.evaluate("window.isthmus.app.select(7)")
    digits_page.click("#tabs button:has-text('PCA')")
    assert state(digits_page)["tab"] == 1
    assert state(digits_page)["item"] == 7
    digits_page.click("#tabs button >> nth=0")


HOSTILE = "</script><img src=x onerror=window.pwned=1>\u2028"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_tables_of_hostile_names_are_inert_at_320_pixels(browser, table, tmp_path, size):
    model = isthmus.Autoencoder(size, max_iter=2, random_state=0).fit(table)
    labels = np.where(np.arange(len(table)) % 2, HOSTILE, "plain")
    path = tmp_path / "table.html"
    write_explorer(model, path, table, labels, X_train=table, columns=[HOSTILE] * 6, title=HOSTILE)
    page = opened(browser, path, viewport={"width": 320, "height": 700})
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.faults == []
    codes = model.transform(table)
    decoded = np.array(page.evaluate("codes => codes.map(window.isthmus.decode)", codes.tolist()))
    np.testing.assert_allclose(decoded, model.inverse_transform(codes), rtol=0, atol=1e-5)
    page.context.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": (4, 8), "image_shape": (8, 8), "activation": "gelu"},
        {"likelihood": "bernoulli", "activation": "tanh"},
        {"output_activation": "sigmoid", "start": "random", "activation": "relu"},
    ],
    ids=["convolution", "bernoulli", "plain"],
)
def test_other_layers_decode_as_torch_does(browser, digits, tmp_path, settings):
    X_train, X, _, _ = digits
    model = isthmus.Autoencoder(3, max_iter=2, random_state=0, **settings).fit(X_train)
    path = tmp_path / "page.html"
    write_explorer(model, path, X[:60], X_train=X_train, image_shape=(8, 8))
    page = opened(browser, path)
    codes = model.transform(X[:60])
    decoded = page.evaluate("codes => codes.map(window.isthmus.decode)", codes.tolist())
    np.testing.assert_allclose(decoded, model.inverse_transform(codes), rtol=0, atol=1e-5)
    assert page.faults == []
    page.context.close()
