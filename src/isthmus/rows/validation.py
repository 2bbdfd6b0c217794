"""Which training rows are held out to choose the epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

__all__ = ["MAX_VALIDATION_ROWS", "MIN_VALIDATION_ROWS", "far_outside", "validation_count"]

MIN_VALIDATION_ROWS = 64  # with fewer, a gain can't be distinguished from chance
MAX_VALIDATION_ROWS = 2048  # enough to rank epochs; more rows are better used for training
FAR = 2.0  # times the distance of the farthest training row


def validation_count(n_rows: int, fraction: float | None) -> int:
    """The number of rows to hold out: the given fraction, or by default a tenth, from 64 to 2,048 rows.

    The default is never more than a quarter of the rows.
    """
    if fraction == 0 or n_rows < 4:
        return 0
    if fraction is not None:
        return min(max(round(fraction * n_rows), 1), n_rows - 1)
    wanted = min(max(round(0.1 * n_rows), MIN_VALIDATION_ROWS), MAX_VALIDATION_ROWS)
    return min(wanted, n_rows // 4)


def far_outside(held_out: Iterable[Tensor], others: Callable[[], Iterable[Tensor]]) -> Tensor:
    """Whether each held-out row is more than `FAR` times as far from the mean of the others as any of them.

    A network extrapolates to such a row, and its squared error can exceed that of all others together, so the epoch
    would be chosen by one row. As a training row it is reconstructed like the rest. ``others`` returns a new pass over
    its rows. Missing cells count as zero.
    """
    total, n_rows = torch.zeros(()), 0
    for batch in others():
        total, n_rows = total + batch.nan_to_num().sum(0, dtype=torch.float64), n_rows + len(batch)
    mean = (total / max(1, n_rows)).float()

    def squared(batch: Tensor) -> Tensor:
        difference = batch.nan_to_num() - mean
        return torch.linalg.vecdot(difference, difference)

    largest = max((float(squared(batch).max()) for batch in others()), default=float("inf"))
    return torch.cat([squared(batch) for batch in held_out]) > FAR**2 * largest
