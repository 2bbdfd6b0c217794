"""Pictures and their mirror images as rows: a photo seen in a mirror is as likely a photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.rows.rows import Rows
from isthmus.rows.scaling import Scaling
from isthmus.tables.row_shape import RowShape

__all__ = ["MirroredRows", "mirroring"]


class MirroredRows(Rows):
    """Twice as many rows: the second half is the first, left and right exchanged.

    Rows are in the model's units, x = (row - center) / spread, and mirrored in the user's: with π the exchange,
    x' = πx · πspread / spread + (πcenter - center) / spread.
    """

    def __init__(self, rows: Rows, shape: RowShape, scaling: Scaling):
        self.rows, self.widths = rows, rows.widths
        order = np.arange(shape.n_numbers).reshape(shape.sizes)[..., ::-1].reshape(-1)
        spread, center = (np.broadcast_to(part, shape.n_numbers) for part in (scaling.spread, scaling.center))
        self._order = torch.from_numpy(order.copy())
        self._factor = torch.from_numpy(spread[order] / spread).float()
        self._offset = torch.from_numpy((center[order] - center) / spread).float()

    def __len__(self) -> int:
        return 2 * len(self.rows)

    def take(self, indices: Tensor) -> Tensor:
        n_rows, n_features = len(self.rows), self.n_features
        found = self.rows.take(indices % n_rows)
        turned = indices >= n_rows
        if turned.any():
            found = found.clone()
            part = found[turned]
            part[:, :n_features] = part[:, self._order] * self._factor + self._offset
            found[turned] = part
        return found


def mirroring(settings: Any, shape: RowShape | None, scaling: Scaling) -> Callable[[Rows], Rows]:
    """What makes training rows those that are learned from: with their mirror images where that was asked for, or fits.

    Unasked it is done for pictures in colour, which are photos; a letter or digit in a mirror is another.
    """
    asked = settings.mirrored
    if asked and (shape is None or shape.image_shape is None):
        told = "these have no shape" if shape is None else f"these are {shape}"
        raise ValueError(f"{type(settings).__name__}: mirrored=True is for pictures, and {told}; give image_shape.")
    if shape is None or not (shape.is_mirrored if asked is None else asked):
        return lambda rows: rows
    return lambda rows: MirroredRows(rows, shape, scaling) if rows.random_access else rows
