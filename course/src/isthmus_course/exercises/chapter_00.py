"""Ten seconds.

A decoder draws something at every point of the plane, even where no digit has its code. Write find_empty(codes): given
the codes of many pictures, shape (N, 2), return a point, shape (2,), that

- lies on the map, between the smallest and the largest code along each axis, and
- is empty: its mean distance from the five nearest codes, with each axis in units of the codes' standard deviation, is
  larger than that of 99% of the codes from their own five nearest neighbours.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("find_empty",)

STARTER = '''
"""Chapter 0: find a point on the map of codes that no picture has as its code."""

import numpy as np


def find_empty(codes):
    """A point, shape (2,), on the map of codes, shape (N, 2), and far from all of them."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 0: of a grid over the map, the point farthest from its nearest code."""

import numpy as np


def find_empty(codes):
    """A point, shape (2,), on the map of codes, shape (N, 2), and far from all of them."""
    across, up = np.linspace(codes.min(0), codes.max(0), 40).T
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    apart = np.linalg.norm((points[:, None] - codes) / codes.std(0), axis=2)
    return points[apart.min(1).argmax()]
'''


def _returning(answer: str) -> str:
    return f"import numpy as np\n\n\ndef find_empty(codes):\n    return {answer}\n"


WRONG = {
    "far, but off the map": (
        _returning("codes.max(0) + codes.std(0)"),
        "the point is on the map: among 60 codes on a ring your point (1.71, 1.71) is not: the map ends at (1, 1)",
    ),
    "where a code is": (
        _returning("codes[0]"),
        "the point is empty: among 60 codes on a ring your point (1, 0) is 0.177 from its five nearest codes",
    ),
    "the middle, which is empty only in a ring": (
        _returning("codes.mean(0)"),
        "the point is empty: among the digits' codes by PCA your point",
    ),
    "many points": (
        _returning("codes"),
        "the answer is one point: among 60 codes on a ring your answer has shape (60, 2), not (2,)",
    ),
}

NEIGHBOURS, NORMAL = 5, 0.99
ROUNDING = 1e-6  # of the map's size, for single precision


def one_point(mine: Any) -> str | None:
    """The answer is one point."""

    def fault(case: tuple[str, np.ndarray]) -> str | None:
        name, codes = case
        point = np.asarray(mine.find_empty(codes.copy()), dtype=float)
        if point.shape != (2,):
            return f"among {name} your answer has shape {point.shape}, not (2,)."
        return None if np.isfinite(point).all() else f"among {name} your point {show(point)} is no number."

    return first_fault(_maps(), fault)


def on_the_map(mine: Any) -> str | None:
    """The point is on the map."""

    def fault(case: tuple[str, np.ndarray]) -> str | None:
        name, codes = case
        point, low, high = np.asarray(mine.find_empty(codes.copy())), codes.min(0), codes.max(0)
        slack = ROUNDING * (high - low)
        if (point < low - slack).any():
            return f"among {name} your point {show(point)} is not: the map begins at {show(low)}."
        if (point > high + slack).any():
            return f"among {name} your point {show(point)} is not: the map ends at {show(high)}."
        return None

    return first_fault(_maps(), fault)


def empty(mine: Any) -> str | None:
    """The point is empty."""

    def fault(case: tuple[str, np.ndarray]) -> str | None:
        name, codes = case
        point = np.asarray(mine.find_empty(codes.copy()), dtype=float)
        normal = float(np.quantile(_distances(codes, codes, skip=1), NORMAL))
        distance = float(_distances(point[None], codes)[0])
        if distance > normal:
            return None
        return (
            f"among {name} your point {show(point)} is {show(distance)} from its five nearest codes, and of the codes "
            f"themselves 99 in 100 are within {show(normal)} of theirs."
        )

    return first_fault(_maps(), fault)


@cache
def _maps() -> list[tuple[str, np.ndarray]]:
    """A ring, whose middle is empty; the digits by PCA, whose middle is not; a cloud in other units."""
    from sklearn.decomposition import PCA

    from isthmus.tables import load_bundled

    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    disc = np.random.default_rng(0).normal(size=(400, 2)) * [30.0, 0.1] + [100.0, -1.0]
    return [
        ("60 codes on a ring", np.column_stack([np.cos(angle), np.sin(angle)])),
        ("the digits' codes by PCA", PCA(2).fit_transform(load_bundled("digits").values)),
        ("400 codes in other units", disc),
    ]


def _distances(points: np.ndarray, codes: np.ndarray, skip: int = 0) -> np.ndarray:
    apart = (points[:, None] - codes) / codes.std(0)
    return np.sort(np.linalg.norm(apart, axis=2), axis=1)[:, skip : skip + NEIGHBOURS].mean(1)


CHECKS = (one_point, on_the_map, empty)
