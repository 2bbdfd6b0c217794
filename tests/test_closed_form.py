"""Every closed-form number of the checked tutorial, to all the digits it states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm
from sklearn.decomposition import PCA

from isthmus.closed_form import (
    bernoulli_entropy,
    beta_of_variance,
    elbo_of_two_measurements,
    gaussian_divergence,
    gaussian_negative_log_likelihood,
    principal_axis_slope,
    probabilistic_pca,
    project,
    regression_slope,
    split_noise,
    standard_divergence,
    two_measurements,
)
from isthmus.tables import load_bundled

LINE = [1.0, 0.9]


def test_a_point_on_the_line_is_reconstructed_exactly():
    example = project([2.0, 1.8], LINE)
    assert example.weights == pytest.approx([0.55248619, 0.49723757], abs=5e-9)
    assert example.code == pytest.approx(3.62 / 1.81)
    assert example.reconstruction == pytest.approx([2.0, 1.8])
    assert example.squared_error == pytest.approx(0, abs=1e-30)


def test_a_point_off_the_line_is_pulled_back():
    example = project([2.0, 2.4], LINE)
    assert example.code == pytest.approx(2.2983425414, abs=5e-11)
    assert example.reconstruction == pytest.approx([2.2983425, 2.0685083], abs=5e-8)
    assert np.round(example.reconstruction, 3).tolist() == [2.298, 2.069]
    assert example.errors == pytest.approx([0.08900827, 0.10988676], abs=5e-9)
    assert example.squared_error == pytest.approx(0.36 / 1.81)
    assert example.squared_error == pytest.approx(0.19889503, abs=5e-9)
    assert round(float(example.mean_squared_error), 4) == 0.0994
    assert example.residual @ np.asarray(LINE) == pytest.approx(0, abs=1e-15)


def test_the_projector_is_symmetric_and_idempotent():
    projector = np.column_stack([project(column, LINE).reconstruction for column in np.eye(2)])
    assert projector == pytest.approx(np.array([[0.552486, 0.497238], [0.497238, 0.447514]]), abs=5e-7)
    assert projector @ projector == pytest.approx(projector)


def test_only_the_noise_across_the_line_is_removed():
    split = split_noise([0.0, 0.6], LINE)
    assert (round(split.tangent, 4), round(split.normal, 4)) == (0.4014, 0.4460)
    assert round(100 * split.surviving_energy, 1) == 44.8
    reconstructed = project([2.0, 2.4], LINE).reconstruction
    assert np.linalg.norm(reconstructed - [2.0, 1.8]) == pytest.approx(split.tangent)


@pytest.mark.parametrize(("noise", "slope"), [(0.1, 0.905), (0.3, 0.946), (0.5, 1.034)])
def test_noise_in_one_coordinate_turns_the_principal_axis_but_not_the_regression(noise, slope):
    covariance = [[1.0, 0.9], [0.9, 0.81 + noise**2]]
    assert round(principal_axis_slope(covariance), 3) == slope
    assert regression_slope(covariance) == pytest.approx(0.9)


def test_the_best_reconstruction_is_not_the_best_estimate():
    model = two_measurements([1.2, 0.8], noise_variance=0.5)
    assert model.maximum_likelihood == pytest.approx(1.0)
    assert model.posterior_mean == pytest.approx(0.8)
    assert model.posterior_variance == pytest.approx(0.2)
    assert round(math.sqrt(model.posterior_variance), 3) == 0.447
    assert model.log_likelihood(1.0) == pytest.approx(-1.224730, abs=5e-7)
    assert (model.risk_of_maximum_likelihood, model.risk_of_posterior_mean) == pytest.approx((0.25, 0.20))
    assert model.reconstruction_error(1.0) == pytest.approx(0.08)
    assert model.reconstruction_error(0.8) == pytest.approx(0.16)
    assert model.log_evidence == pytest.approx(-2.429449, abs=5e-7)
    exact = multivariate_normal([0, 0], [[1.5, 1.0], [1.0, 1.5]]).logpdf([1.2, 0.8])
    assert model.log_evidence == pytest.approx(exact)


def test_the_risks_are_those_of_a_simulation():
    rng = np.random.default_rng(0)
    z = rng.standard_normal(200_000)
    sums = 2 * z + math.sqrt(2 * 0.5) * rng.standard_normal(len(z))
    model = two_measurements([0.0, 0.0], 0.5)
    assert np.mean((sums / 2 - z) ** 2) == pytest.approx(model.risk_of_maximum_likelihood, rel=0.02)
    assert np.mean((sums / 2.5 - z) ** 2) == pytest.approx(model.risk_of_posterior_mean, rel=0.02)


@pytest.mark.parametrize("variance", [0.1, 0.5, 1.0, 2.0, 7.5])
def test_shrinkage(variance):
    model = two_measurements([1.3, -0.2], variance)
    assert model.posterior_mean == pytest.approx(2 / (2 + variance) * model.maximum_likelihood)
    assert model.shrinkage == pytest.approx(2 / (2 + variance))


def test_the_bound_is_tight_at_the_posterior_and_only_there():
    model = two_measurements([1.2, 0.8], noise_variance=0.5)
    tight = elbo_of_two_measurements(model, 0.8, 0.2)
    assert tight.expected_log_likelihood == pytest.approx(-1.704730, abs=5e-7)
    assert tight.divergence == pytest.approx(0.724719, abs=5e-7)
    assert tight.elbo == pytest.approx(model.log_evidence)
    assert tight.gap == pytest.approx(0, abs=1e-15)
    assert round(tight.divergence / math.log(2), 4) == 1.0455
    loose = elbo_of_two_measurements(model, 1.0, 0.25)
    assert loose.elbo == pytest.approx(-2.542877, abs=5e-7)
    assert loose.gap == pytest.approx(0.113428, abs=5e-7)
    assert model.log_evidence - loose.elbo == pytest.approx(loose.gap)


@pytest.mark.parametrize(("mean", "variance", "nats"), [(1.0, 0.25, 0.818147), (0.8, 0.2, 0.724719)])
def test_the_divergence_equals_quadrature(mean, variance, nats):
    q = norm(mean, math.sqrt(variance))
    integral, _ = quad(lambda z: q.pdf(z) * (q.logpdf(z) - norm.logpdf(z)), mean - 12, mean + 12)
    assert standard_divergence(mean, variance) == pytest.approx(integral, abs=1e-8)
    assert standard_divergence(mean, variance) == pytest.approx(nats, abs=5e-7)
    assert gaussian_divergence(mean, variance, 0.0, 1.0) == pytest.approx(integral, abs=1e-8)
    assert standard_divergence([mean, mean], [variance, variance]) == pytest.approx(2 * integral)


def test_squared_error_is_a_gaussian_likelihood():
    rng = np.random.default_rng(1)
    x, reconstructed = rng.normal(size=(2, 5))
    error = float(((x - reconstructed) ** 2).sum())
    density = norm(reconstructed, math.sqrt(0.7)).logpdf(x).sum()
    assert gaussian_negative_log_likelihood(error, 0.7, 5) == pytest.approx(-density)
    best = error / 5
    around = [gaussian_negative_log_likelihood(error, best * factor, 5) for factor in (0.9, 1.0, 1.1)]
    assert min(around) == around[1]


def test_the_floor_of_cross_entropy_on_the_digits():
    digits = load_bundled("digits").values
    assert round(bernoulli_entropy(digits), 3) == pytest.approx(0.213, abs=0.001)
    assert bernoulli_entropy([0.0, 1.0]) == 0.0


def test_variance_is_beta():
    assert beta_of_variance(0.0464) == pytest.approx(0.0928)
    assert round(beta_of_variance(0.0464, n_averaged=64), 5) == 0.00145


def test_probabilistic_pca_of_the_two_measurements():
    model = probabilistic_pca([[1.5, 1.0], [1.0, 1.5]], size=1)
    assert model.loading[:, 0] == pytest.approx([1.0, 1.0])
    assert model.noise_variance == pytest.approx(0.5)
    assert model.posterior_mean([[1.2, 0.8]])[0, 0] == pytest.approx(0.8)
    assert model.posterior_covariance[0, 0] == pytest.approx(0.2)
    assert model.log_likelihood([[1.2, 0.8]])[0] == pytest.approx(-2.429449, abs=5e-7)


def test_probabilistic_pca_equals_scikit_learns():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 6)) + 0.3 * rng.normal(size=(200, 6)) + 5
    model = probabilistic_pca(np.cov(X.T), size=2, mean=X.mean(0))
    assert model.log_likelihood(X) == pytest.approx(PCA(2).fit(X).score_samples(X))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: project([1, 2], [0, 0]), "not zero"),
        (lambda: project([1, 2, 3], [1, 2]), "equal length"),
        (lambda: two_measurements([1.0, 2.0], 0.0), "noise_variance must be above 0, got 0.0"),
        (lambda: probabilistic_pca(np.eye(3), 3), "size must be from 1 to 2, got 3"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
