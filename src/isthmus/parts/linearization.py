"""Derivatives of a network in forward and reverse mode, without autograd.

Layer by layer, with h the input of a layer and dots for derivatives:

    linear layer   a = W h + b        push  ȧ = W ḣ              pull  h̄ = Wᵀ ā
    activation     h = φ(a)           push  ḣ = φ'(a) ⊙ ȧ        pull  ā = φ'(a) ⊙ h̄
    normalisation  h = γ ⊙ n + β, n = (a - mean a) / σ      push  ḣ = γ ⊙ P ȧ / σ   pull  ā = P (γ ⊙ h̄) / σ
                   P v = v - mean v - n mean(n ⊙ v), over the places and channels of a group

`value_and_jacobian` pushes all p inputs' tangents at once, stacked with the value, shape (batch, 1 + p, width), so each
layer is one matrix product: the whole Jacobian costs p + 1 passes, however many columns there are. The tangents of the
first linear layer are its own weights, the same for every row, and cost nothing. `Linearization` stores the slopes φ'
and pushes or pulls one vector per row, for one pass each.

Griewank & Walther 2008, "Evaluating Derivatives", chapter 3. A layer without a rule here is differentiated by autograd,
with the same result at a higher cost: a pull takes one backward pass, a push two (the derivative of a pull along its
cotangent).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "NARROW",
    "Linearization",
    "NotDifferentiableError",
    "affine",
    "differentiated",
    "product",
    "value_and_jacobian",
]

aten = torch.ops.aten

NARROW, QUARTER = 16, 4  # outputs below which rounding depends on a row's position, unless padded to a quarter line


class NotDifferentiableError(ValueError):
    """A module has no derivative that could be taken."""


def _silu(a: Tensor) -> tuple[Tensor, Tensor]:
    sigmoid = a.sigmoid()  # the one exponential that both need
    value = a * sigmoid
    return value, torch.addcmul(sigmoid, value, 1 - sigmoid)


def _tanh(a: Tensor) -> tuple[Tensor, Tensor]:
    value = a.tanh()
    return value, 1 - value.square()


def _sigmoid(a: Tensor) -> tuple[Tensor, Tensor]:
    value = a.sigmoid()
    return value, value * (1 - value)


# φ and φ' for each activation with a closed rule, from the input of φ.
ACTIVATED: dict[type[nn.Module], Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    nn.ReLU: lambda a: (a.relu(), (a > 0).to(a.dtype)),
    nn.SiLU: _silu,
    nn.GELU: lambda a: (functional.gelu(a), aten.gelu_backward.default(torch.ones_like(a), a)),
    nn.Tanh: _tanh,
    nn.Sigmoid: _sigmoid,
}


CONVOLUTIONS: dict[type[nn.Module], tuple[Callable[..., Tensor], bool]] = {
    nn.Conv1d: (functional.conv1d, False),
    nn.Conv2d: (functional.conv2d, False),
    nn.ConvTranspose1d: (functional.conv_transpose1d, True),
    nn.ConvTranspose2d: (functional.conv_transpose2d, True),
}
ADJOINTS: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.Conv1d: functional.conv_transpose1d,
    nn.Conv2d: functional.conv_transpose2d,
    nn.ConvTranspose1d: functional.conv1d,
    nn.ConvTranspose2d: functional.conv2d,
}


@torch.no_grad()
def value_and_jacobian(layers: Iterable[nn.Module], z: Tensor, tangents: Tensor) -> Tensor:
    """The output of ``layers`` at z and its derivative along each tangent.

    Parameters
    ----------
    layers
        Applied one after the other.
    z
        Shape (batch, n_inputs).
    tangents
        Shape (p, n_inputs), the same for every row.

    Returns
    -------
    Shape (batch, 1 + p, n_outputs): the value, then p derivatives.
    """
    value, shared, stacked = z, tangents, None
    for layer in layers:
        if stacked is not None:
            stacked = _pushed(layer, stacked)
        elif type(layer) is nn.Linear:
            value, shared = affine(layer, value), shared @ layer.weight.T
        elif type(layer) in ACTIVATED:
            activated, slope = ACTIVATED[type(layer)](value)
            stacked = value.new_empty(len(value), 1 + len(shared), value.shape[1])
            stacked[:, 0] = activated
            torch.mul(shared, slope[:, None], out=stacked[:, 1:])
        else:
            stacked = _pushed(layer, _stack(value, shared))
    return _stack(value, shared) if stacked is None else stacked


class Linearization:
    """A sum of branches, each a sequence of layers, evaluated at z; and its derivative applied to one vector per row.

    ``given`` is appended to z and held fixed; ``input_scale`` divides both first, ``output_scale`` multiplies the sum.

    Attributes
    ----------
    value : Tensor of shape (batch, n_outputs)
    """

    @torch.no_grad()
    def __init__(
        self,
        branches: Sequence[Sequence[nn.Module]],
        z: Tensor,
        given: Tensor | None = None,
        input_scale: Tensor | None = None,
        output_scale: Tensor | None = None,
    ):
        self._scale, self._output_scale = input_scale, output_scale
        self._n_inputs, self._n_given = z.shape[1], 0 if given is None else given.shape[1]
        z = z if given is None else torch.cat([z, given], 1)
        x = z if input_scale is None else z / input_scale
        self._branches: list[list[_Rule]] = []
        values = []
        for layers in branches:
            rules, value = [], x
            for layer in layers:
                rules.append(_rule(layer, value))
                value = rules[-1].value
            self._branches.append(rules)
            values.append(value)
        self.value = sum(values[1:], start=values[0])
        if output_scale is not None:
            self.value = self.value * output_scale

    def push(self, tangent: Tensor) -> Tensor:
        """J t: (batch, n_inputs) to (batch, n_outputs)."""
        tangent = functional.pad(tangent, (0, self._n_given)) if self._n_given else tangent
        tangent = tangent if self._scale is None else tangent / self._scale
        total = None
        for rules in self._branches:
            along = tangent
            for rule in rules:
                along = rule.push(along)
            total = along if total is None else total + along
        total = tangent if total is None else total
        return total if self._output_scale is None else total * self._output_scale

    def pull(self, cotangent: Tensor) -> Tensor:
        """Jᵀ c: (batch, n_outputs) to (batch, n_inputs)."""
        cotangent = cotangent if self._output_scale is None else cotangent * self._output_scale
        total = None
        for rules in self._branches:
            back = cotangent
            for rule in reversed(rules):
                back = rule.pull(back)
            total = back if total is None else total + back
        total = cotangent if total is None else total
        total = total if self._scale is None else total / self._scale
        return total[:, : self._n_inputs] if self._n_given else total


class _Rule:
    """One layer at one input: its value, and the maps that push tangents and pull cotangents."""

    def __init__(self, value: Tensor, push: Callable[[Tensor], Tensor], pull: Callable[[Tensor], Tensor]):
        self.value, self.push, self.pull = value, push, pull


def _rule(layer: nn.Module, x: Tensor) -> _Rule:
    kind = type(layer)
    if isinstance(layer, nn.Linear) and kind is nn.Linear:
        weight = layer.weight
        return _Rule(affine(layer, x), lambda t: product(t, weight), lambda c: product(c, weight.T))
    if kind in ACTIVATED:
        value, slope = ACTIVATED[kind](x)
        return _Rule(value, lambda t: t * slope, lambda c: c * slope)
    if isinstance(layer, nn.Flatten | nn.Unflatten):
        shape = x.shape[1:]
        return _Rule(layer(x), layer, lambda c: c.reshape(len(c), *shape))
    if kind in CONVOLUTIONS:
        return _Rule(layer(x), lambda t: _without_bias(layer, t), lambda c: _adjoint(layer, c, x.shape))
    if isinstance(layer, nn.GroupNorm) and kind is nn.GroupNorm:
        return _Rule(layer(x), *_normalised(layer, x))
    return differentiated(layer, x)


def affine(layer: nn.Linear, x: Tensor) -> Tensor:
    """A linear layer whose rounding of a row does not depend on the row's position."""
    y = product(x, layer.weight)
    return y if layer.bias is None else y.add_(layer.bias)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """X Wᵀ; if W has few rows, both are padded to whole quarters of a cache line.

    Otherwise MKL's rounding of a narrow product depends on where in a cache line a row starts.
    """
    n_out, n_in = weight.shape
    if n_out >= NARROW or (n_out % QUARTER == 0 and n_in % QUARTER == 0):
        return torch.mm(x, weight.T)
    missing = -n_in % QUARTER
    filled = functional.pad(weight, (0, missing, 0, -n_out % QUARTER))
    return torch.mm(functional.pad(x, (0, missing)) if missing else x, filled.T)[:, :n_out]


def _stack(value: Tensor, shared: Tensor) -> Tensor:
    return torch.cat([value[:, None], shared.expand(len(value), *shared.shape)], 1)


def _pushed(layer: nn.Module, stacked: Tensor) -> Tensor:
    """Push through one layer, (batch, 1 + p, *shape_in) to (batch, 1 + p, *shape_out); may overwrite ``stacked``."""
    kind = type(layer)
    if kind in ACTIVATED:
        value, slope = ACTIVATED[kind](stacked[:, 0])
        stacked[:, 1:].mul_(slope[:, None])
        stacked[:, 0] = value
        return stacked
    together = stacked.flatten(0, 1)
    if isinstance(layer, nn.Linear) and kind is nn.Linear:
        return _with_bias(product(together, layer.weight), layer.bias, stacked)
    if isinstance(layer, nn.Flatten | nn.Unflatten):
        return layer(together).unflatten(0, stacked.shape[:2])
    if kind in CONVOLUTIONS:
        bias: Any = layer.bias
        bias = None if bias is None else bias.view(-1, *[1] * (stacked.dim() - 3))
        return _with_bias(_without_bias(layer, together), bias, stacked)
    if isinstance(layer, nn.GroupNorm) and kind is nn.GroupNorm:
        before = stacked[:, 0]
        push, _ = _normalised(layer, before, tangents=stacked.shape[1] - 1)
        return torch.cat([layer(before)[:, None], push(stacked[:, 1:])], 1)
    rule = differentiated(layer, stacked[:, 0])
    return torch.stack([rule.value, *(rule.push(tangent) for tangent in stacked[:, 1:].unbind(1))], 1)


def _with_bias(together: Tensor, bias: Tensor | None, stacked: Tensor) -> Tensor:
    pushed = together.unflatten(0, stacked.shape[:2])
    if bias is not None:
        pushed[:, 0].add_(bias)
    return pushed


def _without_bias(layer: Any, x: Tensor) -> Tensor:
    """A convolution or transposed convolution without its bias."""
    function, transposed = CONVOLUTIONS[type(layer)]
    spare = (layer.output_padding,) if transposed else ()
    rest = (layer.groups, layer.dilation) if transposed else (layer.dilation, layer.groups)
    return function(x, layer.weight, None, layer.stride, layer.padding, *spare, *rest)


def _adjoint(layer: Any, cotangent: Tensor, shape: Sequence[int]) -> Tensor:
    """The adjoint of a convolution, back to the ``shape`` of its input."""
    _, transposed = CONVOLUTIONS[type(layer)]
    other = ADJOINTS[type(layer)]
    if transposed:
        return other(cotangent, layer.weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    least = other(cotangent[:1], layer.weight, None, layer.stride, layer.padding, 0, layer.groups, layer.dilation)
    spare = [size - one for size, one in zip(shape[2:], least.shape[2:], strict=True)]
    return other(cotangent, layer.weight, None, layer.stride, layer.padding, spare, layer.groups, layer.dilation)


def _normalised(layer: nn.GroupNorm, x: Tensor, tangents: int = 0) -> tuple[Any, Any]:
    """Push and pull of a group normalisation at x; with ``tangents``, vectors have an axis for them after the batch."""
    grouped = x.reshape(len(x), layer.num_groups, -1)
    centred = grouped - grouped.mean(2, keepdim=True)
    size = (centred.square().mean(2, keepdim=True) + layer.eps).rsqrt()
    normal = centred * size
    gain = layer.weight.view(-1, *[1] * (x.dim() - 2))
    if tangents:
        normal, size = normal[:, None], size[:, None]

    def projected(v: Tensor) -> Tensor:
        inside = v.reshape(*v.shape[: 1 + bool(tangents)], layer.num_groups, -1)
        left = inside - inside.mean(-1, keepdim=True)
        left = left - normal * (normal * inside).mean(-1, keepdim=True)
        return (left * size).reshape(v.shape)

    return lambda t: gain * projected(t), lambda c: projected(gain * c)


def differentiated(layer: Callable[[Tensor], Tensor], x: Tensor) -> _Rule:
    """A rule by autograd, for anything it can differentiate twice; its forward mode would import PyTorch's compiler."""
    with torch.inference_mode(False), torch.enable_grad():
        at = x.detach().clone().requires_grad_()
        value = layer(at)
        if not value.requires_grad:
            raise NotDifferentiableError(f"{_name(layer)} gives an output that does not depend on its input")
        dual = torch.zeros_like(value, requires_grad=True)
        try:
            (pulled,) = torch.autograd.grad(value, at, dual, create_graph=True)
        except RuntimeError as error:
            raise NotDifferentiableError(f"{_name(layer)} can't be differentiated") from error
    return _Rule(
        value.detach(),
        lambda t: torch.autograd.grad(pulled, dual, t, retain_graph=True)[0],
        lambda c: torch.autograd.grad(value, at, c, retain_graph=True)[0],
    )


def _name(layer: object) -> str:
    return getattr(layer, "__qualname__", type(layer).__name__)
