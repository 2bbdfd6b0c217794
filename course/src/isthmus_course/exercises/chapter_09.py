"""Four other constraints.

1. Clean points come from round clusters of equal weight and standard deviation width, around the rows of centres, shape
   (K, n). Noise of standard deviation level is added to every coordinate. Write arrow(x, centres, width, level): what
   to add to the noisy point x, shape (n,), to bring it as close as possible to the clean one in mean square. It is
   level² times the gradient of the log density of noisy points.
2. Write sparse_loss(x, h, W, price) for rows x, shape (N, n), their non-negative codes h, shape (N, K), and a decoder's
   matrix W, shape (n, K). If each column of W has length 1, it is the mean over rows of ‖x - W h‖² + price · Σ h.
   Otherwise you choose, but W must not cheat: if h is already too small to reconstruct x, shrinking h and growing W by
   the same factor must not lower the loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("arrow", "sparse_loss")

STARTER = '''
"""Chapter 9: the best arrow for a noisy point, and a sparse loss that cannot be cheated."""

import numpy as np


def arrow(x, centres, width, level):
    """What to add to the noisy point x, shape (n,), so it is on average nearest to the clean one."""
    raise NotImplementedError


def sparse_loss(x, h, W, price):
    """Mean over rows of the squared error and the price of the code, in units that cannot be chosen."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 9: the mean clean point is a weighted mean of centres; a latent costs the length of what it draws."""

import numpy as np


def arrow(x, centres, width, level):
    """What to add to the noisy point x, shape (n,), so it is on average nearest to the clean one."""
    variance = width**2 + level**2
    log_share = -np.sum((centres - x) ** 2, axis=1) / (2 * variance)
    share = np.exp(log_share - log_share.max())
    share /= share.sum()
    return level**2 / variance * (share @ centres - x)


def sparse_loss(x, h, W, price):
    """Mean over rows of the squared error and the price of the code, in units that cannot be chosen."""
    lengths = np.linalg.norm(W, axis=0)
    return np.mean(np.sum((x - h @ W.T) ** 2, axis=1) + price * h @ lengths)
'''


def _changed(old: str, new: str) -> str:
    assert old in REFERENCE, old
    return REFERENCE.replace(old, new)


WRONG = {
    "the score, without level²": (
        _changed("level**2 / variance *", "1 / variance *"),
        "one centre pulls by the share of the noise: with a centre at (0), width 1 and level 2, at (1) your arrow "
        "is (-0.2), not (-0.8)",
    ),
    "the density of clean points": (
        _changed("variance = width**2 + level**2", "variance = width**2"),
        "one centre pulls by the share of the noise: with a centre at (0), width 1 and level 2, at (1) your arrow is "
        "(-4), not (-0.8)",
    ),
    "downhill": (
        _changed("(share @ centres - x)", "(x - share @ centres)"),
        "one centre pulls by the share of the noise: with a centre at (0), width 1 and level 2, at (1) your arrow is "
        "(0.8)",
    ),
    "the nearest centre only": (
        _changed("share = np.exp(log_share - log_share.max())", "share = 1.0 * (log_share == log_share.max())"),
        "the arrow is level² times the slope of the log density: with centres at -1 and 1, width 1 and level 1, at "
        "(0.5) your arrow is (0.25)",
    ),
    "the plain price on h": (
        _changed("price * h @ lengths", "price * h.sum(1)"),
        "shrinking the code never pays: for one picture of one pixel, x = (2), h = (1), W = 1 and price 0.1, your loss "
        "is 1.1, and with h / 1.1 and 1.1 W it is 1.09",
    ),
    "a mean over pixels": (
        _changed("np.sum((x - h @ W.T) ** 2, axis=1)", "np.mean((x - h @ W.T) ** 2, axis=1)"),
        "without a price the loss is the squared error: for x = (1, 1), h = (0) and W = (1, 0) your loss is 1, not 2",
    ),
    "no price at all": (
        _changed("price * h @ lengths", "0 * h @ lengths"),
        "each number of the code costs its size: for x = (1), h = (2), W = 1, a price of 1 adds 0 to your loss, not 2",
    ),
}

CLOSE = 1e-6
FACTORS = (1.1, 2.0, 10.0)


def one_centre(mine: Any) -> str | None:
    """One centre pulls by the share of the noise."""

    def fault(case: tuple[list[float], list[float], float, float]) -> str | None:
        centre, x, width, level = case
        right = level**2 / (width**2 + level**2) * (np.array(centre) - x)
        got = _arrow(mine, np.array(x), np.array([centre]), width, level)
        if got.shape == right.shape and np.abs(got - right).max() <= CLOSE:
            return None
        return (
            f"with a centre at {show(centre)}, width {show(width)} and level {show(level)}, at {show(x)} your arrow is "
            f"{show(got)}, not {show(right)}."
        )

    cases = [([0.0], [1.0], 1.0, 2.0), ([0.0], [0.0], 1.0, 1.0), ([1.0, -1.0], [3.0, 0.0], 0.5, 0.5)]
    return first_fault(cases, fault)


def uphill(mine: Any) -> str | None:
    """The arrow is level² times the slope of the log density."""

    def fault(case: tuple[str, np.ndarray, np.ndarray, float, float]) -> str | None:
        name, centres, x, width, level = case
        right = level**2 * _slope(x, centres, width, level)
        got = _arrow(mine, x, centres, width, level)
        if got.shape == right.shape and np.abs(got - right).max() <= 1e-5 * (1 + np.abs(right).max()):
            return None
        return (
            f"with centres {name}, width {show(width)} and level {show(level)}, at {show(x)} your arrow is "
            f"{show(got)}, and the slope by small steps gives {show(right)}."
        )

    rng = np.random.default_rng(0)
    two = np.array([[-1.0], [1.0]])
    ring = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    cases = [("at -1 and 1", two, np.array([x]), 1.0, 1.0) for x in (0.5, 0.0, -2.0)]
    cases += [("on a ring", ring, x, 0.3, 0.4) for x in rng.normal(size=(4, 2))]
    cases += [("in five dimensions", rng.normal(size=(6, 5)), x, 0.5, 1.0) for x in rng.normal(size=(2, 5))]
    return first_fault(cases, fault)


def plain_error(mine: Any) -> str | None:
    """Without a price the loss is the squared error."""

    def fault(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> str | None:
        x, h, W = case
        right = float(np.mean(np.sum((x - h @ W.T) ** 2, axis=1)))
        got = _loss(mine, x, h, W, 0.0)
        if abs(got - right) <= CLOSE * (1 + right):
            return None
        if len(x) > 1:
            return f"for {len(x)} rows of {x.shape[1]} pixels your loss is {show(got)}, not {show(right)}."
        what = f"x = {show(x[0])}, h = {show(h[0])} and W = {show(W[:, 0])}"
        return f"for {what} your loss is {show(got)}, not {show(right)}."

    return first_fault([(np.ones((1, 2)), np.zeros((1, 1)), np.array([[1.0], [0.0]])), _random(False)], fault)


def costs_its_size(mine: Any) -> str | None:
    """Each number of the code costs its size."""

    def fault(case: tuple[str, np.ndarray, np.ndarray, np.ndarray]) -> str | None:
        name, x, h, W = case
        right = float(h.sum(1).mean())
        got = _loss(mine, x, h, W, 1.0) - _loss(mine, x, h, W, 0.0)
        if abs(got - right) <= CLOSE * (1 + right):
            return None
        return f"for {name}, a price of 1 adds {show(got)} to your loss, not {show(right)}."

    small = ("x = (1), h = (2), W = 1", np.ones((1, 1)), np.full((1, 1), 2.0), np.ones((1, 1)))
    return first_fault([small, ("20 rows and columns of length 1", *_random(False))], fault)


def no_cheat(mine: Any) -> str | None:
    """Shrinking the code never pays."""

    def fault(case: tuple[str, np.ndarray, np.ndarray, np.ndarray, float]) -> str | None:
        name, x, h, W, factor = case
        before = _loss(mine, x, h, W, 0.1)
        after = _loss(mine, x, h / factor, factor * W, 0.1)
        if after >= before - CLOSE * (1 + abs(before)):
            return None
        times = show(factor)
        return (
            f"for {name} and price 0.1, your loss is {show(before)}, and with h / {times} and {times} W it is "
            f"{show(after)}."
        )

    # Rows of twice W h: a smaller code reconstructs them worse, whatever its price, unless W makes good for it.
    one = np.ones((1, 1))
    cases = [("one picture of one pixel, x = (2), h = (1), W = 1", 2 * one, one, one, factor) for factor in FACTORS]
    x, h, W = _random(True)
    cases += [("20 rows of which W h reconstructs half", 2 * x, h, W, factor) for factor in FACTORS]
    return first_fault(cases, fault)


def _arrow(mine: Any, x: np.ndarray, centres: np.ndarray, width: float, level: float) -> np.ndarray:
    return np.asarray(mine.arrow(x.copy(), centres.copy(), width, level), dtype=float)


def _loss(mine: Any, x: np.ndarray, h: np.ndarray, W: np.ndarray, price: float) -> float:
    return float(mine.sparse_loss(x.copy(), h.copy(), W.copy(), price))


def _slope(x: np.ndarray, centres: np.ndarray, width: float, level: float, step: float = 1e-5) -> np.ndarray:
    """The gradient of the log density by small steps."""

    def log_density(at: np.ndarray) -> float:
        logs = -np.sum((centres - at) ** 2, axis=1) / (2 * (width**2 + level**2))
        return float(np.log(np.exp(logs - logs.max()).sum()) + logs.max())

    return np.array([(log_density(x + e) - log_density(x - e)) / (2 * step) for e in step * np.eye(len(x))])


def _random(exact: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, codes, and a decoder whose columns have length 1; with ``exact``, rows that it reconstructs."""
    rng = np.random.default_rng(1)
    W = rng.normal(size=(5, 8))
    W /= np.linalg.norm(W, axis=0)
    h = rng.exponential(size=(20, 8)) * (rng.random((20, 8)) < 0.4)
    return (h @ W.T if exact else rng.normal(size=(20, 5))), h, W


CHECKS = (one_centre, uphill, plain_error, costs_its_size, no_cheat)
