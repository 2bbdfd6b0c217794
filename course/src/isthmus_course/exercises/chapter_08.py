"""Reading the map without fooling yourself.

"Fours and nines are closer than zeros and ones." A map may be rotated, mirrored, stretched and sheared without
changing any reconstruction, so an answer must not depend on that; and another seed gives another map.

1. Write rank(codes, labels, a, b): among all pairs of classes in labels, shape (N,), the rank of the pair (a, b) by
   the distance between the centres of their codes, shape (N, 2): 1 for the closest pair. No invertible matrix
   applied to all codes may change it.
2. Write comparison(maps, labels, near, far): whether the pair near has a smaller rank than the pair far: "true" if on
   every map, "false" if on none, else "depends".
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("rank", "comparison")

STARTER = '''
"""Chapter 8: ranks that no stretching changes, and a comparison over several maps."""

import numpy as np


def rank(codes, labels, a, b):
    """The place of the pair of kinds a and b among all pairs, 1 for the closest."""
    raise NotImplementedError


def comparison(maps, labels, near, far):
    """Whether the pair near is closer than the pair far: "true", "false" or "depends"."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 8: bring the map to a spread of 1 in all directions, then measure."""

from itertools import combinations

import numpy as np


def rank(codes, labels, a, b):
    """The place of the pair of kinds a and b among all pairs, 1 for the closest."""
    codes = codes @ np.linalg.inv(np.linalg.cholesky(np.cov(codes.T))).T
    middle = {kind: codes[labels == kind].mean(0) for kind in np.unique(labels)}
    pairs = combinations(middle, 2)
    distances = [np.linalg.norm(middle[one] - middle[other]) for one, other in pairs]
    own = np.linalg.norm(middle[a] - middle[b])
    return 1 + sum(distance < own - 1e-9 for distance in distances)


def comparison(maps, labels, near, far):
    """Whether the pair near is closer than the pair far: "true", "false" or "depends"."""
    closer = [rank(codes, labels, *near) < rank(codes, labels, *far) for codes in maps]
    return "true" if all(closer) else "depends" if any(closer) else "false"
'''

_WHITE = "codes = codes @ np.linalg.inv(np.linalg.cholesky(np.cov(codes.T))).T\n"


def _changed(old: str, new: str) -> str:
    assert old in REFERENCE, old
    return REFERENCE.replace(old, new)


WRONG = {
    "distances as the map happens to have them": (
        _changed(_WHITE, "codes = codes - codes.mean(0)\n"),
        "no stretching changes a rank: on a map of four kinds, stretched 10 times along the first axis,",
    ),
    "each axis by its own spread": (
        _changed(_WHITE, "codes = codes / codes.std(0)\n"),
        "no stretching changes a rank: on a map of four kinds, turned, the rank of 0 and 2 goes from 3 to 2",
    ),
    "counted from zero": (
        _changed("return 1 + sum", "return sum"),
        "the closest pair has rank 1: with the middles of the kinds 0, 1 and 2 at 0, 1 and 5 on a line, your rank of 0 "
        "and 1 is 0, not 1",
    ),
    "counted from the farthest": (
        _changed("distance < own - 1e-9", "distance > own + 1e-9"),
        "the closest pair has rank 1: with the middles of the kinds 0, 1 and 2 at 0, 1 and 5 on a line, your rank of 0 "
        "and 1 is 3, not 1",
    ),
    "the first map decides": (
        _changed("for codes in maps]", "for codes in maps[:1]]"),
        "the comparison is over all maps: near is closer on the first of 2 maps and not on the second, and you say "
        "'true', not 'depends'",
    ),
    "the most maps decide": (
        _changed('"depends" if any(closer) else "false"', '"true" if 2 * sum(closer) > len(closer) else "false"'),
        "the comparison is over all maps: near is closer on the first of 2 maps and not on the second, and you say "
        "'false', not 'depends'",
    ),
}


def closest_first(mine: Any) -> str | None:
    """The closest pair has rank 1."""
    codes, labels = _on_a_line()

    def fault(case: tuple[int, int, int]) -> str | None:
        a, b, right = case
        got = mine.rank(codes.copy(), labels.copy(), a, b)
        if got == right:
            return None
        return (
            f"with the middles of the kinds 0, 1 and 2 at 0, 1 and 5 on a line, your rank of {a} and {b} is {got}, "
            f"not {right}."
        )

    return first_fault([(0, 1, 1), (1, 2, 2), (0, 2, 3), (1, 0, 1), (2, 0, 3)], fault)


def each_once(mine: Any) -> str | None:
    """Each rank is given once."""
    codes, labels = _four_kinds()
    got = sorted(int(mine.rank(codes.copy(), labels.copy(), a, b)) for a, b in combinations(range(4), 2))
    return None if got == list(range(1, 7)) else f"the 6 pairs of four kinds have the ranks {got} on your map."


def unstretched(mine: Any) -> str | None:
    """No stretching changes a rank."""
    codes, labels = _four_kinds()
    pairs = list(combinations(range(4), 2))

    def fault(case: tuple[str, np.ndarray, tuple[int, int]]) -> str | None:
        name, matrix, (a, b) = case
        before = mine.rank(codes.copy(), labels.copy(), a, b)
        after = mine.rank(codes @ matrix.T, labels.copy(), a, b)
        if before == after:
            return None
        return f"on a map of four kinds, {name}, the rank of {a} and {b} goes from {show(before)} to {show(after)}."

    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    changes = [
        ("10 times as large", 10 * np.eye(2)),
        ("turned", turn),
        ("mirrored", np.diag([1.0, -1.0])),
        ("stretched 10 times along the first axis", np.diag([10.0, 1.0])),
        ("sheared by 3", np.array([[1.0, 3.0], [0.0, 1.0]])),
    ]
    return first_fault([(name, matrix, pair) for name, matrix in changes for pair in pairs], fault)


def over_all_maps(mine: Any) -> str | None:
    """The comparison is over all maps."""
    codes, labels = _on_a_line()
    # Kinds 0 and 1 are close on the one, and on the other, with two kinds exchanged, they are far.
    yes = codes
    no = codes.copy()
    no[labels == 1], no[labels == 2] = codes[labels == 2], codes[labels == 1]
    cases = [
        ("on the only map", [yes], "true"),
        ("on no map", [no], "false"),
        ("on the first of 2 maps and not on the second", [yes, no], "depends"),
        ("on the second of 2 maps and not on the first", [no, yes], "depends"),
        ("on 4 of 5 maps", [yes, yes, no, yes, yes], "depends"),
        ("on all of 3 maps", [yes] * 3, "true"),
    ]

    def fault(case: tuple[str, list[np.ndarray], str]) -> str | None:
        where, maps, right = case
        got = mine.comparison([one.copy() for one in maps], labels.copy(), (0, 1), (0, 2))
        return None if got == right else f"near is closer {where}, and you say {got!r}, not {right!r}."

    return first_fault(cases, fault)


def _cloud(middles: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Four codes about each middle, so the middles are exact."""
    about = np.array([[0.2, 0.0], [-0.2, 0.0], [0.0, 0.2], [0.0, -0.2]])
    codes = np.concatenate([np.array(middle) + about for middle in middles])
    return codes, np.repeat(np.arange(len(middles)), len(about))


def _on_a_line() -> tuple[np.ndarray, np.ndarray]:
    return _cloud([(0, 0), (1, 0), (5, 0)])


def _four_kinds() -> tuple[np.ndarray, np.ndarray]:
    return _cloud([(0, 0), (1, 0.2), (0.3, 2.0), (3.0, 2.7)])


CHECKS = (closest_first, each_once, unstretched, over_all_maps)
