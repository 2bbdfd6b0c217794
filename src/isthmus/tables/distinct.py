"""The distinct texts of a block of a column: each is examined once, however many cells have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["DistinctTexts", "mask_of"]


@dataclass(frozen=True)
class DistinctTexts:
    """The distinct texts, how many cells have each (0 for those that are missing), and the text of each cell."""

    words: Any
    indices: Any
    times: np.ndarray

    @property
    def n_cells(self) -> int:
        """How many cells are not missing."""
        return int(self.times.sum())

    def count(self, mask: np.ndarray) -> int:
        """How many cells have one of the texts in ``mask``."""
        return int(self.times[mask].sum())


def mask_of(mask: np.ndarray) -> Any:
    """A mask as an Arrow array, made from its bits, since pyarrow.array would import numpy.ma."""
    import pyarrow

    bits = pyarrow.py_buffer(np.packbits(mask, bitorder="little"))
    return pyarrow.Array.from_buffers(pyarrow.bool_(), len(mask), [None, bits])
