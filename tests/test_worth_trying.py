"""What a fit says beforehand: the numbers it is computed from, the rule, and the line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, NestedAutoencoder, VariationalAutoencoder
from isthmus.worth_trying import FEATURES, Forecast, coefficients, forecast, forecast_sentence, gain_features

RULE = {
    "center": [0.0] * 6,
    "scale": [1.0] * 6,
    "gain": {"intercept": 0.0, "weights": [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]},
    "log_ratio": {"intercept": math.log(0.8), "weights": [0.0] * 6, "quartiles": [-0.1, 0.1]},
}


def curved(n_rows: int, seed: int = 0) -> np.ndarray:
    """A parabola in eight columns, with a little noise."""
    rng = np.random.default_rng(seed)
    position = rng.uniform(-2, 2, (n_rows, 1))
    along, across = np.linalg.qr(rng.standard_normal((8, 2)))[0].T
    return 2 * position * along + 0.5 * position**2 * across + 0.05 * rng.standard_normal((n_rows, 8))


def plane(n_rows: int, seed: int = 0) -> np.ndarray:
    """A plane in eight columns, with noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n_rows, 2))
    return hidden @ rng.standard_normal((2, 8)) + 0.3 * rng.standard_normal((n_rows, 8))


def features(X: np.ndarray, size: int) -> dict[str, float]:
    closed = Autoencoder(size, hidden_layer_sizes=(), max_iter=0, random_state=0).fit(X)
    units = (X - closed.scaling_.center) / closed.scaling_.spread
    return gain_features(units, closed.principal_, size, len(X))


def test_a_curve_is_predicted_from_the_code_and_a_plane_is_not():
    bent, flat = features(curved(200), 1), features(plane(200), 2)
    assert set(bent) == set(FEATURES)
    assert bent["predicted"] > 0.7
    assert bent["dependence"] > 0.1
    assert flat["predicted"] < 0.05
    assert flat["dependence"] < 0.05


def test_numbers_known_on_paper():
    found = features(plane(100), 2)
    assert found["rows"] == 2
    assert found["columns"] == pytest.approx(math.log10(8))
    X = plane(100)
    variances = np.sort(np.linalg.eigvalsh(np.cov(X.T)))[::-1]
    assert found["unexplained"] == pytest.approx(math.log10(variances[2:].sum() / variances.sum()), abs=1e-4)


def test_neither_units_nor_the_order_of_rows_change_the_numbers():
    X = curved(120)
    expected = features(X, 1)
    assert features(1000 * X + 5, 1) == pytest.approx(expected, abs=1e-3)
    assert features(X[::-1], 1) == pytest.approx(expected, abs=1e-3)


def test_rows_that_the_code_keeps_whole_leave_nothing_to_predict():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2)) @ rng.standard_normal((2, 5))
    found = features(X, 2)
    assert (found["predicted"], found["dependence"], found["tails"]) == (0, 0, 0)
    assert math.isfinite(found["unexplained"])


def test_leaving_a_row_out_is_what_the_formula_says():
    from isthmus import worth_trying

    rng = np.random.default_rng(1)
    codes = rng.standard_normal((30, 1))
    left = np.c_[codes**2 - 1, rng.standard_normal(30)]
    squared = (codes - codes.T) ** 2
    kernel = np.exp(-squared / np.median(squared))
    away = left - left.mean(0)
    shares = []
    for ridge in worth_trying.RIDGES:
        errors = 0.0
        for row in range(30):
            others = np.delete(np.arange(30), row)
            weights = np.linalg.solve(kernel[np.ix_(others, others)] + ridge * np.eye(29), away[others])
            errors += np.square(away[row] - kernel[row, others] @ weights).sum()
        shares.append(1 - errors / np.square(away * 30 / 29).sum())
    assert worth_trying._predicted(codes, left) == pytest.approx(max(shares), abs=1e-8)


def test_the_rule_is_a_logistic_one_and_a_range_about_a_line():
    numbers = dict.fromkeys(FEATURES, 0.0)
    assert forecast(numbers, RULE).probability == 0.5
    assert forecast(numbers | {"predicted": 1.0}, RULE).probability == pytest.approx(1 / (1 + math.exp(-2)))
    low, high = forecast(numbers, RULE).less
    assert low == pytest.approx(1 - 0.8 * math.exp(0.1))
    assert high == pytest.approx(1 - 0.8 * math.exp(-0.1))


def test_numbers_beyond_all_that_was_measured_count_as_the_farthest_that_was():
    numbers = dict.fromkeys(FEATURES, 0.0)
    far, farther = (forecast(numbers | {"predicted": value}, RULE).probability for value in (3.0, 1e9))
    assert far == farther


@pytest.mark.parametrize(
    ("probability", "less", "seconds", "said"),
    [
        (0.9, (0.2, 0.4), 120, "worth trying: likely 20–40% less error than PCA, about 2 minutes"),
        (0.9, (0.0, 0.04), 3, "worth trying: likely about 5% less error than PCA, a few seconds"),
        (0.5, (0.0, 0.1), 31, "may be worth trying: 50% chance of less error than PCA, about 30 seconds"),
        (0.1, (0.0, 0.1), None, "PCA probably does as well: 10% chance of less error"),
        (0.9, (0.2, 0.4), 3 * 3600, "worth trying: likely 20–40% less error than PCA, about 3 hours"),
    ],
)
def test_one_line_says_it(probability, less, seconds, said):
    assert forecast_sentence(Forecast(probability, less), seconds) == said
    early = forecast_sentence(Forecast(probability, less), seconds, may_stop_early=True)
    assert early == said.replace("PCA, about", "PCA, up to")


def test_the_published_rule_is_whole():
    rule = coefficients()
    assert rule["features"] == list(FEATURES)
    for part in ("center", "scale"):
        assert len(rule[part]) == len(FEATURES)
    assert len(rule["gain"]["weights"]) == len(rule["log_ratio"]["weights"]) == len(FEATURES)
    assert min(rule["scale"]) > 0
    assert json.dumps(rule, allow_nan=False)


def test_a_watched_fit_says_it_once_and_learns_the_same(capsys):
    X = curved(80)
    quiet = Autoencoder(1, max_iter=3, random_state=0).fit(X)
    assert capsys.readouterr().err == ""
    watched = Autoencoder(1, max_iter=3, random_state=0, verbose=True).fit(X)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "PCA" in said[0]
    for name, weights in quiet.model_.state_dict().items():
        assert torch.equal(weights, watched.model_.state_dict()[name])


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(1, max_iter=2, verbose=True, hidden_layer_sizes=()),
        Autoencoder(1, max_iter=0, verbose=True),
        Autoencoder(1, max_iter=2, verbose=True, start="random"),
        Autoencoder(1, max_iter=2, verbose=True, likelihood="poisson"),
        NestedAutoencoder(2, max_iter=2, verbose=True),
        VariationalAutoencoder(1, max_iter=2, verbose=True),
    ],
    ids=lambda model: f"{type(model).__name__} {model.hidden_layer_sizes} {model.max_iter} {model.likelihood}",
)
def test_of_models_that_were_not_measured_nothing_is_said(model, capsys):
    model.set_params(random_state=0).fit(np.random.default_rng(0).poisson(3.0, (80, 6)).astype(float))
    assert capsys.readouterr().err == ""


def test_too_few_rows_missing_cells_and_codes_as_large_as_the_rows_say_nothing(capsys):
    X = curved(80)
    Autoencoder(X.shape[1], max_iter=2, random_state=0, verbose=True).fit(X)
    Autoencoder(1, max_iter=2, random_state=0, verbose=True).fit(X[:30])
    X[3, 2] = np.nan
    Autoencoder(1, max_iter=2, random_state=0, verbose=True).fit(X)
    assert capsys.readouterr().err == ""
