"""Every closed-form number of the checked tutorial, to all the digits it states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from isthmus.closed_form import (
    PrincipalModel,
    bernoulli_entropy,
    beta_of_variance,
    elbo_of_two_measurements,
    gaussian_divergence,
    gaussian_negative_log_likelihood,
    maximum_likelihood_variance,
    principal_axes,
    principal_axis_slope,
    probabilistic_pca,
    project,
    regression_slope,
    split_noise,
    standard_divergence,
    two_measurements,
)
from isthmus.data import load_bundled

LINE = [1.0, 0.9]


def tutorial_split() -> tuple[np.ndarray, np.ndarray]:
    """The tutorial's 1,437 and 360 digits."""
    digits = load_bundled("digits")
    values = digits.values.astype(float)
    training, held_out = train_test_split(values, test_size=0.2, random_state=42, stratify=digits.labels)
    return training, held_out


def test_a_point_on_the_line_is_rebuilt_exactly():
    example = project([2.0, 1.8], LINE)
    assert example.weights == pytest.approx([0.55248619, 0.49723757], abs=5e-9)
    assert example.code == pytest.approx(3.62 / 1.81)
    assert example.rebuilt == pytest.approx([2.0, 1.8])
    assert example.squared_error == pytest.approx(0, abs=1e-30)


def test_a_point_off_the_line_is_pulled_back():
    example = project([2.0, 2.4], LINE)
    assert example.code == pytest.approx(2.2983425414, abs=5e-11)
    assert example.rebuilt == pytest.approx([2.2983425, 2.0685083], abs=5e-8)
    assert np.round(example.rebuilt, 3).tolist() == [2.298, 2.069]
    assert example.errors == pytest.approx([0.08900827, 0.10988676], abs=5e-9)
    assert example.squared_error == pytest.approx(0.36 / 1.81)
    assert example.squared_error == pytest.approx(0.19889503, abs=5e-9)
    assert round(float(example.mean_squared_error), 4) == 0.0994
    assert example.residual @ np.asarray(LINE) == pytest.approx(0, abs=1e-15)


def test_the_projector_is_symmetric_and_idempotent():
    projector = project([2.0, 2.4], LINE).projector
    assert projector @ [2.0, 2.4] == pytest.approx(project([2.0, 2.4], LINE).rebuilt)
    assert projector.tolist() == projector.T.tolist()
    assert projector == pytest.approx(np.array([[0.552486, 0.497238], [0.497238, 0.447514]]), abs=5e-7)
    assert projector @ projector == pytest.approx(projector)


def test_only_the_noise_across_the_line_is_removed():
    split = split_noise([0.0, 0.6], LINE)
    assert (round(split.tangent, 4), round(split.normal, 4)) == (0.4014, 0.4460)
    assert round(100 * split.surviving_energy, 1) == 44.8
    rebuilt = project([2.0, 2.4], LINE).rebuilt
    assert np.linalg.norm(rebuilt - [2.0, 1.8]) == pytest.approx(split.tangent)
    assert np.hypot(split.tangent, split.normal) == pytest.approx(0.600)
    assert math.isnan(split_noise([0.0, 0.0], LINE).surviving_energy)


@pytest.mark.parametrize(("noise", "slope"), [(0.1, 0.905), (0.3, 0.946), (0.5, 1.034)])
def test_noise_in_one_coordinate_turns_the_principal_axis_but_not_the_regression(noise, slope):
    covariance = [[1.0, 0.9], [0.9, 0.81 + noise**2]]
    assert round(principal_axis_slope(covariance), 3) == slope
    assert regression_slope(covariance) == pytest.approx(0.9)


def test_an_upright_axis_has_no_finite_slope():
    assert principal_axis_slope(np.diag([1.0, 4.0])) == math.inf


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


def test_the_divergence_of_any_two_gaussians_equals_quadrature():
    q, other = norm(0.4, math.sqrt(0.3)), norm(-0.7, math.sqrt(1.9))
    integral, _ = quad(lambda z: q.pdf(z) * (q.logpdf(z) - other.logpdf(z)), -10, 10)
    assert gaussian_divergence(0.4, 0.3, -0.7, 1.9) == pytest.approx(integral, abs=1e-8)


def test_squared_error_is_a_gaussian_likelihood():
    rng = np.random.default_rng(1)
    x, rebuilt = rng.normal(size=(2, 5))
    error = float(((x - rebuilt) ** 2).sum())
    density = norm(rebuilt, math.sqrt(0.7)).logpdf(x).sum()
    assert gaussian_negative_log_likelihood(error, 0.7, 5) == pytest.approx(-density)
    best = maximum_likelihood_variance(error, 5)
    assert best == pytest.approx(((x - rebuilt) ** 2).mean())
    around = [gaussian_negative_log_likelihood(error, best * factor, 5) for factor in (0.9, 1.0, 1.1)]
    assert min(around) == around[1]


def test_the_floor_of_cross_entropy_on_the_digits():
    _, held_out = tutorial_split()
    assert round(bernoulli_entropy(held_out), 4) == 0.2127
    assert bernoulli_entropy([0.0, 1.0]) == 0.0
    assert bernoulli_entropy([0.5]) == pytest.approx(math.log(2))


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


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e6])
def test_probabilistic_pca_keeps_its_digits_in_any_unit(scale):
    rng = np.random.default_rng(3)
    X = scale * (rng.normal(size=(100, 2)) @ rng.normal(size=(2, 4)) + 0.2 * rng.normal(size=(100, 4)))
    model = probabilistic_pca(np.cov(X.T), size=2, mean=X.mean(0))
    assert model.noise_variance == pytest.approx(PCA(2).fit(X).noise_variance_, rel=1e-9)
    # What the model says the covariance is, on and off the plane.
    implied = model.loading @ model.loading.T + model.noise_variance * np.eye(4)
    kept = np.linalg.eigvalsh(np.cov(X.T))[-2:]
    assert np.linalg.eigvalsh(implied)[-2:] == pytest.approx(kept)


def test_probabilistic_pca_without_noise_is_pca():
    line = np.outer([1.0, 2.0, 2.0], [1.0, 2.0, 2.0])  # variance 9 along (1, 2, 2) / 3, none across
    model = probabilistic_pca(line, size=1)
    assert model.noise_variance == pytest.approx(0, abs=1e-14)
    assert model.posterior_mean([[1.0, 2.0, 2.0]])[0, 0] == pytest.approx(1.0)
    equal = probabilistic_pca(0.3 * np.eye(5), size=2)
    assert equal.noise_variance == pytest.approx(0.3)
    assert np.isfinite(equal.loading).all()
    assert equal.loading == pytest.approx(np.zeros((5, 2)), abs=1e-7)


@pytest.mark.parametrize(
    ("size", "error"), [(1, 0.0627), (2, 0.0531), (3, 0.0440), (4, 0.0388), (8, 0.0245), (16, 0.0114)]
)
def test_principal_axes_lose_on_the_digits_what_the_tutorial_says(size, error):
    training, held_out = tutorial_split()
    plane = principal_axes(np.cov(training.T), size, training.mean(0))
    assert round(((held_out - plane.rebuilt(held_out)) ** 2).mean(), 4) == error
    theirs = PCA(size).fit(training)
    assert plane.rebuilt(held_out) == pytest.approx(theirs.inverse_transform(theirs.transform(held_out)), abs=1e-9)
    assert np.abs(plane.codes(held_out)) == pytest.approx(np.abs(theirs.transform(held_out)), abs=1e-9)


def test_what_principal_axes_lose_is_the_eigenvalues_not_kept():
    X = np.random.default_rng(4).normal(size=(50, 5)) * [5, 3, 2, 1, 0.5]
    plane = principal_axes(np.cov(X.T, ddof=0), 2, X.mean(0))
    assert plane.lost_variance == pytest.approx(((X - plane.rebuilt(X)) ** 2).sum(1).mean())
    assert (np.diff(plane.variances) <= 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: project([1, 2], [0, 0]), "not zero"),
        (lambda: project([1, 2, 3], [1, 2]), "one length"),
        (lambda: two_measurements([1.0, 2.0], 0.0), "noise_variance must be above 0, got 0.0"),
        (lambda: two_measurements([1.0, 2.0], math.nan), "noise_variance must be above 0, got nan"),
        (lambda: two_measurements([[1.0, 2.0]], 0.5), r"vector of at least one, got shape \(1, 2\)"),
        (lambda: two_measurements([], 0.5), r"vector of at least one, got shape \(0,\)"),
        (lambda: elbo_of_two_measurements(two_measurements([1.2, 0.8], 0.5), 1.0, 0.0), "variance must be above 0"),
        (lambda: regression_slope(np.diag([0.0, 1.0])), r"var\(x₁\) must be above 0"),
        (lambda: standard_divergence([0.0, 0.0], [1.0, 0.0]), "variance must be above 0, got 0.0"),
        (lambda: gaussian_divergence(0, 1, 0, -1), "other_variance must be above 0, got -1"),
        (lambda: gaussian_negative_log_likelihood(1.0, 0.0, 2), "variance must be above 0"),
        (lambda: bernoulli_entropy([0.5, 1.5]), "from 0 to 1"),
        (lambda: principal_axes(np.eye(3), 4), "size must be from 1 to 3, got 4"),
        (lambda: PrincipalModel(np.ones((2, 1)), np.zeros(2), 0.0).log_likelihood([[1, 1]]), "noise_variance must be"),
        (lambda: probabilistic_pca(np.eye(3), 3), "size must be from 1 to 2, got 3"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
