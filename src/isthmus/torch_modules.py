"""A fitted model as plain PyTorch modules, in the user's units.

    encoder:  x ↦ unit · E[z | (x - center) / spread]        decoder:  z ↦ center + spread · E[x̂ | z / unit]

The modules are traced by ``torch.fx``, so that only PyTorch's own layers are left in them: they train, copy, give a
``state_dict`` and are saved without this library. The subtraction is done in float64, so a float64 column of
timestamps keeps its seconds on the way in; answers have the precision of the weights, float32 unless ``.double()``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from isthmus.parts.bottleneck import PointBottleneck, TopKBottleneck

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["Half", "to_torch"]

PARTS = ("encoder", "decoder", "model")


@dataclass(frozen=True)
class Half:
    """One side of a fitted estimator; ``part`` is "encoder" or "decoder"."""

    estimator: BaseAutoencoder
    part: str

    def to_torch(self) -> nn.Module:
        """A plain module of its own copy of the weights: rows to codes, or codes to rows, in the user's units."""
        return to_torch(self.estimator, self.part)


def to_torch(estimator: BaseAutoencoder, part: str = "model") -> nn.Module:
    """A trainable copy of a fitted estimator's encoder, decoder, or both in one: shape (batch, ·) to (batch, ·).

    Rows must be whole: filling missing cells is the estimator's work.

    Raises
    ------
    ValueError
        If ``part`` is none of "encoder", "decoder" and "model".
    """
    if part not in PARTS:
        raise ValueError(f"to_torch: part must be one of {', '.join(map(repr, PARTS))}, got {part!r}.")
    if estimator._layout is not None:
        raise ValueError(
            "to_torch: this model was fitted on a mixed table, whose words and dates no tensor holds; encode the table "
            "to numbers yourself and fit on those."
        )
    with torch.device("cpu"):
        passage = _Passage(estimator, part)
        traced = fx.symbolic_trace(passage)
    for node in traced.graph.nodes:
        node.type = None  # annotations are words here, which a saved graph can't hold
    traced.recompile()
    traced.train(False)
    return traced.requires_grad_()


class _TopK(nn.Module):
    """Top-k without a question about shapes, which a trace can't ask."""

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, h: Tensor) -> Tensor:
        kept = h.abs().topk(self.k, dim=1).indices
        return torch.zeros_like(h).scatter(1, kept, h.gather(1, kept))


class _Passage(nn.Module):
    """What is traced: scaling, one network or both, scaling undone."""

    def __init__(self, estimator: BaseAutoencoder, part: str):
        super().__init__()
        self.part = part
        model = copy.deepcopy(estimator.model_).cpu()
        if part != "decoder":
            self.encoder, self.bottleneck = model.encoder, model.bottleneck
            if isinstance(model.bottleneck, TopKBottleneck):
                k = model.bottleneck.k
                self.bottleneck = _TopK(k) if k < estimator.n_components_ else PointBottleneck()
        if part != "encoder":
            likelihood: Any = model.likelihood
            if hasattr(likelihood, "log_variance"):
                likelihood.log_variance = None  # σ² is no part of the mean that is rebuilt
            self.decoder, self.likelihood = model.decoder, likelihood
        self.center: Tensor
        self.spread: Tensor
        self.unit: Tensor
        self.register_buffer("center", torch.from_numpy(np.array(estimator.scaling_.center, dtype=np.float64)))
        self.register_buffer("spread", torch.from_numpy(np.array(estimator.scaling_.spread, dtype=np.float64)))
        self.register_buffer("unit", torch.tensor(estimator._code_unit, dtype=torch.float32))

    def forward(self, rows: Tensor) -> Tensor:
        value: Any = rows
        if self.part != "decoder":
            value = ((value.type_as(self.center) - self.center) / self.spread).type_as(self.unit)
            posterior = self.bottleneck(self.encoder(value))
            value = posterior if isinstance(self.bottleneck, _TopK) else posterior.mean
        if self.part == "encoder":
            return value * self.unit
        if self.part == "decoder":
            value = value.type_as(self.unit) / self.unit
        rebuilt = self.likelihood.mean(self.decoder(value))
        return (self.center + self.spread * rebuilt.type_as(self.center)).type_as(self.unit)
