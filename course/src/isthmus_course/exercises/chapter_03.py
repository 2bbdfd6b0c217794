"""Learning the line.

A linear autoencoder has an encoder E of shape (p, n) and a decoder D of shape (n, p). A table X of shape (N, n) holds
one point per row; the codes are X Eᵀ, the reconstructed table is X Eᵀ Dᵀ, and the loss is the sum of all squared
differences.

1. Write gradient(E, D, X): the derivative of the loss with respect to each weight; two arrays, shaped like E and D.
2. Write align(E, D, X), for a table whose mean is zero: return codes of shape (N, p) and directions of shape (p, n)
   such that codes @ directions is what E and D reconstruct, but with the axes of PCA: the directions have length one
   and are at right angles to one another, and the code's columns are uncorrelated, with the largest variance first.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("gradient", "align")

STARTER = '''
"""Chapter 3: the gradient of a linear autoencoder, and axes for its code."""

import numpy as np


def gradient(E, D, X):
    """Slopes of the summed squared error along E, shape (p, n), and along D, shape (n, p)."""
    raise NotImplementedError


def align(E, D, X):
    """Codes, shape (N, p), and directions, shape (p, n), that reconstruct X as E and D do, with the axes of PCA."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 3: the chain rule, and the singular values of what was reconstructed."""

import numpy as np


def gradient(E, D, X):
    """Slopes of the summed squared error along E, shape (p, n), and along D, shape (n, p)."""
    codes = X @ E.T
    lost = X - codes @ D.T
    along_E = -2 * (lost @ D).T @ X
    along_D = -2 * lost.T @ codes
    return along_E, along_D


def align(E, D, X):
    """Codes, shape (N, p), and directions, shape (p, n), that reconstruct X as E and D do, with the axes of PCA."""
    left, lengths, directions = np.linalg.svd(X @ E.T @ D.T, full_matrices=False)
    p = len(E)
    return left[:, :p] * lengths[:p], directions[:p]
'''

_RAW_CODES = REFERENCE.partition("    left, lengths")[0] + "    return X @ E.T, D.T\n"
_TURNED = REFERENCE.partition("    left, lengths")[0] + (
    "    directions = np.linalg.qr(D)[0].T\n    return X @ E.T @ D.T @ directions.T, directions\n"
)

WRONG = {
    "the two forgotten": (
        REFERENCE.replace("-2 *", "-1 *"),
        "the gradient is the slope of the loss: with E = (0.5), D = (1), X = (1), along E[0, 0] your slope is -0.5, "
        "and the loss's is -1",
    ),
    "uphill": (
        REFERENCE.replace("-2 * lost.T", "2 * lost.T"),
        "along D[0, 0] your slope is 0.5, and the loss's is -0.5",
    ),
    "a mean where the sum is asked for": (
        REFERENCE.replace("lost = X - codes @ D.T", "lost = (X - codes @ D.T) / X.size"),
        "the gradient is the slope of the loss: with E = (1, 0), D = (0, 1), X = (1, 2), along E[0, 0] your slope is "
        "-1, and the loss's is -2",
    ),
    "the encoder's own axes": (
        _RAW_CODES,
        "the directions have length one and right angles: with E = (1, 0), D = (2, 0), two points, your direction 0 "
        "has length 2",
    ),
    "right angles, but correlated": (
        _TURNED,
        "the code's columns are uncorrelated: with E, D that reconstruct a plane exactly, 6 points, your columns 0 "
        "and 1 are correlated by",
    ),
    "the smallest first": (
        REFERENCE.replace(
            "return left[:, :p] * lengths[:p], directions[:p]",
            "return (left[:, :p] * lengths[:p])[:, ::-1], directions[:p][::-1]",
        ),
        "the largest variance comes first: with E, D that reconstruct a plane exactly, 6 points, your column 0 has "
        "variance",
    ),
    "other points": (
        REFERENCE.replace("np.linalg.svd(X @ E.T @ D.T,", "np.linalg.svd(X,"),
        "the reconstructed points stay where they are: with E = (1, 0), D = (0, 1), two points, row 0 was (0, 1) and "
        "is now",
    ),
}

STEP, CLOSE = 1e-6, 1e-5


class Case(NamedTuple):
    """Weights, points, and their name in a counterexample."""

    E: np.ndarray
    D: np.ndarray
    X: np.ndarray
    name: str


def _case(E: Any, D: Any, X: Any, name: str) -> Case:
    return Case(np.array(E, float), np.array(D, float), np.array(X, float), name)


def _drawn(seed: int, p: int, n: int, rows: int) -> Case:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, n))
    name = f"E, D and {rows} points of {n} columns drawn at random, p = {p}"
    return Case(rng.normal(size=(p, n)), rng.normal(size=(n, p)), X - X.mean(0), name)


SLOPES = [
    _case([[0.5]], [[1]], [[1]], "E = (0.5), D = (1), X = (1)"),
    _case([[1, 0]], [[0], [1]], [[1, 2]], "E = (1, 0), D = (0, 1), X = (1, 2)"),
    _drawn(0, 1, 3, 4),
    _drawn(1, 2, 3, 5),
]
_POINTS = np.array([(1, 2, 0), (-1, -2, 0), (2, 1, 0), (-2, -1, 0), (3, 3, 0), (-3, -3, 0)], float)
_A = np.array([[1.0, 0.5], [-0.3, 2.0]])
AXES = [
    _case([[1, 0]], [[0], [1]], [[1, 2], [-1, -2]], "E = (1, 0), D = (0, 1), two points"),
    _case([[1, 0]], [[2], [0]], [[1, 2], [-1, -2]], "E = (1, 0), D = (2, 0), two points"),
    Case(
        np.linalg.inv(_A) @ np.eye(3)[:2],
        np.eye(3)[:2].T @ _A,
        _POINTS,
        "E, D that reconstruct a plane exactly, 6 points",
    ),
    _drawn(2, 2, 4, 30),
    _drawn(3, 3, 5, 40),
]


def gradient_is_the_slope(mine: Any) -> str | None:
    """The gradient is the slope of the loss."""

    def fault(case: Case) -> str | None:
        slopes = mine.gradient(*_copies(case))
        for which, (name, weights) in enumerate([("E", case.E), ("D", case.D)]):
            answer = np.asarray(slopes[which], dtype=float)
            if answer.shape != weights.shape:
                return f"with {case.name}, your slopes along {name} have shape {answer.shape}, not {weights.shape}."
            for at in np.ndindex(*weights.shape):
                right = _slope(case, which, at)
                if not abs(answer[at] - right) <= CLOSE * (1 + abs(right)):
                    place = ", ".join(map(str, at))
                    return (
                        f"with {case.name}, along {name}[{place}] your slope is {show(answer[at])}, and the loss's "
                        f"is {show(right)}."
                    )
        return None

    return first_fault(SLOPES, fault)


def shapes(mine: Any) -> str | None:
    """Codes and directions have their shapes."""

    def fault(case: Case) -> str | None:
        p, n = case.E.shape
        got = [np.shape(part) for part in mine.align(*_copies(case))]
        right = [(len(case.X), p), (p, n)]
        return (
            None
            if got == right
            else f"with {case.name}, they are {got[0]} and {got[1]}, not {right[0]} and {right[1]}."
        )

    return first_fault(AXES[1:], fault)


def reconstructed_alike(mine: Any) -> str | None:
    """The reconstructed points stay where they are."""

    def fault(case: Case) -> str | None:
        before, (codes, directions) = case.X @ case.E.T @ case.D.T, _aligned(mine, case)
        moved = np.abs(codes @ directions - before).max(1)
        worst = int(moved.round(9).argmax())
        if moved[worst] <= CLOSE:
            return None
        after = (codes @ directions)[worst]
        return f"with {case.name}, row {worst} was {show(before[worst])} and is now {show(after)}."

    return first_fault(AXES, fault)


def right_angles(mine: Any) -> str | None:
    """The directions have length one and right angles."""

    def fault(case: Case) -> str | None:
        products = (lambda directions: directions @ directions.T)(_aligned(mine, case)[1])
        for at, other in np.ndindex(*products.shape):
            if at == other and abs(products[at, at] - 1) > CLOSE:
                return f"with {case.name}, your direction {at} has length {show(np.sqrt(products[at, at]))}."
            if at < other and abs(products[at, other]) > CLOSE:
                return f"with {case.name}, the product of directions {at} and {other} is {show(products[at, other])}."
        return None

    return first_fault(AXES[1:], fault)


def uncorrelated(mine: Any) -> str | None:
    """The code's columns are uncorrelated."""

    def fault(case: Case) -> str | None:
        codes = _aligned(mine, case)[0]
        correlations = np.corrcoef(codes.T).reshape(codes.shape[1], -1)
        for at, other in np.ndindex(*correlations.shape):
            if at < other and not abs(correlations[at, other]) <= CLOSE:
                worth = show(correlations[at, other])
                return f"with {case.name}, your columns {at} and {other} are correlated by {worth}."
        return None

    return first_fault(AXES[2:], fault)


def in_order(mine: Any) -> str | None:
    """The largest variance comes first."""

    def fault(case: Case) -> str | None:
        variances = _aligned(mine, case)[0].var(0)
        for at, (one, other) in enumerate(pairwise(variances)):
            if one < other - CLOSE:
                return (
                    f"with {case.name}, your column {at} has variance {show(one)}, and column {at + 1} {show(other)}."
                )
        return None

    return first_fault(AXES[2:], fault)


def _slope(case: Case, which: int, at: tuple[int, ...]) -> float:
    """The slope by central differences."""

    def loss(step: float) -> float:
        parts = _copies(case)
        parts[which][at] += step
        E, D, X = parts
        return float(((X - X @ E.T @ D.T) ** 2).sum())

    return (loss(STEP) - loss(-STEP)) / (2 * STEP)


def _aligned(mine: Any, case: Case) -> tuple[np.ndarray, np.ndarray]:
    codes, directions = mine.align(*_copies(case))
    return np.asarray(codes, dtype=float), np.asarray(directions, dtype=float)


def _copies(case: Case) -> list[np.ndarray]:
    return [case.E.copy(), case.D.copy(), case.X.copy()]


CHECKS = (gradient_is_the_slope, shapes, reconstructed_alike, right_angles, uncorrelated, in_order)
