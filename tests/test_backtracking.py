"""Rates by backtracking: an epoch worse than the start is taken back, and training is dropped where no rate gains."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.parts.count_noise import poisson_deviance
from isthmus.training.plan import BACKTRACKS_OF_COUNTS

torch = pytest.importorskip("torch")


def topics(n_rows: int, n_columns: int, bent: float, seed: int = 0) -> np.ndarray:
    """Counts whose logarithms follow two numbers, linearly or along a curve."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n_rows, 2))
    own = np.random.default_rng(1).normal(size=(2, 2, n_columns))
    logs = z @ own[0] + bent * (z**2 - 1) @ own[1]
    share = np.exp(logs - logs.max(1, keepdims=True))
    counts = rng.poisson(200 * share / share.sum(1, keepdims=True))
    counts[:, 0] += 1
    return counts


def fitted(X: np.ndarray, **settings):
    return Autoencoder(2, likelihood="poisson", random_state=0, hidden_layer_sizes=(32,), **settings).fit(X)


def test_training_is_dropped_where_no_rate_gains():
    X = topics(60, 40, bent=0.0)
    model = fitted(X, max_iter=60, learning_rate=1.0)
    losses = model.history_.columns["validation_loss"]
    assert sum(loss > losses[0] for loss in losses[1:]) <= BACKTRACKS_OF_COUNTS
    rates = model.history_.columns["learning_rate"]
    assert len(losses) < 60 or max(rates[-5:]) <= 1e-3


def test_epochs_that_lose_are_taken_back_at_a_tenth_of_the_rate():
    X = topics(300, 30, bent=0.4)
    model = fitted(X, max_iter=12, learning_rate=0.3, schedule="constant", polish=0)
    losses, rates = (model.history_.columns[name] for name in ("validation_loss", "learning_rate"))
    lost = np.cumsum([loss > losses[0] for loss in losses])
    np.testing.assert_allclose(rates[1:], 0.3 / 10.0 ** lost[:-1], rtol=1e-6)


def test_a_model_of_counts_is_never_worse_than_its_start_on_rows_held_out():
    for bent in (0.0, 0.5):
        X, test = topics(200, 30, bent), topics(200, 30, bent, seed=5)
        start, model = fitted(X, max_iter=0), fitted(X, max_iter=30)
        errors = [
            float(poisson_deviance(torch.tensor(one.reconstruct(test), dtype=torch.float64), torch.tensor(test)).mean())
            for one in (start, model)
        ]
        assert errors[1] <= errors[0] * 1.01
