"""The selector: rows decoded and encoded given their own condition, or all of them one."""

from __future__ import annotations

import numpy as np
import pytest

from conftest import curved_table
from isthmus import Autoencoder
from isthmus.explorer import write_explorer

from .browsing import go_to, opened

BATCH = np.array(["a", "b", "c"])[np.arange(120) % 3]
X = curved_table(120) + 2 * (BATCH[:, None] == "b")
SHOWN = slice(90, None)


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    model = Autoencoder(2, hidden_layer_sizes=(16,), max_iter=4, random_state=0).fit(X[:90], given=BATCH[:90])
    path = tmp_path_factory.mktemp("given") / "page.html"
    write_explorer(model, path, X[SHOWN], given=BATCH[SHOWN], X_train=X[:90], given_train=BATCH[:90])
    page = opened(browser, path)
    page.model = model
    yield page
    assert page.faults == []


def decoded(page, tab=0):
    return np.array(
        page.evaluate(
            "tab => { const model = window.isthmus.app.models[tab];"
            "return Array.from({ length: model.data.n }, (_, i) => Array.from(model.decode(model.code(i), i))) }",
            tab,
        )
    )


def test_items_are_decoded_given_their_own_condition(page):
    expected = page.model.reconstruct(X[SHOWN], given=BATCH[SHOWN])
    np.testing.assert_allclose(decoded(page), expected, atol=2e-5)
    names = page.evaluate("Array.from(document.querySelectorAll('#given option'), one => one.textContent)")
    assert names[1:] == ["given=a", "given=b", "given=c"]


def test_errors_of_both_tabs_are_those_of_the_rows_own_condition(page):
    for tab in (0, 1):
        errors = page.evaluate("tab => Array.from(window.isthmus.app.models[tab].errors)", tab)[:30]
        again = ((decoded(page, tab) - X[SHOWN]) ** 2).mean(1)
        np.testing.assert_allclose(errors, again, rtol=2e-3, atol=1e-5)


def test_the_selector_decodes_all_as_one_condition(page):
    page.select_option("#given", "1")
    codes = page.model.transform(X[SHOWN], given=BATCH[SHOWN])
    np.testing.assert_allclose(decoded(page), page.model.inverse_transform(codes, given=["b"] * 30), atol=2e-5)
    row = X[SHOWN][0]
    found = page.evaluate("row => window.isthmus.encode(row)", row.tolist())
    np.testing.assert_allclose(found, page.model.transform(row[None], given=["b"])[0], atol=5e-3 * codes.std())
    assert "given=1" in page.evaluate("location.hash")
    go_to(page, "#given=2")
    assert page.evaluate("document.querySelector('#given').value") == "2"
    page.select_option("#given", "-1")
