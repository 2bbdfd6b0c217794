"""Densities: the bound is tight at the closed-form start, and ordered everywhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA

from conftest import bent_table
from isthmus import Autoencoder, CombinedAutoencoder, VariationalAutoencoder
from isthmus.inference.density import (
    density_given_code,
    elbo,
    importance_weighted,
    latent_report,
    log_density,
    standard_draws,
)


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
    X = bent_table(300)
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
    X = bent_table(300)
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


@pytest.mark.parametrize("scale", [None, "standard"])
def test_a_point_codes_density_is_a_gaussian_about_the_rebuilt_row(table, scale):
    model = Autoencoder(2, max_iter=3, scale=scale, random_state=0).fit(table)
    spread = math.sqrt(model.noise_variance_) * (table.std(0, ddof=1) if scale else np.ones(6))
    expected = stats.norm.logpdf(table, model.reconstruct(table), spread).sum(1)
    np.testing.assert_allclose(model.score_samples(table), expected, rtol=1e-3, atol=1e-2)


def test_the_plain_loss_has_the_held_out_error_for_its_variance(table):
    model = Autoencoder(2, max_iter=3, random_state=0).fit(table)
    best = model.history_[model.best_epoch_]["validation_mse"]
    assert model.noise_variance_ == pytest.approx(best * model.scaling_.unit**2)
    learned = Autoencoder(2, max_iter=3, variance="learned", random_state=0).fit(table)
    assert learned.noise_variance_ == pytest.approx(learned.model_.likelihood.variance * learned.scaling_.unit**2)
    fixed = Autoencoder(2, max_iter=3, variance=0.7, random_state=0).fit(table)
    assert fixed.noise_variance_ == pytest.approx(0.7, rel=1e-5)


def test_a_bernoulli_density(digits):
    bits = (digits[0][:200] > 0.5).astype(float)
    model = Autoencoder(2, likelihood="bernoulli", max_iter=2, random_state=0).fit(bits)
    expected = stats.bernoulli.logpmf(bits, np.clip(model.reconstruct(bits), 1e-9, 1 - 1e-9)).sum(1)
    np.testing.assert_allclose(model.score_samples(bits), expected, rtol=1e-2, atol=0.05)


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
    X = bent_table(300)
    model = started(X, 2)
    report = model.latent_report(X)
    pca = PCA(2).fit(X)
    variances = pca.noise_variance_ / pca.explained_variance_
    # Of a Gaussian latent: KL = ½(E μ² + σ² - 1 - log σ²), with E μ² = 1 - σ² on the rows it was fitted to.
    np.testing.assert_allclose(report.kl.numpy(), -0.5 * np.log(variances), atol=5e-3)
    np.testing.assert_allclose(report.mean_variance.numpy(), 1 - variances, atol=5e-3)
    np.testing.assert_allclose(report.posterior_variance.numpy(), variances, atol=5e-3)
    assert report.active_units == 2
    batches = torch.from_numpy(model.scaling_.apply(X)).split(7)
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
