"""How well each column of a mixed table is rebuilt, in that column's own measure, beside PCA.

    number, date       root mean square error in standard deviations of the fit: smaller is better, 1 is the mean's
    truth, category    share of cells rebuilt right: larger is better

PCA is that of the same encoded columns, with as many numbers as the code has, read as the model's answer is read:
a truth value is true from 1/2 up, a category is the one with the largest number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus.inference.missing import completed

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["ColumnError", "column_error_lines", "column_errors"]


@dataclass(frozen=True)
class ColumnError:
    """How one column of a mixed table is rebuilt.

    Attributes
    ----------
    name, kind : str
        The column, and what it holds.
    measure : str
        "rmse", the root of the mean squared error in the column's units, or "accuracy", the share of cells right.
    model, pca : float
        The figure of the model and of PCA; NaN where no cell of the column was observed.
    """

    name: str
    kind: str
    measure: str
    model: float
    pca: float


def column_errors(estimator: BaseAutoencoder, X: Any) -> list[ColumnError]:
    """One entry a column of a mixed table, over the observed cells of the rows X, a DataFrame."""
    check_is_fitted(estimator)
    layout = estimator.fitted_.layout
    if layout is None:
        raise ValueError(
            f"{type(estimator).__name__}: column_errors is for a DataFrame of several kinds of columns; "
            "evaluate judges one of numbers alone."
        )
    rows = np.asarray(estimator.to_numbers(X))
    scaling, principal = estimator.scaling_, estimator.principal_
    size = min(estimator.n_components_, len(principal.directions))
    units = torch.from_numpy(scaling.apply(completed(estimator.fitted_, rows)))
    by_pca = scaling.undo(principal.reconstruct(units, size).numpy())
    rebuilt = estimator.fitted_.reconstruct(estimator.to_numbers(X))
    found = []
    for column, (begin, end) in zip(layout.columns, layout.spans(), strict=True):
        seen = ~np.isnan(rows[:, begin])
        truth = rows[seen, begin:end]
        answers = (rebuilt[seen, begin:end], by_pca[seen, begin:end])
        if column.kind in ("number", "date"):
            errors = [_rmse(truth, answer) / scaling.spread[begin] for answer in answers]
        else:
            errors = [_right(column.decode(truth), column.decode(answer)) for answer in answers]
        measure = "rmse" if column.kind in ("number", "date") else "accuracy"
        found.append(ColumnError(column.name, column.kind, measure, *errors))
    return found


def column_error_lines(errors: list[ColumnError]) -> list[str]:
    """The same as lines of text, the model's beside PCA's."""
    width = max(len(error.name) for error in errors)
    lines = []
    for error in errors:
        if error.measure == "rmse":
            said = f"off by {error.model:.3f} deviations, PCA {error.pca:.3f}"
        else:
            said = f"{error.model:.1%} right, PCA {error.pca:.1%}"
        lines.append(f"{error.name:<{width}}  {error.kind:<8}  {said}")
    return lines


def _rmse(truth: np.ndarray, answer: np.ndarray) -> float:
    return float(np.sqrt(np.square(truth - answer).mean())) if len(truth) else float("nan")


def _right(truth: np.ndarray, answer: np.ndarray) -> float:
    return float((truth == answer).mean()) if len(truth) else float("nan")
