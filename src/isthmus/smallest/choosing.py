"""The size of a code, chosen on training rows alone: by hidden cells, or by a target.

Training rows are split several times into rows to fit and rows to evaluate; every size tried is fitted again on
each. The test rows take no part, so what is said of them afterwards is not flattered by the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.principal_errors import PrincipalErrors
from isthmus.inner_fit import uninterrupted
from isthmus.smallest.held_out_entries import entry_errors
from isthmus.smallest.result import Choice
from isthmus.smallest.search import Trial, smallest_below, smallest_by_entries, within_one_error
from isthmus.variants.vanilla import Autoencoder

__all__ = ["Target", "choose", "model_units", "pca_errors_of", "row_errors"]

JUDGED = 0.25  # share of the training rows that each split evaluates by
LINEAR: dict[str, Any] = {"hidden_layer_sizes": (), "channels": ()}


@dataclass(frozen=True)
class Target:
    """What is asked of a code: ``rule`` "entries" (no value), "keep", "max_error" or "as_good_as"."""

    rule: str
    value: float | None = None

    def allowed(self, pca_errors: np.ndarray) -> float:
        """The error allowed, per feature; ``pca_errors[k]`` is PCA's with k directions, the mean row's first."""
        if self.value is None:
            raise ValueError("Target: hidden cells have no error that is allowed.")
        if self.rule == "keep":
            return (1 - self.value) * float(pca_errors[0])
        if self.rule == "as_good_as":
            return float(pca_errors[min(int(self.value), len(pca_errors) - 1)])
        return self.value


@dataclass(frozen=True, eq=False)
class _Splits:
    """Rows to fit and rows to evaluate, once a seed."""

    parts: list[tuple[np.ndarray, np.ndarray]]
    settings: Mapping[str, Any]
    seed: int
    say: Callable[[str], None]

    def fitted(self, size: int, place: int, **changed: Any) -> BaseAutoencoder:
        settings: dict[str, Any] = {**self.settings, **changed, "random_state": self.seed + place}
        return uninterrupted(Autoencoder(size, **settings), self.parts[place][0])

    def over(self, judge: Callable[[int], np.ndarray], size: int) -> Trial:
        return Trial(size, np.stack([judge(place) for place in range(len(self.parts))]))


def choose(
    X: np.ndarray,
    target: Target,
    settings: Mapping[str, Any],
    *,
    n_splits: int,
    seed: int,
    say: Callable[[str], None],
) -> Choice:
    """The smallest size that serves; ``X`` are training rows, shape (n_rows, n_features)."""
    n_judged = max(2, round(JUDGED * len(X)))
    orders = [np.random.default_rng([seed, place]).permutation(len(X)) for place in range(n_splits)]
    parts = [(X[order[n_judged:]], X[order[:n_judged]]) for order in orders]
    splits = _Splits(parts, settings, seed, say)
    most = min(X.shape[1], len(X) - n_judged)
    return _by_entries(splits, most) if target.rule == "entries" else _by_target(splits, target, most)


def _by_entries(splits: _Splits, most: int) -> Choice:
    def attempts(**changed: Any) -> dict[int, Trial]:
        def attempt(size: int) -> Trial:
            def judge(place: int) -> np.ndarray:
                if size == 0:
                    start = splits.fitted(1, place, **changed, max_iter=0)
                    return entry_errors(start, splits.parts[place][1], splits.seed + place, fillings=0)
                fitted = splits.fitted(size, place, **changed)
                return entry_errors(fitted, splits.parts[place][1], splits.seed + place)

            trial = splits.over(judge, size)
            if not changed:
                splits.say(f"{size} numbers: hidden cells are missed by {trial.mean:.4g} ± {trial.standard_error:.2g}")
            return trial

        return {0: attempt(0), **smallest_by_entries(attempt, max(1, most - 1))}

    trials, linear = attempts(), attempts(**LINEAR)
    votes = tuple(within_one_error(_alone(trials, place)) for place in range(len(splits.parts)))
    tried = tuple((size, trial.mean, trial.standard_error) for size, trial in sorted(trials.items()))
    return Choice("entries", None, within_one_error(trials), within_one_error(linear), tried, votes)


def _alone(trials: Mapping[int, Trial], place: int) -> dict[int, Trial]:
    return {size: Trial(size, trial.errors[place : place + 1]) for size, trial in trials.items()}


def _by_target(splits: _Splits, target: Target, most: int) -> Choice:
    """The smallest size whose mean error, over the error allowed, is at most 1."""
    curves = [
        pca_errors_of(splits.fitted(1, place, max_iter=0), judged) for place, (_, judged) in enumerate(splits.parts)
    ]
    allowed = np.array([target.allowed(curve) for curve in curves])
    longest = min(map(len, curves))
    pca_ratios = np.mean(
        [curve[:longest] / max(limit, 1e-300) for curve, limit in zip(curves, allowed, strict=True)], 0
    )
    enough = np.flatnonzero(pca_ratios <= 1 + 1e-9)
    pca_size = int(enough[0]) if len(enough) else None
    if pca_size == 0:
        return Choice(target.rule, target.value, 0, 0, ((0, float(pca_ratios[0]), 0.0),), ())
    ratios: dict[int, np.ndarray] = {}

    def reaches(size: int) -> bool:
        found = [
            row_errors(splits.fitted(size, place), judged).mean() / max(limit, 1e-300)
            for place, ((_, judged), limit) in enumerate(zip(splits.parts, allowed, strict=True))
        ]
        ratios[size] = np.array(found)
        splits.say(f"{size} numbers: {ratios[size].mean():.3g} of the error allowed")
        return bool(ratios[size].mean() <= 1 + 1e-9)

    # PCA's own size always serves, so only smaller ones need be tried.
    most = most if pca_size is None else pca_size - 1
    size = smallest_below(reaches, most, guess=max(1, round(0.4 * most))) if most else None
    size = pca_size if size is None else size
    tried = tuple(
        (tried, float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0)
        for tried, found in sorted(ratios.items())
    )
    votes = tuple(
        min((tried for tried, found in ratios.items() if found[place] <= 1 + 1e-9), default=size or most)
        for place in range(len(splits.parts))
    )
    return Choice(target.rule, target.value, size, pca_size, tried, votes if size is not None else ())


def model_units(estimator: BaseAutoencoder) -> float:
    """What a squared error in the model's units is multiplied by: its common unit, squared; 1 with a scale."""
    return estimator.scaling_.unit**2 if estimator.scale is None else 1.0


def row_errors(estimator: BaseAutoencoder, X: np.ndarray, size: int | None = None) -> np.ndarray:
    """Squared error per feature of each row, in the units errors are given in: shape (n_rows,)."""
    wrong = (estimator.reconstruct(X, size=size) - X) / estimator.scaling_.spread
    return np.square(wrong).mean(1) * model_units(estimator)


def pca_errors_of(estimator: BaseAutoencoder, X: np.ndarray) -> np.ndarray:
    """PCA's error per feature with 0, 1, 2 … directions, in the same units."""
    known = PrincipalErrors(estimator.principal_)
    known.add((X - estimator.scaling_.center) / estimator.scaling_.spread)
    return known.curve(np.ones(X.shape[1])) / X.size * model_units(estimator)
