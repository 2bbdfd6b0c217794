"""The reconstruction error of each column of a mixed-type table, in that column's own measure, compared with PCA.

    number, date         root mean squared error in standard deviations of the fit: smaller is better, the mean has 1
    count                mean Poisson deviance of a cell: smaller is better, 0 if the expectation equals the count
    boolean, category    share of cells reconstructed correctly: larger is better

PCA is that of the same encoded columns, with as many dimensions as the code, and decoded in the same way: a boolean is
true from 1/2 up, a category is the one with the largest value, and a count goes through the model's own soft floor at
zero, as the deviance of a negative expectation is undefined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from isthmus.inference.missing import completed
from isthmus.parts.count_noise import poisson_deviance
from isthmus.rows.conditions import given_for

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["ColumnError", "column_error_lines", "column_errors"]


@dataclass(frozen=True)
class ColumnError:
    """The reconstruction error of one column of a mixed-type table.

    Attributes
    ----------
    name, kind : str
        The column's name and its kind.
    measure : str
        "rmse", root mean squared error in the column's standard deviations, "deviance", mean Poisson deviance, or
        "accuracy", share of correct cells.
    model, pca : float
        The error of the model and of PCA; NaN if no cell of the column is observed.
    """

    name: str
    kind: str
    measure: str
    model: float
    pca: float


def column_errors(estimator: BaseAutoencoder, X: Any, *, given: Any = None) -> list[ColumnError]:
    """The error of each column of a mixed-type table, over the observed cells of the rows X, a DataFrame."""
    check_is_fitted(estimator)
    layout = estimator.fitted_.layout
    if layout is None:
        raise ValueError(
            f"{type(estimator).__name__}: column_errors needs a model of a mixed-type DataFrame; "
            "for numeric columns use evaluate."
        )
    rows = np.asarray(estimator.to_numbers(X))
    scaling, principal = estimator.scaling_, estimator.principal_
    size = min(estimator.n_components_, len(principal.directions))
    given = given_for(estimator, given, len(rows))
    units = torch.from_numpy(scaling.apply(completed(estimator.fitted_, rows, given)))
    conditions = estimator.fitted_.given_units(given)
    conditions = None if conditions is None else torch.from_numpy(conditions)
    output = principal.reconstruct(units, size, conditions)
    by_pca = scaling.undo(output.numpy())
    if places := list(layout.blocks.counts):
        by_pca[:, places] = scaling.undo(_means(estimator, output))[:, places]
    reconstruction = estimator.fitted_.reconstruct(estimator.to_numbers(X), given)
    found = []
    for column, (start, stop) in zip(layout.columns, layout.spans(), strict=True):
        seen = ~np.isnan(rows[:, start])
        truth = rows[seen, start:stop]
        outputs = (reconstruction[seen, start:stop], by_pca[seen, start:stop])
        if column.kind in ("number", "date"):
            errors = [_rmse(truth, output) / scaling.spread[start] for output in outputs]
        elif column.kind == "count":
            errors = [_deviance(truth, output) for output in outputs]
        else:
            errors = [_accuracy(column.decode(truth), column.decode(output)) for output in outputs]
        measure = {"number": "rmse", "date": "rmse", "count": "deviance"}.get(column.kind, "accuracy")
        found.append(ColumnError(column.name, column.kind, measure, *errors))
    return found


def column_error_lines(errors: list[ColumnError]) -> list[str]:
    """The column errors as lines of text."""
    width = max(len(error.name) for error in errors)
    lines = []
    for error in errors:
        if math.isnan(error.model):
            text = "no observed cell to compare"
        elif error.measure == "rmse":
            text = f"error {error.model:.3f} standard deviations, PCA {error.pca:.3f}"
        elif error.measure == "deviance":
            text = f"deviance {error.model:.3f}, PCA {error.pca:.3f}"
        else:
            text = f"{error.model:.1%} correct, PCA {error.pca:.1%}"
        lines.append(f"{error.name:<{width}}  {error.kind:<8}  {text}")
    return lines


def _rmse(truth: np.ndarray, output: np.ndarray) -> float:
    return float(np.sqrt(np.square(truth - output).mean())) if len(truth) else float("nan")


def _deviance(truth: np.ndarray, output: np.ndarray) -> float:
    if not len(truth):
        return float("nan")
    return float(poisson_deviance(torch.from_numpy(np.asarray(output, np.float64)), torch.from_numpy(truth)).mean())


@torch.no_grad()
def _means(estimator: BaseAutoencoder, output: torch.Tensor) -> np.ndarray:
    """The means of the model's likelihood given these outputs, both in the model's units."""
    fitted = estimator.fitted_
    return fitted.model.likelihood.mean(output.to(fitted.device)).cpu().numpy()


def _accuracy(truth: Any, output: Any) -> float:
    """The share of equal cells of two Arrow arrays without missing cells."""
    import pyarrow.compute  # lazy: numeric tables don't need it

    compute: Any = pyarrow.compute
    return float(np.asarray(compute.equal(truth, output)).mean()) if len(truth) else float("nan")
