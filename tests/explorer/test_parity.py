"""The page answers as PyTorch does, to 1e-5, on every item, for every kind of model; what it can't run is refused."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from torch import nn

import isthmus
from isthmus import Autoencoder
from isthmus.explorer import UnknownLayerError, write_explorer
from isthmus.parts.network import ACTIVATIONS

from .browsing import opened

FEW = {"max_iter": 2, "random_state": 0, "refit": False}
SMALL = {"hidden_layer_sizes": (16,)}
N_ROWS, N_SHOWN = 400, 120  # of the digits: to learn from, and on the page
PICTURES = {
    "1": Autoencoder(1, **FEW),
    "2": Autoencoder(2, **FEW),
    "16": Autoencoder(16, **FEW),
    "64": Autoencoder(64, **FEW, **SMALL),
    "linear": Autoencoder(3, hidden_layer_sizes=(), **FEW),
    "convolution": Autoencoder(3, channels=(4, 8), image_shape=(8, 8), **FEW),
    "convolution stages": Autoencoder(3, network="convolution", image_shape=(8, 8), polish=0, **FEW),
    "plain convolution": Autoencoder(3, channels=(4,), image_shape=(8, 8), start="random", activation="relu", **FEW),
    **{name: Autoencoder(3, activation=name, **FEW, **SMALL) for name in ACTIVATIONS},
    "plain": Autoencoder(3, output_activation="sigmoid", start="random", activation="relu", **FEW),
    "learned variance": Autoencoder(3, variance="learned", **FEW, **SMALL),
    "bernoulli": Autoencoder(3, likelihood="bernoulli", activation="tanh", **FEW, **SMALL),
    "plain bernoulli": Autoencoder(3, likelihood="bernoulli", start="random", **FEW, **SMALL),
    "sparse": isthmus.SparseAutoencoder(80, **FEW, **SMALL),
    "top-k": isthmus.SparseAutoencoder(80, top_k=5, **FEW, **SMALL),
    "denoising": isthmus.DenoisingAutoencoder(4, **FEW, **SMALL),
    "restoring": isthmus.DenoisingAutoencoder(4, corruption="masking", restoring=True, **FEW, **SMALL),
    "contractive": isthmus.ContractiveAutoencoder(3, **FEW, **SMALL),
    "variational": isthmus.VariationalAutoencoder(3, **FEW, **SMALL),
    "nested": isthmus.NestedAutoencoder(6, **FEW, **SMALL),
    "combined": isthmus.CombinedAutoencoder(5, bottleneck="gaussian", corruption="swap", contraction=0.01, **FEW),
}


def thirty_columns():
    """Columns in units from a thousandth to ten thousand."""
    rng = np.random.default_rng(1)
    hidden = rng.standard_normal((160, 4))
    return np.tanh(hidden @ rng.standard_normal((4, 30))) * np.logspace(-3, 4, 30) + 10 * np.arange(30)


def people():
    """Numbers, words, booleans and days that follow from one hidden number."""
    hidden = np.random.default_rng(2).standard_normal(160)
    return pd.DataFrame(
        {
            "height": 170 + 10 * hidden,
            "member": hidden > 0,
            "size": np.select([hidden < -0.5, hidden > 0.5], ["small", "large"], "middle"),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(hidden * 100), unit="D"),
        }
    )


def with_holes():
    X = thirty_columns()[:, :20]
    return np.where(np.random.default_rng(3).random(X.shape) < 0.2, np.nan, X)


TABLES = {
    "scaled": (thirty_columns, Autoencoder(5, scale="standard", **FEW)),
    "to a unit range": (
        thirty_columns,
        Autoencoder(5, scale="minmax", output_activation="sigmoid", start="random", **FEW),
    ),
    "as they are": (thirty_columns, Autoencoder(5, **FEW)),
    "words": (people, Autoencoder(2, **FEW)),
    "variational words": (people, isthmus.VariationalAutoencoder(2, **FEW)),
    "holes": (with_holes, Autoencoder(3, missing="mask", scale="standard", **FEW)),
    "words and holes": (
        lambda: people().mask(np.random.default_rng(4).random((160, 4)) < 0.2),
        Autoencoder(2, missing="mask", **FEW),
    ),
}


@pytest.fixture(scope="module")
def pictures(digits, browser, tmp_path_factory):
    """All models of `PICTURES` as tabs of one page."""
    path = tmp_path_factory.mktemp("parity") / "pictures.html"
    X_train, X, y = digits[0][:N_ROWS], digits[1][:N_SHOWN], digits[3][:N_SHOWN]
    for model in PICTURES.values():
        model.fit(X_train)
    write_explorer(dict(PICTURES), path, X, y, X_train=X_train, image_shape=(8, 8))
    page = opened(browser, path)
    yield page
    assert page.faults == []


def decoded(page, tab=0):
    """Every item's own code, decoded by the page."""
    return np.array(
        page.evaluate(
            "tab => { const model = window.isthmus.app.models[tab]; "
            "return Array.from({ length: model.data.n }, (_, item) => Array.from(model.decode(model.code(item)))) }",
            tab,
        )
    )


def encoded(page, rows, tab=0):
    return np.array(
        page.evaluate(
            "([tab, rows]) => rows.map(row => Array.from(window.isthmus.app.models[tab].encode(row)))", [tab, rows]
        )
    )


def figures(page, name, tab=0):
    return np.array(page.evaluate("([tab, name]) => Array.from(window.isthmus.app.models[tab][name])", [tab, name]))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_decoded_and_encoded_as_torch_does(pictures, digits, name):
    model, tab, X = PICTURES[name], list(PICTURES).index(name), digits[1][:N_SHOWN]
    codes = model.transform(X)
    np.testing.assert_allclose(decoded(pictures, tab), model.inverse_transform(codes), rtol=0, atol=1e-5)
    off = np.abs(encoded(pictures, X.tolist(), tab) - codes)
    assert off.max() <= 2e-3 * codes.std(0).max()


@pytest.mark.parametrize("name", PICTURES)
def test_errors_are_those_of_the_reconstructions(pictures, digits, name):
    model, tab, X = PICTURES[name], list(PICTURES).index(name), digits[1][:N_SHOWN]
    errors = ((model.inverse_transform(model.transform(X)) - X) ** 2).mean(1)
    np.testing.assert_allclose(figures(pictures, "errors", tab)[: len(X)], errors, rtol=1e-3, atol=1e-5)
    again = pictures.evaluate(
        "tab => { const model = window.isthmus.app.models[tab], { data } = model;"
        "return Array.from({ length: data.total }, (_, i) => model.error(data.row(i), model.decode(model.code(i)))) }",
        tab,
    )
    np.testing.assert_allclose(again, figures(pictures, "errors", tab), rtol=1e-4, atol=1e-4)


def test_the_page_reads_uncertainty_as_it_was_computed(pictures):
    for tab in range(5):
        read = pictures.evaluate(
            "tab => { const model = window.isthmus.app.models[tab];"
            "return Array.from({ length: model.data.total }, (_, item) => model.uncertainty(model.code(item))) }",
            tab,
        )
        np.testing.assert_allclose(read, figures(pictures, "uncertainties", tab), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_decoded_as_torch_does(browser, tmp_path, name):
    rows, model = TABLES[name]
    rows = rows()
    model.fit(rows[:100])
    path = tmp_path / "table.html"
    write_explorer(model, path, rows[100:], X_train=rows[:100])
    page = opened(browser, path)
    wanted = model.fitted_.decode(model.transform(rows[100:]))
    tolerance = 1e-5 * np.maximum(1, model.scaling_.spread / 10)  # float32 holds no more of a wide column
    tolerance = np.maximum(tolerance, 3e-7 * np.abs(wanted))
    assert (np.abs(decoded(page) - wanted) <= tolerance).all(), np.abs(decoded(page) - wanted).max(0)
    if model.fitted_.layout is None and not np.isnan(rows).any():
        codes = model.transform(rows[100:])
        assert np.abs(encoded(page, rows[100:].tolist()) - codes).max() <= 2e-3 * codes.std(0).max()
    assert page.faults == []
    page.context.close()


class Odd(nn.Module):
    def forward(self, x):
        return x


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_what_the_page_cannot_run_is_refused_by_name(half, digits, small_model, tmp_path):
    model = copy.deepcopy(small_model)
    getattr(model.model_, half).residual.append(Odd())
    path = tmp_path / "page.html"
    with pytest.raises(UnknownLayerError, match=r"^the page cannot run a layer of the kind Odd\.$"):
        write_explorer(model, path, digits[1], X_train=digits[0])
    assert list(tmp_path.iterdir()) == []
