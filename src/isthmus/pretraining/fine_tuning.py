"""A network of encoder and linear head, trained on targets that may be soft, with noise on its input."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

__all__ = ["answers", "fine_tuned", "fresh"]


def fresh(module: Any, seed: int) -> Any:
    """A copy of ``module`` with random weights in every layer that has them: the same network from scratch."""
    from isthmus.training.devices import seeded

    with seeded(seed):
        copied = copy.deepcopy(module)
        for layer in copied.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    return copied


def fine_tuned(
    encoder: Any,
    X: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    classify: bool,
    n_steps: int,
    noise: float,
    learning_rate: float,
    seed: int,
) -> Any:
    """Encoder and a new head trained in ``n_steps`` batches; gives a float64 module, rows (n, d) to (n, n_targets).

    Cross-entropy with soft targets, or the squared error; a row is drawn in proportion to ``weights``. ``noise`` is
    the standard deviation of what is added to the input, in units of each column's own.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    from isthmus.training.devices import seeded

    rows, goal = torch.from_numpy(X).double(), torch.from_numpy(targets).float()
    chance = torch.from_numpy(weights).double()
    spread = rows.std(0, correction=0) * noise
    with seeded(seed):
        with torch.no_grad():
            codes = encoder(rows)
            norm = nn.BatchNorm1d(codes.shape[1], affine=False)
            norm.running_mean, norm.running_var = codes.mean(0), codes.var(0, correction=0) + 1e-12
        norm.eval()  # a fixed scaling of codes, so that the head sees numbers near one
        head = nn.Linear(codes.shape[1], targets.shape[1])
        network = nn.Sequential(copy.deepcopy(encoder), norm, head)
        optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=n_steps)
        for _ in range(n_steps):
            chosen = torch.multinomial(chance, min(128, len(rows)), replacement=True)
            batch = rows[chosen]
            output = network(batch + spread * torch.randn_like(batch))
            wanted = goal[chosen]
            loss = functional.cross_entropy(output, wanted) if classify else functional.mse_loss(output, wanted)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return network.double().eval().requires_grad_(False)


def answers(network: Any, X: np.ndarray) -> np.ndarray:
    """The network's output for rows X, float64, a batch at a time."""
    import torch

    with torch.inference_mode():
        return np.concatenate(
            [network(torch.from_numpy(X[begin : begin + 1024]).double()).numpy() for begin in range(0, len(X), 1024)]
        )
