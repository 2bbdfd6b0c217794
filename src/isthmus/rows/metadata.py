"""Metadata of rows: the conditions and the weight of each.

Both are appended to the rows as columns, so they follow wherever rows are selected, shuffled, prefetched or
distributed; `Widths` says which columns are which, and a `Batch` separates them again.

The weight of a row is used in the scaling, the closed form, the loss and its validation. Integer weights are
counts: a row of weight 3 is the same as three such rows. Of other weights only the ratios matter. Rows of weight zero
are dropped.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from isthmus.tables.input_rows import ValidRows, Widths
from isthmus.tables.layout import TableLayout
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

__all__ = ["check_weights", "only_sample_weight", "with_metadata"]


def only_sample_weight(estimator: Any, weights: dict[str, Any]) -> Any:
    """``sample_weight`` from the keyword arguments of ``fit``; any other argument is a `TypeError`, as in Python."""
    unknown = sorted(weights.keys() - {"sample_weight"})
    if unknown:
        raise TypeError(f"{type(estimator).__name__}.fit() got an unexpected keyword argument {unknown[0]!r}")
    return weights.get("sample_weight")


def check_weights(sample_weight: Any, n_rows: int, who: str) -> np.ndarray | None:
    """Weights as float64 of shape (n_rows,): integers unchanged, others divided by the mean of the positive ones.

    None if all weights are equal.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.shape != (n_rows,):
        raise ValueError(f"{who}: sample_weight must have shape ({n_rows},), got {weights.shape}.")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{who}: sample_weight must be finite numbers of at least 0.")
    if (weights > 0).sum() < 2:
        raise ValueError(f"{who}: at least 2 rows must have a sample_weight above zero, got {(weights > 0).sum()}.")
    if (weights == weights[0]).all():
        return None
    return weights if (weights == np.floor(weights)).all() else weights / weights[weights > 0].mean()


def with_metadata(
    source: ValidRows, given: np.ndarray | None, weights: np.ndarray | None, layout: TableLayout | None = None
) -> ValidRows:
    """The rows with their metadata appended, without those of weight zero; ``layout`` is that of the conditions."""
    parts = [part for part in (given, None if weights is None else weights[:, None]) if part is not None]
    if not parts:
        return source
    metadata, mean_weight = np.concatenate(parts, 1), 1.0 if weights is None else float(weights[weights > 0].mean())
    kept = None if weights is None or (weights > 0).all() else np.flatnonzero(weights)
    widths = Widths(source.shape[1], 0 if given is None else given.shape[1], int(weights is not None))
    if source.stream is not None:
        stream: TableStream = _WithMetadata(source.stream, metadata)
        if kept is not None:
            stream = stream.without(np.setdiff1d(np.arange(len(metadata)), kept))
        return dataclasses.replace(source, stream=stream, widths=widths, mean_weight=mean_weight, given_layout=layout)
    values = source.values
    if kept is not None:
        values, metadata = values[kept], metadata[kept]
    if hasattr(values, "tocsr"):
        import scipy.sparse  # lazy: loaded only for a sparse matrix

        values = scipy.sparse.hstack([values, metadata], format="csr")
    else:
        values = np.concatenate([values, metadata.astype(values.dtype)], 1)
    return dataclasses.replace(source, values=values, widths=widths, mean_weight=mean_weight, given_layout=layout)


class _WithMetadata(TableStream):
    """A stream with the columns of an array appended."""

    def __init__(self, stream: TableStream, metadata: np.ndarray):
        self._same_as(stream)
        self.stream, self.metadata, self.segments = stream, metadata, stream.segments
        self._begins = np.concatenate([[0], np.cumsum(stream.segments)])

    @property
    def width(self) -> int:
        return self.stream.width + self.metadata.shape[1]

    @property
    def encoded_names(self) -> tuple[str, ...]:
        return (*self.stream.encoded_names, *(f"metadata {index}" for index in range(self.metadata.shape[1])))

    @property
    def files(self) -> tuple[int, ...]:
        return self.stream.files

    def read(self, segment: int, start: int, stop: int) -> Table:
        return Table(self.values(segment, start, stop), self.encoded_names, name=self.name)

    def values(self, segment: int, start: int, stop: int) -> np.ndarray:
        values, first = self.stream.values(segment, start, stop), int(self._begins[segment])
        return np.concatenate([values, self.metadata[first + start : first + stop].astype(values.dtype)], 1)
