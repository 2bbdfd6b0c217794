"""Cells predicted by the mean of the nearest rows, weighted by inverse distance.

Rows are compared after their missing cells have been filled by a model of the columns: then every pair is compared in
all columns, and a row with few observed cells isn't near to everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["mean_of_neighbours"]

NEAREST = 200  # candidates, of which those with an observed cell in the column are used
BLOCK_NUMBERS = 1 << 22  # distances at once
MIN_DISTANCE = 1e-3  # in standard deviations, so equal rows have a finite weight


def mean_of_neighbours(
    rows: np.ndarray, filled: np.ndarray, others: np.ndarray, filled_others: np.ndarray, counts: Sequence[int]
) -> list[np.ndarray]:
    """The missing cells of rows as means over ``count`` neighbours, for each of several counts.

    Parameters
    ----------
    rows, filled
        Standardised rows with NaN, shape (n_rows, d), and the same without.
    others, filled_others
        The candidate neighbours. If they are the same object as ``rows``, no row is its own neighbour.

    Returns
    -------
    For each count the rows with NaN filled; a column that no neighbour has gets 0, the mean.
    """
    answers = [rows.copy() for _ in counts]
    known = ~np.isnan(others)
    values = np.where(known, others, 0.0)
    lengths = np.square(filled_others).sum(1)
    step = max(1, BLOCK_NUMBERS // max(len(others), rows.shape[1] * min(NEAREST, len(others))))
    wanted = np.flatnonzero(np.isnan(rows).any(1))
    for start in range(0, len(wanted), step):
        some = wanted[start : start + step]
        squares = np.square(filled[some]).sum(1)[:, None] + lengths - 2 * filled[some] @ filled_others.T
        if others is rows:
            squares[np.arange(len(some)), some] = np.inf
        nearest = np.argpartition(squares, NEAREST - 1, 1)[:, :NEAREST] if len(others) > NEAREST else None
        nearest = np.broadcast_to(np.arange(len(others)), squares.shape) if nearest is None else nearest
        far = np.take_along_axis(squares, nearest, 1)
        order = np.argsort(far, axis=1, kind="stable")
        nearest, far = np.take_along_axis(nearest, order, 1), np.take_along_axis(far, order, 1)
        distances = np.sqrt(np.maximum(far, 0))
        weights = 1 / (distances + MIN_DISTANCE)
        observed = known[nearest]
        rank = np.cumsum(observed, 1)
        for answer, count in zip(answers, counts, strict=True):
            weight = np.where(observed & (rank <= count), weights[:, :, None], 0.0)
            total = weight.sum(1)
            mean = (weight * values[nearest]).sum(1) / np.where(total > 0, total, 1.0)
            answer[some] = np.where(np.isnan(rows[some]), mean, rows[some])
    return answers
