"""Corruptions, bottlenecks, likelihoods, networks, the principal start: each against its own maths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA
from torch import nn

from conftest import curved_table
from isthmus import Autoencoder
from isthmus.parts import principal as principal_module
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.bottleneck import (
    BOTTLENECKS,
    GaussianBottleneck,
    PointBottleneck,
    Posterior,
    RectifiedBottleneck,
    TopKBottleneck,
)
from isthmus.parts.corruption import (
    CORRUPTIONS,
    BlindSpot,
    GaussianNoise,
    Masking,
    NoCorruption,
    SaltAndPepper,
    SwapNoise,
    make_corruption,
)
from isthmus.parts.likelihoods.bernoulli import BernoulliLikelihood
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.network import (
    ACTIVATIONS,
    Architecture,
    Dictionary,
    convolutional_decoder,
    convolutional_encoder,
    init_from_closed_form,
    perceptron,
)
from isthmus.parts.principal import principal_directions
from isthmus.tutorial import tutorial_recipe


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def within(observed: float, expected: float, spread: float, count: int) -> bool:
    """Whether a mean of ``count`` draws lies within five standard errors."""
    return abs(observed - expected) < 5 * spread / math.sqrt(count)


# ---- corruption -----------------------------------------------------------------------------------------

ROWS, COLUMNS = 2000, 5


@pytest.fixture
def rows():
    """No two values alike, none 0."""
    return torch.arange(1, ROWS * COLUMNS + 1, dtype=torch.float64).reshape(ROWS, COLUMNS)


def share(changed) -> float:
    return float(changed.double().mean())


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_masking_hits_its_share_and_nothing_else(rows, rate):
    masked = Masking(rate)(rows)
    hit = masked == 0
    assert within(share(hit), rate, math.sqrt(rate * (1 - rate)) + 1e-12, rows.numel())
    assert torch.equal(masked[~hit], rows[~hit])


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_gaussian_noise_has_its_standard_deviation(rows, sigma):
    noise = GaussianNoise(sigma)(rows) - rows
    assert within(float(noise.mean()), 0, sigma + 1e-9, rows.numel())
    assert float(noise.std()) == pytest.approx(sigma, rel=0.05, abs=1e-9)


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_salt_and_pepper_takes_each_columns_extremes_at_even_odds(rows, rate):
    low, high = -torch.arange(1.0, 6), 1e6 * torch.arange(1.0, 6)
    seasoned = SaltAndPepper(rate, low, high)(rows)
    pepper, salt = seasoned == low, seasoned == high
    for kind in (pepper, salt):
        assert within(share(kind), rate / 2, 0.5, rows.numel())
        assert rate == 0 or kind.any(0).all()
    assert torch.equal(seasoned[~(pepper | salt)], rows[~(pepper | salt)])
    assert set(SaltAndPepper(rate, low, high).state_dict()) == {"low", "high"}


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_swap_noise_keeps_to_the_column_and_never_takes_the_rows_own_value(rows, rate):
    swapped = SwapNoise(rate)(rows)
    changed = swapped != rows  # all values differ, so a cell is changed exactly if it was swapped
    if rate == 1:
        assert changed.all()
    assert within(share(changed), rate, math.sqrt(rate * (1 - rate)) + 1e-12, rows.numel())
    for column in range(COLUMNS):
        assert torch.isin(swapped[:, column], rows[:, column]).all()
        spread = float(rows[:, column].std())
        assert within(float(swapped[:, column].mean()), float(rows[:, column].mean()), 2 * spread, ROWS)
    if rate == 1:  # every other row is as likely: the donors' distances are spread over the whole batch
        distance = ((swapped - rows) / COLUMNS % ROWS)[:, 0]
        assert stats.kstest(distance.numpy() / ROWS, "uniform").pvalue > 1e-3


def test_swap_noise_leaves_a_single_row_alone():
    row = torch.ones(1, 4)
    assert torch.equal(SwapNoise(1.0)(row), row)


def test_corruptions_by_name(rows):
    low, high = rows.min(0).values, rows.max(0).values
    made = [make_corruption(kind, 0.5, low, high) for kind in CORRUPTIONS]
    kinds = [NoCorruption, GaussianNoise, Masking, SaltAndPepper, SwapNoise, BlindSpot]
    assert [type(corruption) for corruption in made] == kinds
    assert torch.equal(made[0](rows), rows)
    make_corruption("gaussian", 1.5, low, high)
    for kind in ("masking", "salt_and_pepper", "swap"):
        with pytest.raises(ValueError, match=rf"{kind} takes a share of cells between 0 and 1, got 1\.5"):
            make_corruption(kind, 1.5, low, high)


def test_nothing_is_corrupted_when_encoding(table):
    from isthmus import DenoisingAutoencoder

    model = DenoisingAutoencoder(2, corruption_level=50.0, max_iter=0, random_state=0).fit(table)
    np.testing.assert_allclose(model.transform(table), PCA(2).fit_transform(table), atol=1e-4)
    forward = model.model_(torch.from_numpy(model.scaling_.apply(table)))
    assert (forward.corrupted - forward.x).std() > 10


# ---- bottlenecks ----------------------------------------------------------------------------------------


def test_bottlenecks_on_paper():
    h = torch.tensor([[3.0, -4.0, 1.0, 0.5], [-1.0, 2.0, -3.0, 0.0]])
    assert torch.equal(PointBottleneck()(h).mean, h)
    assert torch.equal(RectifiedBottleneck()(h).mean, torch.tensor([[3.0, 0, 1, 0.5], [0, 2, 0, 0]]))
    assert torch.equal(TopKBottleneck(2)(h).mean, torch.tensor([[3.0, -4, 0, 0], [0, 2, -3, 0]]))
    assert torch.equal(TopKBottleneck(9)(h).mean, h)
    gaussian = GaussianBottleneck()(h)
    assert torch.equal(gaussian.mean, h[:, :2])
    assert torch.equal(gaussian.log_variance, h[:, 2:])
    assert len(BOTTLENECKS) == 4


@pytest.mark.parametrize("k", [1, 3, 7])
def test_top_k_keeps_k(k):
    code = TopKBottleneck(k)(torch.randn(50, 8)).mean
    assert ((code != 0).sum(1) == k).all()


def test_the_gaussian_bottleneck_clamps_the_log_variance():
    h = torch.tensor([[0.0, 1e3], [0.0, -1e3]])
    log_variance = GaussianBottleneck()(h).log_variance
    assert log_variance.tolist() == [[10.0], [-20.0]]
    assert torch.isfinite(log_variance.exp()).all()


def test_a_posterior_is_sampled_by_reparameterisation():
    mean = torch.tensor([[1.0, -2.0]]).repeat(40_000, 1).requires_grad_()
    log_variance = torch.tensor([[math.log(4.0), math.log(0.25)]]).repeat(40_000, 1).requires_grad_()
    drawn = Posterior(mean, log_variance).sample()
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.tensor([2.0, 0.5]), rtol=0.02, atol=0)
    drawn.sum().backward()
    assert torch.equal(mean.grad, torch.ones_like(mean))
    torch.testing.assert_close(log_variance.grad, ((drawn - mean) / 2).detach())
    assert Posterior(mean).sample() is mean


# ---- likelihoods ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variance", [0.5, 0.02, 3.0])
@pytest.mark.parametrize("learned", [False, True])
def test_the_gaussian_likelihood_is_scipys(variance, learned):
    output, x = torch.randn(2, 7, 5, dtype=torch.float64)
    likelihood = GaussianLikelihood(variance, learned=learned)
    expected = -stats.norm.logpdf(x.numpy(), output.numpy(), math.sqrt(variance)).sum(1)
    np.testing.assert_allclose(likelihood(output, x).detach().numpy(), expected, rtol=1e-6)
    assert likelihood.variance == pytest.approx(variance)
    assert torch.equal(likelihood.mean(output), output)
    assert len(list(likelihood.parameters())) == learned


def test_half_a_variance_is_the_squared_error_and_a_constant():
    output, x = torch.randn(2, 7, 5)
    constant = 2.5 * math.log(math.pi)
    torch.testing.assert_close(GaussianLikelihood()(output, x), (output - x).square().sum(1) + constant)


def test_the_learned_variance_rests_at_the_mean_squared_error():
    output, x = torch.randn(2, 50, 4)
    error = float((output - x).square().mean())
    for factor, sign in ((0.5, -1), (1.0, 0), (2.0, 1)):
        likelihood = GaussianLikelihood(learned=True)
        likelihood.init_noise(factor * error)
        likelihood(output, x).mean().backward()
        gradient = float(likelihood.log_variance.grad)
        assert abs(gradient) < 1e-5 if sign == 0 else math.copysign(1, gradient) == sign


def test_the_learned_variance_has_a_floor():
    likelihood = GaussianLikelihood(learned=True)
    likelihood.init_noise(0.0)
    assert likelihood.variance == pytest.approx(1e-6)
    with torch.no_grad():
        likelihood.log_variance.fill_(-1e3)
    assert torch.isfinite(likelihood(torch.zeros(2, 3), torch.zeros(2, 3))).all()


def test_a_bounded_gaussian_reconstructs_within_the_unit_interval():
    likelihood = GaussianLikelihood(bounded=True)
    output, x = 10 * torch.randn(4, 3), torch.rand(4, 3)
    assert torch.equal(likelihood.mean(output), output.sigmoid())
    torch.testing.assert_close(likelihood(output, x), GaussianLikelihood()(output.sigmoid(), x))


def test_the_bernoulli_likelihood_is_binary_cross_entropy():
    output, x = torch.randn(6, 4), torch.rand(6, 4)
    expected = nn.functional.binary_cross_entropy(output.sigmoid(), x, reduction="none").sum(1)
    torch.testing.assert_close(BernoulliLikelihood()(output, x), expected)
    torch.testing.assert_close(BernoulliLikelihood().mean(output), output.sigmoid())
    bits = x.round()
    likeliest = torch.distributions.Bernoulli(logits=output).log_prob(bits).sum(1)
    torch.testing.assert_close(BernoulliLikelihood()(output, bits), -likeliest)


def test_the_soft_clip_is_the_identity_inside_and_never_leaves():
    likelihood = BernoulliLikelihood(soft_clip=True)
    inside = torch.linspace(0.1, 0.9, 81)
    torch.testing.assert_close(likelihood.mean(inside), inside, atol=2e-4, rtol=0)
    wide = torch.linspace(-3, 4, 701, dtype=torch.float64).requires_grad_()
    mean = likelihood.mean(wide)
    softness = 0.02
    formula = softness * (nn.functional.softplus(wide / softness) - nn.functional.softplus((wide - 1) / softness))
    torch.testing.assert_close(mean, formula, atol=1e-9, rtol=0)
    assert (mean >= 0).all()
    assert (mean <= 1).all()
    assert (mean.diff() >= 0).all()
    # Far outside, where the mean itself has no gradient left, the loss still pulls back, on both sides.
    for start, target in ((-3.0, 1.0), (4.0, 0.0)):
        output = torch.full((1, 1), start, requires_grad=True)
        loss = likelihood(output, torch.full((1, 1), target))
        loss.sum().backward()
        assert torch.isfinite(loss).all()
        assert abs(float(output.grad)) > 1
        assert math.copysign(1, float(output.grad)) == math.copysign(1, start)


# ---- networks -------------------------------------------------------------------------------------------


def test_the_tutorials_network_is_expressible_exactly(digits):
    train, test, *_ = digits
    model = tutorial_recipe(2, random_state=0).set_params(max_iter=1).fit(train)
    assert sum(weight.numel() for weight in model.model_.parameters()) == 5346

    def stack(*widths, last):
        layers = [layer for pair in itertools.pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(*layers[:-1], *last)

    plain = nn.Sequential(stack(64, 32, 16, 2, last=()), stack(2, 16, 32, 64, last=(nn.Sigmoid(),)))
    with torch.no_grad():
        for theirs, ours in zip(plain.parameters(), model.model_.parameters(), strict=True):
            theirs.copy_(ours)
        x = torch.from_numpy(test.astype(np.float32))
        np.testing.assert_allclose(model.reconstruct(test), plain(x).numpy(), atol=1e-7)
        np.testing.assert_allclose(model.transform(test), plain[0](x).numpy(), atol=1e-7)
    recipe = model.get_params()
    assert (recipe["batch_size"], recipe["learning_rate"], recipe["schedule"]) == (128, 1e-3, "constant")


def test_a_plain_stack_begins_as_pytorch_does():
    torch.manual_seed(3)
    ours = perceptron((6, 4, 2), "relu", plain=True)
    torch.manual_seed(3)
    theirs = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs]
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_residual_layers_begin_at_he_scale():
    layer = perceptron((400, 300, 2), "silu")[0]
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("principal", [True, False])
def test_an_architecture_fixes_both_shapes(activation, principal):
    shape = Architecture(9, 3, outputs_per_latent=2, hidden_widths=(7, 5), activation=activation, principal=principal)
    encoder, decoder = shape.build_encoder(), shape.build_decoder()
    assert encoder(torch.randn(4, 9)).shape == (4, 6)
    assert decoder(torch.randn(4, 3)).shape == (4, 9)
    assert (encoder.skip is not None) == (decoder.skip is not None) == principal
    widths = [layer.out_features for layer in decoder.residual if isinstance(layer, nn.Linear)]
    assert widths == [5, 7, 9]
    assert not shape.linear
    linear = Architecture(9, 3, principal=principal)
    assert linear.linear
    assert linear.build_encoder().residual is None
    assert linear.build_decoder()(torch.randn(4, 3)).shape == (4, 9)


def test_a_network_is_straight_plus_bent_in_the_codes_units():
    shape = Architecture(5, 2, hidden_widths=(4,))
    encoder, decoder = shape.build_encoder(), shape.build_decoder()
    scale = torch.tensor([2.0, 10.0])
    encoder.output_scale.copy_(scale)
    decoder.input_scale.copy_(scale)
    x, z = torch.randn(3, 5), torch.randn(3, 2)
    torch.testing.assert_close(encoder(x), scale * (encoder.skip(x) + encoder.residual(x)))
    torch.testing.assert_close(decoder(z), decoder.skip(z / scale) + decoder.residual(z / scale))


def test_a_sparse_code_is_read_by_a_dictionary_of_unit_columns():
    decoder = Architecture(5, 8, hidden_widths=(7,), sparse=True).build_decoder()
    assert isinstance(decoder.skip, Dictionary)
    assert decoder.residual is None
    dictionary = Dictionary(8, 5)
    z = torch.randn(4, 8)
    before = dictionary(z)
    with torch.no_grad():
        dictionary.weight.mul_(torch.rand(8) + 0.5)
    torch.testing.assert_close(dictionary(z), before)  # growing a column changes nothing
    columns = dictionary(torch.eye(8)) - dictionary.bias
    torch.testing.assert_close(columns.norm(dim=1), torch.ones(8))


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((8, 8), (4,)),
        ((7, 9), (4, 6)),
        ((3, 5, 7), (4, 6, 8)),
        ((1, 1), (2,)),
        ((3, 16, 11), (2, 3)),
        ((28, 28), (4, 8)),
    ],
)
@pytest.mark.parametrize("widths", [(), (10,)])
def test_convolutions_mirror_any_image(shape, channels, widths):
    n_features = math.prod(shape)
    encoder = convolutional_encoder(shape, channels, (*widths, 3), "silu")
    decoder = convolutional_decoder(shape, channels, (3, *widths), "silu")
    assert encoder(torch.randn(2, n_features)).shape == (2, 3)
    assert decoder(torch.randn(2, 3)).shape == (2, n_features)
    assert isinstance(encoder[0], nn.Unflatten)


def test_pixels_keep_their_places_in_a_colour_image():
    encoder = convolutional_encoder((2, 3, 4), (5,), (3,), "relu")
    picture = torch.arange(24.0).reshape(1, 24)
    assert torch.equal(encoder[0](picture), picture.reshape(1, 2, 3, 4))


@pytest.mark.parametrize("channels", [(4,), (4, 8)])
def test_a_convolutional_model_starts_at_pca(digits, channels):
    X = digits[0][:300]
    model = Autoencoder(3, image_shape=(8, 8), channels=channels, max_iter=0, random_state=0).fit(X)
    pca = PCA(3).fit(X)
    np.testing.assert_allclose(model.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=1e-5)
    assert any(isinstance(part, nn.Conv2d) for part in model.model_.modules())


def test_the_forward_output_holds_the_whole_way():
    shape = Architecture(5, 2, hidden_widths=(4,))
    parts = (
        Masking(0.5),
        shape.build_encoder(),
        PointBottleneck(),
        shape.build_decoder(),
        GaussianLikelihood(),
    )
    model = AutoencoderModel(*parts)
    x = torch.randn(6, 5)
    forward = model(x)
    assert forward.x is x
    assert torch.equal(forward.code, model.encode(forward.corrupted).mean)
    assert torch.equal(forward.output, model.decoder(forward.code))
    assert torch.equal(model.reconstruct(x), model.decode(model.encode(x).mean))
    assert not forward.corrupted.requires_grad
    assert model(x, trace_input=True).corrupted.requires_grad


# ---- the principal start --------------------------------------------------------------------------------


def directions_of(X, limit):
    rows = torch.from_numpy(X.astype(np.float32))
    mean = torch.from_numpy(X.mean(0))
    return principal_directions(lambda: rows.split(17), mean, len(X), limit)


def decaying(n_rows, n_features, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n_rows, 40)) * 0.8 ** np.arange(40)) @ rng.standard_normal((40, n_features)) + 3


@pytest.mark.parametrize("case", ["tall", "single precision", "wide", "randomised", "too wide to hold"])
def test_principal_directions_are_sklearns(monkeypatch, case):
    shapes = {"wide": (30, 100), "randomised": (200, 500), "too wide to hold": (50, 300)}
    X = decaying(*shapes.get(case, (300, 60)))
    if case == "randomised":
        monkeypatch.setattr(principal_module, "EXACT_FEATURES", 50)
    if case == "too wide to hold":
        monkeypatch.setattr(principal_module, "HELD_CELLS", 1000)
    if case == "single precision":
        monkeypatch.setattr(principal_module, "DOUBLE_WORK", 0)
    found, pca = directions_of(X, 6), PCA(6, svd_solver="full").fit(X)
    np.testing.assert_allclose(found.directions.numpy(), pca.components_, atol=2e-4)
    np.testing.assert_allclose(found.variances.numpy(), pca.explained_variance_, rtol=1e-4)
    assert found.total_variance == pytest.approx(X.var(0, ddof=1).sum(), rel=1e-5)
    assert found.noise_variance(6) == pytest.approx(pca.noise_variance_, rel=2e-3)
    assert found.rank == min(X.shape)
    x = torch.from_numpy(X.astype(np.float32))
    np.testing.assert_allclose(found.encode(x, 4).numpy(), pca.transform(X)[:, :4], atol=2e-2)
    np.testing.assert_allclose(found.reconstruct(x, 6).numpy(), pca.inverse_transform(pca.transform(X)), atol=2e-2)


def test_the_largest_entry_of_a_direction_is_positive():
    directions = directions_of(decaying(80, 12), 12).directions
    assert (directions.gather(1, directions.abs().argmax(1, keepdim=True)) > 0).all()


def test_no_more_directions_than_there_are():
    assert directions_of(decaying(5, 12), 99).directions.shape == (5, 12)
    assert directions_of(decaying(90, 12), 99).directions.shape == (12, 12)
    assert directions_of(decaying(90, 12), 12).noise_variance(12) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_the_gaussian_start_is_probabilistic_pcas_posterior(size):
    """q(z|x) = N(M⁻¹Wᵀ(x - μ), σ²M⁻¹) with M = WᵀW + σ²I, by the decoder's W (Tipping & Bishop 1999)."""
    X = curved_table(200, 8)
    bottleneck = GaussianBottleneck()
    start = bottleneck.principal_start(directions_of(X, 8), size)
    loading, noise = start.decode_weight, start.noise_variance
    precision = torch.linalg.inv(loading.T @ loading + noise * torch.eye(size))
    x = torch.from_numpy(X.astype(np.float32))
    posterior = bottleneck(x @ start.encode_weight.T + start.encode_bias)
    torch.testing.assert_close(posterior.mean, (x - start.decode_bias) @ loading @ precision.T, atol=1e-4, rtol=1e-4)
    expected = (noise * precision.diag()).expand(len(X), -1)
    torch.testing.assert_close(posterior.log_variance.exp(), expected, atol=1e-5, rtol=1e-3)
    assert noise == pytest.approx(PCA(size).fit(X).noise_variance_, rel=1e-3)


@pytest.mark.parametrize("make", [PointBottleneck, RectifiedBottleneck, lambda: TopKBottleneck(99), GaussianBottleneck])
@pytest.mark.parametrize("size", [2, 5, 6, 9, 12, 17])
def test_a_start_written_into_networks_reconstructs_as_pca(make, size):
    X = curved_table(200, 6)
    principal, bottleneck = directions_of(X, 6), make()
    shape = Architecture(6, size, bottleneck.outputs_per_latent, hidden_widths=(8,), sparse=bottleneck.sparse)
    encoder, decoder = shape.build_encoder(), shape.build_decoder()
    init_from_closed_form(encoder, decoder, bottleneck.principal_start(principal, size))
    x = torch.from_numpy(X.astype(np.float32))
    with torch.no_grad():
        reconstructed = decoder(bottleneck(encoder(x)).mean)
    # The Gaussian start keeps a little noise for itself, so it shrinks by a ten-thousandth.
    gaussian = isinstance(bottleneck, GaussianBottleneck)
    expected = principal.reconstruct(x, min(size, 6))
    if gaussian and size < 6:
        kept = 1 - principal.noise_variance(size) / principal.variances[:size]
        expected = principal.mean + (principal.encode(x, size) * kept) @ principal.directions[:size]
    torch.testing.assert_close(reconstructed, expected, atol=2e-2 if gaussian and size >= 6 else 2e-4, rtol=1e-4)
