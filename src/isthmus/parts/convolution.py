"""Convolutional encoders and decoders: along two axes for pictures and spectrograms, along one for sound and series.

A stage of the encoder is a strided convolution, a normalisation over groups of channels (Wu & He 2018,
arXiv:1803.08494) and an activation; the decoder mirrors it with transposed convolutions. Each stage has a coarser grid
and more channels. A transposed convolution is initialized as nearest-neighbour upsampling followed by a convolution,
which avoids checkerboard artefacts (Odena et al. 2016, doi:10.23915/distill.00003). The linear skip around both
networks is fixed at the closed form: trained, its n_features · p weights would fit noise long before the stages learn.

The convolutions of ``channels=`` are simpler: no normalisation, no dense layer before the decoder's first stage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from isthmus.parts.activations import ACTIVATIONS, perceptron

__all__ = ["Stages", "automatic_stages", "convolutional_decoder", "convolutional_encoder"]

GROUPS = 8
STRIDES = {1: 4, 2: 2}
KERNELS = {1: 9, 2: 3}  # of the encoder: one more than twice the stride in 1-D, than the stride in 2-D
SMALLEST = {1: 24, 2: 7}  # length of an axis that is not reduced further
WIDTHS = {1: (16, 32, 48, 64), 2: (32, 48, 64, 96)}
MAX_STAGES = 8
MAX_PRODUCTS, MIN_CHANNELS = 40_000_000, 8  # multiply-adds per row: with more an epoch takes minutes on a CPU
FEW_ROWS = 1000
DENSE = 256
MIN_SIDE, MIN_ROWS = {1: 64, 2: 12}, 100  # below these convolutions are not worth trying


def automatic_stages(grid: Sequence[int], n_rows: int, *, n_channels: int = 1, forced: bool = False) -> tuple[int, ...]:
    """Channels of each stage; () if the grid is too small or the rows too few for convolutions, unless ``forced``.

    >>> automatic_stages((32, 32), 3000), automatic_stages((8, 8), 3000), automatic_stages((4800,), 3000)
    ((32, 48, 64), (), (16, 32, 48, 64))
    >>> automatic_stages((128, 84), 3000)  # large rows have fewer channels
    (16, 24, 32, 48, 48)
    """
    rank = len(grid)
    if rank not in STRIDES:
        return ()
    if not forced and (min(grid) < MIN_SIDE[rank] or n_rows < MIN_ROWS):
        return ()
    sizes, depth = tuple(grid), 0
    while depth == 0 or (max(sizes) > SMALLEST[rank] and depth < MAX_STAGES):
        sizes, depth = tuple(-(-size // STRIDES[rank]) for size in sizes), depth + 1
    widths = WIDTHS[rank][:depth] + WIDTHS[rank][-1:] * (depth - len(WIDTHS[rank]))
    if n_rows < FEW_ROWS:
        widths = tuple(width // 2 for width in widths)
    while Stages(n_channels, tuple(grid), widths).products > MAX_PRODUCTS and min(widths) >= 2 * MIN_CHANNELS:
        widths = tuple(width // 2 for width in widths)
    return widths


@dataclass(frozen=True)
class Stages:
    """Convolution stages over rows with ``n_channels`` values at each point of a ``grid``."""

    n_channels: int
    grid: tuple[int, ...]
    widths: tuple[int, ...]
    activation: str = "silu"

    @property
    def stride(self) -> int:
        """The stride of every stage."""
        return STRIDES[len(self.grid)]

    def sizes(self) -> list[tuple[int, ...]]:
        """The grid before the first stage and after each."""
        found = [tuple(self.grid)]
        for _ in self.widths:
            found.append(tuple(-(-size // self.stride) for size in found[-1]))
        return found

    def encoder(self, n_out: int) -> nn.Sequential:
        """Flat rows to (batch, n_out)."""
        rank, kernel = len(self.grid), KERNELS[len(self.grid)]
        convolution = (nn.Conv1d, nn.Conv2d)[rank - 1]
        layers: list[nn.Module] = [nn.Unflatten(1, (self.n_channels, *self.grid))]
        for n_in, width in pairwise((self.n_channels, *self.widths)):
            layers += [
                _scaled(convolution(n_in, width, kernel, stride=self.stride, padding=kernel // 2)),
                nn.GroupNorm(min(GROUPS, width), width),
                ACTIVATIONS[self.activation](),
            ]
        n_last = self.widths[-1] * math.prod(self.sizes()[-1])
        return nn.Sequential(*layers, nn.Flatten(), *perceptron([n_last, n_out], self.activation))

    def decoder(self, n_in: int) -> nn.Sequential:
        """(batch, n_in) to flat rows."""
        sizes, widths = self.sizes(), self._decoder_widths
        bottom = widths[0]
        layers: list[nn.Module] = [
            *perceptron([n_in, DENSE, bottom * math.prod(sizes[-1])], self.activation),
            nn.Unflatten(1, (bottom, *sizes[-1])),
        ]
        for index, (before, after) in enumerate(pairwise(widths)):
            last = index == len(self.widths) - 1
            layers.append(_smooth(self._enlarging(before, after, sizes[-1 - index], sizes[-2 - index], last=last)))
            if not last:  # rows are the last convolution's output
                layers += [nn.GroupNorm(min(GROUPS, after), after), ACTIVATIONS[self.activation]()]
        return nn.Sequential(*layers, nn.Flatten())

    @property
    def _decoder_widths(self) -> tuple[int, ...]:
        """Channels of the decoder before each stage and after the last: more than the encoder has on each grid."""
        return (3 * self.widths[-1] // 2, *reversed(self.widths[1:]), self.n_channels)

    def _enlarging(
        self, n_in: int, n_out: int, small: tuple[int, ...], large: tuple[int, ...], *, last: bool
    ) -> nn.ConvTranspose1d | nn.ConvTranspose2d:
        """A transposed convolution from one grid to the next larger.

        Its kernel is twice the stride (three times at the last stage), so every point is covered equally often, and
        shorter if the large grid is not a multiple of the small one.
        """
        excess = [self.stride * one - other for one, other in zip(small, large, strict=True)]
        largest = max(excess)
        kernel, padding = (
            (3 * self.stride - largest, self.stride) if last else (2 * self.stride - largest, self.stride // 2)
        )
        output_padding = tuple(largest - one for one in excess)
        if len(small) == 1:
            return nn.ConvTranspose1d(n_in, n_out, kernel, self.stride, padding, output_padding[0])
        return nn.ConvTranspose2d(n_in, n_out, kernel, self.stride, padding, (output_padding[0], output_padding[1]))

    @property
    def products(self) -> int:
        """Multiply-adds per row of encoder and decoder together, without the layers next to the code."""
        sizes, rank = [math.prod(size) for size in self.sizes()], len(self.grid)
        down = pairwise((self.n_channels, *self.widths))
        up = [*pairwise(self._decoder_widths)]
        kernels = [2 * self.stride] * (len(up) - 1) + [3 * self.stride]
        encoder = sum(a * b * size * KERNELS[rank] ** rank for (a, b), size in zip(down, sizes[1:], strict=True))
        decoder = sum(a * b * size * k**rank for (a, b), size, k in zip(up, sizes[:0:-1], kernels, strict=True))
        return encoder + decoder + DENSE * self._decoder_widths[0] * sizes[-1]


@torch.no_grad()
def _scaled(layer: nn.Module) -> nn.Module:
    """Initialize at He et al.'s scale (arXiv:1502.01852): the normalisation hides the scale, but gradients feel it."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # pyrefly: ignore[bad-argument-type]
    nn.init.zeros_(layer.bias)  # pyrefly: ignore[bad-argument-type]
    return layer


@torch.no_grad()
def _smooth(layer: nn.ConvTranspose1d | nn.ConvTranspose2d) -> nn.ConvTranspose1d | nn.ConvTranspose2d:
    """Initialize a transposed convolution as nearest-neighbour upsampling and a convolution at He's scale."""
    stride, taps = layer.stride[0], [size - layer.stride[0] + 1 for size in layer.kernel_size]
    small = torch.empty(layer.out_channels, layer.in_channels, *taps)
    nn.init.kaiming_normal_(small, nonlinearity="relu")
    spread = small.transpose(0, 1)
    for axis, (size, count) in enumerate(zip(layer.kernel_size, taps, strict=True), 2):
        # Which of a point's repeated copies a tap sees from each position of the kernel.
        seen = torch.arange(size)[:, None] + torch.arange(count) - count + 1
        covers = ((seen >= 0) & (seen < stride)).float()
        spread = torch.tensordot(spread, covers, dims=([axis], [1])).movedim(-1, axis)
    layer.weight.copy_(spread)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


# ---- the simpler convolutions of ``channels=`` ----------------------------------------------------------------


def convolutional_encoder(
    image_shape: Sequence[int], channels: Sequence[int], widths: Sequence[int], activation: str
) -> nn.Sequential:
    """Flat rows → picture → one halving convolution per stage → dense layers of ``widths`` (the last is the output)."""
    shape = _with_channels(image_shape)
    layers: list[nn.Module] = [nn.Unflatten(1, shape)]
    for n_in, n_out in zip((shape[0], *channels), channels, strict=False):
        layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), ACTIVATIONS[activation]()]
    layers.append(nn.Flatten())
    return nn.Sequential(*layers, *perceptron([math.prod(_smallest(shape, channels)), *widths], activation))


def convolutional_decoder(
    image_shape: Sequence[int], channels: Sequence[int], widths: Sequence[int], activation: str
) -> nn.Sequential:
    """The encoder's mirror: dense layers of ``widths`` → smallest picture → doubling convolutions → flat rows."""
    shape = _with_channels(image_shape)
    smallest = _smallest(shape, channels)
    sizes = _sizes(shape, len(channels))
    layers: list[nn.Module] = [
        *perceptron([*widths, math.prod(smallest)], activation),
        ACTIVATIONS[activation](),
        nn.Unflatten(1, smallest),
    ]
    stages = [*reversed(channels), shape[0]]
    for depth, (n_in, n_out) in enumerate(pairwise(stages)):
        small, large = sizes[len(channels) - depth], sizes[len(channels) - depth - 1]
        # An odd size needs an extra row or column, since stride 2 maps both 7 and 8 to 4.
        extra = (large[0] - 2 * small[0] + 1, large[1] - 2 * small[1] + 1)
        layers += [
            nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=extra),
            ACTIVATIONS[activation](),
        ]
    return nn.Sequential(*layers[:-1], nn.Flatten())


def _with_channels(image_shape: Sequence[int]) -> tuple[int, int, int]:
    height, width = image_shape[-2:]
    return (image_shape[0] if len(image_shape) == 3 else 1, height, width)


def _sizes(shape: tuple[int, int, int], stages: int) -> list[tuple[int, int]]:
    sizes = [shape[1:]]
    for _ in range(stages):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def _smallest(shape: tuple[int, int, int], channels: Sequence[int]) -> tuple[int, int, int]:
    return (channels[-1], *_sizes(shape, len(channels))[-1])
