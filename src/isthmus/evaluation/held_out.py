"""One pass over held-out rows, which collects what the evaluation needs without storing the rows.

Rows are read in slices; codes are stored, squares are summed, and a sample of rows is stored for the measures that
compare all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.count_errors import CountErrors, count_deviance
from isthmus.evaluation.principal_errors import PrincipalErrors
from isthmus.evaluation.probes import MAX_PAIRWISE_ROWS, MAX_PROBE_ROWS, sample_indices
from isthmus.inference.missing import completed
from isthmus.input_validation import fit_columns, without_name_warnings
from isthmus.tables.finite import CHUNK_CELLS
from isthmus.tables.stream import HeldStream, TableStream
from isthmus.tables.table import Table

__all__ = ["HeldOut", "gather", "mean_on"]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the evaluation needs of the rows.

    Attributes
    ----------
    n_rows : int
    kept : ndarray of shape (n_kept,)
        Indices of the rows whose codes are stored: all, or 10,000 of an out-of-core table.
    codes, pca_codes : ndarray of shape (n_kept, n_latents) and (n_kept, size)
    size : int
        Dimensions of PCA.
    pca : PrincipalErrors
    squared_errors, squares : ndarray of shape (n_features,)
        Sums over the rows' observed cells of (u - û)² and u², in the model's units.
    n_observed : ndarray of shape (n_features,)
        Number of rows with that cell.
    nats : float
        Sum of `score_samples`.
    sampled, sample : ndarray of shape (n_sampled,) and (n_sampled, n_features)
        Positions in ``kept`` of at most 2,000 rows, and those rows in the model's units.
    deviance : float
        For counts, the sum of the rows' Poisson deviances.
    """

    n_rows: int
    kept: np.ndarray
    codes: np.ndarray
    pca_codes: np.ndarray
    size: int
    pca: PrincipalErrors | CountErrors
    squared_errors: np.ndarray
    squares: np.ndarray
    n_observed: np.ndarray
    nats: float
    sampled: np.ndarray
    sample: np.ndarray
    deviance: float = 0.0


def gather(
    estimator: BaseAutoencoder, X: Any, seed: int, size: int | None = None, given: np.ndarray | None = None
) -> HeldOut:
    """Codes, PCA's codes in ``size`` dimensions (None chooses) and sums of squares, slice by slice.

    PCA encodes rows filled by the linear completion. Errors, the model's and PCA's, are those of observed cells.
    ``given`` is already encoded.
    """
    if not isinstance(X, TableStream):
        return _gathered(estimator, X, seed, size, given)
    X = fit_columns(estimator, estimator.fitted_.layout).arranged(X)
    with without_name_warnings():
        return _gathered(estimator, X.load().rows if X.fits_in_memory else X, seed, size, given)


def _gathered(estimator: BaseAutoencoder, X: Any, seed: int, size: int | None, given: np.ndarray | None) -> HeldOut:
    scaling, fitted = estimator.scaling_, estimator.fitted_
    if isinstance(X, TableStream):
        kept = sample_indices(len(X), MAX_PROBE_ROWS, seed)
        codes = np.asarray(estimator.transform(X.take(kept).rows, given=None if given is None else given[kept]))
    else:
        parts = [np.asarray(estimator.transform(part, given=own)) for part, own in _slices(X, given)]
        codes = np.concatenate(parts)
        kept = np.arange(len(codes))
    size = _pca_size(estimator, codes) if size is None else size
    counts = fitted.model.likelihood.counts_deviance
    pca = CountErrors(fitted, size) if counts else PrincipalErrors(fitted.principal)
    sampled = sample_indices(len(codes), MAX_PAIRWISE_ROWS, seed)
    squared_errors, squares, n_observed = np.zeros((3, len(scaling.spread)))
    pca_codes, sample, nats, deviance, start = [], [], 0.0, 0.0, 0
    for part, own in _slices(X, given):
        numbers = rows = estimator.to_numbers(part)
        rows = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
        missing = np.isnan(rows)
        rows = completed(fitted, rows, own)
        reconstructions = fitted.reconstruct(numbers, own)
        deviance += count_deviance(fitted, rows, reconstructions)
        with np.errstate(over="ignore", invalid="ignore"):
            errors = np.where(missing, 0.0, (rows - reconstructions) / scaling.spread)
            units = (rows - scaling.center) / scaling.spread
            principal_codes = pca.add(units, fitted.given_units(own), missing)[:, :size]
            squared_errors += np.einsum("ij,ij->j", errors, errors)
            squares += np.einsum("ij,ij->j", units, np.where(missing, 0.0, units))
            n_observed += (~missing).sum(0)
            nats += float(estimator.score_samples(part, given=own).sum(dtype=np.float64))
        low, high = np.searchsorted(kept, [start, start + len(rows)])
        pca_codes.append(principal_codes[kept[low:high] - start])
        inside = kept[sampled[(sampled >= low) & (sampled < high)]]
        sample.append(units[inside - start])
        start += len(rows)
    return HeldOut(
        start,
        kept,
        codes,
        np.concatenate(pca_codes),
        size,
        pca,
        squared_errors,
        squares,
        n_observed,
        nats,
        sampled,
        np.concatenate(sample),
        deviance,
    )


def _slices(X: Any, given: np.ndarray | None) -> Iterator[tuple[Any, np.ndarray | None]]:
    """Slices of a few megabytes of the rows, each with its conditions."""
    start = 0
    for part in _row_slices(X):
        stop = start + (part.shape[0] if hasattr(part, "shape") else len(part))
        yield part, None if given is None else given[start:stop]
        start = stop


def _row_slices(X: Any) -> Iterator[Any]:
    """Slices of the rows in X's own type, which keeps column names."""
    if isinstance(X, TableStream):
        yield from (block.rows for block in X.blocks())
        return
    if isinstance(X, Table):
        yield from _row_slices(HeldStream(X))
        return
    if hasattr(X, "tocsr"):
        X = X.tocsr()
    elif not hasattr(X, "shape"):
        X = np.asarray(X)
    rows = getattr(X, "iloc", X)
    step = max(1, CHUNK_CELLS // max(1, X.shape[-1] if len(X.shape) > 1 else 1))
    for start in range(0, max(1, X.shape[0] if X.shape else 1), step):
        yield rows[start : start + step] if X.shape and X.shape[0] > step else X


def _pca_size(estimator: BaseAutoencoder, codes: np.ndarray) -> int:
    """The size of the code; for a sparse code the mean number of active latents."""
    size = codes.shape[1]
    if estimator.model_.bottleneck.sparse:
        size = max(1, round(mean_on(codes)))
    return min(size, len(estimator.principal_.directions))


def mean_on(codes: np.ndarray) -> float:
    """Mean number of nonzero latents per row."""
    return float((codes != 0).sum(1).mean())
