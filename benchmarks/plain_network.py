"""The baseline that a user would write by hand: a plain autoencoder, trained for a given processor time.

    784 – w – w – w – p – w – w – w – 784        w = 128 or 512, GELU between layers

Rows are centred and divided by their overall spread. AdamW with a one-cycle learning rate, planned to end with the
time; the best epoch and the better of the two widths are chosen on a held-out tenth of the rows. Rows are in memory and
batches are taken by index: the fastest ordinary PyTorch loop.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["PlainFit", "best_plain_network", "warm_up"]

WIDTHS = (128, 512)
HIGHEST_RATE = {128: 3e-3, 512: 2e-3}  # the best of 1e-3 to 1e-2 on validation rows of the sets that choose defaults
WEIGHT_DECAY, WARM_UP, BATCH = 0.01, 0.3, 128
HELD_OUT = 0.1
TRIAL_STEPS = 10


@dataclass(frozen=True)
class PlainFit:
    """A trained plain network; ``validation`` and `error` are mean squared errors per feature in the rows' units."""

    network: nn.Module
    mean: np.ndarray
    spread: float
    width: int
    validation: float
    epochs: int
    best_epoch: int
    seconds: float

    def error(self, X: np.ndarray) -> float:
        """Mean squared error on new rows."""
        return self.spread**2 * _error(self.network, _scaled(X, self.mean, self.spread))


class PlainNetwork(nn.Module):
    """Encoder and decoder with three hidden layers each, PyTorch's own initial weights."""

    def __init__(self, n_features: int, n_latents: int, width: int):
        super().__init__()
        self.encoder = _perceptron((n_features, width, width, width, n_latents))
        self.decoder = _perceptron((n_latents, width, width, width, n_features))

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


def best_plain_network(X: np.ndarray, n_latents: int, seconds: float, seed: int) -> PlainFit:
    """Train each width for ``seconds`` of processor time, and return the one with the smaller validation error."""
    fits = [plain_network(X, n_latents, seconds, seed, width) for width in WIDTHS]
    return min(fits, key=lambda fit: fit.validation)


def plain_network(X: np.ndarray, n_latents: int, seconds: float, seed: int, width: int) -> PlainFit:
    """Train one width for ``seconds`` of processor time, or one epoch where that takes longer."""
    mean, spread = X.mean(0, dtype=np.float64), float(np.sqrt(X.var(0, dtype=np.float64).mean()))
    rows = _scaled(X, mean, spread)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rows), generator=generator)
    held_out = max(1, round(HELD_OUT * len(rows)))
    validation, training = rows[order[:held_out]], rows[order[held_out:]]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = PlainNetwork(X.shape[1], n_latents, width)
    batch = min(BATCH, len(training))
    steps_an_epoch = math.ceil(len(training) / batch)
    epochs = max(1, int(seconds / _seconds_an_epoch(network, training, validation, batch)))
    started = time.process_time()
    optimizer = _optimizer(network, width)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, HIGHEST_RATE[width], total_steps=epochs * steps_an_epoch + 1, pct_start=WARM_UP
    )
    best_error, best_epoch, best = math.inf, 0, network.state_dict()
    for epoch in range(1, epochs + 1):
        for rows_of_batch in torch.randperm(len(training), generator=generator).split(batch):
            _step(network, optimizer, training[rows_of_batch])
            schedule.step()
        error = _error(network, validation)
        if error < best_error:
            best_error, best_epoch, best = error, epoch, copy.deepcopy(network.state_dict())
    network.load_state_dict(best)
    spent = time.process_time() - started
    return PlainFit(network, mean, spread, width, best_error, epochs, best_epoch, spent)


def warm_up() -> None:
    """Run PyTorch's slow first steps before anything is timed."""
    plain_network(np.random.default_rng(0).normal(size=(64, 4)), 2, 0.2, 0, WIDTHS[0])


def _seconds_an_epoch(network: nn.Module, training: Tensor, validation: Tensor, batch: int) -> float:
    """Measured on a copy of the network."""
    trial = copy.deepcopy(network)
    optimizer = _optimizer(trial, WIDTHS[0])
    seconds = []
    for _ in range(TRIAL_STEPS):
        started = time.process_time()
        _step(trial, optimizer, training[torch.arange(batch)])
        seconds.append(time.process_time() - started)
    started = time.process_time()
    _error(trial, validation)
    return sorted(seconds)[TRIAL_STEPS // 2] * math.ceil(len(training) / batch) + time.process_time() - started


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> None:
    loss = (network(x) - x).square().mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _optimizer(network: nn.Module, width: int) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), lr=HIGHEST_RATE[width], weight_decay=WEIGHT_DECAY, fused=True)


@torch.inference_mode()
def _error(network: nn.Module, rows: Tensor) -> float:
    total = sum(float((network(part) - part).square().sum()) for part in rows.split(2048))
    return total / rows.numel()


def _scaled(X: np.ndarray, mean: np.ndarray, spread: float) -> Tensor:
    return torch.from_numpy(((X - mean) / (spread or 1.0)).astype(np.float32))


def _perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.GELU()]
    return nn.Sequential(*layers[:-1])
