"""The line, by hand.

The line runs through the origin along v = (1, 0.9). An encoder turns a point x of the plane into one number z, its
position along the line; a decoder turns a position into the point z · v. With the best encoder, the residual x - x̂ is
perpendicular to the line.

1. On paper: encode the point (1, -1) and reconstruct it. Write down z, x̂ and the sum of squared errors.
2. In NumPy: write encode(x), for a point of shape (2,), and decode(z), for a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("z", "reconstructed", "error", "encode", "decode")

STARTER = '''
"""Chapter 2: compress a point to its place along the line through (1, 0.9), and reconstruct it."""

import numpy as np

v = np.array([1.0, 0.9])

# 1. On paper, for the point (1, -1), to three decimals:
z = 0.0
reconstructed = (0.0, 0.0)
error = 0.0


# 2. In NumPy:
def encode(x):
    """The place of the point x, of shape (2,), along the line: one number."""
    raise NotImplementedError


def decode(z):
    """The point at the place z, of shape (2,)."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 2: w = v / (v · v) is the encoder for which what is lost is perpendicular to the line."""

import numpy as np

v = np.array([1.0, 0.9])

# (1 - 0.9) / 1.81, that times (1, 0.9), and (1 - 0.055)² + (-1 - 0.050)²
z = 0.055
reconstructed = (0.055, 0.050)
error = 1.994


def encode(x):
    """z = wᵀx."""
    return x @ v / (v @ v)


def decode(z):
    """x̂ = z v."""
    return z * v
'''

_HEAD = REFERENCE.partition("def encode")[0]


def _solution(encode: str, decode: str) -> str:
    return f"{_HEAD}def encode(x):\n    return {encode}\n\n\ndef decode(z):\n    return {decode}\n"


WRONG = {
    "not divided by v · v": (
        _solution("x @ v", "z * v"),
        "encoding and decoding a second time changes nothing: your decode(encode(x)) applied twice moved (1, 0) "
        "by 1.09",
    ),
    "a vertical drop, as regression measures": (
        _solution("x[0]", "z * v"),
        "what is lost is perpendicular to the line: at (1, 0) you lose (0, -0.9), which has -0.602 along the line",
    ),
    "everything to the origin": (
        _solution("0 * x[0]", "z * v"),
        "a point on the line is reconstructed exactly: (1, 0.9) came back as (0, 0)",
    ),
    "another unit of length": (
        _solution("x @ v / np.sqrt(v @ v)", "z * v / np.sqrt(v @ v)"),
        "the place 1 is the point v: your decode(1) is (0.743, 0.669), not (1, 0.9)",
    ),
    "a mean where the sum is asked for": (
        REFERENCE.replace("error = 1.994", "error = 0.997"),
        "the error on paper is the sum of squares: your x̂ = (0.055, 0.05) loses 1.996, and you wrote 0.997",
    ),
    "a point beside the line on paper": (
        REFERENCE.replace("reconstructed = (0.055, 0.050)", "reconstructed = (0.055, -0.050)"),
        "the reconstructed point on paper is z · v: your z = 0.055 belongs to (0.055, 0.0495), and you wrote "
        "(0.055, -0.05)",
    ),
}

V = np.array([1.0, 0.9])
ON_PAPER = np.array([1.0, -1.0])
POINTS = [np.array(point, dtype=float) for point in [(1, 0), (0, 1), (1, 1), (1, -1), (2, 2.4), (-3, 0.5), (40, -7)]]
PLACES = (1.0, 0.0, -1.0, 0.5, 2.0, -30.0)
THREE_DECIMALS, CLOSE = 1.01e-3, 1e-6


def paper_place(mine: Any) -> str | None:
    """The place on paper leaves a perpendicular rest."""
    along = float((ON_PAPER - float(mine.z) * V) @ V / (V @ V))
    if abs(along) <= THREE_DECIMALS:
        return None
    return f"with your z = {show(mine.z)} the point {show(ON_PAPER)} still has {show(along)} to go along the line."


def paper_point(mine: Any) -> str | None:
    """The reconstructed point on paper is z · v."""
    right = float(mine.z) * V
    if np.shape(mine.reconstructed) == (2,) and np.abs(np.asarray(mine.reconstructed) - right).max() <= THREE_DECIMALS:
        return None
    return f"your z = {show(mine.z)} belongs to {show(right)}, and you wrote {show(mine.reconstructed)}."


def paper_error(mine: Any) -> str | None:
    """The error on paper is the sum of squares."""
    lost = float(((ON_PAPER - np.asarray(mine.reconstructed)) ** 2).sum())
    if abs(float(mine.error) - lost) <= 4 * THREE_DECIMALS:
        return None
    return f"your x̂ = {show(mine.reconstructed)} loses {lost:.4g}, and you wrote {show(mine.error)}."


def shapes(mine: Any) -> str | None:
    """Encode gives a number, decode a point."""
    code = mine.encode(POINTS[0].copy())
    if np.ndim(code) != 0:
        return f"your encode of {show(POINTS[0])} has shape {np.shape(code)}, and one number is asked for."
    point = mine.decode(1.0)
    return None if np.shape(point) == (2,) else f"your decode(1) has shape {np.shape(point)}, not (2,)."


def twice(mine: Any) -> str | None:
    """Encoding and decoding a second time changes nothing."""

    def fault(point: np.ndarray) -> str | None:
        once = _reconstructed(mine, point)
        moved = np.linalg.norm(_reconstructed(mine, once) - once)
        if moved <= CLOSE * (1 + np.linalg.norm(point)):
            return None
        return f"your decode(encode(x)) applied twice moved {show(point)} by {show(moved)}."

    return first_fault(POINTS, fault)


def exact_on_the_line(mine: Any) -> str | None:
    """A point on the line is reconstructed exactly."""

    def fault(place: float) -> str | None:
        back = _reconstructed(mine, place * V)
        return None if np.abs(back - place * V).max() <= CLOSE * (1 + abs(place)) else (
            f"{show(place * V)} came back as {show(back)}."
        )  # fmt: skip

    return first_fault(PLACES, fault)


def perpendicular(mine: Any) -> str | None:
    """What is lost is perpendicular to the line."""

    def fault(point: np.ndarray) -> str | None:
        lost = point - _reconstructed(mine, point)
        along = lost @ V / np.linalg.norm(V)
        if abs(along) <= CLOSE * (1 + np.linalg.norm(point)):
            return None
        return f"at {show(point)} you lose {show(lost)}, which has {show(along)} along the line."

    return first_fault(POINTS, fault)


def unit(mine: Any) -> str | None:
    """The place 1 is the point v."""
    point = np.asarray(mine.decode(1.0), dtype=float)
    return None if np.abs(point - V).max() <= CLOSE else f"your decode(1) is {show(point)}, not {show(V)}."


def _reconstructed(mine: Any, point: np.ndarray) -> np.ndarray:
    return np.asarray(mine.decode(mine.encode(point.copy())), dtype=float)


CHECKS = (paper_place, paper_point, paper_error, shapes, twice, exact_on_the_line, perpendicular, unit)
