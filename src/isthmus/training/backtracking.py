"""Learning rates found by backtracking: an epoch that ends worse than the start is undone, and the rate divided by ten.

Most closed forms leave a network much to explain, and the default rate is suitable. Some leave little: GLM-PCA of few
rows of counts is close to the optimum, and Adam's steps, whose length does not depend on the size of the gradient, lead
away from it. Held-out rows show which rate improves on the start, as in a line search. If none does, training stops at
the start.
"""

from __future__ import annotations

from typing import Any

from isthmus.history import History
from isthmus.training.optimizer import FlatAdamW

__all__ = ["backtracks", "share_of_rate", "step_back"]

DIVISOR = 10.0


def backtracks(history: History) -> int:
    """The number of epochs that ended worse than the start, on held-out rows."""
    losses = history.columns.get("validation_loss", [])
    return sum(loss > losses[0] for loss in losses[1:])


def share_of_rate(training: Any) -> float:
    """The factor of the plan's learning rate, for an `isthmus.training.loop.Training`."""
    return DIVISOR ** -backtracks(training.history) if training.plan.backtracks else 1.0


def step_back(training: Any) -> None:
    """Restore the best weights if the last epoch ended worse than the start; stop after too many such epochs."""
    losses, state = training.history.columns.get("validation_loss", []), training.state
    if not training.plan.backtracks or len(losses) < 2 or not losses[-1] > losses[0]:
        return
    training.flat.weights.copy_(state.best_weights)
    for buffer, best in zip(state.buffers, state.best_buffers, strict=True):
        buffer.copy_(best)
    training.optimizer = FlatAdamW(training.flat, training.plan.weight_decay)
    state.moments = training.optimizer.moments
    if backtracks(training.history) >= training.plan.backtracks:
        training.stop_reason = "no learning rate gains on held-out rows"
