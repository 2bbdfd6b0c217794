"""The models of the library, on data from the two small worlds, against the answers known on paper."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.closed_form import probabilistic_pca, project, two_measurements


@pytest.fixture(scope="module")
def line_data() -> np.ndarray:
    """Points along (1, 0.9) with equal noise in both coordinates."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((20_000, 1)) * [[1.0, 0.9]] + 0.05 * rng.standard_normal((20_000, 2))


@pytest.fixture(scope="module")
def measured() -> np.ndarray:
    """Two noisy measurements of one standard normal cause, σ² = 0.5."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((50_000, 1)) + np.sqrt(0.5) * rng.standard_normal((50_000, 2))


def test_a_linear_autoencoder_learns_the_worked_line(line_data):
    model = Autoencoder(1, hidden_layer_sizes=(), random_state=0).fit(line_data)
    expected = project([2.0, 2.4], direction=[1.0, 0.9])
    assert model.components_[0, 1] / model.components_[0, 0] == pytest.approx(0.9, abs=0.01)
    assert model.reconstruct([[2.0, 2.4]])[0] == pytest.approx(expected.reconstruction, abs=0.02)


def test_a_linear_autoencoder_from_random_weights_finds_the_same_line(line_data):
    model = Autoencoder(
        1,
        hidden_layer_sizes=(),
        start="random",
        validation_fraction=0,
        max_iter=60,
        learning_rate=1e-2,
        random_state=0,
    ).fit(line_data)
    assert model.reconstruct([[2.0, 2.4]])[0] == pytest.approx([2.2983425, 2.0685083], abs=0.02)


def test_a_linear_variational_model_infers_the_posterior(measured):
    model = VariationalAutoencoder(1, hidden_layer_sizes=(), max_iter=10, random_state=0).fit(measured)
    answer = two_measurements([1.2, 0.8], noise_variance=0.5)
    posterior_mean = abs(float(model.transform([[1.2, 0.8]])[0, 0]))
    assert posterior_mean == pytest.approx(answer.posterior_mean, abs=0.02)
    assert posterior_mean < 0.9 * answer.maximum_likelihood
    assert model.noise_variance_ == pytest.approx(0.5, abs=0.02)
    assert model.score_samples([[1.2, 0.8]])[0] == pytest.approx(answer.log_evidence, abs=0.02)


def test_the_bound_of_a_linear_variational_model_is_probabilistic_pcas_likelihood(measured):
    model = VariationalAutoencoder(1, hidden_layer_sizes=(), max_iter=0, random_state=0).fit(measured)
    exact = probabilistic_pca(np.cov(measured.T), size=1, mean=measured.mean(0)).log_likelihood(measured[:500])
    assert model.score_samples(measured[:500]) == pytest.approx(exact, abs=1e-4)
    looser = model.score_samples(measured[:500], importance_samples=5).mean()
    assert looser <= exact.mean() + 0.02
