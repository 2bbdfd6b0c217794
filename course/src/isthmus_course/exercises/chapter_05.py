"""Two thermometers.

One hidden number z ~ N(0, 1) is measured twice, x_i = z + noise, with noise ~ N(0, variance).

1. Write shrinkage(variance): the factor with which the mean of the two readings has the smallest mean squared error as
   an estimate of z.
2. Write divergence(mean, variance): KL( N(mean, variance) ‖ N(0, 1) ), in nats, in closed form.
3. Write elbo(x, variance, mean, spread): the evidence lower bound for the readings x, shape (2,), with
   q = N(mean, spread), where spread is a variance, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus_course.exercise import distinguished, first_fault, show

NEEDS = ("shrinkage", "divergence", "elbo")

STARTER = '''
"""Chapter 5: shrinkage, a divergence and a bound."""

import numpy as np


def shrinkage(variance):
    """The factor for the mean of two readings whose noise has this variance."""
    raise NotImplementedError


def divergence(mean, variance):
    """KL( N(mean, variance) || N(0, 1) ), in nats."""
    raise NotImplementedError


def elbo(x, variance, mean, spread):
    """The bound for the readings x, shape (2,), at q = N(mean, spread)."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 5: two readings and a prior that counts as one more, of variance 1 and value 0."""

import numpy as np


def shrinkage(variance):
    """The factor for the mean of two readings whose noise has this variance."""
    return 2 / (2 + variance)


def divergence(mean, variance):
    """KL( N(mean, variance) || N(0, 1) ), in nats."""
    return (mean**2 + variance - 1 - np.log(variance)) / 2


def elbo(x, variance, mean, spread):
    """The bound for the readings x, shape (2,), at q = N(mean, spread)."""
    squares = np.sum((x - mean) ** 2 + spread)
    expected = -squares / (2 * variance) - np.log(2 * np.pi * variance)
    return expected - divergence(mean, spread)
'''

WRONG = {
    "no prior": (
        REFERENCE.replace("return 2 / (2 + variance)", "return 1.0"),
        "no other factor errs less: with noise of variance 1, your 1 errs by 0.5, and 0.5 only by 0.375",
    ),
    "one reading": (
        REFERENCE.replace("return 2 / (2 + variance)", "return 1 / (1 + variance)"),
        "no other factor errs less: with noise of variance 1, your 0.5 errs by 0.375, and 0.75 only by 0.344",
    ),
    "a standard deviation for a variance": (
        REFERENCE.replace("variance - 1 - np.log(variance)) / 2", "variance**2 - 1 - 2 * np.log(variance)) / 2"),
        "the divergence is the area it stands for: for N(0, 2) yours is 0.807, and the area is 0.153",
    ),
    "the one forgotten": (
        REFERENCE.replace("variance - 1 - np.log(variance)", "variance - np.log(variance)"),
        "a curve is at no distance from itself: your divergence of N(0, 1) is 0.5",
    ),
    "the other way round": (
        REFERENCE.replace(
            "(mean**2 + variance - 1 - np.log(variance)) / 2",
            "((1 + mean**2) / variance - 1 + np.log(variance)) / 2",
        ),
        "the divergence is the area it stands for: for N(0, 2) yours is 0.0966, and the area is 0.153",
    ),
    "the width of q forgotten": (
        REFERENCE.replace("(x - mean) ** 2 + spread)", "(x - mean) ** 2)"),
        "the bound is nowhere above the evidence: for x = (0, 0), variance 1, at q = N(0, 0.333) your bound is -2.05, "
        "and log p(x) is -2.39",
    ),
    "the divergence added": (
        REFERENCE.replace("expected - divergence", "expected + divergence"),
        "the bound is nowhere above the evidence",
    ),
    "the divergence left out": (
        REFERENCE.replace("return expected - divergence(mean, spread)", "return expected"),
        "the bound is nowhere above the evidence",
    ),
    "too low": (
        REFERENCE.replace(
            "return expected - divergence(mean, spread)", "return expected - 2 * divergence(mean, spread)"
        ),
        "the bound is tight at the posterior: for x = (0, 0), variance 1, your bound at N(0, 0.333) is -2.6, and "
        "log p(x) is -2.39",
    ),
}

CLOSE, CLOSE_IN_SINGLE = 1e-8, 1e-6
VARIANCES = [1.0, 0.5, *np.random.default_rng(5).uniform(0.05, 4, 5)]
FACTORS = (0.5, 0.9, 0.98, 1.02, 1.1, 1.5)
CURVES = [(0.0, 2.0), (1.0, 1.0), (0.8, 0.2), (-2.0, 0.5), (3.0, 1.7)]
ROOMS = [((0.0, 0.0), 1.0), ((1.2, 0.8), 0.5), ((-2.0, 1.0), 0.3)]
AROUND = [(0.0, 1.0), (0.5, 1.0), (0.0, 0.5), (-0.3, 2.0), (1.0, 0.25)]


def nearest(mine: Any) -> str | None:
    """No other factor errs less."""

    def fault(variance: float) -> str | None:
        yours = float(mine.shrinkage(variance))
        # c times the mean of the readings is off by (c - 1) z and c times the mean noise, of variance σ²/2
        risks = {c: (1 - c) ** 2 + c**2 * variance / 2 for c in (yours, *(yours * factor for factor in FACTORS))}
        best = min(risks, key=risks.__getitem__)
        if risks[yours] <= risks[best] + 1e-12:
            return None
        more, less = distinguished(risks[yours], risks[best])
        noise = f"noise of variance {show(variance)}"
        return f"with {noise}, your {show(yours)} errs by {more}, and {show(best)} only by {less}."

    return first_fault(VARIANCES, fault)


def itself(mine: Any) -> str | None:
    """A curve is at no distance from itself."""
    yours = float(mine.divergence(0.0, 1.0))
    return None if _same(yours, 0.0) else f"your divergence of N(0, 1) is {show(yours)}."


def area(mine: Any) -> str | None:
    """The divergence is the area it stands for."""

    def fault(curve: tuple[float, float]) -> str | None:
        yours, right = float(mine.divergence(*curve)), _area(*curve)
        if _same(yours, right):
            return None
        yours, right = distinguished(yours, right)
        return f"for N({show(curve[0])}, {show(curve[1])}) yours is {yours}, and the area is {right}."

    return first_fault(CURVES, fault)


def below(mine: Any) -> str | None:
    """The bound is nowhere above the evidence."""

    def fault(case: tuple[tuple[float, float], float, float, float]) -> str | None:
        x, variance, mean, spread = case
        yours, evidence = float(mine.elbo(np.array(x), variance, mean, spread)), _room(x, variance).log_evidence
        if yours <= evidence or _same(yours, evidence):
            return None
        yours, evidence = distinguished(yours, evidence)
        return (
            f"for x = {show(x)}, variance {show(variance)}, at q = N({show(mean)}, {show(spread)}) your bound is "
            f"{yours}, and log p(x) is {evidence}."
        )

    cases = []
    for x, variance in ROOMS:
        room = _room(x, variance)
        cases += [(x, variance, *q) for q in [(room.posterior_mean, room.posterior_variance), *AROUND]]
    return first_fault(cases, fault)


def tight(mine: Any) -> str | None:
    """The bound is tight at the posterior."""

    def fault(case: tuple[tuple[float, float], float]) -> str | None:
        x, variance = case
        room = _room(x, variance)
        q = room.posterior_mean, room.posterior_variance
        yours = float(mine.elbo(np.array(x), variance, *q))
        if _same(yours, room.log_evidence):
            return None
        yours, evidence = distinguished(yours, room.log_evidence)
        return (
            f"for x = {show(x)}, variance {show(variance)}, your bound at N({show(q[0])}, {show(q[1])}) is {yours}, "
            f"and log p(x) is {evidence}."
        )

    return first_fault(ROOMS, fault)


def gap(mine: Any) -> str | None:
    """The gap is the divergence from the posterior."""
    from isthmus.closed_form import gaussian_divergence

    def fault(case: tuple[tuple[float, float], float, float, float]) -> str | None:
        x, variance, mean, spread = case
        room = _room(x, variance)
        bound = float(mine.elbo(np.array(x), variance, mean, spread))
        right = gaussian_divergence(mean, spread, room.posterior_mean, room.posterior_variance)
        if _same(bound, room.log_evidence - right):
            return None
        yours, right = distinguished(room.log_evidence - bound, right)
        return (
            f"for x = {show(x)}, variance {show(variance)}, at q = N({show(mean)}, {show(spread)}) your gap is "
            f"{yours}, and the divergence {right}."
        )

    return first_fault([(x, variance, *q) for x, variance in ROOMS for q in AROUND], fault)


def _same(yours: float, right: float) -> bool:
    """Equal to eight decimals, or to six digits if yours is in single precision."""
    single = yours == float(np.float32(yours))
    return abs(yours - right) <= (CLOSE_IN_SINGLE * (1 + abs(right)) if single else CLOSE)


def _area(mean: float, variance: float) -> float:
    """∫ q log q/p, by a sum over a fine grid, which for Gaussians is exact up to rounding."""
    spread = np.sqrt(variance)
    z = mean + spread * np.linspace(-14, 14, 40_001)
    log_q = -((z - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    log_p = -(z**2) / 2 - np.log(2 * np.pi) / 2
    return float(np.trapezoid(np.exp(log_q) * (log_q - log_p), z))


def _room(x: tuple[float, float], variance: float) -> Any:
    from isthmus.closed_form import two_measurements

    return two_measurements(x, variance)


CHECKS = (nearest, itself, area, below, tight, gap)
