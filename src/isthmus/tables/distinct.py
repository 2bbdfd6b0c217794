"""The different texts of a block of a column: each is looked at once, however many cells have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DistinctTexts", "mask_of"]


@dataclass(frozen=True)
class DistinctTexts:
    """The different texts, how many cells have each (0 for those that are missing), and which text each cell has."""

    words: Any
    indices: Any
    times: np.ndarray

    @property
    def n_cells(self) -> int:
        """Cells that are not missing."""
        return int(self.times.sum())

    def count(self, mask: np.ndarray) -> int:
        """How many cells have one of some texts."""
        return int(self.times[mask].sum())


def mask_of(mask: np.ndarray) -> Any:
    """A mask as Arrow takes it: from its bits, since pyarrow.array would import numpy.ma first."""
    import pyarrow

    bits = pyarrow.py_buffer(np.packbits(mask, bitorder="little"))
    return pyarrow.Array.from_buffers(pyarrow.bool_(), len(mask), [None, bits])
