"""Densities: the bound is tight at the closed-form start, and ordered everywhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import datasets
from sklearn.decomposition import PCA

from conftest import curved_table
from isthmus import Autoencoder, CombinedAutoencoder, SparseAutoencoder, VariationalAutoencoder
from isthmus.inference.density import (
    density_given_code,
    elbo,
    importance_weighted,
    latent_report,
    log_density,
    standard_draws,
)
from isthmus.rows.rows import Batch


def started(X, size, **settings):
    return VariationalAutoencoder(size, max_iter=0, random_state=0, **settings).fit(X)


@pytest.mark.parametrize("size", [1, 2, 5, 16])
@pytest.mark.parametrize("samples", [None, 1, 50])
def test_the_bound_at_the_start_is_probabilistic_pcas_density(digits, size, samples):
    """At the exact posterior every bound equals log p(x): scikit-learn's own PCA.score_samples, in nats."""
    X, test, *_ = digits
    expected = PCA(size, svd_solver="full").fit(X).score_samples(test)
    found = started(X, size).score_samples(test, importance_samples=samples)
    # One draw at the exact posterior is already exact; only the ELBO averages its two terms separately.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("scale", [None, "standard", "minmax"])
def test_densities_are_in_the_users_units(table, scale):
    spread = {"standard": table.std(0, ddof=1), "minmax": np.ptp(table, axis=0), None: np.ones(6)}[scale]
    expected = PCA(2).fit(table / spread).score_samples(table / spread) - np.log(spread).sum()
    np.testing.assert_allclose(started(table, 2, scale=scale).score_samples(table), expected, rtol=1e-3, atol=1e-2)


def spoilt(model):
    """The same generative model under a worse posterior: means off by 0.4 deviations, variances doubled."""
    with torch.no_grad():
        deviation = (0.5 * model.model_.encoder.skip.bias[2:]).exp()
        model.model_.encoder.skip.bias[:2] += 0.4 * deviation
        model.model_.encoder.skip.bias[2:] += 0.7
    return model


def test_elbo_below_importance_weighted_below_exact():
    """On average over draws, since all rows share theirs."""
    X = curved_table(300)
    exact = PCA(2).fit(X).score_samples(X).mean()
    model = spoilt(started(X, 2))
    rows = torch.from_numpy(model.scaling_.apply(X))
    torch.manual_seed(0)
    bounds = [model.score(X)]
    with torch.no_grad():
        for count in (2, 10, 100):
            trials = [importance_weighted(model.model_, rows, torch.randn(count, 2)) for _ in range(1000 // count)]
            bounds.append(float(torch.stack(trials).mean()) - model.scaling_.log_volume)
    assert (np.diff(bounds) > 0.02).all()
    assert bounds[-1] == pytest.approx(exact, abs=0.03)
    # The gap of the ELBO is the divergence from the exact posterior, known in closed form.
    gap = 2 * 0.5 * (math.exp(0.7) - 1 - 0.7 + 0.4**2)
    assert exact - bounds[0] == pytest.approx(gap, rel=5e-3)


def test_one_importance_sample_is_an_elbo_on_average():
    X = curved_table(300)
    model = spoilt(started(X, 2))
    rows = torch.from_numpy(model.scaling_.apply(X))
    with torch.no_grad():
        torch.manual_seed(0)
        ones = torch.stack([importance_weighted(model.model_, rows, torch.randn(1, 2)) for _ in range(500)])
        bound = elbo(model.model_, rows, standard_draws(64, 2, 0))
    error = ones.mean(1).std() / math.sqrt(500)
    assert abs(float(ones.mean() - bound.mean())) < 5 * error


def test_a_trained_bound_is_at_least_the_start(digits):
    X = digits[0][:600]
    start, model = started(X, 2), VariationalAutoencoder(2, max_iter=8, random_state=0).fit(X)
    assert model.score(X) > start.score(X) + 1
    assert model.score_samples(X, importance_samples=100).mean() > model.score(X)


TABLES = (datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes, datasets.load_iris, None)


@pytest.mark.parametrize("load", TABLES, ids=["wine", "breast cancer", "diabetes", "iris", "digits"])
@pytest.mark.parametrize("scale", [None, "standard"])
def test_a_linear_models_evidence_is_pcas_score(load, scale, digits):
    X = digits[0] if load is None else load().data
    X = X[:, X.std(0) > 0]
    if scale is None and load is datasets.load_breast_cancer:
        X = X / X.std(0)  # as they are, its columns differ by more than single precision holds
    spread = X.std(0, ddof=1) if scale else 1.0
    for size in sorted({1, 2, 3, min(5, X.shape[1] - 1), X.shape[1] // 4 or 1, X.shape[1] // 2}):
        pca = PCA(size, svd_solver="full").fit(X / spread)
        model = Autoencoder(size, hidden_layer_sizes=(), scale=scale, random_state=0).fit(X)
        expected = pca.score_samples(X / spread) - np.log(spread * np.ones(X.shape[1])).sum()
        np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-4, atol=1e-4 * X.shape[1])
        assert model.score(X) == pytest.approx(expected.mean(), rel=1e-4)
        assert model.noise_variance_ == pytest.approx(pca.noise_variance_, rel=1e-4)


def test_the_evidence_of_a_row_is_an_integral_over_codes(table):
    """Against a fine grid of codes, for a bent decoder with one latent."""
    model = Autoencoder(1, max_iter=30, random_state=0).fit(table)
    fitted = model.fitted_
    density, noise = fitted.inference.density, fitted.inference.noise_variance
    deviation = float(density.covariance[0, 0]) ** 0.5
    grid = density.mean + deviation * torch.linspace(-8, 8, 4001)[:, None]
    with torch.no_grad():
        means = fitted.model.decode(grid)
    x = torch.from_numpy(fitted.scaling.apply(table))
    likelihood = -0.5 * (torch.cdist(x.double(), means.double()).square() / noise + 6 * math.log(2 * math.pi * noise))
    prior = torch.distributions.Normal(density.mean.double(), deviation).log_prob(grid.double())[:, 0]
    step = float(grid[1, 0] - grid[0, 0])
    exact = (likelihood + prior).logsumexp(1) + math.log(step) - fitted.scaling.log_volume
    found = model.score_samples(table)
    assert np.median(np.abs(found - exact.numpy())) < 0.1
    assert found.mean() == pytest.approx(float(exact.mean()), abs=0.15)


def test_noise_is_learned_fixed_or_what_held_out_rows_leave():
    X = curved_table(1500)  # with noise of deviation 0.1 before columns are stretched
    open_ = Autoencoder(2, scale="standard", random_state=0).fit(X)
    truth = np.mean(np.square(0.1 * np.linspace(0.5, 2, 6) / X.std(0, ddof=1)))
    assert open_.noise_variance_ == pytest.approx(truth, rel=0.3)
    learned = Autoencoder(2, max_iter=3, variance="learned", random_state=0).fit(X)
    assert learned.noise_variance_ == pytest.approx(learned.model_.likelihood.variance * learned.scaling_.unit**2)
    fixed = Autoencoder(2, max_iter=3, variance=0.7, random_state=0).fit(X)
    assert fixed.noise_variance_ == pytest.approx(0.7, rel=1e-5)


def test_a_bernoulli_evidence_is_a_distribution_of_all_rows():
    every, totals = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(float), []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        code = rng.standard_normal((600, 1))
        bits = (rng.random((600, 6)) < 1 / (1 + np.exp(-2 * code @ rng.standard_normal((1, 6))))).astype(float)
        model = Autoencoder(1, likelihood="bernoulli", max_iter=20, polish=0, random_state=0).fit(bits)
        totals.append(np.exp(model.score_samples(every)).sum())
        assert model.score(bits) > np.log(0.5) * 6 - 1
    assert np.mean(totals) == pytest.approx(1, abs=0.2)
    assert np.abs(np.log(totals)).max() < 0.5


def test_a_sparse_codes_density_counts_what_each_unit_costs():
    X = curved_table(400)
    sizes = {size: SparseAutoencoder(size, random_state=0, max_iter=20).fit(X[:300]).score(X[300:]) for size in (1, 3)}
    assert sizes[3] > sizes[1]
    assert np.isfinite(SparseAutoencoder(12, random_state=0, max_iter=5).fit(X).score_samples(X)).all()


@pytest.mark.parametrize(("count", "size"), [(64, 2), (64, 16), (7, 3), (4, 9), (1, 1)])
def test_standard_draws_come_in_opposite_pairs(count, size):
    draws = standard_draws(count, size, seed=0)
    assert draws.shape == (count, size)
    assert torch.equal(draws, standard_draws(count, size, seed=0))
    assert count == 1 or not torch.equal(draws, standard_draws(count, size, seed=1))
    if count % 2 == 0:
        torch.testing.assert_close(draws.sum(0), torch.zeros(size), atol=1e-5, rtol=0)
    if count // 2 >= size and count % 2 == 0:
        torch.testing.assert_close(draws.T @ draws / count, torch.eye(size), atol=1e-5, rtol=0)


def test_latent_report_counts_what_the_model_uses():
    X = curved_table(300)
    model = started(X, 2)
    report = model.latent_report(X)
    pca = PCA(2).fit(X)
    variances = pca.noise_variance_ / pca.explained_variance_
    # Of a Gaussian latent: KL = ½(E μ² + σ² - 1 - log σ²), with E μ² = 1 - σ² on the rows it was fitted to.
    np.testing.assert_allclose(report.kl.numpy(), -0.5 * np.log(variances), atol=5e-3)
    np.testing.assert_allclose(report.mean_variance.numpy(), 1 - variances, atol=5e-3)
    np.testing.assert_allclose(report.posterior_variance.numpy(), variances, atol=5e-3)
    assert report.active_units == 2
    batches = [Batch(rows) for rows in torch.from_numpy(model.scaling_.apply(X)).split(7)]
    with torch.no_grad():
        again = latent_report(model.model_, batches)
    torch.testing.assert_close(again.kl, report.kl)
    with torch.no_grad():  # silence the second latent
        encoder = model.model_.encoder.skip
        encoder.weight[1] = 0
        encoder.bias[1] = encoder.bias[3] = 0
    report = model.latent_report(X)
    assert report.active_units == 1
    assert float(report.kl[1]) == pytest.approx(0, abs=1e-6)


def test_a_point_code_has_no_importance_samples(table):
    model = CombinedAutoencoder(2, max_iter=0).fit(table)
    with pytest.raises(ValueError, match=r"^score_samples: importance_samples needs a variational model"):
        log_density(model.model_, 2, 5, seed=0, noise_variance=1.0)
    rows = torch.from_numpy(model.scaling_.apply(table))
    with torch.no_grad():
        one, two = (density_given_code(model.model_, rows, noise_variance=v) for v in (0.1, 0.2))
    assert not torch.allclose(one, two)


def test_samples_are_decoded_draws_from_the_prior(digits):
    X = digits[0][:500]
    model = started(X, 8)
    drawn = model.sample(4000, random_state=0)
    pca = PCA(8).fit(X)
    loading = pca.components_.T * np.sqrt(pca.explained_variance_ - pca.noise_variance_)
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), loading @ loading.T, atol=0.02)
