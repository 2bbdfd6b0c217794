"""A network that starts as a linear model of the principal codes, and is trained from there.

    output(x) = A x + b + H φ(x)

A and b are the linear model, fitted beforehand; φ are the hidden features of a pretrained encoder; H starts at zero. So
the first prediction is the linear model's own, and training adds only what it lacks. Targets may be soft: a teacher's
predictions for the rows without a label.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.draws import OwnDraws, generator, seeded
from isthmus.training.devices import threads_for
from isthmus.training.plan import Plan
from isthmus.training.schedule import rate

__all__ = ["HeadedNetwork", "TrainingSet", "fine_tune", "outputs_of", "reinitialized"]

BATCH = 128
HEAD_DECAY = 1e-2


class HeadedNetwork(nn.Module):
    """Rows in the autoencoder's units, shape (batch, n_features), to outputs, shape (batch, n_outputs)."""

    def __init__(self, model: AutoencoderModel, weight: np.ndarray, bias: np.ndarray):
        super().__init__()
        self.features: Any = copy.deepcopy(model.encoder.features()).cpu()
        with torch.no_grad():
            width = self.features(torch.zeros(1, weight.shape[1])).shape[1]
        with seeded(0), OwnDraws():  # leaves torch's generator alone; the weights are set below
            self.skip = nn.Linear(weight.shape[1], weight.shape[0])
            self.head = nn.Linear(width, weight.shape[0])
        with torch.no_grad():
            self.skip.weight.copy_(torch.from_numpy(weight))
            self.skip.bias.copy_(torch.from_numpy(bias))
            self.head.weight.zero_()
            self.head.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.head(self.features(x))


@dataclass(frozen=True)
class TrainingSet:
    """Rows in the autoencoder's units, (n, n_features), targets, (n, n_outputs), and sampling probabilities, (n,)."""

    rows: np.ndarray
    targets: np.ndarray
    probabilities: np.ndarray


def reinitialized(network: HeadedNetwork, seed: int) -> HeadedNetwork:
    """A copy of the network with PyTorch's random initial weights everywhere."""
    with seeded(seed), OwnDraws():
        fresh = copy.deepcopy(network)
        for layer in fresh.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                layer.reset_parameters()
    return fresh


def fine_tune(
    network: HeadedNetwork,
    training: TrainingSet,
    *,
    classify: bool,
    n_steps: int,
    noise: float,
    learning_rate: float,
    seed: int,
) -> HeadedNetwork:
    """A trained copy: cross-entropy with soft targets, or squared error, on rows with normal ``noise`` added."""
    rows, targets = torch.from_numpy(training.rows).float(), torch.from_numpy(training.targets).float()
    probabilities = torch.from_numpy(training.probabilities)
    network = copy.deepcopy(network).train()
    head = list(network.head.parameters())
    body = [*network.features.parameters(), *network.skip.parameters()]
    groups = [{"params": body, "weight_decay": 0.0}, {"params": head, "weight_decay": HEAD_DECAY}]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate)
    plan = Plan(epochs=1, batch_size=BATCH, learning_rate=learning_rate)
    work = BATCH * sum(part.numel() for part in network.parameters())
    with seeded(seed), threads_for(work):
        for step in range(n_steps):
            chosen = torch.multinomial(probabilities, BATCH, replacement=True, generator=generator())
            output = network(rows[chosen] + noise * torch.randn(BATCH, rows.shape[1], generator=generator()))
            wanted = targets[chosen]
            loss = functional.cross_entropy(output, wanted) if classify else functional.mse_loss(output, wanted)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = rate(plan, step / max(1, n_steps - 1))
            optimizer.step()
    return network.eval().requires_grad_(False)


def outputs_of(network: HeadedNetwork, rows: np.ndarray) -> np.ndarray:
    """The network's outputs for rows in the autoencoder's units, float64, batch by batch."""
    with torch.inference_mode():
        parts = [network(part).double().numpy() for part in torch.from_numpy(rows).float().split(1024)]
    return np.concatenate(parts)
