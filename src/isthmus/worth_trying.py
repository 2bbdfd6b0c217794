"""Whether a network is worth trying, predicted before it is trained: how likely it beats PCA, and by how much.

PCA's code z and its residual r = x - x̂ are known in closed form. A network of the same size can do better if r still
depends on z, as on a curved surface, and if there are enough rows to learn the dependence. Six features measure this:

    rows, columns    log₁₀ of their numbers
    unexplained      log₁₀ of the share of the variance that PCA of this size leaves out
    predicted        share of ‖r‖² that kernel ridge regression predicts from z, leaving each row out in turn
    dependence       the squared distance correlation of z and r, without its bias (Székely & Rizzo 2013): 0 for
                     independence of any form
    tails            log₁₀ of the kurtosis of ‖r‖: large if few rows have most of the error

Logistic regression predicts the probability that the network's held-out error is at least 5% below PCA's, and linear
regression the logarithm of their ratio. Both were fitted to the measurements of ``benchmarks/worth_it`` and validated
on other data sets (docs/worth-it.md); their coefficients are in ``worth_trying.json``, which that benchmark writes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from isthmus.parts.principal import Principal

__all__ = ["FEATURES", "SAMPLE", "Forecast", "forecast", "forecast_sentence", "gain_features"]

FEATURES = ("rows", "columns", "unexplained", "predicted", "dependence", "tails")
SAMPLE = 256  # rows that the last three are computed from
RIDGES = (0.03, 0.3, 3.0, 30.0)
MIN_UNEXPLAINED = 1e-6  # of the variance; below it nothing is left to explain
LIKELY, UNLIKELY = 0.65, 0.35
ROUNDED = 5  # percent


@dataclass(frozen=True)
class Forecast:
    """The expected gain of a network over PCA.

    Attributes
    ----------
    probability : float
        Probability that its held-out error is at least 5% below PCA's.
    less : tuple of float
        The share by which it is then lower: the lower and upper quartile over such data sets.
    """

    probability: float
    less: tuple[float, float]


def gain_features(rows: np.ndarray, principal: Principal, size: int, n_rows: int) -> dict[str, float]:
    """The six features.

    Parameters
    ----------
    rows
        A sample of the ``n_rows`` training rows, in the units of ``principal``: shape (n_sample, n_features).
    """
    centred = np.asarray(rows, np.float64) - principal.mean.double().cpu().numpy()
    directions = principal.directions[:size].double().cpu().numpy()
    codes = centred @ directions.T
    left = centred - codes @ directions
    total = max(principal.total_variance, np.finfo(np.float64).tiny)
    unexplained = 1 - float(principal.variances[:size].double().sum()) / total
    features = {
        "rows": math.log10(n_rows),
        "columns": math.log10(centred.shape[1]),
        "unexplained": math.log10(min(1.0, max(MIN_UNEXPLAINED, unexplained))),
    }
    squares = np.square(left).sum(1)
    if len(left) < 8 or squares.mean() <= MIN_UNEXPLAINED * np.square(centred).sum(1).mean():
        return features | {"predicted": 0.0, "dependence": 0.0, "tails": 0.0}
    return features | {
        "predicted": _predicted(codes, left),
        "dependence": _dependence(codes, left),
        "tails": math.log10(float(np.square(squares).mean() / squares.mean() ** 2)),
    }


def _predicted(codes: np.ndarray, left: np.ndarray) -> float:
    """1 - Σ‖r - r̂₋ᵢ‖² / Σ‖r - r̄₋ᵢ‖² by Gaussian kernels as wide as the median distance, at the best of four ridges.

    A row left out costs nothing: with r̂ = H r its error is (r - r̂)ᵢ / (1 - Hᵢᵢ).
    """
    squared = _squared_distances(codes)
    width = float(np.median(squared))
    if width <= 0:
        return 0.0
    values, vectors = np.linalg.eigh(np.exp(-squared / width))
    values = np.maximum(values, 0)
    centred = left - left.mean(0)
    rotated, total = vectors.T @ centred, np.square(centred * len(left) / (len(left) - 1)).sum()
    best = 0.0
    for ridge in RIDGES:
        shrunk = values / (values + ridge)
        errors = (centred - vectors @ (shrunk[:, None] * rotated)) / (1 - np.square(vectors) @ shrunk)[:, None]
        best = max(best, 1 - float(np.square(errors).sum() / total))
    return best


def _dependence(codes: np.ndarray, left: np.ndarray) -> float:
    """The unbiased squared distance correlation, from U-centred matrices of distances; at least 0."""
    first, second = (_u_centred(np.sqrt(_squared_distances(part))) for part in (codes, left))
    scale = math.sqrt(float(np.square(first).sum()) * float(np.square(second).sum()))
    return max(0.0, float((first * second).sum()) / scale) if scale > 0 else 0.0


def _squared_distances(points: np.ndarray) -> np.ndarray:
    squares = np.square(points).sum(1)
    return np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)


def _u_centred(distances: np.ndarray) -> np.ndarray:
    n = len(distances)
    sums = distances.sum(0)
    centred = distances - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


@cache
def coefficients() -> dict[str, Any]:
    """The published rule: means and scales of the six features, and the weights of both regressions."""
    return json.loads(files("isthmus").joinpath("worth_trying.json").read_text(encoding="utf-8"))


def forecast(features: dict[str, float], rule: dict[str, Any] | None = None) -> Forecast:
    """The forecast by a rule; by default by the published one."""
    rule = coefficients() if rule is None else rule
    numbers = np.array([features[name] for name in FEATURES])
    numbers = np.clip((numbers - rule["center"]) / rule["scale"], -3, 3)  # no extrapolation
    log_odds = rule["gain"]["intercept"] + float(numbers @ rule["gain"]["weights"])
    log_ratio = rule["log_ratio"]["intercept"] + float(numbers @ rule["log_ratio"]["weights"])
    most, least = (1 - math.exp(log_ratio + quartile) for quartile in rule["log_ratio"]["quartiles"])
    return Forecast(1 / (1 + math.exp(-log_odds)), (max(0.0, least), max(0.0, most)))


def forecast_sentence(expected: Forecast, seconds: float | None, *, may_stop_early: bool = False) -> str:
    """The forecast in one line: "worth trying: likely 20–40% less error than PCA, about 2 minutes".

    If training may stop early, it is "up to 2 minutes".
    """
    low, high = (int(ROUNDED * round(100 * share / ROUNDED)) for share in expected.less)
    low = max(low, ROUNDED)
    gain = f"{low}–{high}% less error" if high > low else f"about {low}% less error"
    time = "" if seconds is None else f", {_duration(seconds, 'up to' if may_stop_early else 'about')}"
    chance = f"{round(100 * expected.probability)}%"
    if expected.probability >= LIKELY:
        return f"worth trying: likely {gain} than PCA{time}"
    if expected.probability > UNLIKELY:
        return f"may be worth trying: {chance} chance of less error than PCA{time}"
    return f"PCA probably does as well: {chance} chance of less error{time}"


def _duration(seconds: float, how: str) -> str:
    if seconds < 5:
        return "a few seconds"
    if seconds < 50:
        return f"{how} {round(seconds / 5) * 5} seconds"
    if seconds < 90:
        return f"{how} a minute"
    if seconds < 90 * 60:
        return f"{how} {round(seconds / 60)} minutes"
    return f"{how} {seconds / 3600:.0f} hours" if seconds >= 5400 * 1.5 else f"{how} 2 hours"
