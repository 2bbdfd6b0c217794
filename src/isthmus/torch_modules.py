"""How a fitted model becomes plain PyTorch modules, in the user's units.

    encoder:  x ↦ unit · E[z | (x - center) / spread]        decoder:  z ↦ center + spread · E[x̂ | z / unit]

If the model was fitted with conditions, the module takes them as a second input, (x, given) or (z, given).
The modules are traced by ``torch.fx``, so they contain only PyTorch's own layers: they can be trained, copied and
saved without this library. The subtraction is done in float64, so a float64 column of timestamps keeps its seconds;
outputs have the precision of the weights, float32 unless ``.double()``.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from isthmus.fitted import FittedState
from isthmus.inference.unrolled import UnrolledPolishing, can_unroll

__all__ = ["Side", "TorchPart", "to_torch"]

PARTS = ("encoder", "decoder", "model")


@dataclass(frozen=True)
class TorchPart:
    """The encoder or decoder of a fitted model; ``part`` says which."""

    fitted: FittedState
    part: str

    def to_torch(self, polish: int | None = None) -> nn.Module:
        """A plain module with its own copy of the weights: rows to codes, or codes to rows, in the user's units.

        ``polish`` is as for `to_torch`; 0 leaves the encoder's codes.
        """
        return to_torch(self.fitted, self.part, polish)


class Side:
    """Descriptor of an estimator's ``encoder`` and ``decoder``: before `fit` the setting, after it the fitted part.

    Then ``encoder.to_torch()`` is a plain module that computes `transform`, and ``decoder.to_torch()`` one that
    computes `inverse_transform`.
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


def to_torch(fitted: FittedState, part: str = "model", polish: int | None = None) -> nn.Module:
    """A trainable copy of a fitted model's encoder, decoder, or both in one: shape (batch, ·) to (batch, ·).

    If the model was fitted with ``given``, the module has two inputs: rows or codes, and their conditions. Rows must be
    complete: only the estimator fills missing cells. Codes are polished by ``polish`` unrolled steps; None takes as
    many as the model itself, 0 leaves the encoder's codes.

    Raises
    ------
    ValueError
        If ``part`` is none of "encoder", "decoder" and "model", or polishing can't be unrolled.
    """
    if part not in PARTS:
        raise ValueError(f"to_torch: part must be one of {', '.join(map(repr, PARTS))}, got {part!r}.")
    if fitted.layout is not None:
        raise ValueError(
            "to_torch: this model was fitted on a mixed-type table, whose words and dates no tensor holds; encode the "
            "table as numbers yourself and fit on those."
        )
    steps = 0 if part == "decoder" else _steps(fitted, polish)
    with torch.device("cpu"):
        passes = (_Traced if fitted.given is None else _TracedWithGiven)(fitted, part, steps)
        graph = fx.Graph()  # a copy, which doesn't name the tracer: it is saved without this library
        graph.output(graph.graph_copy(_Tracer(passes.own_modules).trace(passes), {}))
    traced = fx.GraphModule(passes, graph)
    for node in traced.graph.nodes:
        node.type = None  # annotations are strings here, which a saved graph can't hold
    traced.recompile()
    traced.train(False)
    return traced.requires_grad_()


def _steps(fitted: FittedState, polish: int | None) -> int:
    """The number of polishing steps that are unrolled."""
    steps, model = fitted.polish_steps if polish is None else polish, fitted.model
    if steps == 0 or fitted.inference is None or fitted.inference.polishing is None:
        return 0
    if not (can_unroll(model.decoder) and model.likelihood.is_gaussian and model.likelihood.mean_is_output):
        raise ValueError(
            "to_torch: codes are polished outside of this library only under a squared error and a decoder of linear "
            "layers; to_torch(polish=0) gives the encoder's own codes."
        )
    return steps


class _Tracer(fx.Tracer):
    """Doesn't trace into the user's own modules, which may not be traceable."""

    def __init__(self, own: list[nn.Module]):
        super().__init__()
        self.own = own

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return any(m is module for module in self.own) or super().is_leaf_module(m, module_qualified_name)


class _Traced(nn.Module):
    """The module to trace: scaling, one network or both, inverse scaling."""

    def __init__(self, fitted: FittedState, part: str, steps: int):
        super().__init__()
        self.part = part
        self.polish: Any = None
        model = copy.deepcopy(fitted.model).cpu()
        if part != "decoder":
            self.encoder, self.bottleneck = model.encoder, model.bottleneck
        self.likelihood = model.likelihood.mean_module()
        if part != "encoder":
            self.decoder = model.decoder
        if steps:
            assert fitted.inference is not None  # see `_steps`
            assert fitted.inference.polishing is not None
            self.polish = UnrolledPolishing(model.decoder, fitted.inference.polishing, steps)
        networks = (model.encoder, model.decoder)
        self.own_modules = [network.own_module for network in networks if network.own_module is not None]
        self.center: Tensor
        self.spread: Tensor
        self.unit: Tensor
        self.register_buffer("center", torch.from_numpy(np.array(fitted.scaling.center, dtype=np.float64)))
        self.register_buffer("spread", torch.from_numpy(np.array(fitted.scaling.spread, dtype=np.float64)))
        self.register_buffer("unit", torch.tensor(fitted.code_unit))

    def forward(self, rows: Tensor) -> Tensor:
        return self._through(rows, None)

    def _through(self, rows: Tensor, given: Tensor | None) -> Tensor:
        value: Any = rows
        if self.part != "decoder":
            value = ((value.type_as(self.center) - self.center) / self.spread).type_as(self.unit)
            rows = value
            guess = self.bottleneck.expected_code(self.encoder(self.likelihood.encoder_input(value), given))
            value = guess if self.polish is None else self.polish(value, guess, given)
        if self.part == "encoder":
            return value * self.unit
        if self.part == "decoder":
            value = value.type_as(self.unit) / self.unit
        likelihood = self.likelihood if self.part == "decoder" else self.likelihood.at(rows)
        reconstruction = likelihood.mean(self.decoder(value, given))
        return (self.center + self.spread * reconstruction.type_as(self.center)).type_as(self.unit)


class _TracedWithGiven(_Traced):
    """The module to trace if there are conditions, which it standardizes as in `fit`."""

    def __init__(self, fitted: FittedState, part: str, steps: int):
        super().__init__(fitted, part, steps)
        assert fitted.given is not None  # see `to_torch`
        self.given_center: Tensor
        self.given_spread: Tensor
        self.register_buffer("given_center", torch.from_numpy(np.array(fitted.given.center, dtype=np.float64)))
        self.register_buffer("given_spread", torch.from_numpy(np.array(fitted.given.spread, dtype=np.float64)))

    def forward(self, rows: Tensor, given: Tensor) -> Tensor:  # pyrefly: ignore[bad-override]
        scaled = (given.type_as(self.given_center) - self.given_center) / self.given_spread
        return self._through(rows, scaled.type_as(self.unit))
