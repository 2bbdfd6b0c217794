"""Missing cells: masked out of input and loss, filled by `impute`; what is observed is never touched."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from scipy.stats import multivariate_normal

from isthmus import Autoencoder, VariationalAutoencoder, evaluate, load, save
from isthmus.inference.missing import completed
from isthmus.parts.completion import Completion, fit_completion
from isthmus.parts.likelihoods.bernoulli import BernoulliLikelihood
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.variants import variants


def factor_rows(n_rows: int = 400, n_features: int = 8, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """Rows of two factors; given half a row the rest follows but for the noise."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, 2)) @ rng.standard_normal((2, n_features)) + noise * rng.standard_normal(
        (n_rows, n_features)
    )


def with_holes(X: np.ndarray, share: float = 0.2, seed: int = 1) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


def quick(**settings) -> Autoencoder:
    return Autoencoder(**{"n_components": 2, "missing": "mask", "max_iter": 2, "random_state": 0} | settings)


def test_the_conditional_expectation_known_on_paper():
    # x = (z, z) with noise variance 1 each: E[x_2|x_1] = x_1 · 1/(1 + 1).
    completion = Completion(2, 1)
    completion.loadings.fill_(1.0)
    filled = completion(torch.tensor([[3.0, torch.nan], [torch.nan, torch.nan], [1.0, 2.0]]))
    torch.testing.assert_close(filled, torch.tensor([[3.0, 1.5], [0.0, 0.0], [1.0, 2.0]]))


def test_the_factor_model_finds_what_made_the_rows():
    X = factor_rows(1000)
    holes = torch.from_numpy(with_holes(X, 0.3)).float()
    torch.manual_seed(0)
    completion = fit_completion(lambda: [holes], len(holes))
    assert 2 <= completion.loadings.shape[1] <= 4
    error = (completion(holes) - torch.from_numpy(X).float())[holes.isnan()].square().mean().sqrt()
    assert error < 0.25 * X.std()  # the noise alone is about 0.1, and a cell of a row may be all there is to go by
    assert float(completion.hidden_share) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    "likelihood", [GaussianLikelihood(0.7), GaussianLikelihood(0.7, learned=True), BernoulliLikelihood()]
)
def test_a_row_is_scored_by_the_cells_it_has(likelihood):
    output, x = torch.rand(5, 4), torch.rand(5, 4)
    likelihood.some_missing = True
    holes = x.clone()
    holes[:, 1] = torch.nan
    kept = [0, 2, 3]
    torch.testing.assert_close(likelihood(output, holes), likelihood(output[:, kept], x[:, kept]))
    whole = likelihood(output, x)
    likelihood.some_missing = False
    torch.testing.assert_close(whole, likelihood(output, x))


def test_no_gradient_comes_from_a_missing_cell():
    output = torch.rand(3, 4, requires_grad=True)
    x = torch.rand(3, 4)
    x[1, 2] = torch.nan
    for likelihood in (GaussianLikelihood(), BernoulliLikelihood()):
        likelihood.some_missing = True
        (gradient,) = torch.autograd.grad(likelihood(output, x).sum(), output)
        assert gradient[1, 2] == 0
        assert gradient.isfinite().all()
        assert (gradient != 0).sum() == 11


@pytest.mark.parametrize("name", variants())
def test_every_variant_takes_and_fills_missing_cells(name, tmp_path):
    X = factor_rows(150)
    holes = with_holes(X)
    estimator = variants()[name](n_components=4, missing="mask", max_iter=2, random_state=0).fit(holes)
    assert np.isfinite(estimator.transform(holes)).all()
    assert np.isfinite(estimator.reconstruct(holes)).all()
    assert np.isfinite(estimator.score_samples(holes)).all()
    filled = estimator.impute(holes)
    observed = ~np.isnan(holes)
    np.testing.assert_array_equal(filled[observed], holes[observed])
    by_means = np.where(observed, holes, np.nanmean(holes, 0))
    assert np.square(filled - X).sum() < 0.3 * np.square(by_means - X).sum()
    save(estimator, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.impute(holes), filled)
    np.testing.assert_array_equal(again.score_samples(holes), estimator.score_samples(holes))


def test_a_code_too_small_to_reconstruct_well_still_fills_well():
    X = factor_rows(300, 12, seed=4)
    X = np.hstack([X, factor_rows(300, 12, seed=5)])
    holes = with_holes(X)
    filled = quick(n_components=1).fit(holes).impute(holes)
    missing = np.isnan(holes)
    assert np.square(filled - X)[missing].mean() < 0.2 * X.var()


def test_the_density_is_that_of_the_observed_cells():
    """The marginal of the Gaussian that a linear model is."""
    X = factor_rows(200) * 100
    estimator = quick(hidden_layer_sizes=()).fit(X)
    stacked = estimator.model_.decoder.value_and_jacobian(torch.zeros(1, 2))[0].numpy().astype(np.float64)
    density, noise = estimator.fitted_.inference.density, estimator.fitted_.inference.noise_variance
    mean = stacked[0] + density.mean.numpy() @ stacked[1:]
    covariance = stacked[1:].T @ density.covariance.numpy() @ stacked[1:] + noise * np.eye(8)
    rows = with_holes(X[:20], 0.3)
    for row, score in zip(rows, estimator.score_samples(rows), strict=True):
        there = ~np.isnan(row)
        x = estimator.scaling_.apply(row[None])[0][there]
        expected = multivariate_normal.logpdf(x, mean[there], covariance[np.ix_(there, there)])
        assert score == pytest.approx(expected - np.log(estimator.scaling_.spread[there]).sum(), rel=1e-3, abs=1e-2)


def test_missing_cells_at_transform_alone():
    X = factor_rows(200)
    estimator = quick().fit(X)
    filled = estimator.impute(with_holes(X, 0.3))
    assert np.square(filled - X).mean() < 0.05 * X.var()


def test_units_do_not_change_what_is_filled():
    X = with_holes(factor_rows(150))
    units = 10.0 ** np.arange(-3, 5)
    first = quick(scale="standard").fit(X).impute(X)
    second = quick(scale="standard").fit(X * units).impute(X * units) / units
    np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-3)


def test_containers_come_back_as_they_went_in():
    X = with_holes(factor_rows(80))
    names = [f"c{place}" for place in range(8)]
    frame = pd.DataFrame(X, columns=names, index=np.arange(80) + 7)
    estimator = quick().fit(frame)
    filled = estimator.impute(frame)
    assert isinstance(filled, pd.DataFrame)
    assert filled.index.equals(frame.index)
    assert list(filled.columns) == names
    table = estimator.impute(pl.DataFrame(X, schema=names))
    assert isinstance(table, pl.DataFrame)
    np.testing.assert_array_equal(table.to_numpy(), filled.to_numpy())
    np.testing.assert_allclose(quick().fit(X).impute(sparse.csr_matrix(X)), filled.to_numpy())


def test_complete_rows_are_given_back_and_nan_is_learned_from_unless_refused():
    X = factor_rows(60)
    np.testing.assert_array_equal(quick().fit(X).impute(X), X)
    assert Autoencoder(max_iter=1).fit(with_holes(X)).fitted_.masked
    assert not Autoencoder(max_iter=1).fit(X).fitted_.masked
    with pytest.raises(ValueError, match=r"X has NaN in row .* or use missing='mask'"):
        Autoencoder(max_iter=1, missing="error").fit(with_holes(X))
    with pytest.raises(ValueError, match="impute needs missing='mask' at fit"):
        VariationalAutoencoder(max_iter=1).fit(X).impute(X)


@pytest.mark.parametrize("settings", [{"hidden_layer_sizes": ()}, {}, {"polish": 0}])
def test_a_model_that_never_saw_a_hole_fills_it_by_the_cells_there_are(settings):
    X = factor_rows(600)
    X = 1 / (1 + np.exp(-X))
    model = Autoencoder(2, random_state=0, max_iter=20, **settings).fit(X[:500])
    holes = with_holes(X[500:], 0.3)
    filled = model.impute(holes)
    there = ~np.isnan(holes)
    np.testing.assert_array_equal(filled[there], holes[there])
    error = np.sqrt(np.square(filled - X[500:])[~there].mean())
    assert error < 0.35 * X.std()
    frame = pd.DataFrame(holes, columns=list("abcdefgh"), index=np.arange(100) + 7)
    again = Autoencoder(2, random_state=0, max_iter=20, **settings).fit(pd.DataFrame(X[:500], columns=list("abcdefgh")))
    np.testing.assert_allclose(again.impute(frame), filled, rtol=1e-5, atol=1e-6)
    alone = model.impute(holes[3:4])
    np.testing.assert_array_equal(alone, filled[3:4])
    assert np.isfinite(model.transform(holes)).all()
    with pytest.raises(ValueError, match="X has NaN"):
        model.set_params(missing="error").transform(holes)


def test_what_cannot_be_filled_is_refused_by_name():
    frame = pd.DataFrame(factor_rows(30), columns=list("abcdefgh"))
    frame["c"] = np.nan
    with pytest.raises(ValueError, match="X has no value at all in column c; drop empty columns"):
        quick().fit(frame)
    frame["c"] = 1.0
    frame.loc[4, "d"] = np.inf
    with pytest.raises(ValueError, match="X has infinity in row 4, column d"):
        quick().fit(frame)


def test_a_row_with_nothing_in_it_is_the_average_row():
    X = factor_rows(200) + 5
    estimator = quick().fit(X)
    np.testing.assert_allclose(estimator.impute(np.full((1, 8), np.nan))[0], X.mean(0), atol=0.3)


def test_the_same_seed_gives_the_same_numbers_and_evaluation_is_finite():
    X = with_holes(factor_rows(120))
    first, second = quick().fit(X), quick().fit(X)
    np.testing.assert_array_equal(first.impute(X), second.impute(X))
    report = evaluate(first, X)
    assert np.isfinite([report.data.model.mse, report.data.pca.mse]).all()


def test_partial_fit_and_sampling_go_on():
    X = with_holes(factor_rows(120))
    estimator = VariationalAutoencoder(2, missing="mask", random_state=0).partial_fit(X).partial_fit(X)
    assert np.isfinite(estimator.impute(X)).all()
    assert estimator.sample(3).shape == (3, 8)


def test_an_evaluation_counts_observed_cells_alone():
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(90, 2)) @ rng.normal(size=(2, 6)) + 0.2 * rng.normal(size=(90, 6))
    X = np.where(rng.random(whole.shape) < 0.2, np.nan, whole)
    model = Autoencoder(2, max_iter=5, hidden_layer_sizes=(8,), random_state=0).fit(X[:60])
    test = X[60:]
    found = evaluate(model, test)
    seen = ~np.isnan(test)
    errors = np.square(model.reconstruct(test) - test)
    assert found.data.model.mse == pytest.approx(errors[seen].mean())
    assert found.data.model.sse == pytest.approx(errors[seen].sum() / len(test))
    principal, scaling = model.principal_, model.scaling_
    units = (completed(model.fitted_, test) - scaling.center) / scaling.spread
    mean = principal.mean.double().numpy()
    codes = (units - mean) @ principal.directions.double().numpy().T
    for size in range(3):
        again = scaling.undo(mean + codes[:, :size] @ principal.directions[:size].double().numpy())
        by_pca = np.square(again - test)[seen]
        if size == 0:
            assert found.data.model.r2 == pytest.approx(1 - errors[seen].sum() / by_pca.sum(), abs=1e-6)
    assert found.data.pca.mse == pytest.approx(by_pca.mean(), rel=1e-5)
    columns = [by_pca_of[seen_of].sum() for by_pca_of, seen_of in zip(np.square(again - test).T, seen.T, strict=True)]
    means = [np.square(scaling.undo(mean) - test)[:, j][seen[:, j]].sum() for j in range(6)]
    np.testing.assert_allclose(found.pca_explained_variance, 1 - np.array(columns) / means, atol=1e-5)


def test_a_row_with_hardly_a_cell_has_a_code_among_the_others():
    # Categories alone leave a code free to run away: their cells saturate, and nothing holds it.
    rng = np.random.default_rng(0)
    kind = rng.choice(3, 240)
    frame = pd.DataFrame({"kind": np.array(list("abc"))[kind], "where": np.array(list("xyy"))[kind]})
    for column in range(4):
        frame[f"size {column}"] = 3 * kind * (-1) ** column + rng.normal(size=240)
    empty = [5, 50, 100, 150, 200]
    frame.loc[empty, [f"size {column}" for column in range(4)]] = np.nan
    model = Autoencoder(2, random_state=0).fit(frame)
    codes = model.transform(frame)
    others = np.delete(codes, empty, axis=0)
    assert (np.abs(codes[empty] - others.mean(0)) < 6 * others.std(0)).all()
    rows = model.reconstruct(frame)
    for column in range(4):
        lowest, highest = frame[f"size {column}"].min(), frame[f"size {column}"].max()
        assert rows.loc[empty, f"size {column}"].between(lowest - 3, highest + 3).all()
