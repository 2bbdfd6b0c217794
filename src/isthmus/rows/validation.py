"""How many training rows are held out for validation, which chooses the epoch."""

from __future__ import annotations

__all__ = ["FEWEST_VALIDATION_ROWS", "MOST_VALIDATION_ROWS", "validation_count"]

FEWEST_VALIDATION_ROWS = 64  # with fewer a gain can't be distinguished from chance
MOST_VALIDATION_ROWS = 2048  # enough to rank epochs; more rows are better used for training


def validation_count(n_rows: int, fraction: float | None) -> int:
    """The number of rows to hold out: the given fraction, or by default a tenth, from 64 to 2,048 rows.

    The default is never more than a quarter of the rows.
    """
    if fraction == 0 or n_rows < 4:
        return 0
    if fraction is not None:
        return min(max(round(fraction * n_rows), 1), n_rows - 1)
    wanted = min(max(round(0.1 * n_rows), FEWEST_VALIDATION_ROWS), MOST_VALIDATION_ROWS)
    return min(wanted, n_rows // 4)
