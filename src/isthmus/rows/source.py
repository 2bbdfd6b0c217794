"""The user's rows, validated: an array, a sparse matrix, or a stream larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isthmus.rows.scaling import chunks
from isthmus.tables.frames import FrameForm
from isthmus.tables.layout import TableLayout
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import TableStream

__all__ = ["Source", "Widths"]


class Widths(NamedTuple):
    """How many columns of each kind a row has, in this order: features, conditions, weight."""

    features: int
    given: int = 0
    weights: int = 0

    @property
    def total(self) -> int:
        """The number of all columns."""
        return sum(self)


@dataclass(frozen=True)
class Source:
    """Either ``values`` or a ``stream``, and what is known about the columns.

    Attributes
    ----------
    values : ndarray or CSR matrix of shape (n_rows, n_features), or None
    stream : TableStream or None
    names : list of str
        For each feature the name of the column it belongs to.
    layout : TableLayout or None
        How the columns of a mixed-type table became numbers.
    form : FrameForm or None
        The library and dtypes of the DataFrame that held them.
    masked : bool or None
        Whether cells may be missing; None: a pass over a stream decides.
    was_read : bool
        Whether the rows are from `isthmus.read` or `isthmus.open_table`.
    image_shape : tuple of int or None
        Shape of a row that is a picture, if the file says so.
    widths : Widths or None
        The widths of features and metadata, if rows have metadata columns.
    mean_weight : float
        The mean weight, by which the weights in a loss are divided.
    row_shape : RowShape or None
        Sizes and kinds of a row's axes.
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
    row_shape: RowShape | None = None

    def blocks(self) -> Iterator[np.ndarray]:
        """A new pass over the rows, in dense slices."""
        return chunks(self.values) if self.stream is None else iter(self.stream)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of features."""
        if self.stream is not None:
            return len(self.stream), self.stream.width
        return self.values.shape
