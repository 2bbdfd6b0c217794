"""The network that complements the closed form: a denoising autoencoder of likes.

    x̃ = dropout(x / ‖x‖)        logits = W₂ tanh(W₁ x̃ + b₁) + b₂        loss = -Σ_i x_i log softmax(logits)_i / Σ_i x_i

This is Mult-DAE (Liang et al. 2018), with half of the likes hidden at each step. It is initialized to the popularity of
the items. Like EASE, it represents a user only by their likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.ratings.interactions import Sparse

__all__ = ["LikesNetwork", "train_network"]

DROPOUT, BATCH, RATE, DECAY, SPREAD = 0.5, 128, 2e-3, 0.01, 0.3
MIN_WIDTH, MAX_WIDTH = 32, 400


class LikesNetwork(nn.Module):
    """From likes to the logits of all items."""

    def __init__(self, n_items: int, width: int):
        super().__init__()
        self.encoder_weight = nn.Parameter(torch.zeros(width, n_items))
        self.encoder_bias = nn.Parameter(torch.zeros(width))
        self.decoder_weight = nn.Parameter(torch.zeros(n_items, width))
        self.decoder_bias = nn.Parameter(torch.zeros(n_items))

    @classmethod
    def of_width(cls, n_items: int, n_users: int) -> LikesNetwork:
        """With a width that this number of users can train."""
        return cls(n_items, min(max(n_users // 3, MIN_WIDTH), MAX_WIDTH))

    def start(self, popularity: Tensor, source: torch.Generator) -> None:
        """Initialize to the items' popularity, shape (n_items,); hidden units have no effect yet."""
        with torch.no_grad():
            size = self.encoder_weight.shape
            self.encoder_weight.copy_(SPREAD * torch.randn(size, generator=source))
            self.decoder_bias.copy_(((popularity + 1) / (popularity.sum() + len(popularity))).log())

    def forward(self, likes: Tensor, keep: Tensor | None = None) -> Tensor:
        """Logits of items, shape (batch, n_items); ``keep`` is 0 for hidden likes, else 1."""
        x = nn.functional.normalize(likes)
        if keep is not None:
            x = x * keep / (1 - DROPOUT)
        hidden = torch.tanh(x @ self.encoder_weight.T + self.encoder_bias)
        return hidden @ self.decoder_weight.T + self.decoder_bias

    @torch.no_grad()
    def scores(self, likes: Sparse) -> np.ndarray:
        """Logits of all items from users' likes, float32 of shape (n_users, n_items)."""
        return self(torch.from_numpy(likes.toarray()).float()).numpy()


def train_network(
    likes: Sparse, epochs: int, seed: int, after: Callable[[int, LikesNetwork], bool] | None = None
) -> LikesNetwork:
    """A network trained on users' likes, shape (n_users, n_items).

    ``after`` is called with the epoch, from 1, and the network after each epoch; training stops if it returns True.
    """
    source = torch.Generator().manual_seed(seed)
    network = LikesNetwork.of_width(likes.shape[1], likes.shape[0])
    network.start(torch.from_numpy(np.asarray(likes.sum(0)).ravel()).float(), source)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for epoch in range(1, epochs + 1):
        for batch in _batches(likes, source):
            keep = (torch.rand(batch.shape, generator=source) >= DROPOUT).float()
            log_shares = network(batch, keep).log_softmax(1)
            loss = -((log_shares * batch).sum(1) / batch.sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if after is not None and after(epoch, network):
            break
    return network.eval()


def _batches(likes: Sparse, source: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(likes.shape[0], generator=source).numpy()
    for start in range(0, len(order), BATCH):
        yield torch.from_numpy(likes[order[start : start + BATCH]].toarray()).float()
