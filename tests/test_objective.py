"""The loss: every term one number a row, summed and not averaged over features, in nats."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from isthmus import ContractiveAutoencoder
from isthmus.parts.autoencoder import AutoencoderModel, ForwardOutput
from isthmus.parts.bottleneck import GaussianBottleneck, PointBottleneck, Posterior
from isthmus.parts.corruption import GaussianNoise, NoCorruption
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.network import Architecture
from isthmus.parts.penalty import (
    EXACT_JACOBIAN_UNITS,
    ActivationRate,
    Contraction,
    Divergence,
    Sparsity,
    gaussian_divergence,
)
from isthmus.training.objective import Objective


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def build(n_latents=3, bottleneck=None, corruption=None, **shape) -> AutoencoderModel:
    bottleneck = bottleneck or PointBottleneck()
    settings = {"hidden_widths": (7,), "activation": "tanh", **shape}
    shape = Architecture(5, n_latents, bottleneck.outputs_per_latent, **settings)
    parts = (shape.build_encoder(), bottleneck, shape.build_decoder(), GaussianLikelihood())
    return AutoencoderModel(corruption or NoCorruption(), *parts)


def forward_of(code, log_variance=None) -> ForwardOutput:
    code = torch.as_tensor(code)
    return ForwardOutput(
        torch.zeros(len(code), 4), torch.zeros(len(code), 4), Posterior(code, log_variance), code, code
    )


def test_the_loss_is_the_weighted_sum_of_its_parts():
    model, x = build(), torch.randn(6, 5)
    loss, forward = Objective({"sparsity": Sparsity(0.5), "rate": ActivationRate(2.0, 0.1)})(model, x)
    assert list(loss.parts) == ["reconstruction", "sparsity", "rate"]
    torch.testing.assert_close(loss.parts["reconstruction"], model.likelihood(forward.output, x))
    torch.testing.assert_close(loss.parts["sparsity"], 0.5 * forward.code.abs().sum(1))
    torch.testing.assert_close(loss.parts["rate"], 2.0 * ActivationRate(1.0, 0.1)(forward))
    torch.testing.assert_close(loss.total, sum(loss.parts.values()))
    assert loss.total.shape == (6,)


def test_nothing_divides_by_the_number_of_features():
    """The same row written twice side by side costs twice as much; `mse + kl` would leave it alike."""
    output, x = torch.randn(2, 6, 5)
    twice = GaussianLikelihood()(torch.cat([output, output], 1), torch.cat([x, x], 1))
    torch.testing.assert_close(twice, 2 * GaussianLikelihood()(output, x))
    code = torch.randn(6, 3)
    for penalty in (Sparsity(1.0), ActivationRate(1.0, 0.1)):
        torch.testing.assert_close(penalty(forward_of(torch.cat([code, code], 1))), 2 * penalty(forward_of(code)))


def test_sparsity_is_the_l1_norm():
    assert Sparsity(9.0)(forward_of([[1.0, -2.0, 0.0], [0.0, 0.0, 0.5]])).tolist() == [3.0, 0.5]


@pytest.mark.parametrize("target", [0.05, 0.3, 0.9])
def test_activation_rate_is_a_bernoulli_divergence(target):
    code = torch.randn(40, 3)
    rate = (1 - torch.exp(-code.abs())).mean(0)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Bernoulli(torch.full((3,), target)), torch.distributions.Bernoulli(rate)
    ).sum()
    penalty = ActivationRate(1.0, target)(forward_of(code))
    torch.testing.assert_close(penalty, expected.expand(40), rtol=1e-4, atol=1e-5)


def test_activation_rate_rests_at_its_target():
    at_rest = -math.log(1 - 0.2)  # 1 - exp(-z) = 0.2
    code = torch.full((8, 2), at_rest, requires_grad=True)
    penalty = ActivationRate(1.0, 0.2)(forward_of(code))
    torch.testing.assert_close(penalty, torch.zeros(8), atol=1e-6, rtol=0)
    penalty.sum().backward()
    torch.testing.assert_close(code.grad, torch.zeros(8, 2), atol=1e-5, rtol=0)
    for code in (torch.zeros(4, 2), torch.full((4, 2), 99.0)):
        assert torch.isfinite(ActivationRate(1.0, 0.2)(forward_of(code))).all()


def test_the_gaussian_divergence_is_torchs():
    mean, log_variance = torch.randn(2, 50, 3, dtype=torch.float64)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_divergence(mean, log_variance), expected)
    torch.testing.assert_close(Divergence(1.0)(forward_of(mean, log_variance)), expected.sum(1))


@pytest.mark.parametrize(("mean", "variance", "nats"), [(1.0, 0.25, 0.818147), (0.8, 0.2, 0.724719), (0.0, 1.0, 0.0)])
def test_the_divergence_on_paper(mean, variance, nats):
    found = gaussian_divergence(torch.tensor([[mean]]), torch.tensor([[math.log(variance)]]))
    assert float(found) == pytest.approx(nats, abs=1e-6)


def test_a_point_code_has_no_divergence():
    with pytest.raises(ValueError, match=r"^Divergence: needs a Gaussian bottleneck"):
        Divergence(1.0)(forward_of(torch.zeros(2, 2)))


def jacobian_norms(model, x):
    jacobians = [torch.autograd.functional.jacobian(lambda row: model.encode(row[None]).mean[0], row) for row in x]
    return torch.stack([jacobian.square().sum() for jacobian in jacobians])


@pytest.mark.parametrize("bottleneck", [PointBottleneck, GaussianBottleneck])
@pytest.mark.parametrize("n_latents", [1, 3, 9])
def test_the_exact_contraction_is_autograds_jacobian(bottleneck, n_latents):
    model, x = build(n_latents, bottleneck()), torch.randn(4, 5)
    expected = jacobian_norms(model, x)
    exact = Contraction(1.0, "exact")(model(x, trace_input=True))
    torch.testing.assert_close(exact, expected, rtol=1e-4, atol=1e-5)
    automatic = Contraction(1.0)(model(x, trace_input=True))
    assert torch.allclose(automatic, expected, rtol=1e-4) == (n_latents <= EXACT_JACOBIAN_UNITS)


def test_the_contraction_is_taken_where_the_encoder_looked():
    model = build(corruption=GaussianNoise(2.0))
    forward = model(torch.randn(4, 5), trace_input=True)
    expected = jacobian_norms(model, forward.corrupted.detach())
    torch.testing.assert_close(Contraction(1.0, "exact")(forward), expected, rtol=1e-4, atol=1e-5)


def test_the_estimated_contraction_is_unbiased():
    model, x = build(9), torch.randn(3, 5)
    expected = jacobian_norms(model, x)
    draws = 20_000
    forward = model(x.repeat_interleave(draws, 0), trace_input=True)
    estimates = Contraction(1.0, "estimate")(forward).detach().reshape(3, draws)
    error = estimates.std(1) / math.sqrt(draws)
    assert (error > 0).all()
    assert ((estimates.mean(1) - expected).abs() < 5 * error).all()


def test_the_contractions_gradient_reaches_the_encoder_only():
    model = build()
    loss, _ = Objective({"contraction": Contraction(1.0)})(model, torch.randn(4, 5))
    weights = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss.parts["contraction"].sum(), list(weights.values()), allow_unused=True)
    moved = {name.split(".")[0] for name, g in zip(weights, gradients, strict=True) if g is not None and g.any()}
    assert moved == {"encoder"}


def test_a_principal_start_has_a_jacobian_of_norm_n_components(table):
    model = ContractiveAutoencoder(3, max_iter=0, contraction=1.0, random_state=0).fit(table)
    assert model.history_["train_contraction"][0] == pytest.approx(3, rel=1e-4)


def test_contraction_contracts():
    from conftest import curved_table

    X = curved_table(300)
    norms = []
    for weight in (0.0, 5.0):
        model = ContractiveAutoencoder(2, contraction=weight, max_iter=15, validation_fraction=0, random_state=0).fit(X)
        rows = torch.from_numpy(model.scaling_.apply(X))
        norms.append(float(jacobian_norms(model.model_, rows[:50]).mean()))
    assert norms[1] < 0.8 * norms[0]
    assert np.isfinite(norms).all()


def test_gradients_of_the_input_are_traced_only_when_asked():
    assert not Objective({"sparsity": Sparsity(1.0)}).needs_input_gradient
    assert Objective({"contraction": Contraction(1.0)}).needs_input_gradient
