"""What each missing cell is expected to hold: several closed forms, weighed column by column on hidden cells.

    joint Gaussian   every column's ridge regression on the cells there are; two strengths of the ridge
    factor model     the same with few factors, for wide tables and few rows
    neighbours       rows that are alike, near ones and a wider circle
    forest           a few trees a column

None is the best on all tables, and on one table none is the best in all columns. The weights are learned on cells of
the training rows that were hidden from all of them (`isthmus.imputation.stacking`), and what is fitted to all cells
later takes them. The rows are what is kept of it, some thousands at most; the closed forms are fitted to them again
when they are first needed, always to the same answer.
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

__all__ = ["MOST_COLUMNS", "MOST_ROWS", "N_PREDICTIONS", "CellPredictor", "Learned", "learn_cell_predictor"]

MOST_ROWS, MOST_NUMBERS = 4000, 1 << 20  # of the training rows, that are kept
MOST_COLUMNS = 256
SHRINKAGES = (1.0, 30.0)  # of the joint Gaussian, counted in rows
CIRCLES = (4, 12)  # neighbours
N_PREDICTIONS = len(SHRINKAGES) + 1 + len(CIRCLES) + 1
HIDDEN = 0.15  # share of the observed cells by which the weights are learned


@dataclass(frozen=True)
class _Fitted:
    """The closed forms fitted to rows, in standardised columns."""

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
        there = ~np.isnan(rows)
        count = np.maximum(there.sum(0), 1)
        center = np.where(there, rows, 0).sum(0) / count
        spread = np.sqrt(np.square(np.where(there, rows - center, 0)).sum(0) / count)
        spread[spread == 0] = 1
        u = (rows - center) / spread
        low, high = np.where(there, u, np.inf).min(0), np.where(there, u, -np.inf).max(0)
        width = high - low  # a row may lie beyond what was observed, but not by more than what was observed spans
        bounds = low - width, high + width
        gaussians = tuple(fit_joint_gaussian(u, shrinkage) for shrinkage in SHRINKAGES)
        with seeded(seed):
            completion = fit_completion(lambda: [torch.from_numpy(u)], len(u), torch.from_numpy(groups))
        unfinished = cls(u, center, spread, bounds, gaussians, completion, u, None)
        filled, inputs = unfinished.simple(u, u)[1:]
        forest = grow_forest(u, inputs, groups, seed)
        return cls(u, center, spread, bounds, gaussians, completion, filled, forest)

    def simple(self, u: np.ndarray, others: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """All predictions but the forest's, the rows by which neighbours are found, and what the forest sees.

        A prediction is at most as far outside the range of what was observed of a column as that is wide.
        """
        by_columns = [expected_cells(u, gaussian) for gaussian in self.gaussians]
        by_columns.append(self.completion(torch.from_numpy(u)).double().numpy())
        by_columns = [np.where(np.isnan(u), np.clip(found, *self.bounds), u) for found in by_columns]
        filled = (by_columns[0] + by_columns[-1]) / 2
        near = mean_of_neighbours(u, filled, others, filled if others is u else self.filled, CIRCLES)
        return [*by_columns, *near], filled, (filled + near[0]) / 2

    def predictions(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Of rows with NaN, by default those of the fit, every prediction: shape (N_PREDICTIONS, n_rows, d)."""
        u = self.rows if rows is None else (rows - self.center) / self.spread
        found, _, inputs = self.simple(u, self.rows)
        found.append(found[0] if self.forest is None else self.forest.fill(u, inputs))
        return self.center + self.spread * np.stack(found)


class CellPredictor:
    """The weights, and the rows that the closed forms are fitted to; both in the model's units.

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
        """Rows in the model's units, their NaN filled: shape (batch, d)."""
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
        """Rows in the model's units, their NaN drawn, ``n_draws`` times: proper draws of the joint Gaussian.

        Each has its own parameters, the same for all rows; ``seed`` is that of the cells given the parameters.
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
    """A predictor, and what came of the cells that its weights were learned on.

    Attributes
    ----------
    predictor : CellPredictor
    expected : Tensor of shape (n_kept, d)
        The kept rows, hidden and missing cells filled by predictions that had seen neither.
    hidden : Tensor of shape (n_kept, d)
        Booleans: which cells were hidden.
    """

    predictor: CellPredictor
    expected: Tensor
    hidden: Tensor


def learn_cell_predictor(x: Tensor, groups: np.ndarray, seed: int) -> Learned:
    """From some training rows in the model's units, with NaN: shape (n_kept, d)."""
    rows = x.double().cpu().numpy()
    there = ~np.isnan(rows)
    draws = np.random.default_rng([seed, 3]).random((len(rows), int(groups.max()) + 1))[:, groups]
    hidden = there & (draws < HIDDEN)
    hidden &= (there & ~hidden).sum(0) >= 2  # a column keeps two cells to learn from
    seen = np.where(hidden, np.nan, rows)
    found = _Fitted.to(seen, groups, seed).predictions()
    scale = np.where(there.any(0), np.nanstd(np.where(there.any(0), rows, 0.0), 0), 1.0)
    scale[scale == 0] = 1
    weights = column_weights(found / scale, rows / scale, hidden)
    expected = np.einsum("prd,dp->rd", found, weights)
    predictor = CellPredictor(x.float().cpu(), torch.from_numpy(weights).float(), groups, seed)
    return Learned(predictor, torch.from_numpy(expected).to(x), torch.from_numpy(hidden).to(x.device))
