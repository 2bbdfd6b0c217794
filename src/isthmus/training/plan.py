"""How long and how fast to train: every choice the user leaves open, made from the data's shape."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Plan", "automatic_batch_size", "automatic_epochs", "automatic_widths", "validation_count"]


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
    precision: str = "float32"


def automatic_widths(n_features: int, n_latents: int, n_rows: int) -> tuple[int, ...]:
    """Two hidden layers, wider than the data where the data are narrow."""
    width = min(512, max(64, 4 * n_features, 2 * n_latents))
    return (width, width // 2)


def automatic_batch_size(n_rows: int) -> int:
    """A power of two between 32 and 512 that leaves about twenty steps an epoch."""
    return min(512, max(32, 1 << max(0, (n_rows // 20).bit_length() - 1)))


def automatic_epochs(n_rows: int, batch_size: int) -> int:
    """Enough epochs for about 2,500 steps: a hundred for a thousand rows, a handful for a hundred thousand."""
    steps = max(1, n_rows // batch_size)
    return min(200, max(10, round(2500 / steps)))


def validation_count(n_rows: int, fraction: float) -> int:
    """How many rows to hold out: the fraction, but not fewer than 32 while that leaves three quarters to train on."""
    if fraction == 0 or n_rows < 4:
        return 0
    return min(max(round(fraction * n_rows), 32), n_rows // 4) or 1
