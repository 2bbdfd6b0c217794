"""A network's pass and its gradients as one step of autograd instead of dozens.

For small networks most of a training step is bookkeeping: every layer records several nodes, and every
parameter's gradient is gathered by a node of its own. Here a whole `Network` (straight part, perceptron,
scales) is one autograd function: the forward pass keeps each layer's activation, the backward pass writes every
weight's gradient straight into the flat buffer it lives in. Objectives compose with it as with any other node.

The plain modules remain the reference, and serve wherever this does not: convolutions, dictionaries, and
penalties that differentiate the encoder twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.model.autoencoder import AutoencoderModel
from isthmus.model.network import Network

__all__ = ["fuse", "unfuse"]

aten = torch.ops.aten


@dataclass(frozen=True)
class _Activation:
    """A function and its derivative; ``from_output`` says which of input and output the derivative reads."""

    apply: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    from_output: bool


_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(torch.relu_, lambda g, y: aten.threshold_backward(g, y, 0), from_output=True),
    nn.Sigmoid: _Activation(torch.sigmoid_, aten.sigmoid_backward, from_output=True),
    nn.Tanh: _Activation(torch.tanh_, aten.tanh_backward, from_output=True),
    nn.SiLU: _Activation(nn.functional.silu, aten.silu_backward, from_output=False),
    nn.GELU: _Activation(nn.functional.gelu, aten.gelu_backward, from_output=False),
}


def fuse(model: AutoencoderModel) -> None:
    """Let both networks train by the fused pass where they can; their parameters must hold gradient buffers."""
    for network in (model.encoder, model.decoder):
        if _can_fuse(network):
            network.fused = _FusedNetwork(network)


def unfuse(model: AutoencoderModel) -> None:
    """Back to the plain modules."""
    for network in (model.encoder, model.decoder):
        network.fused = None


def _can_fuse(network: Network) -> bool:
    layers = list(network.bent or ())
    return isinstance(network.straight, (nn.Linear, type(None))) and all(
        isinstance(layer, nn.Linear) if place % 2 == 0 else type(layer) in _ACTIVATIONS
        for place, layer in enumerate(layers)
    )


class _FusedNetwork:
    """One network's layers, laid out for `_Pass`."""

    def __init__(self, network: Network):
        self.input_scale = network.input_scale
        self.output_scale = network.output_scale
        self.straight: Any = network.straight
        layers = list(network.bent or ())
        self.linears: list[Any] = layers[::2]
        self.activations = [_ACTIVATIONS[type(layer)] for layer in layers[1::2]]
        # Autograd only calls a function's backward if one of its inputs wants a gradient.
        self.wants_gradient = torch.zeros((), requires_grad=True)

    def __call__(self, x: Tensor) -> Tensor:
        return _Pass.apply(x, self.wants_gradient, self)


class _Pass(torch.autograd.Function):
    """straight(x / s_in) + bent(x / s_in), times s_out; once differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, _: Tensor, network: _FusedNetwork) -> Tensor:
        if network.input_scale is not None:
            x = x / network.input_scale
        hidden, kept = x, [x]
        for linear, activation in zip(network.linears[:-1], network.activations, strict=True):
            before = torch.addmm(linear.bias, hidden, linear.weight.t())
            hidden = activation.apply(before)
            kept += [hidden] if activation.from_output else [before, hidden]
        if network.linears:
            last = network.linears[-1]
            y = torch.addmm(last.bias, hidden, last.weight.t())
            if network.straight is not None:
                y.addmm_(x, network.straight.weight.t()).add_(network.straight.bias)
        else:
            y = torch.addmm(network.straight.bias, x, network.straight.weight.t())
        if network.output_scale is not None:
            y.mul_(network.output_scale)
        ctx.network, ctx.kept = network, kept
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyrefly: ignore[bad-override]
        (gradient,) = grad_outputs
        network, kept = ctx.network, ctx.kept
        if network.output_scale is not None:
            gradient = gradient * network.output_scale
        x, at_output = kept[0], gradient
        for place in reversed(range(len(network.linears))):
            linear = network.linears[place]
            hidden = kept.pop()
            linear.weight.grad.addmm_(gradient.t(), hidden)
            linear.bias.grad.add_(gradient.sum(0))
            if place > 0:
                activation = network.activations[place - 1]
                reads = hidden if activation.from_output else kept.pop()
                gradient = activation.backward(gradient.mm(linear.weight), reads)
        at_input = None
        if ctx.needs_input_grad[0]:
            at_input = gradient.mm(network.linears[0].weight) if network.linears else None
        if network.straight is not None:
            network.straight.weight.grad.addmm_(at_output.t(), x)
            network.straight.bias.grad.add_(at_output.sum(0))
            if ctx.needs_input_grad[0]:
                through = at_output.mm(network.straight.weight)
                at_input = through if at_input is None else at_input.add_(through)
        if at_input is not None and network.input_scale is not None:
            at_input = at_input / network.input_scale
        return at_input, None, None
