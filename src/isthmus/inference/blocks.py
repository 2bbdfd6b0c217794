"""How rows are divided into blocks of a fixed size, with the last one padded.

The rounding of a matrix product depends on its shape, and a row's code must not depend on the other rows of its batch.
Blocks also bound memory, and their intermediate results stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["MAX_ROWS", "blocks", "rows_at_once"]

CELLS = 1 << 18  # values in the widest layer of a block: a megabyte
MIN_ROWS, MAX_ROWS = 16, 256
TYPICAL_WIDTH = 128  # of hidden layers


def rows_at_once(n_features: int, stacked: int = 1) -> int:
    """Rows of a block, a power of two, if each row is ``stacked`` vectors of ``n_features``."""
    rows = CELLS // (stacked * max(n_features, TYPICAL_WIDTH))
    return min(MAX_ROWS, max(MIN_ROWS, 1 << max(0, rows.bit_length() - 1)))


def blocks(count: int, size: int, device: torch.device) -> Iterator[slice | Tensor]:
    """Indices of ``count`` rows in blocks of ``size``; the last block repeats the last row."""
    for start in range(0, count, size):
        if start + size <= count:
            yield slice(start, start + size)
        else:
            yield torch.arange(start, start + size, device=device).clamp(max=count - 1)
