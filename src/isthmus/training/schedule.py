"""The learning rate over a run: constant, or one cycle (Smith 2018, arXiv:1803.09820).

rate
|    ..
|   .   .
|  .      .            up in a fifth of the steps, then down, each along half a period of a cosine
| .         .  .
+--------------------- progress
"""

from __future__ import annotations

import math

from isthmus.training.plan import Plan

__all__ = ["annealed_from", "rate"]

WARM_UP = 0.2  # share of a one-cycle run in which the learning rate rises
FIRST_RATE, LAST_RATE = 1 / 25, 1 / 1e4  # of the highest rate


def rate(plan: Plan, progress: float) -> float:
    """Learning rate at ``progress`` in [0, 1]."""
    if plan.schedule == "constant":
        return plan.learning_rate
    if progress < WARM_UP:
        return plan.learning_rate * _between(FIRST_RATE, 1.0, progress / WARM_UP)
    return plan.learning_rate * _between(1.0, LAST_RATE, (progress - WARM_UP) / (1 - WARM_UP))


def annealed_from(plan: Plan) -> int:
    """The first epoch after which the rate is at most half of the highest; 0 if it is constant.

    >>> annealed_from(Plan(epochs=25, batch_size=32, learning_rate=5e-3))
    15
    """
    return 0 if plan.schedule == "constant" else math.ceil((1 + WARM_UP) / 2 * plan.epochs)


def _between(start: float, end: float, share: float) -> float:
    """From ``begin`` to ``end`` along half a period of a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
