"""How many rows are held out of training to choose the epoch by."""

from __future__ import annotations

__all__ = ["FEWEST_VALIDATION_ROWS", "MOST_VALIDATION_ROWS", "validation_count"]

FEWEST_VALIDATION_ROWS = 64  # fewer can't tell a gain from chance
MOST_VALIDATION_ROWS = 2048  # enough to tell epochs apart; more would be rows not learned from


def validation_count(n_rows: int, fraction: float | None) -> int:
    """How many rows to hold out: the fraction asked for, or a tenth, from 64 to 2,048 rows.

    Where a quarter of the rows is fewer than 64, that quarter.
    """
    if fraction == 0 or n_rows < 4:
        return 0
    if fraction is not None:
        return min(max(round(fraction * n_rows), 1), n_rows - 1)
    wanted = min(max(round(0.1 * n_rows), FEWEST_VALIDATION_ROWS), MOST_VALIDATION_ROWS)
    return min(wanted, n_rows // 4)
