"""Where next.

You are given model, a fitted sparse autoencoder with 256 units and a method transform; pictures X of shape (N, 64); and
y, the digits they show, from 0 to 9. Write name(model, X, y): return three names (unit, kind, strong), each of which
says

    where this unit's activation is at least strong, the picture shows the digit kind.

The three have different units and different digits. Names are tested on 600 pictures you have not seen: each must apply
to at least 5 of them, and be right for at least 8 in 10 of those.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("name",)

STARTER = '''
"""Chapter 12: name three features of a sparse autoencoder."""

import numpy as np


def name(model, X, y):
    """Three names (unit, kind, strong): where the unit is at least so strong, the picture is of this kind."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 12: of each unit look at the strongest two in a hundred, and take the purest of three kinds."""

import numpy as np


def name(model, X, y):
    """Three names (unit, kind, strong), the purest first."""
    codes = model.transform(X)
    found = []
    for unit in np.flatnonzero((codes > 0).sum(0) >= 30):
        strong = np.quantile(codes[:, unit], 0.98)
        of_kind = np.bincount(y[codes[:, unit] >= strong], minlength=10)
        purity = of_kind.max() / of_kind.sum()
        found.append((purity, codes[:, unit].max(), unit, of_kind.argmax(), strong))
    names = {}
    for _, _, unit, kind, strong in sorted(found, reverse=True):
        names.setdefault(kind, (unit, kind, strong))
    return list(names.values())[:3]
'''


def _with(was: str, now: str) -> str:
    source = REFERENCE.replace(was, now)
    if source == REFERENCE:
        raise ValueError(f"chapter 12: the reference has no {was!r} to replace.")
    return source


WRONG = {
    "named for all that turn it on": (
        _with("np.quantile(codes[:, unit], 0.98)", "1e-6"),
        "each name comes true: of the unseen pictures with unit",
    ),
    "the strongest picture alone": (
        _with("np.quantile(codes[:, unit], 0.98)", "codes[:, unit].max()"),
        "each name speaks of something: no more than",
    ),
    "names that do not ask for the kinds": (
        _with("of_kind.argmax(), strong", "len(found), strong"),
        "each kind is one of 0 to 9",
    ),
    "the labels of another day": (
        _with("    codes = model", "    y = np.roll(y, 1)\n    codes = model"),
        "each name comes true: of the unseen pictures with unit",
    ),
    "three names for one kind": (
        _with("names.setdefault(kind,", "names.setdefault(unit,").replace(
            "sorted(found, reverse=True)", "sorted((one for one in found if one[3] == 0), reverse=True)"
        ),
        "the three have different units and kinds: your kinds are (0, 0, 0)",
    ),
    "two names": (_with("[:3]", "[:2]"), "the answer is three names: your answer has 2"),
}

RIGHT, SPOKEN_OF, UNITS = 0.8, 5, 256


def three(mine: Any) -> str | None:
    """The answer is three names."""
    names = _names(mine)
    if len(names) != 3:
        return f"your answer has {len(names)}."
    odd = next((name for name in names if len(name) != 3), None)
    return None if odd is None else f"a name is (unit, kind, strong), and yours has {len(odd)} parts."


def in_range(mine: Any) -> str | None:
    """Each kind is one of 0 to 9, each unit one of 0 to 255."""

    def fault(name: tuple[Any, Any, Any]) -> str | None:
        unit, kind, _ = name
        if kind not in range(10):
            return f"you named unit {unit} a {kind}."
        return None if unit in range(UNITS) else f"you named a unit {unit}, and there are {UNITS}."

    return first_fault(_names(mine), fault)


def different(mine: Any) -> str | None:
    """The three have different units and kinds."""
    units, kinds, _ = zip(*_names(mine), strict=True)
    if len(set(units)) < 3:
        return f"your units are {show(units)}."
    return None if len(set(kinds)) == 3 else f"your kinds are {show(kinds)}."


def speaks(mine: Any) -> str | None:
    """Each name speaks of something."""

    def fault(name: tuple[int, int, float]) -> str | None:
        count = int(_on(name).sum())
        if count >= SPOKEN_OF:
            return None
        return (
            f"no more than {count} of 600 unseen pictures have unit {name[0]} at {show(name[2])}; ask for {SPOKEN_OF}."
        )

    return first_fault(_names(mine), fault)


def comes_true(mine: Any) -> str | None:
    """Each name comes true."""

    def fault(name: tuple[int, int, float]) -> str | None:
        unit, kind, strong = name
        kinds = _data()[3][_on(name)]
        right = int((kinds == kind).sum())
        if right >= RIGHT * len(kinds):
            return None
        return (
            f"of the unseen pictures with unit {unit} at {show(strong)} or more, {right} of {len(kinds)} are a {kind}; "
            f"{RIGHT:.0%} are asked for."
        )

    sentence = first_fault(_names(mine), fault)
    if sentence is None:
        for name in _names(mine):
            share = float((_data()[3][_on(name)] == name[1]).mean())
            print(f"unit {name[0]}, a {name[1]}: right for {share:.0%} of {int(_on(name).sum())} unseen pictures")
    return sentence


def _names(mine: Any) -> list[Any]:
    """The solution's names, asked for once."""
    if not hasattr(mine, "_names"):
        X, y, _, _ = _data()
        answer = [tuple(name) for name in mine.name(_model(), X.copy(), y.copy())]
        mine._names = [
            (int(name[0]), int(name[1]), float(name[2])) if len(name) == 3 else name for name in answer
        ]  # fmt: skip
    return mine._names


def _on(name: tuple[int, int, float]) -> np.ndarray:
    return _unseen_codes()[:, name[0]] >= name[2]


@cache
def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from isthmus.tables import load_bundled

    digits = load_bundled("digits")
    order = np.random.default_rng(2).permutation(len(digits.values))
    X, y = digits.values[order], np.asarray(digits.labels)[order].astype(int)
    return X[600:], y[600:], X[:600], y[:600]


@cache
def _model() -> Any:
    from isthmus import SparseAutoencoder

    model = SparseAutoencoder(UNITS, sparsity=0.5, hidden_layer_sizes=(), start="random", random_state=0)
    return model.fit(_data()[0])


@cache
def _unseen_codes() -> np.ndarray:
    return _model().transform(_data()[2])


CHECKS = (three, in_range, different, speaks, comes_true)
