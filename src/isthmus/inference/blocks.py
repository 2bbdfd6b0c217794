"""Rows in blocks of a fixed size, the last one filled up.

How a product is rounded depends on its shape, and a row's code must not depend on the rows beside it. Blocks also bound
memory, and keep what a step writes in the cache until it is read.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["MAX_ROWS", "blocks", "rows_at_once"]

CELLS = 1 << 18  # numbers in the widest layer of a block: a megabyte
MIN_ROWS, MAX_ROWS = 16, 256
USUAL_WIDTH = 128  # of hidden layers


def rows_at_once(n_features: int, stacked: int = 1) -> int:
    """Rows of a block, a power of two, where each has ``stacked`` vectors of so many numbers."""
    rows = CELLS // (stacked * max(n_features, USUAL_WIDTH))
    return min(MAX_ROWS, max(MIN_ROWS, 1 << max(0, rows.bit_length() - 1)))


def blocks(count: int, size: int, device: torch.device) -> Iterator[slice | Tensor]:
    """Places of ``count`` rows in blocks of ``size``; the last repeats its last row."""
    for start in range(0, count, size):
        if start + size <= count:
            yield slice(start, start + size)
        else:
            yield torch.arange(start, start + size, device=device).clamp(max=count - 1)
