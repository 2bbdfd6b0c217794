"""How small?

Write smallest(fit, train, evaluated, share): the smallest size of a code that loses no more than a share of the
variance.

- fit(rows, p) fits a code of p dimensions to rows and returns a function that reconstructs rows. Sizes go from 1 to the
  number of columns.
- train has the training rows and evaluated the rows for the evaluation; both have shape (rows, columns).
- The loss of size p is the mean squared error of reconstructing the evaluated rows. The share is relative to the error
  of predicting the mean row of train for the same rows.
- If no size is enough, return None. A larger code of the same rows never loses more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault

NEEDS = ("smallest",)

STARTER = '''
"""Chapter 7: the smallest code that is enough."""

import numpy as np


def smallest(fit, train, evaluated, share):
    """The smallest size, fitted to train, that loses at most the share of the variance of evaluated rows, or None."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 7: bisection, evaluated on rows that were not used for training."""

import numpy as np


def smallest(fit, train, evaluated, share):
    """The smallest size, fitted to train, that loses at most the share of the variance of evaluated rows, or None."""
    allowed = share * np.mean((evaluated - train.mean(0)) ** 2)

    def enough(size):
        return np.mean((evaluated - fit(train, size)(evaluated)) ** 2) <= allowed

    low, high = 0, evaluated.shape[1]
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
'''


def _with(was: str, now: str) -> str:
    source = REFERENCE.replace(was, now)
    if source == REFERENCE:
        raise ValueError(f"chapter 7: the reference has no {was!r} to replace.")
    return source


_ALLOWED = "share * np.mean((evaluated - train.mean(0)) ** 2)"
_ENOUGH = "np.mean((evaluated - fit(train, size)(evaluated)) ** 2) <= allowed"

WRONG = {
    "evaluated by the training rows": (
        _with(_ENOUGH, "np.mean((train - fit(train, size)(train)) ** 2) <= allowed"),
        "the size is enough on held-out rows: on digits by PCA, for the share 0.05, you answered",
    ),
    "learned from the rows evaluated by": (
        _with("fit(train, size)", "fit(evaluated, size)"),
        "only the training rows are learned from: on a line in 3 columns you fitted",
    ),
    "learned from both": (
        _with("fit(train, size)", "fit(np.vstack([train, evaluated]), size)"),
        "only the training rows are learned from: on a line in 3 columns you fitted 70 rows that are not train",
    ),
    "one too many": (
        _with("return high", "return min(high + 1, evaluated.shape[1])"),
        "no smaller size is enough: on a line in 3 columns, for the share 0.05, you answered 2, and 1 is enough",
    ),
    "one too few": (
        _with("return high", "return max(low, 1)"),
        "the size is enough on held-out rows: on a plane in 5 columns, for the share 0.05, you answered 1",
    ),
    "the elbow": (
        _with(
            "    low, high = 0, evaluated.shape[1]",
            "    most = evaluated.shape[1]\n"
            "    curve = [np.mean((evaluated - train.mean(0)) ** 2)]\n"
            "    curve += [np.mean((evaluated - fit(train, size)(evaluated)) ** 2) for size in range(1, most + 1)]\n"
            "    return max(1, int(np.argmax(np.linspace(curve[0], curve[-1], most + 1) - curve)))\n"
            "    low, high = 0, evaluated.shape[1]",
        ),
        "the size is enough on held-out rows: on digits by PCA, for the share 0.05, you answered",
    ),
    "a share of the square, not of the variance": (
        _with(_ALLOWED, "share * np.mean(evaluated**2)"),
        "the size is enough on held-out rows: on a plane in 5 columns, 100 from zero",
    ),
    "a share of one": (
        _with(_ALLOWED, "share"),
        "the size is enough on held-out rows: on a plane in 5 columns, in units of a thousandth",
    ),
    "always an answer": (
        _with("        return None\n", "        return high\n"),
        "where no size is enough, the answer is None: with 6 rows of noise to learn from, for the share 0.05, you",
    ),
}


@dataclass
class _Case:
    """Rows, a share, and a fit that records the rows it was given."""

    name: str
    train: np.ndarray
    evaluated: np.ndarray
    share: float
    fit: Callable[[np.ndarray, int], Callable[[np.ndarray], np.ndarray]]
    given: list[np.ndarray] = field(default_factory=list)

    def noting(self, rows: Any, p: Any) -> Callable[[np.ndarray], np.ndarray]:
        rows, most = np.array(rows, dtype=float), self.evaluated.shape[1]
        self.given.append(rows)
        if not 1 <= p <= most:
            raise ValueError(f"fit takes sizes from 1 to {most}, got {p}.")
        return self.fit(rows, int(p))

    def loses(self, size: int) -> float:
        """The share of the evaluated rows' variance that a code of this size loses."""
        reconstructed = self.fit(self.train, size)(self.evaluated)
        return float(np.sum((self.evaluated - reconstructed) ** 2) / np.sum((self.evaluated - self.train.mean(0)) ** 2))

    def answer(self, mine: Any) -> Any:
        found = mine.smallest(self.noting, self.train.copy(), self.evaluated.copy(), self.share)
        if found is None:
            return None
        size = float(found)
        return int(size) if size.is_integer() else size

    @property
    def opening(self) -> str:
        return f"{self.name}, for the share {self.share:g}, you"


def learned(mine: Any) -> str | None:
    """Only the training rows are learned from."""

    def fault(case: _Case) -> str | None:
        case.given.clear()
        case.answer(mine)
        other = next((rows for rows in case.given if not _same(rows, case.train)), None)
        return None if other is None else f"{case.name} you fitted {len(other)} rows that are not train."

    return first_fault(_cases(), fault)


def whole(mine: Any) -> str | None:
    """The answer is a size from 1 to the number of columns, or None."""

    def fault(case: _Case) -> str | None:
        size, most = case.answer(mine), case.evaluated.shape[1]
        if size is None or size in range(1, most + 1):
            return None
        return f"{case.opening} answered {size:g}, of {most} columns."

    return first_fault(_cases(), fault)


def enough(mine: Any) -> str | None:
    """The size is enough on held-out rows."""

    def fault(case: _Case) -> str | None:
        size = case.answer(mine)
        if size is None or not _any(case) or case.loses(size) <= case.share:
            return _unanswered(case, size)
        return f"{case.opening} answered {size}, which loses {case.loses(size):.3g}."

    return first_fault(_cases(), fault)


def none(mine: Any) -> str | None:
    """Where no size is enough, the answer is None."""

    def fault(case: _Case) -> str | None:
        size = case.answer(mine)
        if size is None or _any(case):
            return None
        return f"{case.opening} answered {size}, which loses {case.loses(size):.3g}."

    return first_fault(_cases(), fault)


def none_smaller(mine: Any) -> str | None:
    """No smaller size is enough."""

    def fault(case: _Case) -> str | None:
        size = case.answer(mine)
        if size is None or size == 1 or case.loses(size - 1) > case.share:
            return None
        return f"{case.opening} answered {size}, and {size - 1} is enough: it loses {case.loses(size - 1):.3g}."

    return first_fault(_cases(), fault)


def _same(rows: np.ndarray, train: np.ndarray) -> bool:
    """The same table, perhaps in single precision."""
    return rows.shape == train.shape and np.allclose(rows, train, rtol=1e-6, atol=1e-6 * np.abs(train).max())


def _any(case: _Case) -> bool:
    return case.loses(case.evaluated.shape[1]) <= case.share


def _unanswered(case: _Case, size: int | None) -> str | None:
    most = case.evaluated.shape[1]
    if size is not None or not _any(case):
        return None
    return f"{case.opening} answered None, and {most} is enough: it loses {case.loses(most):.3g}."


@cache
def _cases() -> list[_Case]:
    """Lines and planes, their zero and units changed, rows too few for anything, and digits."""
    rng = np.random.default_rng(7)

    def flat(size: int, columns: int) -> np.ndarray:
        return rng.normal(size=(70, size)) @ rng.normal(size=(size, columns)) + 0.01 * rng.normal(size=(70, columns))

    line, sheet, noise = flat(1, 3), flat(2, 5), rng.normal(size=(46, 20))
    digits = _digits()
    return [
        _Case("on a line in 3 columns", line[:50], line[50:], 0.05, _by_pca),
        _Case("on a plane in 5 columns", sheet[:50], sheet[50:], 0.05, _by_pca),
        _Case("on a plane in 5 columns, 100 from zero", sheet[:50] + 100, sheet[50:] + 100, 0.05, _by_pca),
        _Case("on a plane in 5 columns, in units of a thousandth", sheet[:50] / 1e3, sheet[50:] / 1e3, 0.05, _by_pca),
        _Case("with 6 rows of noise to learn from", noise[:6], noise[6:], 0.05, _by_pca),
        _Case("on digits by PCA", *digits, 0.05, _by_pca),
        _Case("on digits by PCA", *digits, 0.5, _by_pca),
    ]


def _by_pca(rows: np.ndarray, size: int) -> Callable[[np.ndarray], np.ndarray]:
    center = rows.mean(0)
    axes = np.linalg.svd(rows - center, full_matrices=False)[2][:size]
    return lambda asked: center + (np.asarray(asked, dtype=float) - center) @ axes.T @ axes


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from isthmus.tables import load_bundled

    X = load_bundled("digits").values
    X = X[np.random.default_rng(1).permutation(len(X))]
    return X[:400], X[400:700]


CHECKS = (learned, whole, enough, none, none_smaller)
