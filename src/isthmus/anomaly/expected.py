"""What was expected in each cell of a row, with suspect cells masked.

A wrong cell distorts the reconstruction of the whole row. So the cells that the rest of their row contradicts are
searched for one at a time, the most contradicted first, and masked: each gets its expectation given the others, and
the row is reconstructed again. The expectation of cell j is then

    e_j = û_j + E[r_j | r_o],      o the cells that are not suspect, and not j

with û the reconstruction and r the residuals, which have the covariance that normal rows have.

A rare category lies far from the mean of its column whatever the rest of its row is, and residuals of categories have
heavy tails. So a category or a boolean is contradicted only by how much farther it lies from its expectation given the
others than from its mean, both in the covariance of rows:

    δᵀ Var(u_g | u_o)⁻¹ δ - u_gᵀ Var(u_g)⁻¹ u_g,      δ = u_g - E[u_g | u_o]

which is, up to a constant, -2 times the log of how much likelier the others make it. A category not seen at fit is
suspect from the start; a row with residuals like those of normal rows has no other suspects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.anomaly.contributions import attribute_to_columns
from isthmus.anomaly.scorer import Block, Scorer

__all__ = ["Expected", "expect"]

SUSPECT = 4.0  # standard deviations from the expectation given the others
SUSPECT_CATEGORY = 3.0  # less, as the covariance of rows is shrunk more than that of residuals
MAX_SUSPECTS = 3  # columns per row
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Expected:
    """What was expected of some rows, each of shape (n_rows, n_features).

    Attributes
    ----------
    cells : ndarray
        In standard units.
    suspect : ndarray of bool
    """

    cells: np.ndarray
    suspect: np.ndarray

    def blamed(self, amounts: np.ndarray) -> np.ndarray:
        """Amounts of a part about contradicted cells, with each row's sum moved to its suspect cells."""
        rows = self.suspect.any(1)
        found, suspect = amounts.copy(), self.suspect[rows]
        own = np.where(suspect, amounts[rows], 0.0)
        found[rows] = attribute_to_columns(amounts[rows].sum(1), own + 1e-12 * suspect)
        return found


def expect(scorer: Scorer, block: Block, owners: np.ndarray, unseen: np.ndarray, doubtful: np.ndarray) -> Expected:
    """What was expected in each cell of a block.

    ``owners`` are the columns that the encoded columns belong to; those of one column are masked together. ``unseen``,
    booleans of shape (n_rows, n_features), marks categories not seen at fit; ``doubtful``, booleans of shape (n_rows,),
    marks the rows that may have suspect cells.
    """
    if scorer.residuals is None:
        return Expected(block.reconstruction, np.zeros(block.u.shape, dtype=bool))
    covariance, spans = scorer.residuals, scorer.spans
    suspect = unseen.copy()
    reconstruction, residuals = block.reconstruction.copy(), block.u - block.reconstruction

    def mask(rows: np.ndarray) -> None:
        hidden = suspect[rows]
        filled = block.u[rows] if scorer.cells is None else scorer.cells.filled(block.u[rows], hidden)
        for _ in range(ROUNDS):  # masked cells and the reconstruction depend on each other
            reconstruction[rows] = scorer.reconstruct(filled)
            residuals[rows] = covariance.filled(block.u[rows] - reconstruction[rows], hidden)
            filled = reconstruction[rows] + residuals[rows]

    known = np.flatnonzero(unseen.any(1))
    if len(known):
        mask(known)
    active = np.flatnonzero(doubtful)
    for _ in range(min(MAX_SUSPECTS, int(owners.max()))):
        if not len(active):
            break
        away = scorer.contradictions(residuals[active], reconstruction[active] + residuals[active])
        if spans and scorer.cells is not None:
            u = reconstruction[active] + residuals[active]
            given = scorer.cells.conditional(u, spans)[1]
            for start, stop in spans:
                alone = scorer.cells.lengths(u, np.arange(start, stop))[:, None]
                away[:, start:stop] = ((stop - start) * given[:, start:stop] - alone) * (
                    SUSPECT / SUSPECT_CATEGORY
                ) ** 2
        away[suspect[active] | (away <= SUSPECT**2)] = 0.0
        if scorer.normal is not None:  # of two cells that contradict each other, the one never seen so far out is wrong
            away *= scorer.normal.beyond(block.u[active])
        worst = away.argmax(1)
        contradicted = away[np.arange(len(active)), worst] > 0
        active, worst = active[contradicted], worst[contradicted]
        suspect[active] |= owners == owners[worst][:, None]
        if len(active):
            mask(active)
    unexplained = covariance.conditional(residuals, spans)[0]
    return Expected(reconstruction + residuals - np.where(suspect, 0.0, unexplained), suspect)
