"""Convolution stages over any grid: shapes, starts, and derivatives against autograd's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isthmus import Autoencoder
from isthmus.parts.convolution import Stages, automatic_stages
from isthmus.parts.linearization import Linearization, value_and_jacobian
from isthmus.parts.network import Architecture

GRIDS = [(8, 8), (7, 6), (13, 9), (12, 31), (40,), (37,), (65,), (66,), (67,)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("n_channels", [1, 2, 12])
def test_the_decoder_mirrors_the_encoder_on_any_grid(grid, n_channels):
    stages = Stages(n_channels, grid, (8, 16))
    n = n_channels * int(np.prod(grid))
    x = torch.randn(5, n)
    code = stages.encoder(3)(x)
    assert code.shape == (5, 3)
    assert stages.decoder(3)(code).shape == x.shape
    assert stages.products > 0


@pytest.mark.parametrize("grid", GRIDS)
def test_derivatives_of_every_layer_are_those_of_autograd(grid):
    stages = Stages(2, grid, (8, 16))
    torch.manual_seed(0)
    for network, n_in in ((stages.decoder(3), 3), (stages.encoder(3), 2 * int(np.prod(grid)))):
        for part in network.modules():
            if isinstance(part, nn.GroupNorm):
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
        layers = list(network.double())
        x = torch.randn(4, n_in).double()
        tangents = torch.randn(3, n_in).double()
        stacked = value_and_jacobian(layers, x, tangents)
        here = Linearization([layers], x)
        torch.testing.assert_close(stacked[:, 0], network(x).detach())
        torch.testing.assert_close(here.value, network(x).detach())
        for place, tangent in enumerate(tangents):
            _, along = torch.autograd.functional.jvp(network, x, tangent.expand(4, -1).contiguous())
            torch.testing.assert_close(stacked[:, 1 + place], along)
            torch.testing.assert_close(here.push(tangent.expand(4, -1)), along)
        cotangent = torch.randn_like(stacked[:, 0])
        _, back = torch.autograd.functional.vjp(network, x, cotangent)
        torch.testing.assert_close(here.pull(cotangent), back)


@pytest.mark.parametrize(
    ("grid", "stages"),
    [((6, 6), ()), ((28, 28), 2), ((64, 64), 4), ((128, 63), 5), ((50,), ()), ((1024,), 3), ((), ())],
)
def test_how_many_stages_a_grid_is_given(grid, stages):
    found = automatic_stages(grid, 5000)
    assert found == () if stages == () else len(found) == stages
    assert automatic_stages(grid, 50) == ()
    if stages:
        assert max(automatic_stages(grid, 500)) <= max(found)


@pytest.mark.parametrize(("rank", "stride"), [(1, 4), (2, 2)])
def test_decoders_begin_as_what_enlarges_smoothly(rank, stride):
    """Every place repeated, then a convolution: no checkerboard."""
    layers = Stages(2, (32,) * rank, (8, 8)).decoder(3)
    enlarging = next(layer for layer in layers if isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d)))
    constant = torch.ones(1, enlarging.in_channels, *(6,) * rank)
    inner = (slice(None), slice(None), *(slice(2 * stride, -2 * stride),) * rank)
    found = enlarging(constant)[inner]
    torch.testing.assert_close(found, found.flatten(2)[..., :1].reshape(1, -1, *(1,) * rank).expand_as(found))


def test_stages_begin_at_the_linear_skip_and_leave_it_where_it_is():
    architecture = Architecture(n_features=2 * 9 * 8, n_latents=3, grid=(9, 8), stages=(8, 16))
    encoder, decoder = architecture.build()
    for network in (encoder, decoder):
        with torch.no_grad():
            network.init_from(torch.randn_like(network.skip.weight), torch.randn_like(network.skip.bias))
        x = torch.randn(4, network.skip.in_features)
        torch.testing.assert_close(network(x), network.skip(x))
        assert not any(part.requires_grad for part in network.skip.parameters())
        assert all(part.requires_grad for part in network.residual.parameters())


def test_a_network_named_in_part_is_suggested_in_one_sentence():
    with pytest.raises(ValueError, match=r"got 'conv'; did you mean 'convolution'\?$"):
        Autoencoder(2, network="conv").fit(np.eye(9))
