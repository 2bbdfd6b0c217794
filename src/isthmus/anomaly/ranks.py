"""Normal scores: the values of a column by their ranks, as standard deviations of a normal distribution.

A relation between columns with long tails, or with a curve in it, is closer to a line between ranks, and no few rows
decide their covariance. The value with a share p of the rows below it, and half of those equal to it, becomes Φ⁻¹(p),
interpolated between about a hundred quantiles. A value beyond all rows has a more extreme score than any of them, also
in a column where many rows have the largest value: within a tenth of a standard deviation the score rises to that of
one row in 2n, and then goes on in standard deviations, so a value stays the more extreme the farther out it lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MAX_KNOTS", "NormalScores"]

MAX_KNOTS = 101
MARGIN = 0.1  # standard deviations


@dataclass(frozen=True)
class NormalScores:
    """Values and their scores, shape (n_features, n_knots) each, both ascending along rows.

    ``outermost``, shape (n_features, 2), are the scores just below and just above all rows.
    """

    knots: np.ndarray
    scores: np.ndarray
    outermost: np.ndarray

    @classmethod
    def of(cls, u: np.ndarray) -> NormalScores:
        """From rows in standard units; their own scores have mean 0 in every column."""
        from scipy.special import ndtri

        ascending = np.sort(u, axis=0).T
        n_rows = len(u)
        places = np.unique(np.linspace(0, n_rows - 1, MAX_KNOTS).round().astype(int))
        knots = np.ascontiguousarray(ascending[:, places])
        ranks = [
            np.searchsorted(column, some, "left") + np.searchsorted(column, some, "right")
            for column, some in zip(ascending, knots, strict=True)
        ]
        scores = ndtri(np.stack(ranks) / (2 * n_rows))
        outermost = np.tile(ndtri([0.5 / n_rows, 1 - 0.5 / n_rows]), (len(scores), 1))
        means = cls(knots, scores, outermost).of_rows(u).mean(0)[:, None]
        return cls(knots, scores - means, outermost - means)

    def of_rows(self, u: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
        """Scores of rows, shape (n_rows, n_features); what lies beyond the knots is multiplied by ``shares``."""
        found = np.empty(u.shape)
        for place, (knots, scores) in enumerate(zip(self.knots, self.scores, strict=True)):
            found[:, place] = np.interp(u[:, place], knots, scores)
        beyond = u - np.clip(u, self.knots[:, 0], self.knots[:, -1])
        steps = np.clip(beyond / MARGIN, -1.0, 1.0)
        below, above = (self.outermost - self.scores[:, [0, -1]]).T
        found += np.maximum(steps, 0.0) * above - np.minimum(steps, 0.0) * below
        return found + (beyond if shares is None else beyond * shares)
