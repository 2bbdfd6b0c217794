"""Cells hidden from held-out rows and predicted from the cells left: an error that has a minimum over code sizes.

The error of held-out *rows* falls with every number a code is given, since a row may always be copied a little
better. Held-out *cells* cannot be copied (Wold 1978; Owen & Perry 2009, arXiv:0908.2062). A row's cells are hidden
and filled until the model agrees with the filling,

    x_hidden ← x̂_hidden,   x̂ = g(f(x)),    from x_hidden = mean

which for PCA is the missing-data projection. A code with numbers to spare follows the noise of the cells seen,
and the hidden ones pay for it.
"""

from __future__ import annotations

import numpy as np
import torch

from isthmus.estimator import BaseAutoencoder
from isthmus.training.devices import threads_for

__all__ = ["entry_errors"]

HIDDEN = 0.2  # share of a row's cells hidden at a time
DRAWS = 3
FILLINGS = 20


@torch.inference_mode()
def entry_errors(estimator: BaseAutoencoder, X: np.ndarray, seed: int, *, fillings: int = FILLINGS) -> np.ndarray:
    """Mean squared error of the hidden cells of each row, in the model's units: shape (n_rows,).

    The same seed hides the same cells, whatever the model. With no ``fillings`` they are left at the mean of the
    training rows, which is what a code of no numbers predicts.
    """
    rng = np.random.default_rng(seed)
    model, device = estimator.model_, estimator.fitted_.device
    rows = torch.from_numpy(estimator.scaling_.apply(X)).to(device)
    start = estimator.principal_.mean.to(device)
    errors = torch.zeros(len(rows), dtype=torch.float64)
    with threads_for(len(rows) * estimator.fitted_.n_weights):
        for _ in range(DRAWS):
            hidden = torch.from_numpy(_hidden_cells(rng, X.shape)).to(device)
            filled = torch.where(hidden, start, rows)
            for _ in range(fillings):
                filled = torch.where(hidden, model.reconstruct(filled), rows)
            wrong = ((filled - rows).square() * hidden).sum(1) / hidden.sum(1)
            errors += wrong.double().cpu() / DRAWS
    return errors.numpy()


def _hidden_cells(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """True for a fifth of each row's cells, at least one, drawn again for each row."""
    count = max(1, round(HIDDEN * shape[1]))
    return rng.random(shape).argsort(1) < count
