"""Data augmentation of pictures: mirrored copies, and random shifts by a few pixels.

A mirrored photo is as likely as the original, and so is one shifted a little. Such copies teach the network which
differences between pictures are irrelevant (Simard et al. 2003).
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

SHIFT = 1 / 16  # the default shift of a photo, as a share of its side


class AugmentedRows(Rows):
    """Rows of pictures; with ``mirrored`` twice as many, the second half with left and right exchanged.

    In an epoch every batch is shifted as a whole by up to ``shift`` random pixels in each direction; the edge is filled
    with the picture's reflection.

    Rows are in the model's units, x = (row - center) / spread, but pixels are permuted in the user's units: with π the
    permutation, x' = πx · πspread / spread + (πcenter - center) / spread.
    """

    def __init__(self, rows: Rows, shape: RowShape, scaling: Scaling, *, mirrored: bool = True, shift: int = 0):
        self.rows, self.widths, self.mirrored, self.shift = rows, rows.widths, mirrored, shift
        self._pixels = np.arange(shape.n_numbers).reshape(shape.sizes)
        self._spread = np.broadcast_to(scaling.spread, shape.n_numbers)
        self._center = np.broadcast_to(scaling.center, shape.n_numbers)
        self._shifts: dict[tuple[int, int], tuple[Tensor, Tensor, Tensor]] = {}
        self._mirror = self._permutation(self._pixels[..., ::-1])

    def __len__(self) -> int:
        return (1 + self.mirrored) * len(self.rows)

    def take(self, indices: Tensor) -> Tensor:
        n_rows = len(self.rows)
        found = self.rows.take(indices % n_rows)
        mirrored = indices >= n_rows
        if mirrored.any():
            found = found.clone()
            part = found[mirrored]
            part[:, : self.n_features] = _apply(part[:, : self.n_features], self._mirror)
            found[mirrored] = part
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
        if (down, right) not in self._shifts:
            height, width = self._pixels.shape[-2:]
            rows, columns = _reflected(height, down), _reflected(width, right)
            self._shifts[down, right] = self._permutation(self._pixels[..., rows[:, None], columns])
        return self._shifts[down, right]

    def _permutation(self, pixels: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """The permutation of the pixels, and the factors and offsets that preserve the user's units."""
        order, spread, center = pixels.reshape(-1), self._spread, self._center
        factor, offset = spread[order] / spread, (center[order] - center) / spread
        return torch.from_numpy(order.copy()), torch.from_numpy(factor).float(), torch.from_numpy(offset).float()


def _reflected(size: int, by: int) -> np.ndarray:
    positions = np.abs(np.arange(size) + by)
    return np.where(positions >= size, 2 * (size - 1) - positions, positions)


def _apply(x: Tensor, permutation: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    order, factor, offset = permutation
    return x[:, order] * factor + offset


def augmenting(settings: Any, shape: RowShape | None, scaling: Scaling) -> Callable[[Rows], Rows]:
    """The function that augments training rows as the settings say.

    By default pictures in colour are mirrored and shifted, since they are photos; a mirrored letter is another one.
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
