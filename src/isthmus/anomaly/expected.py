"""What was expected in each cell of a row, with the cells under suspicion masked.

A broken cell bends what an autoencoder makes of the whole row. So the cells that the rest of their row contradicts are
looked for one after the other, the most contradicted first, and masked: each gets its expectation given the others, and
the row is reconstructed again. What is expected of cell j is then

    e_j = û_j + E[r_j | r_o],      o the cells that are not suspect, and not j

with û the reconstruction and r the residuals, which have the covariance that normal rows have.
"""

from __future__ import annotations

import numpy as np

from isthmus.anomaly.scorer import Block, Scorer

__all__ = ["Expected", "expect"]

SUSPECT = 4.0  # standard deviations from what the others say
MOST_SUSPECTS = 3  # columns of a row
ROUNDS = 3


class Expected:
    """``cells``, in standard units, and ``suspect``, booleans; both of shape (n_rows, n_features)."""

    def __init__(self, cells: np.ndarray, suspect: np.ndarray):
        self.cells, self.suspect = cells, suspect


def expect(scorer: Scorer, block: Block, owners: np.ndarray) -> Expected:
    """What was expected in each cell of a block; ``owners`` says which column each number belongs to.

    All numbers of a column are masked together.
    """
    if scorer.residuals is None:
        return Expected(block.reconstruction, np.zeros(block.u.shape, dtype=bool))
    covariance, deviations = scorer.residuals, np.sqrt(scorer.residuals.conditional_variances)
    suspect = np.zeros(block.u.shape, dtype=bool)
    reconstruction, residuals = block.reconstruction.copy(), block.u - block.reconstruction
    active = np.arange(len(block.u))
    for _ in range(min(MOST_SUSPECTS, int(owners.max()))):
        away = np.abs(covariance.conditional_residuals(residuals[active])) / deviations
        away[suspect[active]] = 0.0
        worst = away.argmax(1)
        contradicted = away[np.arange(len(active)), worst] > SUSPECT
        active, worst = active[contradicted], worst[contradicted]
        if not len(active):
            break
        suspect[active] |= owners == owners[worst][:, None]
        hidden, filled = suspect[active], _without(scorer, block.u[active], suspect[active])
        for _ in range(ROUNDS):  # the reconstruction changes what is expected of the masked cells, and they change it
            reconstruction[active] = scorer.reconstruct(filled)
            residuals[active] = covariance.filled(block.u[active] - reconstruction[active], hidden)
            filled = reconstruction[active] + residuals[active]
    left_out = covariance.conditional_residuals(residuals)
    cells = reconstruction + residuals - np.where(suspect, 0.0, left_out)
    return Expected(cells, suspect)


def _without(scorer: Scorer, u: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Rows with their hidden cells as the others say, before the autoencoder is asked."""
    return u if scorer.cells is None else scorer.cells.filled(u, hidden)
