"""Rows on their way into training: batches by index, in the model's units, as float32 tensors.

What fits in memory is scaled once and indexed (a DataLoader costs more than a small network's step). A sparse
matrix stays sparse; each batch is made dense when its turn comes.
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
from isthmus.rows.scaling import Scaling, chunks
from isthmus.rows.source import Widths

__all__ = [
    "Batch",
    "DenseRows",
    "Rows",
    "ScaledRows",
    "dense_rows",
    "generator_of",
    "in_company",
    "rows_of",
    "rows_once",
]

BATCH_CELLS = 1 << 20
GATHERED_CELLS = 1 << 18  # a megabyte: stays in the processor's cache until it is used
LEAST_ROWS = 32
_MASK = (1 << 64) - 1


class Batch(NamedTuple):
    """Rows x of a batch, shape (n, n_features): all of it where ``share`` is None, else this process's share of it.

    ``given``, shape (n, n_given), and ``weight``, shape (n,), are what stands beside the rows, where anything does.
    ``slots``, shape (n,), says which slot each row of a share is in (see `isthmus.distributed`).
    """

    x: Tensor
    given: Tensor | None = None
    weight: Tensor | None = None
    share: Share | None = None
    slots: Tensor | None = None

    @property
    def n_rows(self) -> int:
        """Rows of the whole batch."""
        return len(self.x) if self.share is None else self.share.n_rows

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        given, weight = (None if part is None else part.to(device) for part in (self.given, self.weight))
        return Batch(self.x.to(device), given, weight, self.share, self.slots)

    def at(self, places: Tensor) -> Batch:
        """Some of its rows, as a batch of their own."""
        given, weight = (None if part is None else part[places] for part in (self.given, self.weight))
        return Batch(self.x[places], given, weight)


def generator_of(*numbers: int) -> torch.Generator:
    """A generator seeded by several numbers, as (seed, epoch): where one stands in it need not be kept."""
    return torch.Generator().manual_seed(mixed(*numbers))


def mixed(*numbers: int) -> int:
    """One seed of several; neighbouring numbers give distant seeds (the finaliser of SplitMix64)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


class Rows:
    """A fixed sequence of rows; ``take`` gives any of them, with the columns beside them that ``widths`` tells."""

    widths: Widths
    is_shared = False  # whether this process holds only a share of the rows

    def __len__(self) -> int:
        raise NotImplementedError

    def take(self, indices: Tensor) -> Tensor:
        """Rows by index with what stands beside them, shape (len(indices), widths.total)."""
        raise NotImplementedError

    @property
    def n_features(self) -> int:
        """Numbers of a row."""
        return self.widths.features

    def batch_of(self, columns: Tensor, share: Share | None = None, slots: Tensor | None = None) -> Batch:
        """Rows as `take` gives them, held apart from what stands beside them."""
        if columns.shape[1] == self.widths.features:
            return Batch(columns, share=share, slots=slots)
        x, given, weight = columns.split(self.widths, 1)
        given = given if self.widths.given else None
        return Batch(x, given, weight[:, 0] if self.widths.weights else None, share, slots)

    @property
    def batch_rows(self) -> int:
        """Rows in a batch of about a million numbers."""
        return max(1, BATCH_CELLS // self.widths.total)

    def in_turn(self, size: int | None = None) -> Iterator[Tensor]:
        """All rows in order, as `take` gives them, in batches of ``size`` (by default `batch_rows`)."""
        size = size or self.batch_rows
        for begin in range(0, len(self), size):
            yield self.take(torch.arange(begin, min(begin + size, len(self))))

    def records(self, size: int | None = None) -> Iterator[Batch]:
        """All rows in order, in batches, with what stands beside them."""
        return map(self.batch_of, self.in_turn(size))

    def batches(self, size: int | None = None) -> Iterator[Tensor]:
        """All rows in order, in batches, by themselves."""
        return (batch.x for batch in self.records(size))

    def own_records(self) -> Iterator[Batch]:
        """The rows that fall to this process, in batches; of rows that each process holds as a whole, all."""
        return self.records()

    def epoch(
        self, seed: int, number: int, size: int, *, first: int = 0, group: ProcessGroup = ALONE
    ) -> Iterator[Batch]:
        """All rows once, in batches of ``size`` from the ``first`` on, in an order that (seed, number) decides.

        Of several processes each gets its share of every batch; together they are the same batches.
        """
        order = torch.randperm(len(self), generator=generator_of(seed, number))[first * size :]
        if not len(order):
            return  # gone on from where the epoch ended; an empty tensor would be split into one empty batch
        if group.slots == 1:
            yield from map(self.batch_of, self.in_order(order, size))
            return
        for chosen in order.split(size):
            places = torch.arange(min(group.rank, len(chosen)), len(chosen), group.size)  # a last batch may be short
            yield self.batch_of(self.take(chosen[places]), Share(places, len(chosen)), places % group.slots)

    def in_order(self, indices: Tensor, size: int) -> Iterator[Tensor]:
        """Rows by index in batches of ``size``; small batches are gathered many at a time, as that costs less."""
        together = max(1, GATHERED_CELLS // (size * self.widths.total))
        for block in indices.split(together * size):
            yield from self.take(block).split(size)

    def subset(self, indices: Tensor) -> Rows:
        """Some of these rows, by index, without a copy."""
        return Subset(self, indices)

    def some(self, count: int) -> Rows:
        """About ``count`` of these rows, evenly spread; all where there are no more."""
        if count >= len(self):
            return self
        return self.subset(torch.linspace(0, len(self) - 1, count).long())

    def for_measuring(self, count: int) -> Rows:
        """The rows that a pass is measured on: ``count`` of them, or all where they lie in memory as they are."""
        return self.some(count)

    def divided(self, n_held_out: int) -> tuple[Rows, Rows | None]:
        """Rows to learn from in random order, and as many held out, drawn by the present generator."""
        shuffled = torch.randperm(len(self), generator=generator())
        held_out = self.subset(shuffled[:n_held_out]) if n_held_out else None
        return self.subset(shuffled[n_held_out:]), held_out

    def repeated(self, times: int) -> Rows:
        """The same rows several times over."""
        return self if times == 1 else self.subset(torch.arange(len(self)).repeat(times))

    def digest(self) -> str:
        """What tells these rows from others."""
        found = hashlib.sha256(f"{len(self)} {self.widths.total}".encode())
        for columns in self.in_turn():
            found.update(columns.numpy().tobytes())
        return found.hexdigest()


class Subset(Rows):
    """Rows of other rows."""

    def __init__(self, rows: Rows, indices: Tensor):
        self.rows = rows
        self.indices = indices
        self.widths = rows.widths

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: Tensor) -> Tensor:
        return self.rows.take(self.indices[indices])

    def in_order(self, indices: Tensor, size: int) -> Iterator[Tensor]:
        return self.rows.in_order(self.indices[indices], size)


class DenseRows(Rows):
    """Rows of one tensor, scaled beforehand."""

    def __init__(self, values: Tensor, widths: Widths | None = None):
        self.values = values
        self.widths = widths or Widths(values.shape[1])

    def __len__(self) -> int:
        return len(self.values)

    def take(self, indices: Tensor) -> Tensor:
        return self.values.index_select(0, indices)

    def for_measuring(self, count: int) -> Rows:
        return self

    def in_turn(self, size: int | None = None) -> Iterator[Tensor]:
        return iter(self.values.split(size or self.batch_rows))


class ScaledRows(Rows):
    """Rows of an array or a SciPy CSR matrix as it is, made dense and scaled a batch at a time."""

    def __init__(self, matrix: Any, scaling: Scaling, widths: Widths | None = None):
        self.matrix = matrix
        self.scaling = scaling
        self.widths = widths or Widths(matrix.shape[1])

    def __len__(self) -> int:
        return self.matrix.shape[0]

    def take(self, indices: Tensor) -> Tensor:
        return self._scaled(self.matrix[indices.numpy()])

    def in_turn(self, size: int | None = None) -> Iterator[Tensor]:
        size = size or self.batch_rows
        return (self._scaled(self.matrix[begin : begin + size]) for begin in range(0, len(self), size))

    def _scaled(self, part: Any) -> Tensor:
        return torch.from_numpy(self.scaling.apply(part.toarray() if hasattr(part, "toarray") else part))


def rows_once(X: Any, scaling: Scaling, widths: Widths | None = None) -> Rows:
    """The rows of a validated array or sparse matrix, for one pass: scaled when their turn comes."""
    return ScaledRows(X.tocsr() if hasattr(X, "tocsr") else X, scaling, widths)


def in_company(rows: Tensor) -> Tensor:
    """Rows of zero after a few: the product of one row is rounded otherwise than that of many, and need not be."""
    missing = LEAST_ROWS - len(rows)
    return rows if missing <= 0 else torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])])


def rows_of(X: Any, scaling: Scaling, widths: Widths | None = None) -> Rows:
    """The rows of a validated array or sparse matrix, for many passes: an array is scaled once."""
    return rows_once(X, scaling, widths) if hasattr(X, "tocsr") else dense_rows(X, scaling, widths)


def dense_rows(X: np.ndarray, scaling: Scaling, widths: Widths | None = None) -> DenseRows:
    """Scale in slices: beside the data there is one float32 copy and one slice in float64, no more."""
    values = torch.empty(X.shape, dtype=torch.float32)
    begin = 0
    for part in chunks(X):
        values[begin : begin + len(part)] = torch.from_numpy(scaling.apply(part))
        begin += len(part)
    return DenseRows(values, widths)
