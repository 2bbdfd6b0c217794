"""Rows as a user gave them, once validated: an array, a sparse matrix, or a stream that memory doesn't hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isthmus.rows.scaling import chunks
from isthmus.tables.frames import FrameForm
from isthmus.tables.layout import TableLayout
from isthmus.tables.stream import TableStream

__all__ = ["Source", "Widths"]


class Widths(NamedTuple):
    """How many columns of each kind a row has, in this order: its numbers, what it is given, and its weight."""

    features: int
    given: int = 0
    weights: int = 0

    @property
    def total(self) -> int:
        """Columns in all."""
        return sum(self)


@dataclass(frozen=True)
class Source:
    """Either ``values`` or a ``stream``, and what is known of the columns.

    Attributes
    ----------
    values : ndarray or CSR matrix of shape (n_rows, n_features), or None
    stream : TableStream or None
    names : list of str
        For each number of a row the name of the column it belongs to.
    layout : TableLayout or None
        How columns of several kinds became numbers.
    form : FrameForm or None
        Of which library the frame was that held them.
    masked : bool or None
        Whether cells may be missing, so that a model learns what to make of such rows; None: a look at a stream says.
    was_read : bool
        Whether they are of `isthmus.read`.
    image_shape : tuple of int or None
        Of the pictures that they are, where the file said so.
    widths : Widths or None
        Where there are columns to the right of a row's own: what it is given, and its weight.
    mean_weight : float
        By which weights are divided on their way into a loss.
    """

    values: Any
    stream: TableStream | None
    names: list[str]
    layout: TableLayout | None = None
    form: FrameForm | None = None
    masked: bool | None = False
    was_read: bool = False
    image_shape: tuple[int, ...] | None = None
    widths: Widths | None = None
    mean_weight: float = 1.0

    def blocks(self) -> Iterator[np.ndarray]:
        """A fresh pass over the rows, dense slices of them."""
        return chunks(self.values) if self.stream is None else iter(self.stream)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and numbers in a row."""
        if self.stream is not None:
            return len(self.stream), self.stream.width
        return self.values.shape
