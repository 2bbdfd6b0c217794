"""Where a training run stands between two steps: with the data, all that is needed to go on from there.

No generator is kept. The order of an epoch is decided by (seed, epoch) and the noise of a step by (seed, step), so
a few whole numbers tell where the run is, and a run that goes on ends with the same bits as one that never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isthmus.history import History
from isthmus.training.optimizer import Moments

__all__ = ["RunState"]


@dataclass
class RunState:
    """Weights and moments lie in flat buffers, in the order of `isthmus.training.optimizer.flatten_parameters`.

    Attributes
    ----------
    epoch, batch : int
        The epoch under way, 0 being the start before any step, and how many of its batches are done.
    steps : int
        Steps taken in all.
    seconds : float
        Time spent, of all sittings.
    finished : bool
        Whether there is nothing left to go on with.
    best_epoch, best_loss
        The best so far, as validated; ``best_weights`` are its weights and ``best_losses`` its validation rows' losses.
    buffers, best_buffers, start_buffers : list of Tensor
        What training changes beside the weights, where a network is a user's own: now, at the best epoch, at the start.
    """

    weights: Tensor
    best_weights: Tensor
    start_weights: Tensor
    moments: Moments
    buffers: list[Tensor] = field(default_factory=list)
    best_buffers: list[Tensor] = field(default_factory=list)
    start_buffers: list[Tensor] = field(default_factory=list)
    start_losses: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    best_losses: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    epoch: int = 0
    batch: int = 0
    steps: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    seconds: float = 0.0
    finished: bool = False
    history: History = field(default_factory=History)
