"""Hidden cells of held-out rows, predicted from the others: an error that superfluous latents do not lower.

The error of held-out *rows* falls with every latent, since a row can always be copied a little better. Held-out *cells*
cannot be copied (Wold 1978; Owen & Perry 2009, arXiv:0908.2062). A fifth of a row's cells is hidden; the row is encoded
from the other cells and the density of codes (`isthmus.inference.state`),

    z* = argmin_z Σ_{j seen} (x_j - g_j(z))² / 2σ² + (z - m)ᵀ S⁻¹ (z - m) / 2

and the hidden cells are predicted by g(z*), which for PCA is the conditional mean of probabilistic PCA. A latent that
only follows the noise of observed cells does not help to predict hidden ones.
"""

from __future__ import annotations

import numpy as np
import torch

from isthmus.estimator import BaseAutoencoder
from isthmus.fitted import FittedState
from isthmus.training.devices import threads_for

__all__ = ["entry_errors"]

HIDDEN = 0.2  # share of a row's cells hidden at a time
DRAWS = 3
BLOCK = 1024  # rows encoded at once


@torch.inference_mode()
def entry_errors(estimator: BaseAutoencoder, X: np.ndarray, seed: int, *, encoded: bool = True) -> np.ndarray:
    """Mean squared error of the hidden cells of each row, in the model's units: shape (n_rows,).

    The same seed hides the same cells for any model. If not ``encoded``, they are predicted by the mean of the training
    rows, like a code without latents.
    """
    rng = np.random.default_rng(seed)
    fitted = estimator.fitted_
    rows = torch.from_numpy(estimator.scaling_.apply(X)).to(fitted.device)
    mean = estimator.principal_.mean.to(fitted.device)
    errors = torch.zeros(len(rows), dtype=torch.float64)
    with threads_for(len(rows) * fitted.n_weights):
        for _ in range(DRAWS):
            hidden = torch.from_numpy(_hidden_cells(rng, X.shape)).to(fitted.device)
            predicted = mean.expand_as(rows)
            if encoded:
                predicted = _predicted(fitted, torch.where(hidden, torch.nan, rows))
            wrong = ((predicted - rows).square() * hidden).sum(1) / hidden.sum(1)
            errors += wrong.double().cpu() / DRAWS
    return errors.numpy()


def _predicted(fitted: FittedState, rows: torch.Tensor) -> torch.Tensor:
    if fitted.inference is None or not fitted.inference.takes_gaps:
        raise ValueError("entry_errors: predicting hidden cells needs point codes and a differentiable decoder.")
    parts = rows.split(BLOCK)
    return torch.cat([fitted.model.decode(fitted.inference.posterior(fitted.model, part).codes) for part in parts])


def _hidden_cells(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """True for a fifth of each row's cells, at least one, drawn independently for each row."""
    count = max(1, round(HIDDEN * shape[1]))
    return rng.random(shape).argsort(1) < count
