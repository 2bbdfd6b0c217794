"""The expectation of each missing cell: a weighted mean of several predictions, with weights per column.

    joint Gaussian   ridge regression of each column on the observed cells, with two strengths of the ridge
    factor model     the same with few factors, for wide tables and few rows
    neighbours       similar rows, a few and some more
    forest           a few trees per column

None is the best on all tables, nor in all columns of one table. The weights are learned on cells of the training rows
that were hidden from all predictors (`isthmus.imputation.stacking`), and then used with predictors fitted to all cells.
Only some thousands of rows are stored; the predictors are fitted to them again on first use, always with the same
result.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isthmus.imputation.forest import Forest, grow_forest
from isthmus.imputation.joint_gaussian import (
    JointGaussian,
    draw_cells,
    expected_cells,
    fit_joint_gaussian,
    posterior,
)
from isthmus.imputation.neighbours import mean_of_neighbours
from isthmus.imputation.stacking import column_weights
from isthmus.parts.completion import Completion, fit_completion
from isthmus.parts.draws import seeded

__all__ = ["MAX_COLUMNS", "MAX_ROWS", "N_PREDICTIONS", "CellPredictor", "Learned", "learn_cell_predictor"]

MAX_ROWS, MAX_NUMBERS = 4000, 1 << 20  # of the training rows that are stored
MAX_COLUMNS = 256
SHRINKAGES = (1.0, 30.0)  # of the joint Gaussian, counted in rows
N_NEIGHBOURS = (4, 12)
N_PREDICTIONS = len(SHRINKAGES) + 1 + len(N_NEIGHBOURS) + 1
HIDDEN = 0.15  # share of the observed cells that the weights are learned on


@dataclass(frozen=True)
class _Fitted:
    """The predictors fitted to rows, in standardised columns."""

    rows: np.ndarray
    center: np.ndarray
    spread: np.ndarray
    bounds: tuple[np.ndarray, np.ndarray]
    gaussians: tuple[JointGaussian, ...]
    completion: Completion
    filled: np.ndarray
    forest: Forest | None

    @classmethod
    def to(cls, rows: np.ndarray, groups: np.ndarray, seed: int) -> _Fitted:
        """Fit them to rows with NaN, shape (n_rows, d)."""
        observed = ~np.isnan(rows)
        count = np.maximum(observed.sum(0), 1)
        center = np.where(observed, rows, 0).sum(0) / count
        spread = np.sqrt(np.square(np.where(observed, rows - center, 0)).sum(0) / count)
        spread[spread == 0] = 1
        u = (rows - center) / spread
        low, high = np.where(observed, u, np.inf).min(0), np.where(observed, u, -np.inf).max(0)
        width = high - low
        bounds = low - width, high + width
        gaussians = tuple(fit_joint_gaussian(u, shrinkage) for shrinkage in SHRINKAGES)
        with seeded(seed):
            completion = fit_completion(lambda: [torch.from_numpy(u)], len(u), torch.from_numpy(groups))
        unfinished = cls(u, center, spread, bounds, gaussians, completion, u, None)
        filled, inputs = unfinished.simple(u, u)[1:]
        forest = grow_forest(u, inputs, groups, seed)
        return cls(u, center, spread, bounds, gaussians, completion, filled, forest)

    def simple(self, u: np.ndarray, others: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """All predictions but the forest's, the filled rows for the neighbour search, and the forest's inputs.

        Predictions are clipped to the observed range of a column, extended by its width on both sides.
        """
        by_columns = [expected_cells(u, gaussian) for gaussian in self.gaussians]
        by_columns.append(self.completion(torch.from_numpy(u)).double().numpy())
        by_columns = [np.where(np.isnan(u), np.clip(found, *self.bounds), u) for found in by_columns]
        filled = (by_columns[0] + by_columns[-1]) / 2
        near = mean_of_neighbours(u, filled, others, filled if others is u else self.filled, N_NEIGHBOURS)
        return [*by_columns, *near], filled, (filled + near[0]) / 2

    def predictions(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Every prediction for rows with NaN, by default those of the fit: shape (N_PREDICTIONS, n_rows, d)."""
        u = self.rows if rows is None else (rows - self.center) / self.spread
        found, _, inputs = self.simple(u, self.rows)
        found.append(found[0] if self.forest is None else self.forest.fill(u, inputs))
        return self.center + self.spread * np.stack(found)


class CellPredictor:
    """The weights, and the rows that the predictors are fitted to, in the model's units.

    Attributes
    ----------
    rows : Tensor of shape (n_kept, d)
        Float32, with NaN.
    weights : Tensor of shape (d, N_PREDICTIONS)
        Float32.
    groups : ndarray of shape (d,)
        Columns of one group encode one cell of a table.
    seed : int
    """

    def __init__(self, rows: Tensor, weights: Tensor, groups: np.ndarray, seed: int):
        self.rows, self.weights, self.groups, self.seed = rows, weights, groups, seed
        self._chain: list[JointGaussian] = []

    @functools.cached_property
    def _fitted(self) -> _Fitted:
        return _Fitted.to(self.rows.double().numpy(), self.groups, self.seed)

    def expected(self, x: Tensor) -> Tensor:
        """Rows in the model's units with NaN filled, shape (batch, d)."""
        missing = x.isnan()
        if not bool(missing.any()):
            return x
        holes = missing.any(1).nonzero()[:, 0]
        found = self._fitted.predictions(x[holes].double().cpu().numpy())
        mean = np.einsum("prd,dp->rd", found, self.weights.double().numpy())
        answer = x.clone()
        filled = torch.from_numpy(mean).to(device=x.device, dtype=x.dtype)
        answer[holes] = torch.where(missing[holes], filled, x[holes])
        return answer

    def drawn(self, x: Tensor, n_draws: int, seed: int) -> list[Tensor]:
        """Rows in the model's units with NaN drawn, ``n_draws`` times: proper draws from the joint Gaussian.

        Each draw has its own parameters, the same for all rows; ``seed`` is that of the cells given the parameters.
        """
        fitted = self._fitted
        if len(self._chain) < n_draws:
            self._chain = posterior(fitted.rows, n_draws, np.random.default_rng([self.seed, 4]))
        u = (x.double().cpu().numpy() - fitted.center) / fitted.spread
        missing, answers = x.isnan(), []
        for place, model in enumerate(self._chain[:n_draws]):
            rows = draw_cells(u, model, np.random.default_rng([self.seed, seed, place]))
            drawn = torch.from_numpy(fitted.center + fitted.spread * rows).to(device=x.device, dtype=x.dtype)
            answers.append(torch.where(missing, drawn, x))
        return answers


@dataclass(frozen=True)
class Learned:
    """A predictor, and its predictions of the cells that its weights were learned on.

    Attributes
    ----------
    predictor : CellPredictor
    expected : Tensor of shape (n_kept, d)
        The rows, with hidden and missing cells filled by predictors fitted without them.
    hidden : Tensor of bool, shape (n_kept, d)
        Which cells were hidden.
    """

    predictor: CellPredictor
    expected: Tensor
    hidden: Tensor


def learn_cell_predictor(x: Tensor, groups: np.ndarray, seed: int) -> Learned:
    """From training rows in the model's units, with NaN: shape (n_kept, d)."""
    rows = x.double().cpu().numpy()
    observed = ~np.isnan(rows)
    draws = np.random.default_rng([seed, 3]).random((len(rows), int(groups.max()) + 1))[:, groups]
    hidden = observed & (draws < HIDDEN)
    hidden &= (observed & ~hidden).sum(0) >= 2  # a column keeps two cells to learn from
    seen = np.where(hidden, np.nan, rows)
    found = _Fitted.to(seen, groups, seed).predictions()
    scale = np.where(observed.any(0), np.nanstd(np.where(observed.any(0), rows, 0.0), 0), 1.0)
    scale[scale == 0] = 1
    weights = column_weights(found / scale, rows / scale, hidden)
    expected = np.einsum("prd,dp->rd", found, weights)
    predictor = CellPredictor(x.float().cpu(), torch.from_numpy(weights).float(), groups, seed)
    return Learned(predictor, torch.from_numpy(expected).to(x), torch.from_numpy(hidden).to(x.device))
