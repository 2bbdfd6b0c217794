"""Rows for training: batches by index, in the model's units, as float32 tensors.

Rows that fit in memory are scaled once and indexed (a DataLoader costs more than a small network's step). A sparse
matrix remains sparse; each batch is made dense when it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from isthmus.distributed import ALONE, ProcessGroup
from isthmus.parts.draws import Share, generator
from isthmus.rows.scaling import Scaling
from isthmus.rows.validation import far_outside
from isthmus.tables.finite import chunks
from isthmus.tables.input_rows import Widths

__all__ = [
    "Batch",
    "DenseRows",
    "Rows",
    "ScaledRows",
    "dense_rows",
    "padded",
    "rows_of",
    "rows_once",
    "seeded_generator",
]

BATCH_CELLS = 1 << 20
GATHERED_CELLS = 1 << 18  # a megabyte: stays in the CPU's cache until it is used
MIN_ROWS = 32
_MASK = (1 << 64) - 1


class Batch(NamedTuple):
    """Rows x of a batch, shape (n, n_features): the whole batch if ``share`` is None, else this process's share of it.

    ``given``, shape (n, n_given), and ``weight``, shape (n,), are the rows' conditions and weights, or None.
    ``slots``, shape (n,), is the accumulation slot of each row of a share (see `isthmus.distributed`).
    """

    x: Tensor
    given: Tensor | None = None
    weight: Tensor | None = None
    share: Share | None = None
    slots: Tensor | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows of the whole batch."""
        return len(self.x) if self.share is None else self.share.n_rows

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        given, weight = (None if part is None else part.to(device) for part in (self.given, self.weight))
        return Batch(self.x.to(device), given, weight, self.share, self.slots)

    def at(self, positions: Tensor) -> Batch:
        """A batch of some of the rows, by position."""
        given, weight = (None if part is None else part[positions] for part in (self.given, self.weight))
        return Batch(self.x[positions], given, weight)


def seeded_generator(*numbers: int) -> torch.Generator:
    """A generator seeded by several numbers, such as (seed, epoch), so no generator's state needs to be stored."""
    return torch.Generator().manual_seed(combined_seed(*numbers))


def combined_seed(*numbers: int) -> int:
    """One seed from several numbers; neighbouring numbers give unrelated seeds (the finaliser of SplitMix64)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


class Rows:
    """A fixed sequence of rows; ``take`` returns any of them, with the metadata columns described by ``widths``."""

    widths: Widths
    is_sharded = False  # whether this process has only a share of the rows
    random_access = True  # whether taking any row is cheap

    def __len__(self) -> int:
        raise NotImplementedError

    def take(self, indices: Tensor) -> Tensor:
        """Rows by index with their metadata columns, shape (len(indices), widths.total)."""
        raise NotImplementedError

    @property
    def n_features(self) -> int:
        """Number of features of a row, without metadata."""
        return self.widths.features

    def batch_of(self, columns: Tensor, share: Share | None = None, slots: Tensor | None = None) -> Batch:
        """A batch from rows as `take` returns them, separated from their metadata."""
        if columns.shape[1] == self.widths.features:
            return Batch(columns, share=share, slots=slots)
        x, given, weight = columns.split(self.widths, 1)
        given = given if self.widths.given else None
        return Batch(x, given, weight[:, 0] if self.widths.weights else None, share, slots)

    @property
    def batch_rows(self) -> int:
        """Number of rows in a batch of about a million cells."""
        return max(1, BATCH_CELLS // self.widths.total)

    def raw_batches(self, size: int | None = None) -> Iterator[Tensor]:
        """All rows in order, as `take` returns them, in batches of ``size`` (by default `batch_rows`)."""
        size = size or self.batch_rows
        for start in range(0, len(self), size):
            yield self.take(torch.arange(start, min(start + size, len(self))))

    def records(self, size: int | None = None) -> Iterator[Batch]:
        """All rows in order, in batches, with their metadata."""
        return map(self.batch_of, self.raw_batches(size))

    def batches(self, size: int | None = None) -> Iterator[Tensor]:
        """All rows in order, in batches, without metadata."""
        return (batch.x for batch in self.records(size))

    def own_records(self) -> Iterator[Batch]:
        """Yield this process's share of the rows in batches; all rows if they are not sharded."""
        return self.records()

    def epoch(
        self, seed: int, number: int, size: int, *, first: int = 0, group: ProcessGroup = ALONE
    ) -> Iterator[Batch]:
        """All rows once in batches of ``size``, from batch ``first`` on, in an order determined by (seed, number).

        In distributed training each process gets its share of every batch; the batches are the same for any number of
        processes.
        """
        order = torch.randperm(len(self), generator=seeded_generator(seed, number))[first * size :]
        if not len(order):
            return  # resumed at the end of the epoch: splitting no rows would give one empty batch
        if group.slots == 1:
            yield from map(self.batch_of, self.take_batches(order, size))
            return
        for chosen in order.split(size):
            positions = torch.arange(min(group.rank, len(chosen)), len(chosen), group.size)  # a last batch may be short
            yield self.batch_of(self.take(chosen[positions]), Share(positions, len(chosen)), positions % group.slots)

    def take_batches(self, indices: Tensor, size: int) -> Iterator[Tensor]:
        """Rows by index in batches of ``size``; several small batches are gathered at once, which is faster."""
        together = max(1, GATHERED_CELLS // (size * self.widths.total))
        for block in indices.split(together * size):
            yield from self.take(block).split(size)

    def subset(self, indices: Tensor) -> Rows:
        """Some of these rows, by index, without a copy."""
        return Subset(self, indices)

    def some(self, count: int) -> Rows:
        """At most ``count`` of these rows, evenly spaced."""
        if count >= len(self):
            return self
        return self.subset(torch.linspace(0, len(self) - 1, count).long())

    def for_evaluation(self, count: int) -> Rows:
        """The rows that evaluate a pass of `partial_fit`: at most ``count``, or all if they are in memory."""
        return self.some(count)

    def split(self, n_held_out: int) -> tuple[Rows, Rows | None]:
        """Training rows in random order, and ``n_held_out`` validation rows, drawn by the current generator.

        Validation rows that lie far outside all others are moved to the training rows: see `far_outside`.
        """
        shuffled = torch.randperm(len(self), generator=generator())
        if not n_held_out:
            return self.subset(shuffled), None
        held_out, others = shuffled[:n_held_out], shuffled[n_held_out:]
        far = far_outside(self.subset(held_out).batches(), self.subset(others).batches)
        n_far = min(int(far.sum()), len(others))
        swapped = far.nonzero()[:n_far, 0]
        held_out[swapped], others[:n_far] = others[:n_far].clone(), held_out[swapped].clone()
        return self.subset(others), self.subset(held_out)

    def repeated(self, times: int) -> Rows:
        """The rows, repeated ``times`` times."""
        return self if times == 1 else self.subset(torch.arange(len(self)).repeat(times))

    def digest(self) -> str:
        """A hash of all rows."""
        digest = hashlib.sha256(f"{len(self)} {self.widths.total}".encode())
        for columns in self.raw_batches():
            digest.update(columns.numpy().tobytes())
        return digest.hexdigest()


class Subset(Rows):
    """Some rows of other rows, by index."""

    def __init__(self, rows: Rows, indices: Tensor):
        self.rows = rows
        self.indices = indices
        self.widths = rows.widths

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: Tensor) -> Tensor:
        return self.rows.take(self.indices[indices])

    def take_batches(self, indices: Tensor, size: int) -> Iterator[Tensor]:
        return self.rows.take_batches(self.indices[indices], size)


class DenseRows(Rows):
    """Rows of one tensor, scaled beforehand."""

    def __init__(self, values: Tensor, widths: Widths | None = None):
        self.values = values
        self.widths = widths or Widths(values.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def take(self, indices: Tensor) -> Tensor:
        return self.values.index_select(0, indices)

    def for_evaluation(self, count: int) -> Rows:
        return self

    def raw_batches(self, size: int | None = None) -> Iterator[Tensor]:
        return iter(self.values.split(size or self.batch_rows))


class ScaledRows(Rows):
    """Rows of an array or a SciPy CSR matrix, made dense and scaled one batch at a time."""

    def __init__(self, matrix: Any, scaling: Scaling, widths: Widths | None = None):
        self.matrix = matrix
        self.scaling = scaling
        self.widths = widths or Widths(matrix.shape[1])

    def __len__(self) -> int:
        return self.matrix.shape[0]

    def take(self, indices: Tensor) -> Tensor:
        return self._scaled(self.matrix[indices.numpy()])

    def raw_batches(self, size: int | None = None) -> Iterator[Tensor]:
        size = size or self.batch_rows
        return (self._scaled(self.matrix[start : start + size]) for start in range(0, len(self), size))

    def _scaled(self, part: Any) -> Tensor:
        return torch.from_numpy(self.scaling.apply(part.toarray() if hasattr(part, "toarray") else part))


def rows_once(X: Any, scaling: Scaling, widths: Widths | None = None) -> Rows:
    """The rows of a validated array or sparse matrix for a single pass: each batch is scaled when it is taken."""
    return ScaledRows(X.tocsr() if hasattr(X, "tocsr") else X, scaling, widths)


def padded(rows: Tensor) -> Tensor:
    """Pad with rows of zero to `MIN_ROWS`: matrix products of very few rows are rounded differently."""
    missing = MIN_ROWS - len(rows)
    return rows if missing <= 0 else torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])])


def rows_of(X: Any, scaling: Scaling, widths: Widths | None = None) -> Rows:
    """The rows of a validated array or sparse matrix for many passes: an array is scaled once."""
    return rows_once(X, scaling, widths) if hasattr(X, "tocsr") else dense_rows(X, scaling, widths)


def dense_rows(X: np.ndarray, scaling: Scaling, widths: Widths | None = None) -> DenseRows:
    """Scale in slices: memory holds no more than one float32 copy of the data and one float64 slice."""
    values = torch.empty(X.shape, dtype=torch.float32)
    start = 0
    for part in chunks(X):
        values[start : start + len(part)] = torch.from_numpy(scaling.apply(part))
        start += len(part)
    return DenseRows(values, widths)
