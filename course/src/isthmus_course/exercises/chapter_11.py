"""At work.

The reconstruction error finds what the decoder cannot draw, but misses the mean of all pictures. The distance of a
picture's code from the codes in use finds the mean, but misses what the code ignores.

Write score(model, normal, X): one number for each row of X, larger for more anomalous ones. The model is a fitted
isthmus.Autoencoder, with model.transform (codes) and model.reconstruct; normal has the pictures it was fitted to. With
360 unseen digits, an anomalous picture must score higher than a normal one with probability

- 0.95, if it is inverted, its pixels are shuffled, or it is rotated by a quarter turn;
- 0.8, if one corner is inked;

and the mean picture must score higher than 6 in 10 of them. The models are PCA and an autoencoder, with 8 latents each.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from isthmus_course.exercise import first_fault, show

NEEDS = ("score",)

STARTER = '''
"""Chapter 11: one score that catches the speck and the mean."""

import numpy as np


def score(model, normal, X):
    """How anomalous each row of X is, shape (len(X),); normal are the rows the model was fitted to."""
    raise NotImplementedError
'''

REFERENCE = '''
"""Chapter 11: a picture is as anomalous as the more unusual of its error and its code."""

import numpy as np
from sklearn.neighbors import NearestNeighbors


def score(model, normal, X):
    """The larger of two ranks among normal rows, and beyond the last of them the ratio to it."""
    codes = model.transform(normal)
    near = NearestNeighbors(n_neighbors=6).fit(codes / codes.std(0))

    def lost(rows):
        return np.sum((rows - model.reconstruct(rows)) ** 2, axis=1)

    def far(rows, skip):
        found = near.kneighbors(model.transform(rows) / codes.std(0))[0]
        return found[:, skip : skip + 5].mean(1)

    def rank(known, asked):
        known = np.sort(known)
        beyond = np.maximum(asked / known[-1] - 1, 0)
        return np.searchsorted(known, asked) / len(known) + beyond

    return np.maximum(rank(lost(normal), lost(X)), rank(far(normal, 1), far(X, 0)))
'''


def _returning(body: str) -> str:
    """A solution with this for its function's body."""
    return REFERENCE.partition("def score")[0] + f"def score(model, normal, X):\n    {body}\n"


_FAR = (
    "codes = model.transform(normal)\n"
    "    near = NearestNeighbors(n_neighbors=5).fit(codes / codes.std(0))\n"
    "    return near.kneighbors(model.transform(X) / codes.std(0))[0].mean(1)"
)

WRONG = {
    "the error alone": (
        _returning("return np.sum((X - model.reconstruct(X)) ** 2, axis=1)"),
        "the mean picture scores higher than most: with PCA to 8 numbers, 0 of 360 unseen digits score lower",
    ),
    "the distance of codes alone": (
        _returning(_FAR),
        "a speck is found: with PCA to 8 numbers, a digit with one corner inked scores higher than a normal one with "
        "the chance 0.5",
    ),
    "the size of the code": (
        _returning("return np.linalg.norm(model.transform(X) - model.transform(normal).mean(0), axis=1)"),
        "what is inverted, shuffled or turned is found: with PCA to 8 numbers,",
    ),
    "normal ones score higher": (
        _returning("return -np.sum((X - model.reconstruct(X)) ** 2, axis=1)"),
        "what is inverted, shuffled or turned is found: with PCA to 8 numbers, an inverted digit scores higher than a "
        "normal one with the chance 0,",
    ),
    "measured by the others asked about": (
        _returning("error = np.sum((X - model.reconstruct(X)) ** 2, axis=1)\n    return error / error.max()"),
        "a row's score is its own: with PCA to 8 numbers, the first unseen digit scores 1 alone and",
    ),
    "one score a pixel": (
        _returning("return (X - model.reconstruct(X)) ** 2"),
        "the answer is one number a row: for 3 rows your answer has shape (3, 64), not (3,)",
    ),
}

FOUND, SPECK_FOUND, ABOVE = 0.95, 0.8, 0.6


def one_each(mine: Any) -> str | None:
    """The answer is one number a row."""
    _, model = _models()[0]
    normal, unseen = _digits()
    answer = np.asarray(mine.score(model, normal.copy(), unseen[:3].copy()), dtype=float)
    if answer.shape != (3,):
        return f"for 3 rows your answer has shape {answer.shape}, not (3,)."
    return None if np.isfinite(answer).all() else f"for 3 rows your answer is {show(answer)}."


def own(mine: Any) -> str | None:
    """A row's score is its own."""

    def fault(case: tuple[str, Any]) -> str | None:
        name, model = case
        _, unseen = _digits()
        alone, among = (_score(mine, model, unseen[:n])[0] for n in (1, 50))
        if abs(alone - among) <= 1e-4 * (1 + abs(among)):
            return None
        return f"with {name}, the first unseen digit scores {show(alone)} alone and {show(among)} among 50."

    return first_fault(_models(), fault)


def finds(mine: Any) -> str | None:
    """What is inverted, shuffled or turned is found."""
    _, unseen = _digits()
    anomalous = {
        "an inverted digit": 1 - unseen,
        "a digit with its pixels shuffled": unseen[:, np.random.default_rng(1).permutation(64)],
        "a digit turned by a quarter": np.rot90(unseen.reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64),
    }
    cases = [(name, model, what, rows) for name, model in _models() for what, rows in anomalous.items()]

    def fault(case: tuple[str, Any, str, np.ndarray]) -> str | None:
        name, model, what, rows = case
        chance = _chance(mine, model, rows)
        if chance >= FOUND:
            return None
        return f"with {name}, {what} scores higher than a normal one with the chance {show(chance)}, under {FOUND}."

    return first_fault(cases, fault)


def speck(mine: Any) -> str | None:
    """A speck is found."""
    _, unseen = _digits()
    rows = unseen.copy()
    rows[:, 0] = 1

    def fault(case: tuple[str, Any]) -> str | None:
        name, model = case
        chance = _chance(mine, model, rows)
        if chance >= SPECK_FOUND:
            return None
        return (
            f"with {name}, a digit with one corner inked scores higher than a normal one with the chance {chance:.2g}, "
            f"under {SPECK_FOUND}."
        )

    return first_fault(_models(), fault)


def mean(mine: Any) -> str | None:
    """The mean picture scores higher than most."""

    def fault(case: tuple[str, Any]) -> str | None:
        name, model = case
        normal, unseen = _digits()
        lower = int((_score(mine, model, unseen) < _score(mine, model, normal.mean(0, keepdims=True))[0]).sum())
        if lower >= ABOVE * len(unseen):
            return None
        return f"with {name}, {lower} of {len(unseen)} unseen digits score lower; ask for {ABOVE:.0%} of them."

    return first_fault(_models(), fault)


def _score(mine: Any, model: Any, rows: np.ndarray) -> np.ndarray:
    return np.asarray(mine.score(model, _digits()[0].copy(), rows.copy()), dtype=float)


def _chance(mine: Any, model: Any, rows: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    unseen = _digits()[1]
    truth = np.repeat([0, 1], [len(unseen), len(rows)])
    return float(roc_auc_score(truth, np.r_[_score(mine, model, unseen), _score(mine, model, rows)]))


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from isthmus.tables import load_bundled

    X = load_bundled("digits").values
    X = X[np.random.default_rng(0).permutation(len(X))]
    return X[360:], X[:360]


@cache
def _models() -> list[tuple[str, Any]]:
    """The linear model first, whose error for the mean is zero."""
    from isthmus import Autoencoder

    linear, deep = Autoencoder(8, hidden_layer_sizes=()), Autoencoder(8, hidden_layer_sizes=(64, 64), random_state=0)
    fits = ("PCA to 8 numbers", linear), ("an autoencoder of 8 numbers", deep)
    return [(name, model.fit(_digits()[0])) for name, model in fits]


CHECKS = (one_each, own, finds, speck, mean)
