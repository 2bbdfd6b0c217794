"""Pages of more rows than fit: a stream's sample, tiles of all of it, and figures of all rows."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus.evaluation import evaluate
from isthmus.explorer import write_explorer
from isthmus.tables import open_table


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """30,000 rows of sixteen numbers in a file, of which one megabyte may be held."""
    rng = np.random.default_rng(0)
    X = np.tanh(rng.standard_normal((30_000, 3)) @ rng.standard_normal((3, 16))).astype(np.float32)
    path = tmp_path_factory.mktemp("large") / "rows.npy"
    np.save(path, X)
    stream = open_table(str(path), held_bytes=1 << 18)
    assert not stream.fits_in_memory
    return stream


@pytest.fixture(scope="module")
def model(stream):
    quick = {"hidden_layer_sizes": (16,), "polish": 0, "refit": False}  # every row is encoded for every page
    return isthmus.Autoencoder(2, max_iter=1, random_state=0, **quick).fit(stream)


@pytest.fixture(scope="module")
def stream_file(stream, model, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "stream.html"
    write_explorer(model, path, stream, X_train=stream, title="many rows")
    return path


def test_a_stream_is_shown_as_a_sample_with_figures_of_all_rows(open_page, stream, model, stream_file):
    page = open_page(stream_file)
    facts = page.evaluate("window.isthmus.app.data.facts")
    assert (facts["heldOut"], facts["ranked"]) == (30_000, 20_000)
    assert page.evaluate("window.isthmus.app.data.n") < 20_000
    mse = page.evaluate("window.isthmus.app.models[0].facts.mse")
    assert mse == pytest.approx(evaluate(model, stream).reconstruction.model.mse, rel=1e-6)
    tiles = page.evaluate("window.isthmus.app.models[0].facts.tiles")
    assert 0.9 * 20_000 < sum(tiles) <= 20_000
    assert "30,000" in page.inner_text("#caption")


def test_items_are_called_by_their_place_in_the_stream(open_page, stream, stream_file):
    page = open_page(stream_file)
    place, row = page.evaluate(
        "[Number(window.isthmus.app.data.facts.ids[7]), Array.from(window.isthmus.app.data.row(7))]"
    )
    found = stream.take(np.array([place])).values[0]
    np.testing.assert_allclose(row, found, rtol=0, atol=1e-5)


def test_the_largest_error_of_all_rows_is_among_the_items(open_page, model, stream, tmp_path):
    X = np.asarray(stream.load().values)
    X[12_345] = 40.0
    path = tmp_path / "odd.html"
    write_explorer(model, path, X, title="one odd row")
    page = open_page(path)
    assert page.evaluate("window.isthmus.app.data.facts.ids[window.isthmus.app.order[0]]") == "12345"
