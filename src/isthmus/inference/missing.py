"""How a fitted model fills missing cells.

A cell is filled with the expectation e of several closed forms (`isthmus.imputation.cell_predictor`; for a very wide
table the linear completion alone), moved towards the autoencoder's reconstruction x̂ by a factor α learned on cells
hidden from both:

    e + α (x̂ - e)

α is near 0 for a small code, which reconstructs coarsely, and near 1 for a code that captures the data's curvature. A
model fitted to complete rows has no completion: each row is decoded from the code of its observed cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from isthmus.fitted import FittedState
from isthmus.imputation.cell_predictor import CellPredictor
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.rows.scaling import Scaling
from isthmus.tables.finite import chunks

__all__ = ["completed", "expected_cells", "fill_cells", "imputed", "observed_log_volume"]


def expected_cells(
    model: AutoencoderModel, x: Tensor, given: Tensor | None = None, cells: CellPredictor | None = None
) -> Tensor:
    """The values `impute` predicts for all cells of rows with NaN, in the model's units, shape (batch, n_features)."""
    if model.completion is None:
        return model.reconstruct(x, given)
    expected = model.completion(x) if cells is None else cells.expected(x)
    return expected + model.completion.trust * (model.reconstruct(expected, given) - expected)


def completed(fitted: FittedState, rows: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
    """Rows in the user's units with their NaN filled by the linear completion; without one, by `imputed`."""
    completion = fitted.model.completion
    if not np.isnan(rows).any():
        return rows
    if completion is None:
        return imputed(fitted, rows, given)
    return np.where(np.isnan(rows), fitted.scaling.undo(fitted.map_rows(rows, completion)), rows)


def imputed(fitted: FittedState, rows: Any, given: np.ndarray | None = None) -> np.ndarray:
    """Rows in the user's units with their NaN filled; observed cells are unchanged."""

    def expect(x: Tensor, *conditions: Tensor) -> Tensor:
        if fitted.model.completion is None:
            return fitted.model.decode(fitted.codes_of(x, *conditions), *conditions, like=x)
        return expected_cells(fitted.model, x, conditions[0] if conditions else None, fitted.cells)

    def expected(indices: np.ndarray) -> np.ndarray:
        conditions = None if given is None else given[indices]
        return fitted.in_user_units(fitted.map_rows(rows[indices], expect, conditions))

    return fill_cells(rows, expected, fitted.dtype)


def observed_log_volume(X: Any, scaling: Scaling) -> np.ndarray:
    """Σ log spread over each row's observed cells, shape (n_rows,): to subtract from a log density in model units."""
    volumes = np.log(scaling.spread)
    return np.concatenate([(~np.isnan(part)) @ volumes for part in chunks(X)]).astype(np.float32)


def fill_cells(X: Any, expected: Callable[[np.ndarray], np.ndarray], dtype: np.dtype) -> np.ndarray:
    """X dense, with its NaN replaced by those of ``expected(row indices)``; all other cells are unchanged."""
    filled = np.array(X.toarray() if hasattr(X, "toarray") else X, dtype=np.result_type(X.dtype, dtype))
    holes = np.isnan(filled)
    rows = np.flatnonzero(holes.any(1))
    if len(rows):
        filled[rows] = np.where(holes[rows], expected(rows), filled[rows])
    return filled
