"""A fitted model as plain PyTorch modules, in the user's units.

    encoder:  x ↦ unit · E[z | (x - center) / spread]        decoder:  z ↦ center + spread · E[x̂ | z / unit]

The modules are traced by ``torch.fx``, so that only PyTorch's own layers are left in them: they train, copy, give a
``state_dict`` and are saved without this library. The subtraction is done in float64, so a float64 column of
timestamps keeps its seconds on the way in; answers have the precision of the weights, float32 unless ``.double()``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from isthmus.fitted import FittedState

__all__ = ["Side", "TorchPart", "to_torch"]

PARTS = ("encoder", "decoder", "model")


@dataclass(frozen=True)
class TorchPart:
    """One side of a fitted model; ``part`` is "encoder" or "decoder"."""

    fitted: FittedState
    part: str

    def to_torch(self) -> nn.Module:
        """A plain module of its own copy of the weights: rows to codes, or codes to rows, in the user's units."""
        return to_torch(self.fitted, self.part)


class Side:
    """Descriptor of an estimator's ``encoder`` and ``decoder``: what was given before `fit`, what was learned after.

    ``encoder.to_torch()`` is then a plain module that does what `transform` does, ``decoder.to_torch()`` one that does
    what `inverse_transform` does.
    """

    def __init__(self, part: str):
        self.part = part

    def __get__(self, estimator: Any, kind: type | None = None) -> Any:
        if estimator is None:
            return self
        if "fitted_" in vars(estimator):
            return TorchPart(estimator.fitted_, self.part)
        return vars(estimator).get(self.part)

    def __set__(self, estimator: Any, module: Any) -> None:
        vars(estimator)[self.part] = module


def to_torch(fitted: FittedState, part: str = "model") -> nn.Module:
    """A trainable copy of a fitted model's encoder, decoder, or both in one: shape (batch, ·) to (batch, ·).

    Rows must be complete: filling missing cells is the estimator's work.

    Raises
    ------
    ValueError
        If ``part`` is none of "encoder", "decoder" and "model".
    """
    if part not in PARTS:
        raise ValueError(f"to_torch: part must be one of {', '.join(map(repr, PARTS))}, got {part!r}.")
    if fitted.layout is not None:
        raise ValueError(
            "to_torch: this model was fitted on a mixed table, whose words and dates no tensor holds; encode the table "
            "to numbers yourself and fit on those."
        )
    if fitted.given is not None:
        raise ValueError("to_torch: this model was fitted with given, which no module of one input takes yet.")
    with torch.device("cpu"):
        passes = _Traced(fitted, part)
        graph = _Tracer(passes.own_modules).trace(passes)
    traced = fx.GraphModule(passes, graph)
    for node in traced.graph.nodes:
        node.type = None  # annotations are words here, which a saved graph can't hold
    traced.recompile()
    traced.train(False)
    return traced.requires_grad_()


class _Tracer(fx.Tracer):
    """Leaves modules of the user's own as they are: what they do inside may be more than a trace can follow."""

    def __init__(self, own: list[nn.Module]):
        super().__init__()
        self.own = own

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return any(m is module for module in self.own) or super().is_leaf_module(m, module_qualified_name)


class _Traced(nn.Module):
    """What is traced: scaling, one network or both, scaling undone."""

    def __init__(self, fitted: FittedState, part: str):
        super().__init__()
        self.part = part
        model = copy.deepcopy(fitted.model).cpu()
        if part != "decoder":
            self.encoder, self.bottleneck = model.encoder, model.bottleneck
        if part != "encoder":
            self.decoder, self.likelihood = model.decoder, model.likelihood.mean_module()
        networks = (model.encoder, model.decoder)
        self.own_modules = [network.own_module for network in networks if network.own_module is not None]
        self.center: Tensor
        self.spread: Tensor
        self.unit: Tensor
        self.register_buffer("center", torch.from_numpy(np.array(fitted.scaling.center, dtype=np.float64)))
        self.register_buffer("spread", torch.from_numpy(np.array(fitted.scaling.spread, dtype=np.float64)))
        self.register_buffer("unit", torch.tensor(fitted.code_unit, dtype=torch.float32))

    def forward(self, rows: Tensor) -> Tensor:
        value: Any = rows
        if self.part != "decoder":
            value = ((value.type_as(self.center) - self.center) / self.spread).type_as(self.unit)
            value = self.bottleneck.encode(self.encoder(value))
        if self.part == "encoder":
            return value * self.unit
        if self.part == "decoder":
            value = value.type_as(self.unit) / self.unit
        rebuilt = self.likelihood.mean(self.decoder(value))
        return (self.center + self.spread * rebuilt.type_as(self.center)).type_as(self.unit)
