"""Polishing written out for other runtimes: a fixed number of steps of descent, in PyTorch's plain operations.

The same arithmetic as `isthmus.inference.descent`, without its blocks: what is traced of it trains, is saved and goes
to ONNX without this library.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.inference.descent import LEVEL
from isthmus.inference.polishing import Polishing
from isthmus.parts.network import Network

__all__ = ["UnrolledPolishing", "can_unroll"]


def _silu_slope(a: Tensor) -> Tensor:
    share = torch.sigmoid(a)
    return share * (1 + a * (1 - share))


def _gelu_slope(a: Tensor) -> Tensor:
    below = 0.5 * (1 + torch.erf(a / math.sqrt(2)))
    return below + a * torch.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)


def _sigmoid_slope(a: Tensor) -> Tensor:
    share = torch.sigmoid(a)
    return share * (1 - share)


SLOPES: dict[type[nn.Module], Any] = {
    nn.ReLU: lambda a: torch.where(a > 0, 1.0, 0.0),
    nn.SiLU: _silu_slope,
    nn.GELU: _gelu_slope,
    nn.Tanh: lambda a: 1 - torch.tanh(a) * torch.tanh(a),
    nn.Sigmoid: _sigmoid_slope,
}


def can_unroll(decoder: Network) -> bool:
    """Whether the decoder is a perceptron beside a linear skip, or one of them."""
    return decoder.perceptron_layers() is not None


class UnrolledPolishing(nn.Module):
    """(x, guess) to codes; ``decoder`` is a perceptron beside a linear skip, and shared with whoever made this."""

    def __init__(self, decoder: Network, polishing: Polishing, steps: int):
        super().__init__()
        self.decoder, self.steps = decoder, steps
        self.searches = len(polishing.bank) > 0
        self.metric: Tensor
        self.bank: Tensor
        self.outputs: Tensor
        self.register_buffer("metric", polishing.metric.cpu().clone())
        self.register_buffer("bank", polishing.bank.cpu().clone())
        with torch.no_grad():
            outputs = decoder(self.bank) if self.searches else torch.empty(0, 0)
        self.register_buffer("outputs", outputs)

    def forward(self, x: Tensor, guess: Tensor) -> Tensor:
        code: Any = self._start(x, guess) if self.searches else guess
        energy, direction, length = self._ahead(x, code)
        reach: Any = torch.ones_like(energy)
        for step in range(self.steps):
            trial = code + (reach * length).unsqueeze(1) * direction
            if step == self.steps - 1:
                reached = 0.5 * (self.decoder(trial) - x).square().sum(1)
                return torch.where((reached <= (1 + LEVEL) * energy).unsqueeze(1), trial, code)
            reached, onward, how_far = self._ahead(x, trial)
            lower = reached <= (1 + LEVEL) * energy
            code = torch.where(lower.unsqueeze(1), trial, code)
            direction = torch.where(lower.unsqueeze(1), onward, direction)
            energy, length = torch.where(lower, reached, energy), torch.where(lower, how_far, length)
            reach = torch.where(lower, torch.ones_like(reach), 0.25 * reach)
        return code

    def _start(self, x: Tensor, guess: Tensor) -> Tensor:
        lengths = self.outputs.square().sum(1)
        nearest = (lengths - 2 * (x @ self.outputs.T)).argmin(1)
        away, own = self.outputs[nearest] - x, self.decoder(guess) - x
        closer = away.square().sum(1) < own.square().sum(1)
        return torch.where(closer.unsqueeze(1), self.bank[nearest], guess)

    def _ahead(self, x: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Energy, direction and length, as in `isthmus.inference.descent`."""
        decoder = self.decoder
        hidden: Any = code if decoder.input_scale is None else code / decoder.input_scale
        first, slopes = hidden, []
        for layer in decoder.perceptron_layers() or []:
            if type(layer) in SLOPES:
                slopes.append(SLOPES[type(layer)](hidden))
            hidden = layer(hidden)
        output: Any = None if not slopes else hidden
        if decoder.skip is not None:
            output = decoder.skip(first) if output is None else output + decoder.skip(first)
        residual = output - x
        gradient = self._pulled(residual, slopes)
        direction = -(gradient @ self.metric)
        along = self._pushed(direction, slopes)
        decrease = -(gradient * direction).sum(1)
        tiny = torch.finfo(torch.float32).tiny
        return 0.5 * residual.square().sum(1), direction, decrease / (along.square().sum(1) + tiny)

    def _pulled(self, cotangent: Any, slopes: list[Any]) -> Any:
        decoder, back, rest = self.decoder, cotangent, list(slopes)
        total: Any = None if decoder.skip is None else cotangent @ decoder.skip.weight
        if slopes:
            for layer in reversed(decoder.perceptron_layers() or []):
                back = back * rest.pop() if type(layer) in SLOPES else back @ layer.weight
            total = back if total is None else total + back
        return total if decoder.input_scale is None else total / decoder.input_scale

    def _pushed(self, tangent: Any, slopes: list[Any]) -> Any:
        decoder, rest = self.decoder, list(reversed(slopes))
        tangent = tangent if decoder.input_scale is None else tangent / decoder.input_scale
        total: Any = None if decoder.skip is None else tangent @ decoder.skip.weight.T
        if slopes:
            along = tangent
            for layer in decoder.perceptron_layers() or []:
                along = along * rest.pop() if type(layer) in SLOPES else along @ layer.weight.T
            total = along if total is None else total + along
        return total
