"""The training plan: every choice the user leaves open, made from the data's shape.

The constants were chosen on validation rows of many data sets, none of them on test rows; docs/defaults.md
says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "Plan",
    "automatic_batch_size",
    "automatic_epochs",
    "automatic_patience",
    "automatic_steps",
    "automatic_weight_decay",
    "automatic_widths",
    "batch_size_of_short_run",
    "epochs_of_noisy_codes",
    "most_useful_epochs",
]

MAX_WEIGHTS, MIN_WIDTH = 1 << 21, 64  # weights of the first or last layer, which limit its width if rows are wide
MAX_TIMES = 8  # the default number of epochs
SHORT_RUN, MIN_OF_SHORT_RUN = 1000, 64  # steps of a run, and its smallest batch
MIN_NOISY_EPOCHS, MAX_NOISY_STEPS = 40, 9000  # of a model whose codes are drawn
RATE_OF_STAGES, DECAY_OF_STAGES = 0.4, 0.05  # of a perceptron's rate; normalised convolutions need little decay
BACKTRACKS_OF_COUNTS = 4  # rates from the default to a thousandth of it
MIN_STEPS, MAX_STEPS, WORK_OF_STAGES = 800, 2500, 1.6e10


@dataclass(frozen=True)
class Plan:
    """The complete plan of a training run."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str = "one_cycle"
    weight_decay: float = 0.0
    gradient_clip: float | None = 1.0
    patience: int | None = None
    precision: str = "auto"
    backtracks: int = 0  # epochs worse than the start that are taken back, before training is dropped
    guards_start: bool = False  # leave the start only for a gain that chance can't explain


def automatic_widths(n_features: int) -> tuple[int, ...]:
    """Three equal hidden layers, at least twice as wide as the data, from 128 to 512; narrower for wide rows.

    >>> [automatic_widths(n)[0] for n in (8, 100, 784, 4096, 10_752, 44_100)]
    [128, 256, 512, 512, 128, 64]
    """
    width = 128
    while width < min(2 * n_features, 512):
        width *= 2
    while width > MIN_WIDTH and width * n_features > MAX_WEIGHTS:
        width //= 2
    return (width, width, width)


def automatic_batch_size(n_rows: int) -> int:
    """A power of two that gives about twenty steps per epoch, from 32 to 256; 1,024 from 250,000 rows on."""
    if n_rows >= 250_000:
        return 1024
    return min(256, max(32, 1 << max(0, (n_rows // 20).bit_length() - 1)))


def batch_size_of_short_run(batch_size: int, n_rows: int, epochs: int) -> int:
    """The batch size halved, down to 64, while the requested epochs have fewer than 1,000 steps; above 256 it is kept.

    A short run needs more steps rather than less noise in each.

    >>> [batch_size_of_short_run(256, 54_000, epochs) for epochs in (1, 3, 10)]
    [64, 128, 256]
    """
    while MIN_OF_SHORT_RUN < batch_size <= 256 and epochs * n_rows < SHORT_RUN * batch_size:
        batch_size //= 2
    return batch_size


def automatic_steps(products: int | None = None) -> int:
    """1,500 steps; for convolutions of ``products`` multiply-adds per row, as many as take a few minutes."""
    if products is None:
        return 1500
    return min(MAX_STEPS, max(MIN_STEPS, round(WORK_OF_STAGES / products)))


def automatic_epochs(n_rows: int, batch_size: int, n_steps: int = 1500) -> int:
    """Enough epochs for ``n_steps``: for 1,500 about eighty of a thousand rows, a handful of a hundred thousand."""
    steps = max(1, n_rows // batch_size)
    return min(200, max(3, round(n_steps / steps)))


def epochs_of_noisy_codes(epochs: int, n_rows: int, batch_size: int) -> int:
    """At least forty epochs, within 9,000 steps, if codes are drawn: their noise averages out over many epochs.

    >>> [epochs_of_noisy_codes(epochs, rows, 256) for epochs, rows in ((56, 7000), (7, 54_000), (3, 10_000_000))]
    [56, 40, 3]
    """
    return max(epochs, min(MIN_NOISY_EPOCHS, MAX_NOISY_STEPS // max(1, n_rows // batch_size)))


def most_useful_epochs(epochs: int) -> int:
    """The number of epochs beyond which more bring nothing, whatever the time budget; ``epochs`` is the default."""
    return MAX_TIMES * epochs


def automatic_patience(epochs: int) -> int:
    """A fifth of the epochs, at least 5; `isthmus.training.loop` starts counting once the rate is low."""
    return max(5, epochs // 5)


def automatic_weight_decay(n_rows: int, unexplained: float, n_features: int) -> float:
    """Stronger decay towards PCA if rows are few or wide, or if PCA leaves little variance unexplained.

    ``unexplained`` is the share of the variance that PCA of the same size leaves out. A network for wide rows has more
    weights that can fit noise, so both the decay and its limit grow with the columns beyond 64.
    """
    times = max(1.0, n_features / 64)
    return min(math.sqrt(times), 350 * times / (n_rows * max(unexplained, 1e-3)))
