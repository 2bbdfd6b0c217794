"""The shape of rows in whatever form they are given: a table knows it, an array of more axes shows it."""

from __future__ import annotations

from typing import Any

from isthmus.tables.arrays import picture_shape
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

__all__ = ["row_shape_of"]

MOST_CHANNELS = 64  # of (n, channel, time): more are frequencies


def row_shape_of(X: Any, image_shape: tuple[int, ...] | None = None) -> RowShape | None:
    """Sizes and kinds of a row's axes; None where rows are columns and no more.

    ``image_shape`` is what the user said.

    >>> import numpy as np
    >>> str(row_shape_of(np.zeros((5, 8, 8, 3)))), row_shape_of(np.zeros((5, 8)))
    ('pictures of 3×8×8', None)
    """
    if image_shape is not None:
        return RowShape.of_picture(tuple(image_shape))
    if isinstance(X, (Table, TableStream)):
        return X.row_shape or (None if X.image_shape is None else RowShape.of_picture(X.image_shape))
    shape = tuple(getattr(X, "shape", ()))
    found = picture_shape(shape) if len(shape) in (3, 4) else None
    return None if found is None else RowShape.of_picture(found[0])
