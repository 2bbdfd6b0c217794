"""Pretrained heads: scikit-learn's contract, what missing labels mean, and answers known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from isthmus import Autoencoder, PretrainedClassifier, PretrainedRegressor
from isthmus.pretraining.fine_tuning import HeadedNetwork, outputs_of, reinitialized
from isthmus.pretraining.spreading import neighbour_graph, spread
from isthmus.tables import load_bundled


@pytest.mark.parametrize("kind", [PretrainedClassifier, PretrainedRegressor])
def test_check_estimator_expects_no_failures(kind):
    quick = Autoencoder(1, max_iter=1, hidden_layer_sizes=(2,), polish=0, refit=False)
    check_estimator(kind(quick, n_steps=3), on_fail="raise", on_skip=None)


def test_two_islands_get_the_label_of_their_one_labelled_row():
    codes = np.r_[np.arange(20), 1000 + np.arange(20)][:, None].astype(float)
    reached = spread(neighbour_graph(codes, 3), np.eye(2), np.array([0, 39]))
    np.testing.assert_allclose(reached, np.eye(2).repeat(20, axis=0), atol=1e-9)


def test_columns_of_different_units_count_alike():
    wine = load_bundled("wine")
    classifiers = [
        PretrainedClassifier(fine_tune=False, random_state=0).fit(X, wine.labels) for X in scaled(wine.values)
    ]
    predicted = [fitted.predict(X) for fitted, X in zip(classifiers, scaled(wine.values), strict=True)]
    np.testing.assert_array_equal(*predicted)
    assert np.mean(predicted[0] == wine.labels) > 0.95


def scaled(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return X, (X - X.mean(0)) / X.std(0)


def test_few_labels_beat_the_linear_head_on_digits():
    digits = load_bundled("digits")
    order = np.random.default_rng(3).permutation(len(digits.values))
    train, test = order[:1257], order[1257:]
    y = np.asarray(digits.labels)[train].copy()
    for digit in range(10):
        y[np.flatnonzero(y == digit)[10:]] = -1
    settings = {"n_steps": 250, "random_state": 0}
    fitted = PretrainedClassifier(**settings).fit(digits.values[train], y)
    linear = PretrainedClassifier(**settings, fine_tune=False).fit(digits.values[train], y)
    assert linear.network_ is None
    truth = np.asarray(digits.labels)[test]
    assert fitted.score(digits.values[test], truth) > linear.score(digits.values[test], truth) + 0.01


def test_a_missing_label_is_minus_one_or_nan():
    X = np.random.default_rng(0).normal(size=(150, 4))
    y = np.where(np.arange(150) % 3 > 0, -1, np.digitize(X[:, 0], (-0.5, 0.5)))
    quick = PretrainedClassifier(Autoencoder(2, max_iter=2), fine_tune=False, random_state=0)
    one = quick.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(quick.fit(X, np.where(y < 0, np.nan, y)).predict_proba(X), one)
    assert one.shape == (150, 3)


def test_minus_one_is_a_class_where_there_is_but_one_other():
    X = np.random.default_rng(0).normal(size=(60, 3))
    fitted = PretrainedClassifier(Autoencoder(2, max_iter=1), n_steps=5).fit(X, np.where(X[:, 0] > 0, 1, -1))
    assert fitted.classes_.tolist() == [-1, 1]


def test_a_linear_answer_is_found_from_rows_with_nan():
    X = np.random.default_rng(0).normal(size=(200, 4))
    y = X @ [1.0, 2, 3, 4]
    fitted = PretrainedRegressor(Autoencoder(2, max_iter=1), n_steps=300, random_state=0)
    fitted.fit(X, np.where(np.arange(200) < 50, y, np.nan))
    assert fitted.score(X, y) > 0.98


def test_the_network_starts_at_the_linear_answer():
    X = np.random.default_rng(0).normal(size=(120, 5))
    y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 1)
    fitted = PretrainedClassifier(Autoencoder(2, max_iter=2), fine_tune=False, random_state=0).fit(X, y)
    rows = fitted.autoencoder_.scaling_.apply(X)
    start = HeadedNetwork(fitted.autoencoder_.model_, fitted.linear_.weight, fitted.linear_.bias)
    np.testing.assert_allclose(outputs_of(start, rows), fitted.linear_(rows), atol=1e-4)
    assert not np.allclose(outputs_of(reinitialized(start, 0), rows), fitted.linear_(rows), atol=0.1)


def test_what_is_no_autoencoder_is_refused_in_a_sentence():
    X, y = np.eye(20)[:, :3], np.arange(20) % 2
    with pytest.raises(ValueError, match=r"^PretrainedClassifier: autoencoder must be one of isthmus's .*got str\.$"):
        PretrainedClassifier("x").fit(X, y)
