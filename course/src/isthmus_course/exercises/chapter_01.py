"""Why compression can work.

How many directions does a table need to keep a given share of its variance?

1. Before you compute anything, guess: for handwritten digits, 64 grey values each, how many dimensions keep nine tenths
   of the variance? Write the guess down; it is good enough if it keeps nine tenths to within 8 percentage points.
2. Write needed(X, share): for a table of shape (N, n), the smallest k such that the k best directions through the mean
   keep at least this share of the variance. A whole number from 1 to n.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("guess", "needed")

STARTER = '''
"""Chapter 1: how many directions keep a share of the variance."""

import numpy as np

# 1. For the digits and nine tenths, before computing:
guess = 0


# 2.
def needed(X, share):
    """The smallest k such that k directions of the table X, shape (N, n), keep at least this share."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 1: squared singular values of the centred table are the spectrum; count until the share is kept."""

import numpy as np

guess = 20


def needed(X, share):
    """The smallest k such that k directions of the table X, shape (N, n), keep at least this share."""
    spectrum = np.linalg.svd(X - X.mean(0), compute_uv=False) ** 2
    kept = np.cumsum(spectrum) / spectrum.sum()
    return int(np.sum(kept < share)) + 1
'''

WRONG = {
    "not centred": (
        REFERENCE.replace("X - X.mean(0)", "X"),
        "the answer does not change when the table is moved: for a cross with arms 2, 1, share 0.9, it is 2; with 10 "
        "added to the first column, 1",
    ),
    "singular values, not their squares": (
        REFERENCE.replace("compute_uv=False) ** 2", "compute_uv=False)"),
        "k is the smallest: for a cross with arms 2, 1, share 0.75, already 1 keep 80.0%, and you need 2",
    ),
    "the columns' variances": (
        REFERENCE.replace("np.linalg.svd(X - X.mean(0), compute_uv=False) ** 2", "np.sort(X.var(0))[::-1]"),
        "the answer does not change when the table is turned: for a cross with arms 2, 1, share 0.75, it is 1; turned "
        "by 45 degrees, 2",
    ),
    "one too few": (
        REFERENCE.replace("< share)) + 1", "< share))"),
        "k directions keep the share: for a cross with arms 1, share 0.5, your 0 keep 0.0%",
    ),
    "a guess far off": (
        REFERENCE.replace("guess = 20", "guess = 58"),
        "the guess keeps about nine tenths: your 58 keep",
    ),
}

ROUNDING, ASKED, NEAR, DIGITS = 1e-9, 0.9, 0.08, 64


class Case(NamedTuple):
    """A table with a known spectrum: the lengths of its arms, squared."""

    arms: tuple[float, ...]
    share: float

    @property
    def table(self) -> np.ndarray:
        """Two points on each axis, at plus and minus the arm."""
        return np.vstack([np.diag(self.arms), -np.diag(self.arms)])

    def kept(self, k: int) -> float:
        """The share that the k longest arms keep."""
        squares = np.sort(np.square(self.arms))[::-1]
        return float(squares[:k].sum() / squares.sum())

    def __str__(self) -> str:
        return f"a cross with arms {', '.join(map(show, self.arms))}, share {show(self.share)}"


CASES = [
    Case((1,), 0.5),
    Case((2, 1), 0.75),
    Case((2, 1), 0.9),
    Case((3, 1), 0.85),
    Case((1, 1, 1, 1), 0.6),
    Case((1, 2, 3, 4, 5), 0.95),
    Case((1, 2, 3, 4, 5), 0.99),
]


def whole(mine: Any) -> str | None:
    """The answer is a whole number."""

    def fault(case: Case) -> str | None:
        answer = mine.needed(case.table, case.share)
        if np.ndim(answer) == 0 and answer == int(answer):
            return None
        return f"for {case} it is {answer!r}."

    return first_fault(CASES, fault)


def enough(mine: Any) -> str | None:
    """K directions keep the share."""

    def fault(case: Case) -> str | None:
        k = int(mine.needed(case.table, case.share))
        return None if case.kept(k) >= case.share - ROUNDING else f"for {case}, your {k} keep {case.kept(k):.1%}."

    return first_fault(CASES, fault)


def smallest(mine: Any) -> str | None:
    """K is the smallest."""

    def fault(case: Case) -> str | None:
        k = int(mine.needed(case.table, case.share))
        if k <= len(case.arms) and (k < 2 or case.kept(k - 1) < case.share - ROUNDING):
            return None
        return f"for {case}, already {k - 1} keep {case.kept(k - 1):.1%}, and you need {k}."

    return first_fault(CASES, fault)


def moved(mine: Any) -> str | None:
    """The answer does not change when the table is moved."""

    def fault(case: Case) -> str | None:
        away = case.table + 10 * np.eye(len(case.arms))[0]
        before, after = mine.needed(case.table, case.share), mine.needed(away, case.share)
        return None if before == after else f"for {case}, it is {before}; with 10 added to the first column, {after}."

    return first_fault(CASES, fault)


def turned(mine: Any) -> str | None:
    """The answer does not change when the table is turned."""

    def fault(case: Case) -> str | None:
        turn = np.eye(len(case.arms))
        turn[:2, :2] = [[np.sqrt(0.5), np.sqrt(0.5)], [-np.sqrt(0.5), np.sqrt(0.5)]]
        before, after = mine.needed(case.table, case.share), mine.needed(case.table @ turn, case.share)
        return None if before == after else f"for {case}, it is {before}; turned by 45 degrees, {after}."

    return first_fault([case for case in CASES if len(case.arms) > 1], fault)


def guessed(mine: Any) -> str | None:
    """The guess keeps about nine tenths."""
    kept, guess = _digits(), int(mine.guess)
    if not 0 <= guess <= DIGITS:
        return f"your {guess} is not from 0 to {DIGITS}."
    if abs(kept[guess] - ASKED) <= NEAR:
        return None
    return f"your {guess} keep {kept[guess]:.1%}; think of how much neighbouring pixels tell about each other."


@cache
def _digits() -> np.ndarray:
    """The share that 0 to 64 directions of the digits keep."""
    from isthmus.tables import load_bundled

    spectrum = np.linalg.eigvalsh(np.cov(load_bundled("digits").values, rowvar=False))[::-1]
    return np.append(0.0, np.cumsum(spectrum) / spectrum.sum())


CHECKS = (whole, enough, smallest, moved, turned, guessed)
