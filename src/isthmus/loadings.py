"""Which columns does a latent explain? Loadings, for codes of any kind.

PCA's loadings are its directions. A nonlinear decoder has different directions at every code, its Jacobian

    J_jk = ∂x̂_j / ∂z_k        the slope of column j along latent k, in the user's units

whose mean over rows is the average effect of latent k, and whose spread shows how much it depends on the row: not at
all for a linear model. The share of a column's variance that the latent alone explains is

    R²_jk = 1 - min over q of Σ (x_j - q(z_k))² / Σ (x_j - mean)²

with q a straight line for a linear model, where R² is the squared correlation, and a cubic for any other (adjusted for
its three coefficients), which also captures columns that are not monotonic in the latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus.fitted import FittedState
from isthmus.inference.blocks import rows_at_once
from isthmus.inference.missing import completed
from isthmus.tables.finite import chunks
from isthmus.text_table import ELLIPSIS, aligned

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Loadings", "find_loadings"]

MAX_CELLS, MIN_ROWS, MAX_ROWS = 1 << 27, 64, 2048  # cells of all Jacobians together, and rows they are computed at
CUBIC = 3
SHOWN_LATENTS, SHOWN_COLUMNS = 8, 3  # latents, and columns of each, where loadings are printed


@dataclass(frozen=True, eq=False, repr=False)
class Loadings:
    """What each latent explains of each column; arrays have shape (n_components, n_features).

    Attributes
    ----------
    latents, columns : tuple of str
        Their names.
    slope : ndarray
        Mean over rows of ∂x̂_j/∂z_k, in the user's units.
    spread : ndarray
        Its standard deviation over rows; 0 for a linear model.
    agreement : ndarray
        Share of rows where it has the sign of the mean (0 if the mean is 0).
    standardized : ndarray
        Slope in standard deviations of the column per standard deviation of the latent: for PCA their correlation.
    r2 : ndarray
        Share of the column's variance that the latent alone explains, in [0, 1].
    """

    latents: tuple[str, ...]
    columns: tuple[str, ...]
    slope: np.ndarray
    spread: np.ndarray
    agreement: np.ndarray
    standardized: np.ndarray
    r2: np.ndarray

    def to_frame(self) -> pd.DataFrame:
        """A row for each latent and column: latent, column, slope, spread, agreement, standardized, r2."""
        import pandas as pd  # lazy: only a caller who wants a DataFrame needs pandas

        n_latents, n_columns = self.slope.shape
        figures = ("slope", "spread", "agreement", "standardized", "r2")
        return pd.DataFrame(
            {"latent": np.repeat(self.latents, n_columns), "column": np.tile(self.columns, n_latents)}
            | {name: getattr(self, name).ravel() for name in figures}
        )

    def __repr__(self) -> str:
        lines = [
            [latent, self.columns[j], f"{self.r2[k, j]:.0%}", f"{self.standardized[k, j]:+.2f}"]
            for k, latent in enumerate(self.latents[:SHOWN_LATENTS])
            for j in np.argsort(-self.r2[k], kind="stable")[:SHOWN_COLUMNS].tolist()
        ]
        names = ["latent", "column", "variance explained", "standardized slope"]
        lines += [[ELLIPSIS] * len(names)] * (len(self.latents) > SHOWN_LATENTS)
        return f"{aligned(names, lines)}\nto_frame() has every column."


def find_loadings(
    fitted: FittedState, X: Any, given: np.ndarray | None, latents: Sequence[str], columns: Sequence[str]
) -> Loadings:
    """The loadings over rows X, shape (n_rows, n_features) in the user's units; an array or CSR matrix.

    Jacobians are computed at no more than 2,048 of the rows, evenly spaced, and at fewer if they are large.
    """
    codes = fitted.encode(X, given).astype(np.float64)
    degree = 1 if fitted.architecture.linear or len(codes) <= 2 * (CUBIC + 1) else CUBIC
    r2, deviation = _determination(fitted, X, codes, degree)
    slope, spread, agreement = _jacobians(fitted, X, given)
    with np.errstate(divide="ignore", invalid="ignore"):
        standardized = np.where(deviation > 0, slope * codes.std(0)[:, None] / deviation, 0.0)
    return Loadings(tuple(latents), tuple(columns), slope, spread, agreement, standardized, r2)


def _determination(fitted: FittedState, X: Any, codes: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """R² of each column by each latent, shape (p, n_features), and the columns' standard deviations."""
    n_rows, n_latents = codes.shape
    bases = np.concatenate([_basis(codes[:, k], degree) for k in range(n_latents)], 1)
    center = fitted.scaling.center
    along = np.zeros((n_latents * degree, len(center)))
    total, squares, start = np.zeros(len(center)), np.zeros(len(center)), 0
    for part in chunks(X):
        centred = completed(fitted, part) - center
        along += bases[start : start + len(part)].T @ centred
        total, squares, start = total + centred.sum(0), squares + (centred**2).sum(0), start + len(part)
    variation = np.maximum(squares - total**2 / n_rows, 0)
    explained = (along.reshape(n_latents, degree, -1) ** 2).sum(1)
    varies = variation > 1e-12 * np.maximum(squares, np.finfo(float).tiny)
    share = np.where(varies, explained / np.where(varies, variation, 1.0), 0.0)
    if degree > 1:
        share = 1 - (1 - share) * (n_rows - 1) / (n_rows - 1 - degree)
    return share.clip(0, 1), np.sqrt(np.where(varies, variation, 0.0) / n_rows)


def _basis(latent: np.ndarray, degree: int) -> np.ndarray:
    """Orthonormal polynomials of a latent without the constant, shape (n_rows, degree); zeros if it is constant."""
    spread = latent.std()
    if not spread > 1e-9 * max(np.abs(latent).max(), 1e-300):
        return np.zeros((len(latent), degree))
    standardized = (latent - latent.mean()) / spread
    powers = np.stack([standardized**power for power in range(degree + 1)], 1)
    basis, sizes = np.linalg.qr(powers)
    sizes = np.abs(np.diag(sizes))
    return np.where(sizes > 1e-9 * sizes[0], basis, 0.0)[:, 1:]


def _jacobians(fitted: FittedState, X: Any, given: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Mean, standard deviation and agreement of sign of ∂x̂/∂z over rows, in the user's units, (p, n_features) each."""
    n_latents, n_features, model = fitted.n_components, fitted.architecture.n_features, fitted.model
    count = min(MAX_ROWS, max(MIN_ROWS, MAX_CELLS // (n_latents * n_features)), X.shape[0])
    indices = np.linspace(0, X.shape[0] - 1, count).astype(int)
    rows = fitted.rows(X[indices], None if given is None else given[indices])
    total, squares, up, down = np.zeros((4, n_latents, n_features))
    with torch.no_grad():
        for batch in rows.records(rows_at_once(n_features, 1 + fitted.architecture.n_latents)):
            x, conditions, *_ = batch.to(fitted.device)
            codes = fitted.codes_of(x, conditions)
            stacked = model.likelihood.value_and_jacobian(model.decoder.value_and_jacobian(codes, conditions))
            jacobian = stacked[:, 1 : 1 + n_latents].double()
            total += jacobian.sum(0).cpu().numpy()
            squares += jacobian.square().sum(0).cpu().numpy()
            up += (jacobian > 0).sum(0).cpu().numpy()
            down += (jacobian < 0).sum(0).cpu().numpy()
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    spread[spread < 1e-6 * np.abs(mean)] = 0.0  # rounding
    unit = fitted.scaling.spread / np.broadcast_to(fitted.code_unit, n_latents).astype(np.float64)[:, None]
    agreement = np.where(mean > 0, up, np.where(mean < 0, down, 0)) / count
    return mean * unit, spread * unit, agreement
