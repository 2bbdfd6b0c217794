"""The size of a code, chosen on training rows alone: by what the data support, or by a target.

Training rows are split several times into rows to fit and held-out rows; every size tried is fitted again on each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.evaluation.written import dimensions
from isthmus.size_search import smallest_below
from isthmus.smallest.choice import Choice
from isthmus.smallest.splits import Splits, pca_errors_of, row_errors, split_training_rows
from isthmus.smallest.supported import choose_supported

__all__ = ["Target", "choose"]


@dataclass(frozen=True)
class Target:
    """The target of a choice: ``rule`` "evidence" (no value), "keep", "max_error" or "as_good_as"."""

    rule: str
    value: float | None = None

    def allowed(self, pca_errors: np.ndarray) -> float:
        """The error allowed, per feature; ``pca_errors[k]`` is PCA's with k directions, the mean row's first."""
        if self.value is None:
            raise ValueError("Target: without a value there is no error allowed.")
        if self.rule == "keep":
            return (1 - self.value) * float(pca_errors[0])
        if self.rule == "as_good_as":
            return float(pca_errors[min(int(self.value), len(pca_errors) - 1)])
        return self.value


def choose(
    X: np.ndarray,
    target: Target,
    settings: Mapping[str, Any],
    *,
    n_splits: int,
    seed: int,
    say: Callable[[str], None],
    doing: Callable[[str], None] = lambda text: None,
) -> Choice:
    """The smallest size that suffices; ``X`` are training rows, shape (n_rows, n_features)."""
    splits = split_training_rows(X, settings, n_splits=n_splits, seed=seed, say=say, doing=doing)
    return choose_supported(splits) if target.value is None else _by_target(splits, target)


def _by_target(splits: Splits, target: Target) -> Choice:
    """The smallest size whose mean ratio of the error to the error allowed is at most 1."""
    curves = [
        pca_errors_of(splits.fitted(1, place, max_iter=0), held_out) for place, (_, held_out) in enumerate(splits.parts)
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
            row_errors(splits.fitted(size, place), held_out).mean() / max(limit, 1e-300)
            for place, ((_, held_out), limit) in enumerate(zip(splits.parts, allowed, strict=True))
        ]
        ratios[size] = np.array(found)
        splits.say(f"{dimensions(size)}: {ratios[size].mean():.0%} of the error allowed")
        return bool(ratios[size].mean() <= 1 + 1e-9)

    # PCA's own size always suffices, so only smaller ones are tried.
    most = splits.most if pca_size is None else pca_size - 1
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
