"""The error of PCA of Pearson residuals on held-out counts, for every number of directions.

Two measures: the squared error of each column, and the Poisson deviance of a row,

    2 Σ_j x_j log(x_j / λ_j) - x_j + λ_j

of which the baseline is that of the mean profile times the row's total. Unlike PCA's squared error, neither has a
formula for all sizes at once: the rows are reconstructed with each size.
"""

from __future__ import annotations

import numpy as np
import torch

from isthmus.fitted import FittedState
from isthmus.parts.count_noise import poisson_deviance

__all__ = ["CountErrors", "count_deviance"]

SPARE, MOST = 8, 96  # the baseline is tried with twice the code's size and 8 more directions, but at most 96


def count_deviance(fitted: FittedState, counts: np.ndarray, reconstructions: np.ndarray) -> float:
    """The deviance of rows from their reconstructions, summed over rows; 0 for a model of other data."""
    if not fitted.model.likelihood.counts_deviance:
        return 0.0
    mean, x = torch.from_numpy(np.asarray(reconstructions, dtype=np.float64)), torch.from_numpy(counts)
    return float(poisson_deviance(mean, x).sum())


class CountErrors:
    """Errors of the baseline on added rows, with the interface of `PrincipalErrors`.

    Attributes
    ----------
    deviances : ndarray of shape (n_sizes,)
        Sum over rows, with 0, 1, 2 … directions.
    directions, products : ndarray
        Empty: only the formulas of a Gaussian likelihood use them.
    """

    deviances: np.ndarray

    def __init__(self, fitted: FittedState, size: int):
        self.likelihood, self.principal = fitted.model.likelihood, fitted.principal
        self.device = fitted.device
        n_sizes = 1 + min(len(self.principal.directions), 2 * size + SPARE, max(size, MOST))
        self.errors = np.zeros((n_sizes, len(self.principal.mean)))
        self.directions = self.products = np.zeros((0, len(self.principal.mean)))
        self.deviances = np.zeros(n_sizes)

    def add(self, units: np.ndarray, given: np.ndarray | None = None, missing: np.ndarray | None = None) -> np.ndarray:
        """Add rows of counts, shape (n_rows, n_features), and their conditions; returns their principal coordinates.

        No cell of them is missing.
        """
        exact = torch.from_numpy(units)
        x = exact.float().to(self.device)
        conditions = None if given is None else torch.from_numpy(given).float().to(self.device)
        with torch.inference_mode():
            for size in range(len(self.errors)):
                mean = self.likelihood.baseline(self.principal, x, size, conditions).double().cpu()
                self.errors[size] += (mean - exact).square().sum(0).numpy()
                self.deviances[size] += float(poisson_deviance(mean, exact).sum())
            size = len(self.principal.directions)
            return self.principal.encode(self.likelihood.encoder_input(x), size, conditions).double().cpu().numpy()

    @property
    def squares(self) -> np.ndarray:
        """Σ(x - x̂)² of each column by the mean profile alone, shape (n_features,)."""
        return self.errors[0]

    def per_feature(self, size: int) -> np.ndarray:
        """Σ(x - x̂)² of each column with ``size`` directions, shape (n_features,)."""
        return self.errors[size]

    def curve(self, weights: np.ndarray) -> np.ndarray:
        """Σ_j w_j Σ(x_j - x̂_j)² with 0, 1, 2 … directions: shape (n_sizes,)."""
        return self.errors @ weights
