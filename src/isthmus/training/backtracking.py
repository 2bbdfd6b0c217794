"""Learning rates found by backtracking: an epoch that ends worse than the start is taken back, at a tenth of the rate.

Most closed forms leave a network much to explain, and the usual rate suits it. Some leave little: GLM-PCA explains few
rows of counts nearly as well as anything can, and there Adam's steps, whose length does not depend on how little a
gradient says, lead away from it. Held-out rows say which rate gains, as in a line search. Where none of them does,
training is dropped.
"""

from __future__ import annotations

from typing import Any

from isthmus.history import History
from isthmus.training.optimizer import FlatAdamW

__all__ = ["backtracks", "share_of_rate", "step_back"]

DIVISOR = 10.0


def backtracks(history: History) -> int:
    """How many epochs ended worse than the start, on held-out rows."""
    losses = history.columns.get("validation_loss", [])
    return sum(loss > losses[0] for loss in losses[1:])


def share_of_rate(training: Any) -> float:
    """The factor of the plan's learning rate, in a `isthmus.training.loop.Training`."""
    return DIVISOR ** -backtracks(training.history) if training.plan.backtracks else 1.0


def step_back(training: Any) -> None:
    """Go back to the best weights if the epoch just measured ended worse than the start; end after too many."""
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
