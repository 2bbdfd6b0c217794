"""Counts: the closed form, the likelihoods against SciPy's, and what a fit on counts promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import scipy.stats
import torch

import isthmus
from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.parts.count_noise import poisson_deviance
from isthmus.parts.likelihoods.negative_binomial import NegativeBinomialLikelihood
from isthmus.parts.likelihoods.poisson import PoissonLikelihood

LIKELIHOODS = ("poisson", "negative_binomial")


def counts(n_rows: int = 240, n_features: int = 20, seed: int = 0) -> np.ndarray:
    """Counts of two latent dimensions, with totals from 60 to 400."""
    draws = np.random.default_rng(seed)
    rates = np.exp(0.8 * draws.normal(size=(n_rows, 2)) @ np.random.default_rng(7).normal(size=(2, n_features)))
    totals = draws.integers(60, 400, n_rows)
    return draws.poisson(rates / rates.sum(1, keepdims=True) * totals[:, None]).astype(float)


def deviance(reconstruction: np.ndarray, X: np.ndarray) -> float:
    return float(poisson_deviance(torch.tensor(np.asarray(reconstruction, float)), torch.tensor(X)).mean())


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return Autoencoder(2, likelihood="poisson", random_state=0, max_iter=3).fit(counts())


def test_the_closed_form_is_the_svd_of_pearson_residuals(fitted):
    X = counts()
    expected = X.sum(1, keepdims=True) * X.sum(0) / X.sum()
    residuals = (X - expected) / np.sqrt(expected)
    _, values, directions = np.linalg.svd(residuals, full_matrices=False)
    found = fitted.principal_
    np.testing.assert_allclose(found.variances[:2], values[:2] ** 2 / (len(X) - 1), rtol=1e-3)
    np.testing.assert_allclose(np.abs((found.directions[:2].numpy() * directions[:2]).sum(1)), 1, atol=1e-3)


def test_codes_are_polished_unasked_also_at_the_start():
    X = counts(seed=1)
    model = Autoencoder(2, likelihood="poisson", random_state=0, max_iter=0).fit(counts())
    assert model.fitted_.polish_steps > 0
    polished = deviance(model.reconstruct(X), X)
    assert polished < deviance(model.set_params(polish=0).reconstruct(X), X)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_held_out_deviance_is_below_the_baseline(likelihood):
    model = Autoencoder(2, likelihood=likelihood, random_state=0, max_iter=2).fit(counts())
    X = counts(seed=1)
    found = isthmus.evaluate(model, X)
    assert found.deviance is not None
    assert found.deviance.model.sse == pytest.approx(deviance(model.reconstruct(X), X), rel=1e-6)
    assert found.deviance.model.sse < found.deviance.pca.sse
    assert "deviance" in found.sentence


def test_reconstructions_keep_the_rows_total(fitted):
    X = counts(seed=1)
    np.testing.assert_allclose(fitted.reconstruct(X).sum(1), X.sum(1), rtol=1e-4)
    # The code holds proportions: a row counted ten times as long has nearly the same one.
    fitted_codes = fitted.transform(np.concatenate([X[:1], 10 * X[:1]]))
    assert np.abs(fitted_codes[0] - fitted_codes[1]).max() < 0.1 * np.abs(fitted.transform(X)).max()


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_samples_are_whole_numbers_with_totals_of_training_rows(kind, likelihood):
    X = counts()
    drawn = kind(2, likelihood=likelihood, random_state=0, max_iter=1).fit(X).sample(200, random_state=0)
    assert (drawn >= 0).all()
    assert (drawn == np.round(drawn)).all()
    assert X.sum(1).min() / 2 < np.median(drawn.sum(1)) < X.sum(1).max()


def test_sparse_rows_give_the_same_model(fitted):
    X = scipy.sparse.csr_matrix(counts())
    sparse = Autoencoder(2, likelihood="poisson", random_state=0, max_iter=3).fit(X)
    np.testing.assert_allclose(sparse.reconstruct(X), fitted.reconstruct(X.toarray()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, "auto"])
def test_a_saved_model_is_the_same_model(tmp_path, likelihood):
    X = counts()
    model = Autoencoder(2, likelihood=likelihood, random_state=0, max_iter=1).fit(X)
    isthmus.save(model, tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    assert np.array_equal(again.reconstruct(X), model.reconstruct(X))
    assert np.array_equal(again.sample(4), model.sample(4))


def test_auto_takes_counts_for_counts_only():
    X = counts()
    kind = NegativeBinomialLikelihood
    assert isinstance(Autoencoder(2, likelihood="auto", max_iter=0).fit(X).model_.likelihood, kind)
    assert not isinstance(Autoencoder(2, likelihood="auto", max_iter=0).fit(X + 0.5).model_.likelihood, kind)
    assert not isinstance(Autoencoder(2, likelihood="auto", max_iter=0).fit(X > 3).model_.likelihood, kind)


def test_a_plain_module_computes_the_same(fitted):
    X = counts(seed=1)
    plain, module = fitted.to_torch(polish=0), Autoencoder(**{**fitted.get_params(), "polish": 0})
    module.fit(counts())
    np.testing.assert_allclose(plain(torch.tensor(X)).detach().numpy(), module.reconstruct(X), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [PoissonLikelihood, NegativeBinomialLikelihood])
def test_the_cost_is_scipys(kind):
    x = torch.tensor([[3.0, 0.0, 5.0], [1.0, 1.0, 0.0]])
    likelihood = kind(np.array([2.0, 1.0, 3.0]), 10)
    output = torch.tensor([[0.3, -0.2, 0.1], [0.0, 0.5, -1.0]])
    mean = likelihood.at(x).mean(output).detach().numpy()
    if kind is PoissonLikelihood:
        expected = scipy.stats.poisson.logpmf(x.numpy(), mean)
    else:
        theta = likelihood.dispersion.detach().numpy()
        expected = scipy.stats.nbinom.logpmf(x.numpy(), theta, theta / (theta + mean))
    np.testing.assert_allclose(-likelihood(output, x).detach().numpy(), expected.sum(1), rtol=1e-5)


def test_the_jacobian_is_the_derivative():
    likelihood = PoissonLikelihood(np.array([2.0, 1.0, 3.0]), 10).at(torch.tensor([[4.0, 0.0, 2.0]]))
    output, along = torch.tensor([[0.3, -0.2, 0.1]]), torch.tensor([[1.0, -0.5, 2.0]])
    stacked = likelihood.value_and_jacobian(torch.stack([output, along], 1))
    step = 1e-3
    numeric = (likelihood.mean(output + step * along) - likelihood.mean(output - step * along)) / (2 * step)
    torch.testing.assert_close(stacked[:, 1], numeric, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda X: X - 1, r"\d+ negative cells \(first -1 in row 2, column \d+\); give the counts before they were"),
        (lambda X: X + 0.5, r"[\d,]+ fractions \(first \d+\.5 in row 0, column 0\); give the counts before they were"),
        (lambda X: X * (np.arange(len(X)) != 3)[:, None], r"1 row that sums to zero \(row 3\); drop rows that sum"),
        (lambda X: X * ~np.isin(np.arange(len(X)), (3, 8))[:, None], r"2 rows that sum to zero \(rows 3, 8\)"),
        (lambda X: np.where(X.max() == X, np.nan, X), r"1 missing cell \(in row \d+, column \d+\); fill missing"),
        (lambda X: np.where(X.max() == X, np.inf, X), r"1 infinite cell \(in row \d+, column \d+\); correct inf"),
    ],
)
def test_what_are_no_counts_is_refused_at_fit(spoil, said):
    with pytest.raises(ValueError, match=said):
        Autoencoder(2, likelihood="poisson").fit(spoil(counts()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda X: X - 1, r"negative cells \(first -1 in"),
        (lambda X: X + 0.5, r"fractions \(first \d+\.5 in"),
        (lambda X: X * (np.arange(len(X)) != 3)[:, None], "1 row that sums to zero"),
    ],
)
def test_what_are_no_counts_is_refused_in_use(fitted, spoil, said):
    with pytest.raises(ValueError, match=said):
        fitted.transform(spoil(counts()))


def test_all_that_is_no_count_is_named_at_once(fitted):
    X = counts()
    X[2, 1], X[4, 0], X[5, 3], X[6, 2], X[7] = -3, 0.5, np.nan, np.inf, 0
    said = (
        r"1 negative cell \(-3 in row 2, column 1\), 1 fraction \(0\.5 in row 4, column 0\), 1 missing cell .*, "
        r"1 infinite cell .*, 1 row that sums to zero \(row 7\); give .*; fill .*; correct .*; drop rows"
    )
    for rows in (X, scipy.sparse.csr_matrix(X)):
        with pytest.raises(ValueError, match=said):
            Autoencoder(2, likelihood="poisson").fit(rows)
        with pytest.raises(ValueError, match=said):
            fitted.transform(rows)


def test_corruption_and_scaling_are_refused():
    with pytest.raises(ValueError, match="takes no corruption"):
        isthmus.DenoisingAutoencoder(2, likelihood="poisson").fit(counts())
    with pytest.raises(ValueError, match="counts are not scaled"):
        Autoencoder(2, likelihood="poisson", scale="standard").fit(counts())


def test_missing_cells_are_refused_with_the_reason(fitted):
    gaps = counts(seed=1)
    gaps[3, 2] = np.nan
    for method in (fitted.transform, fitted.impute, fitted.reconstruct):
        with pytest.raises(ValueError, match="a row's total is unknown"):
            method(gaps)


def test_bands_do_not_go_below_zero():
    X = counts()
    model = Autoencoder(2, likelihood="poisson", max_iter=0, random_state=0).fit(X)
    rows, low, high = model.reconstruct(X, interval=0.9)
    assert low.min() == 0
    assert (low <= rows).all()
    assert ((low <= X) & (high >= X)).mean() > 0.85


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_expected_counts_of_a_frame_of_integers_are_no_integers(library):
    """They sum to the row's total, as those of an array do."""
    X = np.random.default_rng(0).poisson(0.8, (60, 5)) + np.eye(60, 5, dtype=int)
    frame = pd.DataFrame(X, columns=list("abcde"))
    own = {"pandas": lambda: frame, "polars": lambda: pl.from_pandas(frame), "pyarrow": lambda: pa.table(dict(frame))}
    model = Autoencoder(1, likelihood="poisson", max_iter=2, random_state=0).fit(own[library]())
    found = model.reconstruct(own[library]())
    values = found.to_pandas().to_numpy() if library != "pandas" else found.to_numpy()
    np.testing.assert_allclose(values.sum(1), X.sum(1), rtol=1e-4)
