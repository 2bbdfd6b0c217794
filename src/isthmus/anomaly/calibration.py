"""How surprising an amount is, and how rare a score: from rows scored by fits that have not seen them.

The rows are split into folds. For each fold an autoencoder is fitted to the others; nearest rows need no second fit, as
a row is left out of them when it is scored. All folds together say how large every part of the score is among normal
rows, and what the scores are that p-values are counted from.

Equal rows stay on one side of every split, and count once: a row whose copy was learned from would look more normal
than a new row does.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.scores import CUBE_ROOT, SIXTH_ROOT, TWELFTH_ROOT, Surprise

__all__ = ["MOST_CALIBRATION_ROWS", "N_FOLDS", "Split", "split_rows", "surprises_of"]

N_FOLDS = 4
MOST_CALIBRATION_ROWS = 10_000
ROOTS = {"density": SIXTH_ROOT, "neighbours": SIXTH_ROOT, "core": TWELFTH_ROOT}
ONE_SPLIT_ROWS = 40_000  # from which on one split has enough rows to be held out


@dataclass(frozen=True, eq=False)
class Split:
    """Rows held out, fold by fold.

    Attributes
    ----------
    folds : list of ndarray of int
        Indices of the rows of each; rows in none of them are learned from by all.
    counted : ndarray of bool, shape (n_rows,)
        Rows that are counted: the first of each that are equal.
    """

    folds: list[np.ndarray]
    counted: np.ndarray

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return len(self.counted)

    def rest(self, fold: np.ndarray) -> np.ndarray:
        """Indices of the rows outside a fold."""
        return np.setdiff1d(np.arange(self.n_rows), fold)


def split_rows(values: np.ndarray, fraction: float | None, seed: int, who: str) -> Split:
    """Folds of the rows; or, with a ``fraction`` or very many rows, one set of rows that is held out."""
    _, first, group = np.unique(np.nan_to_num(values, nan=1e300), axis=0, return_index=True, return_inverse=True)
    group, n_groups, n_rows = group.ravel(), len(first), len(values)
    if n_groups <= 2:
        group, n_groups, first = np.arange(n_rows), n_rows, np.arange(n_rows)
        _warn(f"{who}: the rows are all the same, or one of two; nearly every other row will be called an anomaly.")
    elif 2 * n_groups < n_rows:
        _warn(
            f"{who}: of {n_rows:,} rows only {n_groups:,} are different; rates and p-values are those of "
            f"{n_groups:,} rows."
        )
    counted = np.zeros(n_rows, dtype=bool)
    counted[first] = True
    order = np.random.default_rng(seed).permutation(n_groups)
    if fraction is None and n_groups <= ONE_SPLIT_ROWS:
        n_folds = min(N_FOLDS, n_groups)
        fold_of = np.empty(n_groups, dtype=int)
        fold_of[order] = np.arange(n_groups) % n_folds
        folds = [np.flatnonzero(fold_of[group] == fold) for fold in range(n_folds)]
    else:
        wanted = MOST_CALIBRATION_ROWS if fraction is None else round(fraction * n_groups)
        held_out = np.zeros(n_groups, dtype=bool)
        held_out[order[: min(max(wanted, 1), n_groups - 2)]] = True
        folds = [np.flatnonzero(held_out[group])]
    return Split(folds, counted)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=4)


def surprises_of(totals: Mapping[str, np.ndarray]) -> dict[str, Surprise]:
    """The distribution of each part among rows that were held out, from its amounts, shape (n_rows,)."""
    found = {
        # a sum of squares starts at 0; a log density has no such bound, so its own lowest value is used
        name: Surprise.of(part, float(part.min()) if name == "likelihood" else 0.0, ROOTS.get(name, CUBE_ROOT))
        for name, part in totals.items()
    }
    # the tail of the core's would be the anomalies among the rows of the fit, which it is there to find
    return {name: one if name == "core" else one.with_tail(totals[name]) for name, one in found.items()}
