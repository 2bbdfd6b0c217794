"""How long and how fast to train: every choice the user leaves open, made from the data's shape.

The constants were chosen on validation rows of many data sets, none of them on test rows; docs/defaults.md
says how.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Plan",
    "automatic_batch_size",
    "automatic_epochs",
    "automatic_weight_decay",
    "automatic_widths",
]


@dataclass(frozen=True)
class Plan:
    """One training run, with nothing left to choose."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str = "one_cycle"
    weight_decay: float = 0.0
    gradient_clip: float | None = 1.0
    patience: int | None = None
    precision: str = "auto"
    guards_start: bool = False  # the start is an answer, to be left only for a gain beyond chance


def automatic_widths(n_features: int) -> tuple[int, ...]:
    """Three equal hidden layers, at least twice as wide as the data between 128 and 512."""
    width = 128
    while width < min(2 * n_features, 512):
        width *= 2
    return (width, width, width)


def automatic_batch_size(n_rows: int) -> int:
    """A power of two that leaves about twenty steps an epoch, from 32 to 256; 1,024 for a quarter of a million rows."""
    if n_rows >= 250_000:
        return 1024
    return min(256, max(32, 1 << max(0, (n_rows // 20).bit_length() - 1)))


def automatic_epochs(n_rows: int, batch_size: int) -> int:
    """Enough epochs for about 1,500 steps: eighty for a thousand rows, a handful for a hundred thousand."""
    steps = max(1, n_rows // batch_size)
    return min(200, max(3, round(1500 / steps)))


def automatic_weight_decay(n_rows: int, unexplained: float) -> float:
    """More pull towards the straight answer where rows are few, or where PCA leaves little to explain.

    ``unexplained`` is the share of the variance that PCA of the same size leaves out.
    """
    return min(1.0, 350 / (n_rows * max(unexplained, 1e-3)))
