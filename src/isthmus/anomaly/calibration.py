"""Cross-validation of a detector: how the rows are split, and how surprising an amount is by rows the fits never saw.

The rows are split into folds. For each fold an autoencoder is fitted to the others; nearest neighbours need no second
fit, as a row is never its own neighbour. The held-out rows of all folds say how large each part of the score is among
normal rows, and their scores are those that p-values are counted from.

Equal rows stay on the same side of every split and count once: a row whose copy was in the training fold would look
more normal than a new row does.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.scores import CUBE_ROOT, SIXTH_ROOT, TWELFTH_ROOT, Surprise

__all__ = ["MAX_CALIBRATION_ROWS", "N_FOLDS", "Split", "split_rows", "surprises_of"]

N_FOLDS = 4
MAX_CALIBRATION_ROWS = 10_000
ROOTS = {"density": SIXTH_ROOT, "neighbours": SIXTH_ROOT, "core": TWELFTH_ROOT}
ONE_SPLIT_ROWS = 40_000  # above which a single split holds out enough rows


@dataclass(frozen=True, eq=False)
class Split:
    """The folds that are held out.

    Attributes
    ----------
    folds : list of ndarray of int
        Row indices of each fold; rows in no fold are in every training set.
    counted : ndarray of bool, shape (n_rows,)
        Whether a row counts: of equal rows only the first does.
    """

    folds: list[np.ndarray]
    counted: np.ndarray

    @property
    def n_rows(self) -> int:
        """Total number of rows."""
        return len(self.counted)

    def rest(self, fold: np.ndarray) -> np.ndarray:
        """Indices of the rows outside a fold."""
        return np.setdiff1d(np.arange(self.n_rows), fold)


def split_rows(values: np.ndarray, fraction: float | None, seed: int, who: str) -> Split:
    """Folds of the rows; with a ``fraction`` or very many rows, one held-out set."""
    _, first, group = np.unique(np.nan_to_num(values, nan=1e300), axis=0, return_index=True, return_inverse=True)
    group, n_groups, n_rows = group.ravel(), len(first), len(values)
    if n_groups <= 2:
        group, n_groups, first = np.arange(n_rows), n_rows, np.arange(n_rows)
        _warn(f"{who}: there are at most two distinct rows; nearly every other row will be called an anomaly.")
    elif 2 * n_groups < n_rows:
        _warn(
            f"{who}: only {n_groups:,} of {n_rows:,} rows are distinct; rates and p-values are those of "
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
        wanted = MAX_CALIBRATION_ROWS if fraction is None else round(fraction * n_groups)
        held_out = np.zeros(n_groups, dtype=bool)
        held_out[order[: min(max(wanted, 1), n_groups - 2)]] = True
        folds = [np.flatnonzero(held_out[group])]
    return Split(folds, counted)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=4)


def surprises_of(totals: Mapping[str, np.ndarray]) -> dict[str, Surprise]:
    """The distribution of each part among held-out rows, from its amounts, shape (n_rows,)."""
    found = {
        # a sum of squares starts at 0; a log density has no such bound, so its own lowest value is used
        name: Surprise.of(part, float(part.min()) if name == "likelihood" else 0.0, ROOTS.get(name, CUBE_ROOT))
        for name, part in totals.items()
    }
    # the tail of the core part would be fitted to the anomalies among the training rows, which it is there to find
    return {name: one if name == "core" else one.with_tail(totals[name]) for name, one in found.items()}
