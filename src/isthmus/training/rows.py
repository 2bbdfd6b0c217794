"""Rows on their way into training: batches by index, in the model's units, as float32 tensors.

What fits in memory is scaled once and indexed (a DataLoader costs more than a small network's step). A sparse
matrix stays sparse; each batch is made dense when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.scaling import Scaling, chunks

__all__ = ["DenseRows", "Rows", "ScaledRows", "dense_rows", "rows_of", "rows_once"]

BATCH_CELLS = 1 << 20
GATHERED_CELLS = 1 << 18  # a megabyte: stays in the processor's cache until it is used


class Rows:
    """A fixed sequence of rows; ``take`` gives any of them."""

    n_features: int

    def __len__(self) -> int:
        raise NotImplementedError

    def take(self, indices: Tensor) -> Tensor:
        """Rows by index, shape (len(indices), n_features)."""
        raise NotImplementedError

    @property
    def batch_rows(self) -> int:
        """Rows in a batch of about a million numbers."""
        return max(1, BATCH_CELLS // self.n_features)

    def batches(self, size: int | None = None) -> Iterator[Tensor]:
        """All rows in order, in batches of ``size`` (by default `batch_rows`)."""
        size = size or self.batch_rows
        for begin in range(0, len(self), size):
            yield self.take(torch.arange(begin, min(begin + size, len(self))))

    def shuffled(self, size: int) -> Iterator[Tensor]:
        """All rows once in random order, in batches of ``size``, by torch's generator."""
        return self.in_order(torch.randperm(len(self)), size)

    def in_order(self, indices: Tensor, size: int) -> Iterator[Tensor]:
        """Rows by index in batches of ``size``; small batches are gathered many at a time, as that costs less."""
        together = max(1, GATHERED_CELLS // (size * self.n_features))
        for block in indices.split(together * size):
            yield from self.take(block).split(size)

    def subset(self, indices: Tensor) -> Rows:
        """Some of these rows, by index, without a copy."""
        return Subset(self, indices)


class Subset(Rows):
    """Rows of other rows."""

    def __init__(self, rows: Rows, indices: Tensor):
        self.rows = rows
        self.indices = indices
        self.n_features = rows.n_features

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: Tensor) -> Tensor:
        return self.rows.take(self.indices[indices])

    def shuffled(self, size: int) -> Iterator[Tensor]:
        return self.rows.in_order(self.indices[torch.randperm(self.indices.shape[0])], size)


class DenseRows(Rows):
    """Rows of one tensor, scaled beforehand."""

    def __init__(self, values: Tensor):
        self.values = values
        self.n_features = values.shape[1]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, indices: Tensor) -> Tensor:
        return self.values.index_select(0, indices)

    def batches(self, size: int | None = None) -> Iterator[Tensor]:
        return iter(self.values.split(size or self.batch_rows))


class ScaledRows(Rows):
    """Rows of an array or a SciPy CSR matrix as it is, made dense and scaled a batch at a time."""

    def __init__(self, matrix: Any, scaling: Scaling):
        self.matrix = matrix
        self.scaling = scaling
        self.n_features = matrix.shape[1]

    def __len__(self) -> int:
        return self.matrix.shape[0]

    def take(self, indices: Tensor) -> Tensor:
        return self._scaled(self.matrix[indices.numpy()])

    def batches(self, size: int | None = None) -> Iterator[Tensor]:
        size = size or self.batch_rows
        return (self._scaled(self.matrix[begin : begin + size]) for begin in range(0, len(self), size))

    def _scaled(self, part: Any) -> Tensor:
        return torch.from_numpy(self.scaling.apply(part.toarray() if hasattr(part, "toarray") else part))


def rows_once(X: Any, scaling: Scaling) -> Rows:
    """The rows of a validated array or sparse matrix, for one pass: scaled when their turn comes."""
    return ScaledRows(X.tocsr() if hasattr(X, "tocsr") else X, scaling)


def rows_of(X: Any, scaling: Scaling) -> Rows:
    """The rows of a validated array or sparse matrix, for many passes: an array is scaled once."""
    return rows_once(X, scaling) if hasattr(X, "tocsr") else dense_rows(X, scaling)


def dense_rows(X: np.ndarray, scaling: Scaling) -> DenseRows:
    """Scale in slices: beside the data there is one float32 copy and one slice in float64, no more."""
    values = torch.empty(X.shape, dtype=torch.float32)
    begin = 0
    for part in chunks(X):
        values[begin : begin + len(part)] = torch.from_numpy(scaling.apply(part))
        begin += len(part)
    return DenseRows(values)
