"""What a fit learns for imputation: the weights of the predictors, and the trust in the autoencoder.

Cells of held-out rows are hidden; the predictors expect e there, the autoencoder reconstructs x̂ from rows filled with
e, and the trust in it is

    α = Σ (x̂ - e)(x - e) / Σ (x̂ - e)²,  clipped to [0, 1]
"""

from __future__ import annotations

import numpy as np
import torch

from isthmus.imputation.cell_predictor import MAX_COLUMNS, MAX_NUMBERS, MAX_ROWS, CellPredictor, learn_cell_predictor
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.rows.rows import Batch, Rows
from isthmus.training.completion import set_trust

__all__ = ["learn_cells"]

HELD_OUT_SHARE = 4  # held-out rows are at most a quarter of those kept


@torch.no_grad()
def learn_cells(
    model: AutoencoderModel, learned: Rows, held_out: Rows | None, owners: list[int] | None, seed: int
) -> CellPredictor | None:
    """Learn the predictor of missing cells and set the completion's trust; None for too wide or too short a table.

    ``owners`` are the columns of the table that the encoded columns belong to.
    """
    d, completion = learned.n_features, model.completion
    if completion is None or not 2 <= d <= MAX_COLUMNS:
        return None
    most = min(MAX_ROWS, MAX_NUMBERS // d)
    device = completion.center.device
    parts = [] if held_out is None else [_some(held_out, most // HELD_OUT_SHARE)]
    n_held_out = sum(len(part.x) for part in parts)
    parts.append(_some(learned, most - n_held_out))
    x = torch.cat([part.x for part in parts])
    groups = np.arange(d) if owners is None else np.asarray(owners)
    if len(x) < 4 or groups.max() == 0:
        return None
    found = learn_cell_predictor(x, groups, seed)
    evaluated = slice(0, n_held_out or len(x))
    expected = found.expected[evaluated].float().to(device)
    given = None
    if learned.widths.given:
        given = torch.cat([part.given for part in parts if part.given is not None])[evaluated].to(device)
    reconstructed = model.reconstruct(expected, given)
    hidden = found.hidden[evaluated].to(device)
    set_trust(completion, expected, reconstructed, x[evaluated].to(device), hidden)
    return found.predictor


def _some(rows: Rows, count: int) -> Batch:
    some = rows.some(max(1, count))
    return some.batch_of(some.take(torch.arange(len(some))))
