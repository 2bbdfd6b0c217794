"""Drift: whether new rows as a whole differ from the normal ones, and which columns have moved.

The p-values of normal rows are uniform. A batch whose p-values are not has drifted, even if none of its rows is an
alarm. Scores of the batch and of the held-out rows are compared by the two-sample test of Kolmogorov & Smirnov, and so
are the cells of every column; by Holm's rule (1979) the chance of any finding in a batch that has not drifted is at
most ``rate``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Drift", "drift_between"]

RATE = 0.01


@dataclass(frozen=True, repr=False)
class Drift:
    """How a batch as a whole compares with the normal rows.

    Attributes
    ----------
    p_value : float
        How often the scores, or the cells of some column, of a normal batch differ as much.
    scores_moved : bool
        Whether p-values are not uniform.
    columns : tuple of str
        Columns that moved, the most significant first.
    n_rows : int
        Number of rows in the batch.
    """

    p_value: float
    scores_moved: bool
    columns: tuple[str, ...]
    n_rows: int

    @property
    def found(self) -> bool:
        """Whether the batch has drifted."""
        return self.scores_moved or bool(self.columns)

    def __repr__(self) -> str:
        if not self.found:
            return f"the {self.n_rows:,} rows as a whole are like the normal ones"
        shown = ", ".join(self.columns[:5]) + (f" and {len(self.columns) - 5} more" if len(self.columns) > 5 else "")
        moved = f"; moved: {shown}" if shown else "; no single column has moved"
        return f"the {self.n_rows:,} rows as a whole are unlike the normal ones (p {self.p_value:.1g}){moved}"


def drift_between(
    scores: np.ndarray,
    normal_scores: np.ndarray,
    cells: np.ndarray,
    normal_cells: np.ndarray,
    owners: np.ndarray,
    names: tuple[str, ...],
    rate: float = RATE,
) -> Drift:
    """Compare a batch with normal rows; scores of shape (n,), cells of shape (n, n_numbers)."""
    from scipy.stats import ks_2samp

    tests = [float(ks_2samp(scores, normal_scores, method="asymp").pvalue)]
    for place in range(cells.shape[1]):
        tests.append(float(ks_2samp(cells[:, place], normal_cells[:, place], method="asymp").pvalue))
    p_values = np.array(tests)
    order = np.argsort(p_values, kind="stable")
    corrected = np.maximum.accumulate(np.minimum(p_values[order] * np.arange(len(tests), 0, -1), 1.0))
    named = [int(place) for place, p_value in zip(order, corrected, strict=True) if p_value <= rate]
    columns = dict.fromkeys(names[owners[place - 1]] for place in named if place > 0)
    return Drift(float(corrected[0]), 0 in named, tuple(columns), len(scores))
