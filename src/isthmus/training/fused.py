"""Fused passes: a network's forward and backward pass written by hand, instead of recorded by autograd layer by layer.

For small networks most of a training step is overhead: every layer records several nodes, and every
parameter's gradient is accumulated by a node of its own. Here a whole `Network` (linear skip, perceptron,
scales) has one forward pass, which stores each layer's activation, and one backward pass, which adds every
weight's gradient directly to the flat buffer. It is used in two ways:

- `fuse` makes it a single autograd function, which any objective can use;
- `squared_error_pass` needs no autograd at all if the loss is only a Gaussian's: a point code, σ² fixed, no penalty.
  That is the vanilla and the denoising autoencoder.

The modules themselves remain the reference, and are used for everything else: convolutions, dictionaries, and
penalties that differentiate the encoder twice. A test requires all three to give the same losses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.network import Network
from isthmus.rows.rows import Batch
from isthmus.training.devices import use_bfloat16
from isthmus.training.objective import Objective
from isthmus.training.optimizer import FlatParameters
from isthmus.training.plan import Plan

__all__ = ["FusedNetwork", "SquaredErrorPass", "can_fuse", "fuse", "lower_precision", "squared_error_pass", "unfuse"]

aten = torch.ops.aten


@dataclass(frozen=True)
class _Activation:
    """A function and its derivative, computed from the function's output if ``from_output``, otherwise its input."""

    apply: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    from_output: bool


_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(torch.relu_, lambda g, y: aten.threshold_backward.default(g, y, 0), from_output=True),
    nn.Sigmoid: _Activation(torch.sigmoid_, aten.sigmoid_backward.default, from_output=True),
    nn.Tanh: _Activation(torch.tanh_, aten.tanh_backward.default, from_output=True),
    nn.SiLU: _Activation(nn.functional.silu, aten.silu_backward.default, from_output=False),
    nn.GELU: _Activation(nn.functional.gelu, aten.gelu_backward.default, from_output=False),
}


def can_fuse(model: AutoencoderModel) -> bool:
    """Whether both networks declare to be perceptrons with a linear skip."""
    return all(network.perceptron_layers() is not None for network in (model.encoder, model.decoder))


def fuse(model: AutoencoderModel, flat: FlatParameters, computed: FlatParameters) -> None:
    """Make each network that can be fused train by the fused pass.

    Its parameters are in ``flat``; products are computed with, and gradients added to, ``computed``: the same
    buffers, or a copy of them in bfloat16.
    """
    for network in (model.encoder, model.decoder):
        if (layers := network.perceptron_layers()) is not None:
            network.fused = FusedNetwork(network, layers, flat, computed)


def lower_precision(model: AutoencoderModel, plan: Plan, device: torch.device) -> None:
    """Make residual networks compute in bfloat16 if their products are large enough to gain from it."""
    for network in (model.encoder, model.decoder):
        work = plan.batch_size * network.products
        network.low_precision = plan.precision == "auto" and use_bfloat16(plan.precision, device, work)


def unfuse(model: AutoencoderModel) -> None:
    """Return to the plain modules."""
    for network in (model.encoder, model.decoder):
        network.fused, network.low_precision = None, False


class _Layer:
    """A linear layer's weights and gradients: views of the flat buffers, looked up once."""

    def __init__(self, linear: nn.Linear, flat: FlatParameters, computed: FlatParameters):
        self.weight, self.bias = (flat.view_of(part, computed.weights) for part in (linear.weight, linear.bias))
        self.weight_transposed = self.weight.t()
        self.weight_gradient = flat.view_of(linear.weight, computed.gradients)
        self.bias_gradient = flat.view_of(linear.bias, computed.gradients)

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight_transposed)

    def add_gradients(self, gradient: Tensor, x: Tensor, ones: Tensor) -> None:
        """Add the gradient at this layer's output times its input x to the weights' gradients."""
        transposed = gradient.t()
        self.weight_gradient.addmm_(transposed, x)
        # Sum over the batch by a product with ones: one BLAS call instead of a reduction and an addition.
        self.bias_gradient.addmv_(transposed, ones)


class FusedNetwork:
    """One network's two passes: skip(x / s_in) + residual(x / s_in), times s_out."""

    def __init__(self, network: Network, layers: list[Any], flat: FlatParameters, computed: FlatParameters):
        self.input_scale = network.input_scale
        self.output_scale = network.output_scale
        self.skip: Any = None if network.skip is None else _Layer(network.skip, flat, computed)
        self.layers = [_Layer(layer, flat, computed) for layer in layers[::2]]
        self.activations = [_ACTIVATIONS[type(layer)] for layer in layers[1::2]]
        dtype = computed.weights.dtype
        self.format = None if dtype == torch.float32 else dtype  # of the products, if it isn't the rows' own
        self.ones = torch.ones(0)
        # Autograd only calls a function's backward if one of its inputs wants a gradient.
        self.wants_gradient = torch.zeros((), requires_grad=True)

    def __call__(self, x: Tensor) -> Tensor:
        return _FusedFunction.apply(x, self.wants_gradient, self)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output, and the tensors that the backward pass needs."""
        if self.input_scale is not None:
            x = x / self.input_scale
        if self.format is not None:
            x = x.to(self.format)
        hidden, kept = x, [x]
        for layer, activation in zip(self.layers, self.activations, strict=False):
            before = layer.forward(hidden)
            hidden = activation.apply(before)
            kept += [hidden] if activation.from_output else [before, hidden]
        if not self.layers:
            y = self.skip.forward(x)
        else:
            y = self.layers[-1].forward(hidden)
            if self.skip is not None:
                y.addmm_(x, self.skip.weight_transposed).add_(self.skip.bias)
        if self.format is not None:
            y = y.float()
        return (y if self.output_scale is None else y.mul_(self.output_scale)), kept

    def backward(self, gradient: Tensor, kept: list[Tensor], *, wants_input: bool) -> Tensor | None:
        """Add to every weight's gradient; return the input's if ``wants_input``."""
        if self.output_scale is not None:
            gradient = gradient * self.output_scale
        if self.format is not None:
            gradient = gradient.to(self.format)
        x, at_output, at_input = kept[0], gradient, None
        if self.ones.shape[0] != x.shape[0]:
            self.ones = x.new_ones(x.shape[0])
        for index in reversed(range(len(self.layers))):
            layer = self.layers[index]
            hidden = kept.pop()
            layer.add_gradients(gradient, hidden, self.ones)
            if index > 0:
                activation = self.activations[index - 1]
                stored = hidden if activation.from_output else kept.pop()
                gradient = activation.backward(gradient.mm(layer.weight), stored)
            elif wants_input:
                at_input = gradient.mm(layer.weight)
        if self.skip is not None:
            self.skip.add_gradients(at_output, x, self.ones)
            if wants_input:
                by_skip = at_output.mm(self.skip.weight)
                at_input = by_skip if at_input is None else at_input.add_(by_skip)
        if at_input is None:
            return None
        if self.format is not None:
            at_input = at_input.float()
        return at_input if self.input_scale is None else at_input.div_(self.input_scale)


class _FusedFunction(torch.autograd.Function):
    """A `FusedNetwork` as one node of autograd, differentiable once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, _: Tensor, network: FusedNetwork) -> Tensor:
        y, ctx.kept = network.forward(x)
        ctx.network = network
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyrefly: ignore[bad-override]
        wants_input = ctx.needs_input_grad[0]
        return ctx.network.backward(grad_outputs[0], ctx.kept, wants_input=wants_input), None, None


class SquaredErrorPass:
    """Both networks' passes without autograd, if the loss is only a Gaussian's with σ² fixed."""

    def __init__(self, model: AutoencoderModel):
        self.encoder: Any = model.encoder.fused
        self.decoder: Any = model.decoder.fused
        self.corrupt: Any = model.corruption.forward  # not as a module: there are no hooks to call
        self.bottleneck = model.bottleneck
        self.likelihood: Any = model.likelihood

    # Buffers and rows require no gradient, so autograd records nothing here.
    def add_gradients(self, batch: Batch, n_rows: int | None = None) -> None:
        """Add the gradients of the mean loss to the flat buffer; rows from ``n_rows`` on contribute zero."""
        h, gate, output, kept_by_encoder, kept_by_decoder = self._pass(batch.x, batch.given)
        gradient = self.likelihood.output_gradient(output, batch.x)
        if batch.weight is not None:
            gradient *= batch.weight[:, None]
        if n_rows is not None:
            gradient[n_rows:] = 0
        at_code: Any = self.decoder.backward(gradient, kept_by_decoder, wants_input=True)
        if batch.given is not None:
            at_code = at_code[:, : h.shape[1]]
        self.encoder.backward(at_code if gate is None else at_code * gate, kept_by_encoder, wants_input=False)

    def measure(self, x: Tensor, given: Tensor | None) -> dict[str, Tensor]:
        """A batch's part of `Training.measure`: the loss, its only part and the squared error per feature."""
        output = self._pass(x, given)[2]
        difference = self.likelihood.mean(output) - x
        squares = torch.linalg.vecdot(difference, difference)
        loss = self.likelihood.of_squares(squares, x.shape[1])
        return {"loss": loss, "reconstruction": loss, "mse": squares / x.shape[1]}

    def _pass(self, x: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor, list, list]:
        """h, its gate, the output, and what both backward passes need."""
        corrupted = self.corrupt(x)
        h, kept_by_encoder = self.encoder.forward(corrupted if given is None else torch.cat([corrupted, given], 1))
        gate = self.bottleneck.gate(h)
        code = h if gate is None else h * gate
        output, kept_by_decoder = self.decoder.forward(code if given is None else torch.cat([code, given], 1))
        return h, gate, output, kept_by_encoder, kept_by_decoder


def squared_error_pass(model: AutoencoderModel, objective: Objective) -> SquaredErrorPass | None:
    """The pass without autograd of a model whose networks are already fused; None if it doesn't apply."""
    applies = (
        model.encoder.fused is not None
        and model.decoder.fused is not None
        and model.bottleneck.is_gate
        and model.likelihood.is_squared_error
        and not objective.penalties
        and not model.corruption.blind
    )
    return SquaredErrorPass(model) if applies else None
