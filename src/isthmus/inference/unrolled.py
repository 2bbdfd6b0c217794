"""Polishing unrolled for other runtimes: a fixed number of steps of descent, in plain PyTorch operations.

It is the arithmetic of `isthmus.inference.descent` without blocks, so its trace can be trained, saved and exported to
ONNX without this library.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.inference.descent import BACKTRACK, ROUNDING
from isthmus.inference.polishing import Polishing
from isthmus.inference.starts import FEW
from isthmus.parts.network import Network

__all__ = ["UnrolledPolishing", "can_unroll"]


def _silu_slope(a: Tensor) -> Tensor:
    sigmoid = torch.sigmoid(a)
    return sigmoid * (1 + a * (1 - sigmoid))


def _gelu_slope(a: Tensor) -> Tensor:
    cdf = 0.5 * (1 + torch.erf(a / math.sqrt(2)))
    return cdf + a * torch.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)


def _sigmoid_slope(a: Tensor) -> Tensor:
    sigmoid = torch.sigmoid(a)
    return sigmoid * (1 - sigmoid)


SLOPES: dict[type[nn.Module], Any] = {
    nn.ReLU: lambda a: torch.where(a > 0, 1.0, 0.0),
    nn.SiLU: _silu_slope,
    nn.GELU: _gelu_slope,
    nn.Tanh: lambda a: 1 - torch.tanh(a) * torch.tanh(a),
    nn.Sigmoid: _sigmoid_slope,
}


def can_unroll(decoder: Network) -> bool:
    """Whether the decoder is a linear skip plus a perceptron, or one of the two."""
    return decoder.perceptron_layers() is not None


class UnrolledPolishing(nn.Module):
    """(x, guess, given) to codes; ``decoder``, for which `can_unroll` must hold, is shared with the caller."""

    def __init__(self, decoder: Network, polishing: Polishing, steps: int):
        super().__init__()
        self.decoder, self.steps = decoder, steps
        self.n_latents = len(polishing.metric)
        self.searches = len(polishing.bank) > 0
        self.metric: Tensor
        self.bank: Tensor
        self.outputs: Tensor
        self.register_buffer("metric", polishing.metric.cpu().clone())
        self.register_buffer("bank", polishing.bank.cpu().clone())
        first: Any = decoder.skip if decoder.skip is not None else (decoder.perceptron_layers() or [])[0]
        self.n_given = int(first.in_features) - self.n_latents
        with torch.no_grad():
            outputs = decoder(self.bank) if self.searches and not self.n_given else torch.empty(0, 0)
        self.register_buffer("outputs", outputs)

    def forward(self, x: Tensor, guess: Tensor, given: Tensor | None = None) -> Tensor:
        code: Any = guess
        if self.searches:
            code = self._start(x, guess) if given is None else self._start_of_few(x, guess, given)
        energy, direction, length = self._direction(x, code, given)
        factor: Any = torch.ones_like(energy)
        for step in range(self.steps):
            trial = code + (factor * length).unsqueeze(1) * direction
            if step == self.steps - 1:
                trial_energy = 0.5 * (self.decoder(trial, given) - x).square().sum(1)
                return torch.where((trial_energy <= (1 + ROUNDING) * energy).unsqueeze(1), trial, code)
            trial_energy, trial_direction, trial_length = self._direction(x, trial, given)
            accepted = trial_energy <= (1 + ROUNDING) * energy
            code = torch.where(accepted.unsqueeze(1), trial, code)
            direction = torch.where(accepted.unsqueeze(1), trial_direction, direction)
            energy = torch.where(accepted, trial_energy, energy)
            length = torch.where(accepted, trial_length, length)
            factor = torch.where(accepted, torch.ones_like(factor), BACKTRACK * factor)
        return code

    def _start(self, x: Tensor, guess: Tensor) -> Tensor:
        lengths = self.outputs.square().sum(1)
        nearest = (lengths - 2 * (x @ self.outputs.T)).argmin(1)
        away, own = self.outputs[nearest] - x, self.decoder(guess) - x
        closer = away.square().sum(1) < own.square().sum(1)
        return torch.where(closer.unsqueeze(1), self.bank[nearest], guess)

    def _start_of_few(self, x: Tensor, guess: Tensor, given: Tensor) -> Tensor:
        """With conditions a few codes are decoded for each row, as in `CodeBank`."""
        code: Any = guess
        cost: Any = (self.decoder(code, given) - x).square().sum(1)
        for index in torch.linspace(0, len(self.bank) - 1, min(FEW, len(self.bank))).long().tolist():
            trial = self.bank[index] + torch.zeros_like(guess)
            tried = (self.decoder(trial, given) - x).square().sum(1)
            code = torch.where((tried < cost).unsqueeze(1), trial, code)
            cost = torch.minimum(cost, tried)
        return code

    def _direction(self, x: Tensor, code: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Energy, search direction and step length, as in `isthmus.inference.descent`."""
        decoder = self.decoder
        inputs = code if given is None else torch.cat([code, given], 1)
        hidden: Any = inputs if decoder.input_scale is None else inputs / decoder.input_scale
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
        skip: Any = decoder.skip
        total: Any = None if skip is None else cotangent @ skip.weight
        if slopes:
            for layer in reversed(decoder.perceptron_layers() or []):
                back = back * rest.pop() if type(layer) in SLOPES else back @ layer.weight
            total = back if total is None else total + back
        total = total if decoder.input_scale is None else total / decoder.input_scale
        return total[:, : self.n_latents] if self.n_given else total

    def _pushed(self, tangent: Any, slopes: list[Any]) -> Any:
        decoder, rest = self.decoder, list(reversed(slopes))
        tangent = nn.functional.pad(tangent, (0, self.n_given)) if self.n_given else tangent
        tangent = tangent if decoder.input_scale is None else tangent / decoder.input_scale
        skip: Any = decoder.skip
        total: Any = None if skip is None else tangent @ skip.weight.T
        if slopes:
            along: Any = tangent
            for layer in decoder.perceptron_layers() or []:
                along = along * rest.pop() if type(layer) in SLOPES else along @ layer.weight.T
            total = along if total is None else total + along
        return total
