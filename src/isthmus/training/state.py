"""The state of a training run between two steps: together with the data, all that is needed to resume it.

No generator is stored. The order of an epoch depends on (seed, epoch) and the noise of a step on (seed, step), so a
few integers give the position, and a resumed run ends with the same bits as one that was never interrupted.
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
    """Weights and moments are flat buffers, in the order of `isthmus.training.optimizer.flatten_parameters`.

    Attributes
    ----------
    epoch, batch : int
        The current epoch, with 0 for the start before any step, and the number of its batches done.
    steps : int
        Steps taken so far.
    seconds : float
        Training time, over all interruptions.
    finished : bool
        Whether the run is complete.
    best_epoch, best_loss
        The best validated epoch so far; ``best_weights`` are its weights, ``best_losses`` its validation rows' losses.
    buffers, best_buffers, start_buffers : list of Tensor
        Buffers of a user's own networks that training changes too: current, at the best epoch, and at the start.
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
