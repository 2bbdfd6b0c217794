"""What the loss means.

A row x has n numbers, and so has its reconstruction.

1. Someone added λ times a penalty to the *sum* of squared errors and liked the result. You use ``nn.MSELoss``, the
   *mean*. Write weight_for_mean(weight, n): the weight with which your loss has its minimum at the same point.
2. Write negative_log_likelihood(x, reconstructed, variance): -log of the density, at x, of n independent Gaussians with
   means reconstructed, all with this variance; in nats, summed over the row.
3. Write best_variance(x, reconstructed): the variance under which the row is most probable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus_course.exercise import distinguished, first_fault, show

NEEDS = ("weight_for_mean", "negative_log_likelihood", "best_variance")

STARTER = '''
"""Chapter 4: weights that keep their meaning, and a likelihood with all its parts."""

import numpy as np


def weight_for_mean(weight, n):
    """The weight that has the same effect with a mean over n numbers as this weight has with their sum."""
    raise NotImplementedError


def negative_log_likelihood(x, reconstructed, variance):
    """-log N(x; reconstructed, variance), in nats, summed over the row."""
    raise NotImplementedError


def best_variance(x, reconstructed):
    """The variance under which the row x is most probable."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 4: the mean is the sum divided by n, and so is the weight."""

import numpy as np


def weight_for_mean(weight, n):
    """The weight that has the same effect with a mean over n numbers as this weight has with their sum."""
    return weight / n


def negative_log_likelihood(x, reconstructed, variance):
    """-log N(x; reconstructed, variance), in nats, summed over the row."""
    return np.sum((x - reconstructed) ** 2 / (2 * variance) + np.log(2 * np.pi * variance) / 2)


def best_variance(x, reconstructed):
    """The variance under which the row x is most probable."""
    return np.mean((x - reconstructed) ** 2)
'''

WRONG = {
    "the same weight": (
        REFERENCE.replace("return weight / n", "return weight"),
        "both losses are least at one place: for x = (1, 1) and weight 1 the sum is least at (0.5, 0.5), and the mean "
        "with your weight 1 at (0.333, 0.333)",
    ),
    "times n": (
        REFERENCE.replace("return weight / n", "return weight * n"),
        "both losses are least at one place: for x = (1, 1) and weight 1 the sum is least at (0.5, 0.5), and the mean "
        "with your weight 2 at (0.2, 0.2)",
    ),
    "no price for the width": (
        REFERENCE.replace(" + np.log(2 * np.pi * variance) / 2", ""),
        "the density adds up to one: around 0 with variance 1 yours adds up to 2.51",
    ),
    "the width priced once a row": (
        REFERENCE.replace(
            "np.sum((x - reconstructed) ** 2 / (2 * variance) + np.log(2 * np.pi * variance) / 2)",
            "np.sum((x - reconstructed) ** 2) / (2 * variance) + np.log(2 * np.pi * variance) / 2",
        ),
        "numbers of a row are independent: for x = (0, 0) and variance 1 the row costs 0.919, and its numbers one by "
        "one 1.84",
    ),
    "bits": (
        REFERENCE.replace("/ 2)\n", "/ 2) / np.log(2)\n"),
        "the density adds up to one: around 0 with variance 1",
    ),
    "the standard deviation": (
        REFERENCE.replace(
            "return np.mean((x - reconstructed) ** 2)", "return np.sqrt(np.mean((x - reconstructed) ** 2))"
        ),
        "no other variance is better: for x = (2) and x̂ = (0), your 2 costs 2.27, and 4 only 2.11",
    ),
    "the sum of squares": (
        REFERENCE.replace("return np.mean((x - reconstructed) ** 2)", "return np.sum((x - reconstructed) ** 2)"),
        "no other variance is better: for x = (1, 1) and x̂ = (0, 0), your 2 costs 3.03, and 1 only 2.84",
    ),
}

CLOSE = 1e-6  # so results in single precision pass
FACTORS = (0.25, 0.5, 0.98, 1.02, 2.0, 4.0)


def same_place(mine: Any) -> str | None:
    """Both losses are least at one place."""

    def fault(case: tuple[np.ndarray, float]) -> str | None:
        x, weight = case
        yours = float(mine.weight_for_mean(weight, len(x)))
        # Σ(x - x̂)² + w Σx̂² is least at x / (1 + w); with the mean, at x / (1 + n w)
        right, found = x / (1 + weight), x / (1 + len(x) * yours)
        if np.abs(right - found).max() <= CLOSE:
            return None
        return (
            f"for x = {show(x)} and weight {show(weight)} the sum is least at {show(right)}, and the mean with your "
            f"weight {show(yours)} at {show(found)}."
        )

    return first_fault([(np.ones(1), 1.0), (np.ones(2), 1.0), (np.array([1.0, -2.0, 0.5]), 0.3)], fault)


def one_number(mine: Any) -> str | None:
    """The negative log-likelihood is one number."""
    answer = mine.negative_log_likelihood(np.zeros(2), np.zeros(2), 1.0)
    return None if np.ndim(answer) == 0 else f"for a row of two it has shape {np.shape(answer)}."


def adds_up_to_one(mine: Any) -> str | None:
    """The density adds up to one."""

    def fault(case: tuple[float, float]) -> str | None:
        center, variance = case
        places = center + np.sqrt(variance) * np.linspace(-12, 12, 2001)
        density = [np.exp(-mine.negative_log_likelihood(np.array([x]), np.array([center]), variance)) for x in places]
        total = float(np.trapezoid(density, places))
        if abs(total - 1) <= 1e-6:
            return None
        return f"around {show(center)} with variance {show(variance)} yours adds up to {show(total)}."

    return first_fault([(0.0, 1.0), (0.0, 0.25), (3.0, 2.0)], fault)


def bell(mine: Any) -> str | None:
    """The bell has the variance it is given."""

    def fault(variance: float) -> str | None:
        places = np.sqrt(variance) * np.linspace(-12, 12, 2001)
        density = [np.exp(-mine.negative_log_likelihood(np.array([x]), np.zeros(1), variance)) for x in places]
        spread = float(np.trapezoid(places**2 * np.array(density), places))
        if abs(spread - variance) <= 1e-6:
            return None
        return f"of variance {show(variance)} asked for, yours has {show(spread)}."

    return first_fault([1.0, 0.25, 2.0], fault)


def independent(mine: Any) -> str | None:
    """Numbers of a row are independent."""

    def fault(case: tuple[np.ndarray, np.ndarray, float]) -> str | None:
        x, reconstructed, variance = case
        row = float(mine.negative_log_likelihood(x.copy(), reconstructed.copy(), variance))
        each = sum(float(mine.negative_log_likelihood(x[[at]], reconstructed[[at]], variance)) for at in range(len(x)))
        if abs(row - each) <= CLOSE * (1 + abs(each)):
            return None
        costs, one_by_one = distinguished(row, each)
        return (
            f"for x = {show(x)} and variance {show(variance)} the row costs {costs}, and its numbers one by one "
            f"{one_by_one}."
        )

    zeros, rng = np.zeros(2), np.random.default_rng(0)
    return first_fault(
        [(zeros, zeros, 1.0), (np.array([1.0, 0.0]), zeros, 0.5), (*rng.normal(size=(2, 5)), 0.3)], fault
    )


def no_better(mine: Any) -> str | None:
    """No other variance is better."""

    def fault(given: tuple[np.ndarray, np.ndarray]) -> str | None:
        x, reconstructed = given
        yours = float(mine.best_variance(x.copy(), reconstructed.copy()))
        if not yours > 0:
            return f"for x = {show(x)} and x̂ = {show(reconstructed)}, your {show(yours)} is no variance."
        costs = {other: _cost(x, reconstructed, other) for other in (yours, *(yours * factor for factor in FACTORS))}
        best = min(costs, key=costs.__getitem__)
        if costs[yours] <= costs[best] + CLOSE:
            return None
        dear, cheap = distinguished(costs[yours], costs[best])
        case = f"x = {show(x)} and x̂ = {show(reconstructed)}"
        return f"for {case}, your {show(yours)} costs {dear}, and {show(best)} only {cheap}."

    rng = np.random.default_rng(1)
    cases = [
        (np.ones(1), np.zeros(1)),
        (2 * np.ones(1), np.zeros(1)),
        (np.ones(2), np.zeros(2)),
        rng.normal(size=(2, 6)),
    ]
    return first_fault([(case[0], case[1]) for case in cases], fault)


def _cost(x: np.ndarray, reconstructed: np.ndarray, variance: float) -> float:
    from isthmus.closed_form import gaussian_negative_log_likelihood

    return gaussian_negative_log_likelihood(float(((x - reconstructed) ** 2).sum()), variance, len(x))


CHECKS = (same_place, one_number, adds_up_to_one, bell, independent, no_better)
