"""Encoder and decoder networks: perceptrons of any width or convolutions for images, each with a linear skip.

    encoder(x) = s ⊙ (A x + a + f(x))          decoder(z) = B (z / s) + b + g(z / s)

A, a, B, b are the linear skip, f and g the residual networks. With a principal start A and B come from PCA, s is the
standard deviation of each latent, and the last layers of f and g are initialized to zero: the untrained model *is* PCA.
Without hidden layers there is only the skip: the linear autoencoder. A plain network (``start="random"``) is only
the residual network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.parts.activations import ACTIVATIONS, perceptron
from isthmus.parts.convolution import Stages, convolutional_decoder, convolutional_encoder
from isthmus.parts.draws import generator
from isthmus.parts.linearization import Linearization, affine, value_and_jacobian
from isthmus.parts.own_module import OwnModule
from isthmus.parts.part import Part
from isthmus.parts.principal import LinearStart

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "Dictionary",
    "Network",
    "convolutional_decoder",
    "convolutional_encoder",
    "init_from_closed_form",
    "perceptron",
]


@dataclass(frozen=True)
class Architecture:
    """Everything that determines the shape of both networks; a saved model is built from it.

    Without ``hidden_widths`` and ``channels`` the networks are linear. The decoder mirrors the encoder, except that a
    sparse code is decoded by a `Dictionary` alone: a residual network could undo the unit norm. ``grid`` holds the
    sizes of the axes along which neighbours are related, and ``stages`` the widths of the convolutions over it
    (`isthmus.parts.convolution.Stages`); both are set or neither.
    """

    n_features: int
    n_latents: int
    outputs_per_latent: int = 1
    hidden_widths: tuple[int, ...] = ()
    activation: str = "silu"
    image_shape: tuple[int, ...] | None = None
    channels: tuple[int, ...] = ()
    principal: bool = True
    sparse: bool = False
    own_encoder: bool = False
    own_decoder: bool = False
    n_given: int = 0
    grid: tuple[int, ...] = ()
    stages: tuple[int, ...] = ()

    @property
    def linear(self) -> bool:
        """Whether there are no residual networks."""
        return not (self.hidden_widths or self.channels or self.stages or self.own_encoder or self.own_decoder)

    @property
    def convolutions(self) -> Stages | None:
        """The stages over the row's grid, where there are any."""
        if not self.stages:
            return None
        return Stages(self.n_features // math.prod(self.grid), self.grid, self.stages, self.activation)

    @property
    def products(self) -> int:
        """Multiply-adds per row, which determine how long a step takes."""
        skip = 2 * self.n_features * self.n_latents
        if self.convolutions is not None:
            return skip + self.convolutions.products
        widths = (self.n_features, *self.hidden_widths)
        return skip + 2 * sum(one * other for one, other in pairwise(widths))

    def build(self, encoder: Any = None, decoder: Any = None) -> tuple[Network, Network]:
        """Encoder and decoder; if modules are passed, copies of them become the residual networks."""
        return self.build_encoder(encoder), self.build_decoder(decoder)

    def build_encoder(self, module: Any = None) -> Network:
        """X of shape (batch, n_features) to h of shape (batch, n_latents · outputs_per_latent).

        Conditions (``given``) are appended to the input as columns, in the decoder too.
        """
        n_in, n_out = self.n_features + self.n_given, self.n_latents * self.outputs_per_latent
        skip = nn.Linear(n_in, n_out) if self.principal or self.linear else None
        residual = None
        if module is not None:
            residual = OwnModule(module, n_in, n_out, name="encoder", gated=self.principal)
        elif self.convolutions is not None:
            residual, products = self.convolutions.encoder(n_out), self.convolutions.products // 2
            size = n_out if self.principal else None
            return Network(skip, residual, output_size=size, fixed=True, products=products)
        elif self.channels:
            widths = (*self.hidden_widths, n_out)
            residual = convolutional_encoder(self.image_shape or (), self.channels, widths, self.activation)
        elif self.hidden_widths:
            residual = self._perceptron((n_in, *self.hidden_widths, n_out))
        return Network(skip, residual, output_size=n_out if self.principal else None, is_own=module is not None)

    def build_decoder(self, module: Any = None) -> Network:
        """Z of shape (batch, n_latents) to the likelihood's input, shape (batch, n_features)."""
        n_in = self.n_latents + self.n_given
        input_size = n_in if self.principal else None
        if self.sparse:
            if module is not None:
                raise ValueError("a sparse code is decoded by a dictionary, so decoder cannot be a module.")
            return Network(Dictionary(n_in, self.n_features), None, input_size=input_size)
        skip = nn.Linear(n_in, self.n_features) if self.principal or self.linear else None
        residual = None
        if module is not None:
            residual = OwnModule(module, n_in, self.n_features, name="decoder", gated=self.principal)
        elif self.convolutions is not None:
            residual, products = self.convolutions.decoder(n_in), self.convolutions.products // 2
            return Network(skip, residual, input_size=input_size, fixed=True, products=products)
        elif self.channels:
            widths = (n_in, *reversed(self.hidden_widths))
            residual = convolutional_decoder(self.image_shape or (), self.channels, widths, self.activation)
        elif self.hidden_widths:
            residual = self._perceptron((n_in, *reversed(self.hidden_widths), self.n_features))
        return Network(skip, residual, input_size=input_size, is_own=module is not None)

    def _perceptron(self, widths: Sequence[int]) -> nn.Sequential:
        return perceptron(widths, self.activation, plain=not self.principal)


class Network(Part):
    """skip(x) + residual(x), with a fixed scale on the code's side; each of the three may be absent.

    Parameters
    ----------
    skip
        A linear layer (or `Dictionary`), or None for a plain network.
    residual
        Any module, or None for a linear network.
    input_size, output_size
        Set on the side that carries the code: an encoder scales its output, a decoder its input.
    fixed
        Whether the skip stays at the closed form in training.
    products
        Multiply-adds per row of a residual network of convolutions; else 0, and about the number of weights.
    is_own
        Whether the residual network is a user's own module, an `OwnModule`.

    Attributes
    ----------
    low_precision : bool
        Whether the residual network computes in bfloat16 in training; set during a run only.
    """

    cautious: ClassVar = {"perceptron_layers": lambda self: None}

    def __init__(
        self,
        skip: nn.Module | None,
        residual: nn.Module | None,
        *,
        input_size: int | None = None,
        output_size: int | None = None,
        fixed: bool = False,
        products: int = 0,
        is_own: bool = False,
    ):
        super().__init__()
        # Typed Any: the kinds of layers depend on the architecture.
        self.skip: Any = skip
        self.residual: Any = residual
        self.fused: Callable[[Tensor], Tensor] | None = None  # set while training, see training/fused.py
        self.low_precision, self.products, self.is_own = False, products, is_own
        if fixed and skip is not None:
            skip.requires_grad_(False)
        self.input_scale: Any
        self.output_scale: Any
        self.register_buffer("input_scale", None if input_size is None else torch.ones(input_size))
        self.register_buffer("output_scale", None if output_size is None else torch.ones(output_size))

    def __getstate__(self) -> dict[str, Any]:
        # The fused pass belongs to the original's parameters.
        return {**self.__dict__, "fused": None, "low_precision": False}

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        if given is not None:
            x = torch.cat([x, given], 1)
        if self.fused is not None and torch.is_grad_enabled():
            return self.fused(x)
        if self.input_scale is not None:
            x = x / self.input_scale
        if self.skip is None:
            y = self._residual_of(x)
        else:
            y = self.skip(x) if self.residual is None else self.skip(x) + self._residual_of(x)
        return y if self.output_scale is None else y * self.output_scale

    def _residual_of(self, x: Tensor) -> Tensor:
        if not (self.low_precision and torch.is_grad_enabled()):
            return self.residual(x)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return self.residual(x).float()

    @torch.no_grad()
    def value_and_jacobian(self, z: Tensor, given: Tensor | None = None) -> Tensor:
        """The output and its Jacobian at z: (batch, n_in) to (batch, 1 + n_in, n_out), the value first.

        Row 1 + j is the derivative along input j; ``given`` is held fixed. See `isthmus.parts.linearization`.
        """
        basis = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
        if given is not None:
            z, basis = torch.cat([z, given], 1), functional.pad(basis, (0, given.shape[1]))
        if self.input_scale is not None:
            z, basis = z / self.input_scale, basis / self.input_scale
        *skip, last = self._branches()
        stacked = value_and_jacobian(last, z, basis)
        if skip:
            stacked[:, 0] += affine(self.skip, z) if type(self.skip) is nn.Linear else self.skip(z)
            stacked[:, 1:] += self.skip(basis) - self.skip.bias
        return stacked if self.output_scale is None else stacked.mul_(self.output_scale)

    def linearize(self, z: Tensor, given: Tensor | None = None) -> Linearization:
        """The output at z, with forward and reverse derivatives for one vector per row; ``given`` is held fixed."""
        return Linearization(self._branches(), z, given, self.input_scale, self.output_scale)

    def _branches(self) -> list[list[nn.Module]]:
        skip = [] if self.skip is None else [[self.skip]]
        if self.residual is None:
            return skip
        layers = self.stack()
        return [*skip, [self.residual] if layers is None else layers]

    def init_from(self, weight: Tensor, bias: Tensor) -> None:
        """Set the skip and zero the residual network's last layer, so the output is the closed form's."""
        self.skip.weight.copy_(weight)
        self.skip.bias.copy_(bias)
        for part in self._last_parameters():
            part.zero_()

    def _last_parameters(self) -> list[nn.Parameter]:
        """The parameters that make the residual network output zero if they are zero."""
        if self.residual is None:
            return []
        if self.is_own:
            return [part for part in (self.residual.gate,) if part is not None]
        last: Any = [part for part in self.residual.modules() if hasattr(part, "bias")][-1]
        return [last.weight, last.bias]

    @property
    def own_module(self) -> nn.Module | None:
        """The copy of a user's own module, if it is the residual network."""
        return self.residual.module if self.is_own else None

    def moving_buffers(self) -> list[Tensor]:
        """The buffers of a user's own module, which training changes too."""
        return list(self.residual.moving_buffers()) if self.is_own else []

    def stack(self) -> list[nn.Module] | None:
        """The residual network's layers in order; None for a user's own module."""
        return None if self.is_own else list(self.residual or ())

    def decayed_parameters(self) -> Iterator[nn.Parameter]:
        """The residual network's matrices: pulling them to zero pulls the model towards the closed form."""
        if self.residual is not None:
            yield from (part for part in self.residual.parameters() if part.dim() > 1)

    def perceptron_layers(self) -> list[nn.Module] | None:
        """The residual network's layers, linear and activation alternating; [] without a residual network.

        None unless this network is a linear skip plus a perceptron, or one of the two.
        """
        if self.skip is not None and type(self.skip) is not nn.Linear:
            return None
        if self.residual is None:
            return []
        layers = list(self.residual) if type(self.residual) is nn.Sequential else []
        kinds = [type(layer) for layer in layers]
        alternate = {*kinds[::2]} == {nn.Linear} and {*kinds[1::2]} <= {*ACTIVATIONS.values()}
        return layers if alternate and len(layers) % 2 == 1 else None

    def features(self) -> nn.Module:
        """The residual network without its last layer: features for another task's network."""
        if self.own_module is not None:
            return self.own_module  # its last layer isn't known
        layers = [] if self.residual is None else list(self.residual)
        return nn.Sequential(*layers[:-1]) if layers else nn.Identity()

    def plain(self) -> Network:
        """A copy on the CPU for other runtimes; a dictionary is replaced by the equivalent linear layer."""
        plain = copy.deepcopy(self).cpu().requires_grad_(False)
        if isinstance(plain.skip, Dictionary):
            plain.skip = plain.skip.as_linear()
        return plain


@torch.no_grad()
def init_from_closed_form(encoder: Network, decoder: Network, start: LinearStart) -> None:
    """Write the closed form into both networks."""
    encoder.init_from(start.encode_weight, start.encode_bias)
    decoder.init_from(start.decode_weight, start.decode_bias)
    encoder.output_scale.copy_(start.code_scale.repeat(len(encoder.output_scale) // len(start.code_scale)))
    decoder.input_scale[: len(start.code_scale)] = start.code_scale  # conditions are already scaled


class Dictionary(nn.Module):
    """A linear decoder of unit-norm columns: x̂ = b + Σ_j z_j w_j / ‖w_j‖.

    With free columns a small code and a large decoder evade an L1 penalty; here |z_j| is the length that unit j
    contributes.
    """

    def __init__(self, n_latents: int, n_features: int):
        super().__init__()
        self.weight = nn.Parameter(
            functional.normalize(torch.randn(n_features, n_latents, generator=generator()), dim=0)
        )
        self.bias = nn.Parameter(torch.zeros(n_features))

    def forward(self, z: Tensor) -> Tensor:
        return functional.linear(z, functional.normalize(self.weight, dim=0), self.bias)

    def as_linear(self) -> nn.Linear:
        """The equivalent linear layer, without gradients."""
        linear = nn.Linear(self.weight.shape[1], self.weight.shape[0])
        linear.weight = nn.Parameter(functional.normalize(self.weight, dim=0), requires_grad=False)
        linear.bias = nn.Parameter(self.bias.detach(), requires_grad=False)
        return linear
