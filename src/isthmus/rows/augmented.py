"""Pictures as rows, with copies that are as likely: mirrored, and shifted by a few pixels.

A photo seen in a mirror is as likely a photo, and so is one taken a little to the left. Learned from, such copies show
the network which differences between pictures say nothing (Simard et al. 2003).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.distributed import ALONE, ProcessGroup
from isthmus.rows.rows import Batch, Rows
from isthmus.rows.scaling import Scaling
from isthmus.tables.row_shape import RowShape

__all__ = ["AugmentedRows", "augmenting"]

SHIFT = 1 / 16  # of a photo's side: how far it is shifted unasked


class AugmentedRows(Rows):
    """Rows of pictures; with ``mirrored`` twice as many, the second half with left and right exchanged.

    In an epoch every batch is shifted as a whole by up to ``shift`` pixels in each direction, at random; what moves in
    at the edge is the picture's reflection.

    Rows are in the model's units, x = (row - center) / spread, and are moved in the user's: with π the new order of the
    pixels, x' = πx · πspread / spread + (πcenter - center) / spread.
    """

    def __init__(self, rows: Rows, shape: RowShape, scaling: Scaling, *, mirrored: bool = True, shift: int = 0):
        self.rows, self.widths, self.mirrored, self.shift = rows, rows.widths, mirrored, shift
        self._places = np.arange(shape.n_numbers).reshape(shape.sizes)
        self._spread = np.broadcast_to(scaling.spread, shape.n_numbers)
        self._center = np.broadcast_to(scaling.center, shape.n_numbers)
        self._known: dict[tuple[int, int], tuple[Tensor, Tensor, Tensor]] = {}
        self._mirror = self._moved(self._places[..., ::-1])

    def __len__(self) -> int:
        return (1 + self.mirrored) * len(self.rows)

    def take(self, indices: Tensor) -> Tensor:
        n_rows = len(self.rows)
        found = self.rows.take(indices % n_rows)
        turned = indices >= n_rows
        if turned.any():
            found = found.clone()
            part = found[turned]
            part[:, : self.n_features] = _apply(part[:, : self.n_features], self._mirror)
            found[turned] = part
        return found

    def epoch(
        self, seed: int, number: int, size: int, *, first: int = 0, group: ProcessGroup = ALONE
    ) -> Iterator[Batch]:
        for index, batch in enumerate(super().epoch(seed, number, size, first=first, group=group), first):
            if not self.shift:
                yield batch
                continue
            down, right = np.random.default_rng((seed, number, index)).integers(-self.shift, self.shift + 1, 2)
            yield batch._replace(x=_apply(batch.x, self._shifted(int(down), int(right))))

    def _shifted(self, down: int, right: int) -> tuple[Tensor, Tensor, Tensor]:
        if (down, right) not in self._known:
            height, width = self._places.shape[-2:]
            rows, columns = _reflected(height, down), _reflected(width, right)
            self._known[down, right] = self._moved(self._places[..., rows[:, None], columns])
        return self._known[down, right]

    def _moved(self, places: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """The order of the pixels, and the factors and offsets that keep the user's units."""
        order, spread, center = places.reshape(-1), self._spread, self._center
        factor, offset = spread[order] / spread, (center[order] - center) / spread
        return torch.from_numpy(order.copy()), torch.from_numpy(factor).float(), torch.from_numpy(offset).float()


def _reflected(size: int, by: int) -> np.ndarray:
    places = np.abs(np.arange(size) + by)
    return np.where(places >= size, 2 * (size - 1) - places, places)


def _apply(x: Tensor, moved: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    order, factor, offset = moved
    return x[:, order] * factor + offset


def augmenting(settings: Any, shape: RowShape | None, scaling: Scaling) -> Callable[[Rows], Rows]:
    """What makes training rows those that are learned from: with the copies that were asked for, or fit.

    Unasked, pictures in colour are mirrored and shifted, which are photos; a letter or digit in a mirror is another.
    """
    who = type(settings).__name__
    for name, asked in (("mirrored", settings.mirrored), ("shifted", settings.shifted)):
        if asked and (shape is None or shape.image_shape is None):
            actual = "these have no shape" if shape is None else f"these are {shape}"
            raise ValueError(f"{who}: {name}={asked!r} is for pictures, and {actual}; give image_shape.")
    if shape is None or shape.image_shape is None:
        return lambda rows: rows
    side = min(shape.image_shape[-2:])
    if settings.shifted is not None and settings.shifted >= side:
        raise ValueError(f"{who}: shifted={settings.shifted} must be less than the pictures' side, {side} pixels.")
    photo = shape.is_mirrored
    mirrored = photo if settings.mirrored is None else settings.mirrored
    shift = (round(SHIFT * side) if photo else 0) if settings.shifted is None else settings.shifted
    if not mirrored and not shift:
        return lambda rows: rows
    return lambda rows: (
        AugmentedRows(rows, shape, scaling, mirrored=mirrored, shift=shift) if rows.random_access else rows
    )
