"""PCA's whole face: a linear model has PCA's attributes, whitening and rotation, and codes may be sized by the data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn import datasets
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.decomposition._factor_analysis import _ortho_rotation
from sklearn.preprocessing import StandardScaler

import isthmus
from isthmus import Autoencoder, NestedAutoencoder, SparseAutoencoder, VariationalAutoencoder
from isthmus.explorer import write_explorer
from isthmus.inference.rotation import varimax
from isthmus.parts.network import Network

QUICK = {"max_iter": 2, "hidden_layer_sizes": (8,), "batch_size": 32, "random_state": 0}
LINEAR = {"hidden_layer_sizes": (), "random_state": 0}
TABLES = {
    "iris": lambda: datasets.load_iris().data,
    "wine": lambda: datasets.load_wine().data,
    "diabetes": lambda: datasets.load_diabetes().data,
    "digits": lambda: datasets.load_digits().data[:500],
    "wide": lambda: np.random.default_rng(0).normal(size=(12, 40)),
}
ATTRIBUTES = (
    "components_", "explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_", "n_samples_",
    "noise_variance_",
)  # fmt: skip


# ---- equal to PCA ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", TABLES)
def test_a_linear_model_is_pca(name, size, whiten):
    X = TABLES[name]()
    model = Autoencoder(size, whiten=whiten, **LINEAR).fit(X)
    pca = PCA(size, whiten=whiten, svd_solver="full").fit(X)
    for attribute in ATTRIBUTES:
        ours, theirs = np.asarray(getattr(model, attribute)), np.asarray(getattr(pca, attribute))
        assert ours.shape == theirs.shape
        around = X.std() if attribute == "mean_" else np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * around, err_msg=attribute)
    codes = pca.transform(X)
    np.testing.assert_allclose(model.transform(X), codes, rtol=1e-4, atol=1e-5 * np.abs(codes).max())
    rows = pca.inverse_transform(codes)
    np.testing.assert_allclose(model.inverse_transform(codes), rows, rtol=1e-4, atol=1e-5 * np.abs(rows).max())
    plain = PCA(size, svd_solver="full").fit(X)  # scikit-learn's covariance is wrong where it whitens
    for ours, theirs in (
        (model.get_covariance(), plain.get_covariance()),
        (model.get_precision(), plain.get_precision()),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


def test_with_as_many_latents_as_columns_the_covariance_is_the_data_s():
    X = TABLES["iris"]()
    model = Autoencoder(4, **LINEAR).fit(X)
    np.testing.assert_allclose(model.get_covariance(), np.cov(X.T), rtol=1e-4)
    np.testing.assert_allclose(model.get_precision(), np.linalg.inv(np.cov(X.T)), rtol=1e-4)
    np.testing.assert_allclose(model.explained_variance_ratio_.sum(), 1)


def test_of_standardized_columns_it_is_pca_s_of_those():
    X = TABLES["wine"]()
    model = Autoencoder(3, scale="standard", **LINEAR).fit(X)
    pca = PCA(3).fit(StandardScaler().fit_transform(X) * np.sqrt((len(X) - 1) / len(X)))
    for attribute in set(ATTRIBUTES) - {"mean_"}:
        np.testing.assert_allclose(getattr(model, attribute), getattr(pca, attribute), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.get_covariance(), pca.get_covariance(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.mean_, X.mean(0))


def test_a_trained_linear_model_has_the_attributes_too(table):
    model = Autoencoder(2, start="random", max_iter=20, **LINEAR).fit(table)
    assert model.fitted_.n_iter > 0
    codes = model.transform(table)
    np.testing.assert_allclose(model.explained_variance_, codes.var(0, ddof=1), rtol=1e-4)
    assert (model.explained_variance_ <= PCA(2).fit(table).explained_variance_[0]).all()
    np.testing.assert_allclose(model.get_precision() @ model.get_covariance(), np.eye(6), atol=1e-6)


def test_weights_count_in_the_attributes(table):
    weights = np.random.default_rng(0).integers(1, 4, len(table))
    model = Autoencoder(2, start="random", **QUICK | {"hidden_layer_sizes": ()}).fit(table, sample_weight=weights)
    codes = np.repeat(model.transform(table), weights, axis=0)
    np.testing.assert_allclose(model.explained_variance_, codes.var(0, ddof=1), rtol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(2, **QUICK),
        SparseAutoencoder(2, **QUICK),
        VariationalAutoencoder(2, **QUICK | {"hidden_layer_sizes": ()}),
        Autoencoder(2, likelihood="bernoulli", scale="minmax", **QUICK | {"hidden_layer_sizes": ()}),
    ],
    ids=["nonlinear", "sparse", "variational", "bernoulli"],
)
def test_others_say_that_they_have_none(model, table):
    model.fit(table)
    for name in ("explained_variance_", "singular_values_", "mean_"):
        with pytest.raises(AttributeError, match=f"only a linear model .* has {name}"):
            getattr(model, name)
    for call in (model.get_covariance, model.get_precision):
        with pytest.raises(AttributeError, match=f"only a linear model .* has {call.__name__}"):
            call()
    with pytest.raises(AttributeError, match=r"explained_variance_ratio_\. A linear model .* an ordered code"):
        _ = model.explained_variance_ratio_
    assert model.n_samples_ == len(table)


def test_the_ratio_of_an_ordered_code_is_the_gain_of_each_latent(digits):
    X = digits[0][:400]
    model = NestedAutoencoder(4, random_state=0, max_iter=3).fit(X)
    assert not model.fitted_.architecture.linear
    left_out = [1.0] + [
        np.square(X - model.inverse_transform(model.transform(X, size=k))).sum() / np.square(X - X.mean(0)).sum()
        for k in range(1, 5)
    ]
    np.testing.assert_allclose(model.explained_variance_ratio_, -np.diff(left_out), atol=1e-3)
    linear = NestedAutoencoder(4, **LINEAR).fit(X)
    np.testing.assert_allclose(linear.explained_variance_ratio_, PCA(4).fit(X).explained_variance_ratio_, rtol=1e-4)


def test_after_partial_fit_the_variances_are_not_known(table):
    model = Autoencoder(2, **LINEAR).partial_fit(table)
    with pytest.raises(AttributeError, match="not known after partial_fit"):
        _ = model.explained_variance_
    with pytest.raises(AttributeError, match="not known after partial_fit"):
        _ = model.n_samples_


# ---- whitening ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"start": "random"}, {"hidden_layer_sizes": ()}, {"polish": 2}])
def test_whitening_divides_each_latent_by_its_deviation_and_changes_nothing_else(kind, settings, table, tmp_path):
    plain = kind(3, **QUICK | settings).fit(table)
    white = clone(plain).set_params(whiten=True).fit(table)
    spread = plain.transform(table).std(0, ddof=1)
    spread[spread == 0] = 1
    codes = white.transform(table)
    np.testing.assert_allclose(codes, plain.transform(table) / spread, atol=1e-4)
    np.testing.assert_allclose(white.inverse_transform(codes), white.reconstruct(table), atol=1e-4)
    np.testing.assert_allclose(white.reconstruct(table), plain.reconstruct(table), atol=1e-4)
    np.testing.assert_allclose(white.score_samples(table), plain.score_samples(table), atol=1e-4)
    np.testing.assert_allclose(white.sample(9), plain.sample(9), atol=1e-3)
    np.testing.assert_allclose(
        white.interpolate(table[:2], table[2:4]), plain.interpolate(table[:2], table[2:4]), atol=1e-3
    )
    again = isthmus.load(isthmus.save(white, tmp_path / "model"))
    np.testing.assert_array_equal(again.transform(table), codes)
    rows = torch.from_numpy(table)
    if settings != {"polish": 2} or not plain.model_.bottleneck.sparse:
        np.testing.assert_allclose(white.encoder.to_torch()(rows).detach(), codes, atol=1e-4)
    decoded = white.decoder.to_torch()(torch.from_numpy(codes)).detach()
    np.testing.assert_allclose(decoded, white.reconstruct(table), atol=1e-4)


def test_standard_errors_are_in_the_units_of_whitened_latents(table):
    plain = Autoencoder(2, **LINEAR).fit(table)
    white = Autoencoder(2, whiten=True, **LINEAR).fit(table)
    errors = plain.transform(table, return_std=True)[1] / np.sqrt(plain.explained_variance_)
    np.testing.assert_allclose(white.transform(table, return_std=True)[1], errors, rtol=1e-4)


def test_a_latent_that_does_not_vary_stays_as_it_is():
    X = np.c_[np.random.default_rng(0).normal(size=(50, 1)), np.zeros((50, 3))]
    codes = Autoencoder(3, whiten=True, **LINEAR).fit(X).transform(X)
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(codes.std(0, ddof=1), [1, 0, 0], atol=1e-4)


def test_shorter_codes_are_whitened_too(table):
    model = NestedAutoencoder(3, whiten=True, **QUICK).fit(table)
    np.testing.assert_array_equal(model.transform(table, size=2), model.transform(table)[:, :2])
    short = model.transform(table, size=2)
    np.testing.assert_allclose(model.inverse_transform(short), model.reconstruct(table, size=2), atol=1e-4)


def test_partial_fit_is_not_there_where_all_rows_are_needed(table):
    for settings in ({"whiten": True}, {"rotate": "varimax"}, {"n_components": 0.9}, {"n_components": "auto"}):
        model = Autoencoder(**LINEAR).set_params(**settings)
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError) as refused:
            _ = model.partial_fit
        assert "needs all of them; use fit" in str(refused.value.__cause__ or refused.value)


@pytest.mark.parametrize("variant", ["vanilla", "variational", "sparse"])
def test_the_page_s_networks_give_and_take_whitened_codes(variant, table, tmp_path, monkeypatch):
    model = isthmus.variants.variants()[variant](2, whiten=True, **QUICK).fit(table)
    programs: list[Network] = []
    from isthmus.explorer import tab

    real = tab.network_program
    monkeypatch.setattr(
        tab, "network_program", lambda network, *rest: (programs.append(network), real(network, *rest))[1]
    )
    write_explorer(model, tmp_path / "page.html", table)
    decoder, encoder = programs[0], programs[1]
    codes = model.transform(table)
    x = torch.from_numpy(model.scaling_.apply(table))
    with torch.inference_mode():
        placed = model.model_.bottleneck(encoder(x)).mean.numpy()
        decoded = model.scaling_.undo(decoder(torch.from_numpy(codes)).numpy())
    if model.polish_steps == 0 or not model.fitted_.polish_steps:
        np.testing.assert_allclose(placed, codes, atol=1e-2)
    np.testing.assert_allclose(decoded, model.inverse_transform(codes), atol=1e-3)


# ---- rotation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whiten", [False, True])
def test_a_rotation_changes_the_latents_and_nothing_else(whiten, tmp_path):
    X = TABLES["wine"]()
    settings = {"scale": "standard", "whiten": whiten, **LINEAR}
    plain, turned = Autoencoder(4, **settings).fit(X), Autoencoder(4, rotate="varimax", **settings).fit(X)
    np.testing.assert_allclose(turned.reconstruct(X), plain.reconstruct(X), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(turned.score_samples(X), plain.score_samples(X), rtol=1e-4)
    np.testing.assert_allclose(turned.get_covariance(), plain.get_covariance(), atol=1e-5)
    np.testing.assert_allclose(turned.explained_variance_ratio_.sum(), plain.explained_variance_ratio_.sum(), rtol=1e-6)
    assert (np.diff(turned.explained_variance_ratio_) <= 1e-9).all()
    codes = turned.transform(X)
    assert np.abs(codes - plain.transform(X)).max() > 0.1
    unit = np.eye(4)
    if whiten:
        np.testing.assert_allclose(np.cov(codes.T), unit, atol=1e-3)
    else:
        np.testing.assert_allclose(turned.components_ @ turned.components_.T, unit, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), np.linalg.norm(plain.transform(X), axis=1), rtol=1e-4)
        np.testing.assert_allclose(turned.explained_variance_, codes.var(0, ddof=1), rtol=1e-4)
    noise = [model.transform(X, return_std=True)[1] for model in (plain, turned)]
    np.testing.assert_allclose(*[np.square(part).sum(1) for part in noise], rtol=1e-3)
    again = isthmus.load(isthmus.save(turned, tmp_path / "model"))
    np.testing.assert_array_equal(again.transform(X), codes)
    for with_steps in (turned, plain):
        with_steps.set_params(polish=3)
    np.testing.assert_allclose(turned.transform(X), codes, atol=1e-3)


def test_varimax_is_the_one_of_factor_analysis():
    loadings = np.random.default_rng(0).normal(size=(20, 4)) @ np.diag([3, 2, 1, 0.5])
    rotation = varimax(torch.from_numpy(loadings)).numpy()
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-12)
    theirs = _ortho_rotation(loadings, tol=1e-12, max_iter=2000).T
    theirs = theirs if theirs.shape == loadings.shape else theirs.T
    agreement = np.abs(np.corrcoef(theirs.T, (loadings @ rotation).T)[:4, 4:]).max(0)
    np.testing.assert_allclose(agreement, 1, atol=1e-4)


def test_varimax_finds_loadings_that_were_turned_away():
    simple = np.zeros((12, 3))
    for latent in range(3):
        simple[4 * latent : 4 * latent + 4, latent] = 1 + np.arange(4) / 10
    mixing = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    found = simple @ mixing @ varimax(torch.from_numpy(simple @ mixing)).numpy()
    assert ((np.abs(found) > 0.5).sum(1) == 1).all()


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(2, rotate="varimax"),
        NestedAutoencoder(2, rotate="varimax", hidden_layer_sizes=()),
        VariationalAutoencoder(2, rotate="varimax", hidden_layer_sizes=()),
        SparseAutoencoder(2, rotate="varimax", hidden_layer_sizes=()),
    ],
    ids=["nonlinear", "ordered", "variational", "sparse"],
)
def test_only_linear_point_codes_can_be_rotated(model, table):
    with pytest.raises(ValueError, match=r"rotate='varimax' is for linear models .* leave rotate out"):
        model.fit(table)


# ---- the public names -----------------------------------------------------------------------------------


def test_a_star_import_brings_the_public_names_and_nothing_else():
    code = "from isthmus import *; names = sorted(n for n in dir() if n[0] != '_'); print(*names)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert shown == isthmus.__all__
    assert {"Autoencoder", "VariationalAutoencoder", "evaluate", "save", "load", "open_table"} <= set(shown)
    assert set(isthmus.__all__) <= set(dir(isthmus))
    assert all(getattr(isthmus, name) is not None for name in shown)


def test_the_package_alone_still_imports_nothing():
    code = "import sys, isthmus; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
