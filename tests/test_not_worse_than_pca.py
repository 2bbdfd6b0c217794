"""The invariant: an autoencoder's validated error is at most PCA's on the same rows; and linear means PCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn import datasets
from sklearn.decomposition import PCA

from conftest import curved_table
from isthmus import Autoencoder, DenoisingAutoencoder
from isthmus.parts import principal
from isthmus.training.loop import Training


def heavy_tailed():
    rng = np.random.default_rng(1)
    return rng.standard_t(2, (250, 4)) @ rng.standard_normal((4, 12)) + 0.3 * rng.standard_t(3, (250, 12))


def mixed_table():
    """Numbers of unlike size, one-hot categories, a constant column and a copy of another."""
    rng = np.random.default_rng(2)
    kinds = np.eye(4)[rng.integers(0, 4, 300)]
    numbers = curved_table(300, 5, seed=3) * [1, 10, 1e3, 1e-2, 1]
    return np.column_stack([numbers, kinds, np.full(300, 2.0), numbers[:, 1], rng.exponential(5, 300)])


TABLES = {
    "digits": (lambda: datasets.load_digits().data[:500] / 16, (1, 2, 8, 32)),
    "iris": (lambda: datasets.load_iris().data, (1, 2, 3, 4)),
    "wine": (lambda: datasets.load_wine().data, (1, 2, 4, 12)),
    "breast cancer": (lambda: datasets.load_breast_cancer().data, (1, 2, 8, 20)),
    "diabetes": (lambda: datasets.load_diabetes().data, (1, 2, 4, 8)),
    "linnerud": (lambda: datasets.load_linnerud().data, (1, 2, 3)),
    "swiss roll": (lambda: datasets.make_swiss_roll(400, random_state=0)[0], (1, 2, 3)),
    "bent": (lambda: curved_table(300, 10), (1, 2, 4, 8)),
    "pure noise": (lambda: np.random.default_rng(0).standard_normal((200, 12)), (1, 2, 4, 8)),
    "heavy tails": (heavy_tailed, (1, 2, 4, 8)),
    "mixed": (mixed_table, (1, 2, 4, 8)),
    "wider than long": (lambda: np.random.default_rng(4).standard_normal((40, 90)), (1, 2, 4, 8)),
}
CASES = [(name, size) for name, (_, sizes) in TABLES.items() for size in sizes]


@pytest.mark.parametrize(("name", "size"), CASES, ids=[f"{name}-{size}" for name, size in CASES])
def test_validated_error_is_at_most_pcas(name, size, monkeypatch):
    X = np.asarray(TABLES[name][0](), dtype=np.float64)
    held_out = []
    run = Training.run

    def spied(self, training, validation, *rest):
        held_out.append(validation.take(torch.arange(len(validation))).numpy())
        return run(self, training, validation, *rest)

    monkeypatch.setattr(Training, "run", spied)
    model = Autoencoder(size, max_iter=8, polish=0, refit=False, random_state=size).fit(X)
    history, rows = model.history_, model.scaling_.undo(held_out[0])

    pca = PCA(size).fit(X)
    reconstructed = pca.inverse_transform(pca.transform(rows))
    linear = ((reconstructed - rows) ** 2).mean()
    unit = model.scaling_.unit**2
    floor = 1e-9 * X.var(axis=0).mean()  # where PCA reconstructs everything, both are rounding
    assert history["validation_mse"][0] * unit == pytest.approx(linear, rel=1e-3, abs=floor)
    assert history["validation_mse"][model.best_epoch_] <= history["validation_mse"][0]
    ours = ((model.reconstruct(rows) - rows) ** 2).mean()
    assert ours == pytest.approx(history["validation_mse"][model.best_epoch_] * unit, rel=1e-3, abs=floor)
    assert ours <= linear * (1 + 1e-3) + floor
    polished = Autoencoder(size, max_iter=8, random_state=size).fit(X)
    assert ((polished.reconstruct(rows) - rows) ** 2).mean() <= linear * (1 + 1e-3) + floor


def few_of_low_rank(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((1210, 5)) @ rng.standard_normal((5, 30)) + 0.1 * rng.standard_normal((1210, 30))


def test_where_nothing_bends_chance_on_few_rows_is_no_reason_to_leave_pca():
    """On new rows; the best epoch on the held-out rows alone is 11% worse than PCA on one of these."""
    ratios = []
    for seed in range(3):
        X = few_of_low_rank(seed)
        train, test = X[:210], X[210:]
        model, pca = Autoencoder(2, random_state=seed).fit(train), PCA(2).fit(train)
        linear = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean()
        ratios.append(((model.reconstruct(test) - test) ** 2).mean() / linear)
    assert max(ratios) < 1.01, ratios


def test_it_is_better_where_there_is_something_to_bend(digits):
    train, test, *_ = digits
    model = Autoencoder(2, max_iter=20, random_state=0).fit(train)
    pca = PCA(2).fit(train)
    linear = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).mean()
    assert linear == pytest.approx(0.0531, abs=5e-4)
    assert ((model.reconstruct(test) - test) ** 2).mean() < 0.8 * linear


def ordered_table():
    """Six columns, clear gaps between the principal variances, far from the origin."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    return (rng.standard_normal((200, 6)) * [4, 2.5, 1.5, 0.5, 0.3, 0.2]) @ turn + 0.5


def assert_is_pca(model, X, size, code_tolerance):
    pca = PCA(size).fit(X)
    assert subspace_angles(model.components_.T, pca.components_.T).max() < 1e-3
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(size), atol=1e-4)
    agree = (model.components_ * pca.components_).sum(1)  # the same axes, in the same order
    np.testing.assert_allclose(np.abs(agree), 1, atol=code_tolerance)
    np.testing.assert_allclose(
        model.transform(X) * np.sign(agree), pca.transform(X), atol=code_tolerance * np.abs(X).max() * 10
    )
    np.testing.assert_allclose(model.transform(X).var(0, ddof=1), pca.explained_variance_, rtol=10 * code_tolerance)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_linear_is_pca(size):
    X = ordered_table()
    model = Autoencoder(size, hidden_layer_sizes=(), random_state=0).fit(X)
    assert_is_pca(model, X, size, 1e-5)
    assert model.fitted_.n_iter == 0  # nothing to train for: the closed form is the optimum


@pytest.mark.parametrize("size", [1, 2, 3])
def test_linear_from_a_random_start_finds_pcas_ordered_directions(size):
    X = ordered_table()
    settings = {"validation_fraction": 0, "batch_size": 200, "learning_rate": 0.03, "max_iter": 1200}
    model = Autoencoder(size, hidden_layer_sizes=(), start="random", random_state=0, **settings).fit(X)
    assert model.history_["train_mse"][0] > 2 * model.history_["train_mse"][-1]
    assert_is_pca(model, X, size, 2e-3)


def test_ordering_the_code_leaves_the_reconstructed_rows_alone(monkeypatch):
    X = ordered_table()
    settings = {"hidden_layer_sizes": (), "start": "random", "max_iter": 5, "random_state": 0}
    ordered = Autoencoder(3, **settings).fit(X)
    monkeypatch.setattr("isthmus.fitting.order_linear_code", lambda model, batches: None)
    mixed = Autoencoder(3, **settings).fit(X)
    np.testing.assert_allclose(ordered.reconstruct(X), mixed.reconstruct(X), atol=1e-4)
    covariance = np.cov(ordered.transform(X).T)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-3)
    assert (np.diff(np.diag(covariance)) < 0).all()
    assert not np.allclose(np.cov(mixed.transform(X).T), covariance, atol=1e-2)


def test_a_linear_code_with_more_units_than_features_is_left_as_it_is():
    X = ordered_table()
    model = DenoisingAutoencoder(10, hidden_layer_sizes=(), max_iter=2, random_state=0).fit(X)
    assert model.n_iter_ > 0
    assert model.transform(X).shape == (200, 10)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), model.reconstruct(X), atol=1e-4)


def test_only_a_linear_model_has_components(table):
    with pytest.raises(AttributeError, match=r"^Autoencoder: only a linear model \(hidden_layer_sizes=\(\)\)"):
        _ = Autoencoder(2, max_iter=0).fit(table).components_


def test_wide_rows_are_exact_however_many_columns_are_taken_together(monkeypatch):
    X = 100 + torch.randn(12, 50, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(principal, "WIDE_COLUMNS", 7)
    found = principal.principal_directions(lambda: iter(X.split(5)), X.double().mean(0), len(X), 4)
    pca = PCA(4, svd_solver="full").fit(X.double().numpy())
    np.testing.assert_allclose(found.variances, pca.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(found.directions, pca.components_, atol=1e-5)
    assert found.total_variance == pytest.approx(X.double().var(0).sum().item(), rel=1e-6)
