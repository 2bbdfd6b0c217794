"""The grid on which a column's values lie: its number of decimals, or the unit of its times.

Prices have two decimals, incomes may be whole thousands, a schedule has minutes. A value that is drawn rather than
measured is rounded to the grid of its column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Grid", "grid_of"]


class Grid(NamedTuple):
    """Multiples of ``multiple`` / ``parts``, two whole numbers of which one is 1, so that rounding is exact."""

    multiple: int
    parts: int

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """Each value's nearest point of the grid."""
        return np.rint(values * self.parts / self.multiple) * self.multiple / self.parts


DECIMALS = (*(Grid(10**power, 1) for power in range(6, 0, -1)), *(Grid(1, 10**power) for power in range(10)))
TIMES = tuple(Grid(1, parts) for parts in (1, 24, 24 * 60, 24 * 3600, 24 * 3_600_000))  # days, hours, … milliseconds


def grid_of(values: np.ndarray, *, dates: bool = False) -> Grid | None:
    """The coarsest grid that holds all values; None if they have more than nine decimals.

    ``dates`` are days since 1970. A column that was single precision counts as the decimals it was rounded from.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of values near the largest float64
        single = values.astype(np.float32)
        seen = single if not dates and (single == values).all() else values
        for grid in TIMES if dates else DECIMALS:
            if (grid.nearest(values).astype(seen.dtype) == seen).all():
                return grid
    return None
