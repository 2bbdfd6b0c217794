"""The vector-quantized autoencoder: a code is one of K vectors (van den Oord et al. 2017, arXiv:1711.00937)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.autoencoder import ForwardOutput
from isthmus.parts.bottleneck import Bottleneck, Posterior
from isthmus.parts.draws import generator
from isthmus.parts.penalty import Penalty
from isthmus.parts.principal import LinearStart, Principal

__all__ = ["VectorQuantizedAutoencoder"]


@dataclass(frozen=True)
class NearestPosterior(Posterior):
    """The nearest vector of the book, and how far it was."""

    gap: Tensor | None = None


class CodebookBottleneck(Bottleneck):
    """Takes h to the nearest of ``size`` vectors, which move towards what they stand for."""

    limits_size = True

    def __init__(self, size: int, n_latents: int):
        super().__init__()
        self.book = nn.Parameter(torch.randn(size, n_latents, generator=generator()))

    def forward(self, h: Tensor) -> Posterior:
        nearest = self.book[torch.cdist(h, self.book).argmin(1)]
        gap = (nearest - h.detach()).square().sum(1) + 0.25 * (nearest.detach() - h).square().sum(1)
        return NearestPosterior(h + (nearest - h).detach(), gap=gap)

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """PCA; the book is scattered about it."""
        directions, spread = principal.directions[:n_latents], principal.variances[:n_latents].clamp(min=1e-8).sqrt()
        with torch.no_grad():
            self.book *= spread
        return LinearStart(
            encode_weight=directions / spread[:, None],
            encode_bias=-(directions / spread[:, None]) @ principal.mean,
            decode_weight=directions.T * spread,
            decode_bias=principal.mean,
            code_scale=spread,
        )


class Commitment(Penalty):
    """How far rows are from their vectors."""

    def __call__(self, forward: ForwardOutput) -> Tensor:
        return getattr(forward.posterior, "gap")  # noqa: B009 - of this file's own posterior


class VectorQuantizedAutoencoder(BaseAutoencoder):
    """A code out of a book of vectors."""

    book_size: int = hyper(32, "vectors in the book", at_least=2)

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """The book."""
        return CodebookBottleneck(self.book_size, n_latents)

    def make_penalties(self) -> dict[str, Penalty]:
        """Vectors and rows drawn to one another."""
        return {"commitment": Commitment(1.0)}
