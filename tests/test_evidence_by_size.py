"""The size the data support: evidence over sizes, on answers known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus import Autoencoder, rate_distortion
from isthmus.evidence_by_size import evidence_by_size
from isthmus.smallest.choosing import Target, choose
from isthmus.smallest.splits import split_training_rows
from isthmus.smallest.supported import choose_supported

LINEAR = {"hidden_layer_sizes": ()}


def plane(dimension, n_rows=400, n_columns=12, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((n_rows, dimension)) @ rng.standard_normal((dimension, n_columns))
    return table / table.std(0) + noise * rng.standard_normal(table.shape)


def curve(peak, n_rows=200, spread=5.0):
    """Scores whose mean is highest at a size, of rows that differ far more than sizes do."""
    rows = np.random.default_rng(0).normal(0, spread, n_rows)

    def attempt(size):
        own = 0.01 * np.random.default_rng(size).standard_normal(n_rows)
        return (rows + own - own.mean() - 0.5 * abs(size - peak))[None], 1.0 / size

    return attempt


@pytest.mark.parametrize("peak", [1, 2, 5, 9, 17])
def test_the_highest_mean_is_chosen_and_rows_are_compared_in_pairs(peak):
    found = evidence_by_size(curve(peak), 20)
    assert found.size == peak
    assert found.within == (peak,)  # the rows' own spread, 5 / √200, would have let four more sizes in
    assert found.noise_variance == pytest.approx(1 / peak)
    assert found.evidence[peak][1] == 0
    assert len(found.trials) < 16


def test_sizes_that_differ_by_chance_are_within_one_standard_error():
    def attempt(size):
        scores = np.random.default_rng(size).standard_normal((1, 100)) if size > 2 else np.full((1, 100), -9.0)
        return scores - scores.mean() * (size > 2) - 0.01 * (size - 3), 1.0

    found = evidence_by_size(attempt, 4)
    assert found.size == 3
    assert found.within == (3, 4)


def test_a_second_maximum_is_found_where_one_is_told_to_look():
    def attempt(size):
        return np.full((1, 5), -min(size, abs(size - 14) - 2.0)), 1.0

    assert evidence_by_size(attempt, 20).size == 1
    assert evidence_by_size(attempt, 20, also=(12,)).size == 14


def test_a_row_without_a_density_counts_as_the_least_probable():
    def attempt(size):
        return np.array([[np.nan if size == 2 else -3.0, -1.0]]), 1.0

    assert evidence_by_size(attempt, 2).size == 1


def test_known_sizes_take_no_attempt():
    tried = []

    def attempt(size):
        tried.append(size)
        return np.full((1, 5), -float(size)), 1.0

    found = evidence_by_size(attempt, 10, known={0: (np.zeros((1, 5)), 2.0)})
    assert found.size == 0
    assert found.noise_variance == 2.0
    assert tried == [1, 2]


def test_linear_models_are_chosen_as_probabilistic_pca_is():
    X = plane(3)
    train, held_out = X[:300], X[300:]
    told = []

    def attempt(size):
        fitted = Autoencoder(size, **LINEAR, random_state=0).fit(train)
        return fitted.score_samples(held_out)[None], fitted.noise_variance_

    found = evidence_by_size(attempt, 11, say=told.append)
    assert found.size == 3
    for size, (mean, _) in found.evidence.items():
        assert mean == pytest.approx(PCA(size).fit(train).score(held_out), rel=1e-3)
    assert found.noise_variance == pytest.approx(0.09, rel=0.15)
    assert len(told) == len(found.trials)


def test_the_analytic_curve_of_pca_is_scikit_learns():
    from isthmus.smallest.supported import pca_log_densities

    X = plane(3)
    for settings in ({}, {"scale": "standard"}):
        start = Autoencoder(1, max_iter=0, random_state=0, **settings).fit(X[:300])
        scores = pca_log_densities(start, X[300:])
        spread = X[:300].std(0, ddof=1) if settings else np.ones(12)
        for size in (1, 3, 8):
            pca = PCA(size).fit(X[:300] / spread)
            expected = pca.score_samples(X[300:] / spread) - np.log(spread).sum()
            np.testing.assert_allclose(scores[:, size], expected, rtol=2e-3, atol=2e-3)


def test_evidence_is_believed_where_the_noise_is_alike():
    choice = choose(plane(2), Target("evidence"), LINEAR, n_splits=2, seed=0, say=lambda text: None)
    assert choice.rule == "evidence"
    assert choice.size == choice.pca_size == choice.criteria["entries"].size == 2
    assert choice.noise_variance == pytest.approx(0.09, rel=0.15)
    assert choice.columns_a_latent is None
    assert choice.votes == (2, 2)


def test_hidden_cells_are_believed_where_a_column_is_noisier():
    X = plane(2, n_rows=800, n_columns=20)
    X[:, 0] += np.random.default_rng(5).standard_normal(len(X))
    X[:, 1] += np.random.default_rng(6).standard_normal(len(X))
    found = rate_distortion(X, n_seeds=1, **LINEAR)
    evidence, cells = found.choice.criteria["evidence"], found.choice.criteria["entries"]
    assert evidence.size == 4  # the plane, and a latent for each of the noisy columns
    assert cells.size == found.size == 2
    assert found.choice.rule == "entries"
    assert found.choice.columns_a_latent == pytest.approx(1, abs=0.3)
    assert found.choice.noise_variance is None
    assert "is noise" not in found.sentence


def test_noise_is_told_where_there_is_nothing_else():
    X = np.random.default_rng(0).normal(0, 2, (200, 8))
    splits = split_training_rows(X, LINEAR, n_splits=1, seed=0, say=lambda text: None)
    choice = choose_supported(splits)
    assert choice.size == choice.pca_size == 0
    assert choice.noise_variance == pytest.approx(4, rel=0.1)


def test_rows_without_noise_get_the_size_of_their_plane():
    X = plane(3, noise=0)
    choice = choose(X, Target("evidence"), LINEAR, n_splits=1, seed=0, say=lambda text: None)
    assert choice.size == 3
