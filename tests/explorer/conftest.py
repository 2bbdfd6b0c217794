"""What the tests of the page share: one browser, pages opened in it, and models fitted once."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus.explorer import write_explorer

from .browsing import CHROMIUM, FLAGS, opened


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens pages, and after the test sees that none of them failed or asked for anything, and closes them."""
    pages = []

    def open_(path, fragment="", **context):
        pages.append(opened(browser, path, fragment, **context))
        return pages[-1]

    yield open_
    for page in pages:
        assert page.faults == []
        assert len(page.requests) == 1
        page.context.close()


@pytest.fixture(scope="session")
def small_model(digits):
    """Digits to two numbers, hardly trained."""
    return isthmus.Autoencoder(2, max_iter=5, random_state=0).fit(digits[0])


@pytest.fixture(scope="session")
def digits_file(small_model, digits, tmp_path_factory):
    """The page of `small_model` on the held-out digits, their labels given."""
    path = tmp_path_factory.mktemp("explorer") / "digits.html"
    X_train, X, _, y = digits
    write_explorer(small_model, path, X, y, X_train=X_train, image_shape=(8, 8), title="digits")
    return path


@pytest.fixture(scope="session")
def table_file(tmp_path_factory):
    """A table of 30 columns in its own units, to five numbers: a page with sliders, bars and no pictures."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((300, 4))
    X = np.tanh(hidden @ rng.standard_normal((4, 30))) * np.logspace(-3, 4, 30) + np.arange(30) * 10
    model = isthmus.Autoencoder(5, max_iter=3, random_state=0, scale="standard").fit(X[:200])
    path = tmp_path_factory.mktemp("explorer") / "table.html"
    labels = np.where(hidden[200:, 0] > 0, "upper", "lower")
    columns = [f"column {place}" for place in range(30)]
    write_explorer(model, path, X[200:], labels, X_train=X[:200], columns=columns, title="thirty columns")
    return path
