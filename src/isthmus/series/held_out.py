"""Held-out stretches of a series: windows to learn from and windows to compare with that share no step.

Neighbouring windows overlap, so windows held out at random nearly equal training windows, and every model looks good on
them. A few contiguous blocks are held out instead, and windows within a window's length of a block are not used at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.series.windows import WindowGrid

__all__ = ["BlockSplit", "gain_beyond_chance", "split_blocks"]

N_BLOCKS, SHARE = 5, 0.2  # blocks, and the share of the windows in them
MIN_WINDOWS = 32  # to learn from
CERTAIN = 2.0  # standard errors


@dataclass(frozen=True, eq=False)
class BlockSplit:
    """Positions of the training windows, and of those in each held-out block."""

    training: np.ndarray
    blocks: tuple[np.ndarray, ...]


def split_blocks(grid: WindowGrid) -> BlockSplit:
    """Hold out evenly spaced blocks of windows; none where the series is too short for that.

    Training windows begin at least a window's length after a block's last step, or end at least that before its first.
    """
    n_windows, length = len(grid), grid.length
    count = max(1, round(SHARE * n_windows / N_BLOCKS))
    middles = ((np.arange(N_BLOCKS) + 0.5) * n_windows / N_BLOCKS).astype(np.int64)
    blocks, free = [], np.ones(n_windows, bool)
    for middle in middles:
        block = np.arange(middle - count // 2, min(middle - count // 2 + count, n_windows))
        first, last = grid.starts[block[0]] - length, grid.starts[block[-1]] + 2 * length
        free &= (grid.starts + length <= first) | (grid.starts >= last)
        blocks.append(block)
    training = np.flatnonzero(free)
    if len(training) < MIN_WINDOWS:
        return BlockSplit(np.arange(n_windows), ())
    return BlockSplit(training, tuple(blocks))


def gain_beyond_chance(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether errors of blocks fell by more than chance explains: the mean fall is over two standard errors.

    >>> gain_beyond_chance(np.array([1.0, 1.1, 0.9]), np.array([0.5, 0.6, 0.5]))
    True
    """
    fall = before - after
    if len(fall) < 2:
        return False
    error = fall.std(ddof=1) / np.sqrt(len(fall))
    return bool(fall.mean() > CERTAIN * error and fall.mean() > 0)
