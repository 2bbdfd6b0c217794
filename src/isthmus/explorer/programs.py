"""Programs: networks as lists of layers that the page's runtime knows, in JSON with packed weights.

    network    y = s ⊙ (A (x/t) + a + f(x/t)), any part of which may be absent        `isthmus.parts.network`
    layers     linear, convolution, transposed convolution (of one axis or two), group normalization, five activations
    code       point, gaussian (its mean), rectified, top-k                            `isthmus.parts.bottleneck`
    mean       identity, sigmoid, Bernoulli (with the soft clip), mixed                `isthmus.parts.likelihood`

Anything that the runtime does not know is refused by name, so a page never shows what the model would not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from isthmus.explorer.packing import FLOAT_LEVELS, Packer
from isthmus.parts.bottleneck import Bottleneck
from isthmus.parts.likelihood import Likelihood
from isthmus.parts.network import ACTIVATIONS, Network

__all__ = ["UnknownLayerError", "code_program", "mean_program", "network_program"]

ACTIVATION_NAMES = {kind: name for name, kind in ACTIVATIONS.items()}


CONVOLUTIONS: dict[type, str] = {
    nn.Conv1d: "convolution",
    nn.Conv2d: "convolution",
    nn.ConvTranspose1d: "transposed convolution",
    nn.ConvTranspose2d: "transposed convolution",
}


class UnknownLayerError(ValueError):
    """A part of the model that the page cannot run."""


def network_program(network: Network, packer: Packer, levels: int = FLOAT_LEVELS) -> dict[str, Any]:
    """The program of a `plain` network, with weights rounded to ``levels`` steps on either side of 0."""

    def scale(values: Tensor | None) -> dict[str, Any] | None:
        return None if values is None else packer.floats(values.numpy())

    skip = None if network.skip is None else _layer(network.skip, packer, levels)
    layers = network.stack()
    if layers is None:
        raise UnknownLayerError("the page cannot run a user's own network.")
    residual = _stack(layers, packer, levels) if layers else None
    return {
        "divide": scale(network.input_scale),
        "skip": skip,
        "residual": residual,
        "multiply": scale(network.output_scale),
    }


def code_program(bottleneck: Bottleneck) -> dict[str, Any]:
    """How the encoder's output is read as a code."""
    return _known(bottleneck.page_program(), f"a bottleneck of the kind {type(bottleneck).__name__}")


def mean_program(likelihood: Likelihood) -> dict[str, Any]:
    """How the decoder's output is read as a row."""
    return _known(likelihood.page_program(), f"a likelihood of the kind {type(likelihood).__name__}")


def _known(program: dict[str, Any] | None, what: str) -> dict[str, Any]:
    if program is None:
        raise UnknownLayerError(f"the page cannot run {what}.")
    return program


def _stack(stack: list[nn.Module], packer: Packer, levels: int) -> list[dict[str, Any]]:
    """The layers of a stack; convolutions have the height and width of their input and output."""
    layers, size = [], (0, 0)
    for part in stack:
        if type(part) is nn.Flatten:
            continue  # the runtime's rows are flat throughout
        if type(part) is nn.Unflatten:
            sizes = [int(one) for one in part.unflattened_size[1:]]
            size = (1, *sizes) if len(sizes) == 1 else tuple(sizes)  # one axis is a picture one pixel high
            continue
        layer = _layer(part, packer, levels)
        if layer["kind"].endswith("convolution"):
            layer["input"] = list(size)
            with torch.inference_mode():
                shape = size[1:] if type(part) in (nn.Conv1d, nn.ConvTranspose1d) else size
                size = tuple(part(torch.zeros(1, layer["channels"][0], *shape)).shape[2:])
                size = (1, *size) if len(size) == 1 else size
            layer["output"] = list(size)
        layers.append(layer)
    return layers


def _layer(part: nn.Module, packer: Packer, levels: int) -> dict[str, Any]:
    if type(part) is nn.GELU and part.approximate != "none":
        raise UnknownLayerError("the page cannot run an approximate GELU; use the exact one.")
    if type(part) in ACTIVATION_NAMES:
        return {"kind": ACTIVATION_NAMES[type(part)]}
    if isinstance(part, nn.Linear) and type(part) is nn.Linear:
        return {"kind": "linear", **_weights(part, packer, levels)}
    if type(part) in CONVOLUTIONS:
        return _convolution(part, packer, levels)
    if isinstance(part, nn.GroupNorm) and type(part) is nn.GroupNorm:
        return {
            "kind": "group normalization",
            "groups": part.num_groups,
            "epsilon": part.eps,
            "weight": packer.floats(part.weight.numpy()),
            "bias": packer.floats(part.bias.numpy()),
        }
    raise UnknownLayerError(f"the page cannot run a layer of the kind {type(part).__name__}.")


def _convolution(part: Any, packer: Packer, levels: int) -> dict[str, Any]:
    """A convolution over two axes; one over a single axis becomes one of pictures one pixel high."""
    if part.groups != 1 or {*part.dilation} != {1} or part.padding_mode != "zeros":
        raise UnknownLayerError("the page cannot run a grouped or dilated convolution.")
    sizes = {
        "kernel": [1, *part.kernel_size][-2:],
        "stride": [1, *part.stride][-2:],
        "padding": [0, *part.padding][-2:],
    }
    return {
        "kind": CONVOLUTIONS[type(part)],
        "channels": [part.in_channels, part.out_channels],
        **sizes,
        **_weights(part, packer, levels),
    }


def _weights(part: Any, packer: Packer, levels: int) -> dict[str, Any]:
    bias = torch.zeros(part.weight.shape[0]) if part.bias is None else part.bias
    return {"weight": packer.rows(part.weight.numpy(), levels), "bias": packer.floats(bias.numpy())}
