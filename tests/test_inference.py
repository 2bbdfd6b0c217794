"""Inference by a decoder: codes that are best, known answers for linear decoders, and bits that stay where they are."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from torch import nn

from conftest import curved_table
from isthmus import Autoencoder, SparseAutoencoder
from isthmus.inference import state
from isthmus.inference.blocks import MAX_ROWS
from isthmus.inference.codes import GaussianPrior, Inferred, infer
from isthmus.inference.descent import descend, metric_of
from isthmus.inference.evidence import (
    EM_STEPS,
    CodeDensity,
    density_behind,
    evidence_of,
    fit_code_density,
)
from isthmus.inference.polishing import curvature_sample
from isthmus.inference.posterior import draw_codes, left_out, standard_errors
from isthmus.inference.starts import CodeBank
from isthmus.inference.target import GaussianTarget, LikelihoodTarget, observed_target
from isthmus.parts.likelihoods.bernoulli import BernoulliLikelihood
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.likelihoods.mixed import MixedLikelihood
from isthmus.parts.network import Architecture, Network

ARCHITECTURES = {
    "two layers": {"hidden_widths": (16, 12)},
    "relu": {"hidden_widths": (16,), "activation": "relu"},
    "gelu": {"hidden_widths": (16, 8), "activation": "gelu"},
    "tanh": {"hidden_widths": (16, 8), "activation": "tanh"},
    "sigmoid": {"hidden_widths": (16, 8), "activation": "sigmoid"},
    "no skip": {"hidden_widths": (16, 8), "principal": False},
    "linear": {},
    "dictionary": {"sparse": True},
    "convolutions": {"hidden_widths": (16,), "image_shape": (7, 6), "channels": (4, 3)},
    "convolutions alone": {"image_shape": (7, 6), "channels": (4, 3)},
}


class Own(nn.Module):
    """A user's decoder, of layers without a rule here."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(3, 42), nn.LayerNorm(42)

    def forward(self, z):
        return self.norm(self.layer(z).sin()) + z.sum(1, keepdim=True)


def decoder(kind: str) -> Network:
    torch.manual_seed(0)
    if kind == "own module":
        found = Architecture(42, 3, own_decoder=True).build_decoder(Own())
        found.residual.gate.data.uniform_(0.5, 2)
    else:
        found = Architecture(42, 3, **ARCHITECTURES[kind]).build_decoder()
    if found.input_scale is not None:
        found.input_scale.uniform_(0.5, 2)
    return found


KINDS = [*ARCHITECTURES, "own module"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_jacobian_is_that_of_autograd(kind):
    network, z = decoder(kind), torch.randn(9, 3)
    whole = torch.autograd.functional.jacobian(lambda codes: network(codes).sum(0), z)  # rows don't mix
    expected = whole.transpose(0, 1)
    with torch.inference_mode():
        stacked = network.value_and_jacobian(z)
    torch.testing.assert_close(stacked[:, 0], network(z).detach())
    torch.testing.assert_close(stacked[:, 1:].mT, expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_linearization_pushes_and_pulls_by_that_jacobian(kind):
    network, z = decoder(kind), torch.randn(9, 3)
    jacobian = network.value_and_jacobian(z)[:, 1:]
    at, tangent, cotangent = network.linearize(z), torch.randn(9, 3), torch.randn(9, 42)
    torch.testing.assert_close(at.value, network(z).detach())
    torch.testing.assert_close(at.push(tangent), torch.einsum("bp,bpn->bn", tangent, jacobian), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        at.pull(cotangent), torch.einsum("bn,bpn->bp", cotangent, jacobian), atol=1e-4, rtol=1e-4
    )


def linear_problem(n_rows=60, n_features=12, size=4, noise=0.3):
    generator = torch.Generator().manual_seed(3)
    network = Architecture(n_features, size).build_decoder()
    with torch.no_grad():
        network.skip.weight.copy_(torch.randn(n_features, size, generator=generator))
    weight, bias = network.skip.weight.detach(), network.skip.bias.detach()
    codes = torch.randn(n_rows, size, generator=generator)
    rows = codes @ weight.T + bias + noise * torch.randn(n_rows, n_features, generator=generator)
    return network, weight.double(), bias.double(), rows


def test_a_linear_decoders_code_is_the_least_squares_one():
    network, weight, bias, rows = linear_problem()
    expected = torch.linalg.lstsq(weight, (rows.double() - bias).T).solution.T
    guess = torch.zeros(len(rows), 4)
    found = infer(network, GaussianTarget(rows), guess, steps=6).codes
    torch.testing.assert_close(found.double(), expected, atol=1e-3, rtol=1e-3)
    metric = metric_of(infer(network, GaussianTarget(rows), guess, steps=0, curvature=True).curvature)
    torch.testing.assert_close(
        descend(network, GaussianTarget(rows), guess, metric, steps=3).codes.double(), expected, atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("per_cell", [False, True])
def test_prior_and_weights_give_the_normal_posterior(per_cell):
    """Mean and covariance as on paper: (WᵀΛW + P)⁻¹ (WᵀΛ(x - b) + Pm), with Λ the precision of the cells there are."""
    network, weight, bias, rows = linear_problem()
    torch.manual_seed(0)
    precision = torch.rand(12) + 0.5
    if per_cell:
        rows = torch.where(torch.rand(rows.shape) < 0.3, torch.nan, rows)
    root = torch.randn(4, 4)
    prior = GaussianPrior(torch.randn(4), root @ root.T + torch.eye(4))
    target = observed_target(rows, precision)
    found = infer(network, target, torch.zeros(len(rows), 4), steps=8, prior=prior, curvature=True)
    for place, row in enumerate(rows.double()):
        there = ~row.isnan()
        scaled = weight[there].T * precision.double()[there]
        hessian = scaled @ weight[there] + prior.precision.double()
        right = scaled @ (row - bias)[there] + prior.precision.double() @ prior.mean.double()
        torch.testing.assert_close(found.curvature[place].double(), hessian, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            found.codes[place].double(), torch.linalg.solve(hessian, right), atol=1e-3, rtol=1e-3
        )
    errors = standard_errors(found.curvature)
    expected = torch.linalg.inv(found.curvature.double()).diagonal(dim1=1, dim2=2).sqrt()
    torch.testing.assert_close(errors.double(), expected, atol=1e-5, rtol=1e-4)


def bent_problem(n_latents=2, n_features=20, n_rows=700, widths=(32, 32), noise=0.05):
    torch.manual_seed(1)
    network = Architecture(n_features, n_latents, hidden_widths=widths, activation="tanh").build_decoder()
    with torch.no_grad():
        for layer in network.residual[::2]:
            layer.weight.mul_(1.5)
    codes = torch.randn(n_rows, n_latents)
    with torch.no_grad():
        clean = network(codes)
    return network, codes, clean, clean + noise * torch.randn_like(clean)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_no_row_ends_worse_than_its_guess(steps):
    network, codes, _, rows = bent_problem()
    guess = codes + 2 * torch.randn_like(codes)  # so far off that many a step is refused
    target = GaussianTarget(rows)
    start = infer(network, target, guess, steps=0).energy
    metric = metric_of(infer(network, target, codes, steps=0, curvature=True).curvature)
    for found in (infer(network, target, guess, steps=steps), descend(network, target, guess, metric, steps=steps)):
        assert (found.energy <= start * (1 + 1e-5)).all()  # up to rounding
        assert found.energy.mean() < 0.8 * start.mean()
        torch.testing.assert_close(found.energy, target.cost(network(found.codes).detach()), rtol=1e-4, atol=1e-5)


def test_many_steps_reach_the_same_minimum_either_way():
    network, codes, _, rows = bent_problem()
    target = GaussianTarget(rows)
    exact = infer(network, target, codes, steps=30, curvature=True)
    gradient = torch.einsum(
        "bn,bpn->bp", network(exact.codes).detach() - rows, network.value_and_jacobian(exact.codes)[:, 1:]
    )
    assert gradient.abs().max() < 3e-3
    found = descend(network, target, codes, metric_of(exact.curvature), steps=30)
    assert float(found.energy.mean()) == pytest.approx(float(exact.energy.mean()), rel=1e-3)
    assert (found.energy <= 1.01 * exact.energy).float().mean() > 0.98


def test_what_is_no_number_keeps_its_guess_and_leaves_the_others_alone():
    network, codes, _, rows = bent_problem(n_rows=40)
    spoilt = rows.clone()
    spoilt[3], spoilt[5], spoilt[7] = torch.inf, 1e30, torch.nan
    guess = codes.clone()
    guess[9] = torch.nan
    others = [place for place in range(40) if place not in (3, 5, 7, 9)]
    metric = metric_of(infer(network, GaussianTarget(rows), codes, steps=0, curvature=True).curvature)
    for solve in (
        lambda x, z: infer(network, GaussianTarget(x), z, steps=3),
        lambda x, z: descend(network, GaussianTarget(x), z, metric, steps=3),
    ):
        found, clean = solve(spoilt, guess).codes, solve(rows, codes).codes
        assert torch.equal(found[others], clean[others])
        assert torch.equal(found[[3, 7]], guess[[3, 7]])
        assert found[9].isnan().all()


def test_a_latent_that_moves_nothing_stays_where_it_is():
    network, codes, _, rows = bent_problem()
    with torch.no_grad():
        network.skip.weight[:, 1] = 0
        network.residual[0].weight[:, 1] = 0
    found = infer(network, GaussianTarget(rows), codes, steps=3, curvature=True)
    assert torch.equal(found.codes[:, 1], codes[:, 1])
    metric = metric_of(found.curvature)
    descended = descend(network, GaussianTarget(rows), codes, metric, steps=3)
    assert torch.equal(descended.codes[:, 1], codes[:, 1])
    assert descended.energy.mean() < infer(network, GaussianTarget(rows), codes, steps=0).energy.mean()


@pytest.mark.parametrize(
    ("n_latents", "n_features"), [(1, 4), (2, 5), (3, 6), (5, 8), (7, 10), (8, 11), (13, 64), (5, 101)]
)
def test_a_rows_code_does_not_depend_on_its_company(n_latents, n_features):
    torch.manual_seed(0)
    network = Architecture(n_features, n_latents, hidden_widths=(32, 32)).build_decoder()
    with torch.no_grad():
        network.residual[-1].weight.normal_(0, 0.1)
    rows, guess = torch.randn(1100, n_features), torch.randn(1100, n_latents)
    order, alone, metric = torch.randperm(1100), slice(700, 701), torch.eye(n_latents)
    codes = torch.randn(50, n_latents)
    bank = CodeBank(codes, network(codes).detach())
    ways = (
        lambda x, z: infer(network, GaussianTarget(x), z, steps=3).codes,
        lambda x, z: infer(network, GaussianTarget(x), z, steps=2, curvature=True).curvature,
        lambda x, z: descend(network, GaussianTarget(x), z, metric, steps=3).codes,
        lambda x, z: bank.better(network, GaussianTarget(x), z),
        lambda x, z: infer(network, GaussianTarget(x, torch.linspace(1, 2, n_features)), z, steps=2).codes,
    )
    for way in ways:
        together = way(rows, guess)
        assert torch.equal(together[order], way(rows[order], guess[order]))
        assert torch.equal(together[alone], way(rows[alone], guess[alone]))


def test_a_bank_of_codes_finds_the_other_side_of_a_fold():
    """x = (cos t, sin t): from the wrong side of the circle no descent leads to the right one, the bank does."""

    class Circle(nn.Module):
        def forward(self, z):
            return torch.cat([z.cos(), z.sin()], 1)

    network = Network(None, nn.Sequential(Circle()))
    truth = torch.linspace(-3, 3, 50)[:, None]
    rows, guess = network(truth), truth.sign() * 0.0 + 0.1
    codes = torch.linspace(-3, 3, 20)[:, None]
    bank = CodeBank(codes, network(codes).detach())
    start = bank.better(network, GaussianTarget(rows), guess)
    assert (start - truth).abs().max() < 0.2
    missing = rows.clone()
    missing[::2, 1] = torch.nan  # cos alone leaves two codes; either will do
    start = bank.better(network, observed_target(missing, 1.0), guess)
    error = (network(start) - rows).abs()
    assert error[::2, 0].max() < 0.2
    assert error[1::2].max() < 0.2


# ---- other likelihoods -------------------------------------------------------------------------------------


def likelihood(kind: str, n_features: int):
    blocks = SimpleNamespace(numbers=range(8), counts=[], booleans=[8, 9, 10], categories=[(11, 15), (15, n_features)])
    return {
        "squared error": lambda: GaussianLikelihood(),
        "bounded": lambda: GaussianLikelihood(0.1, bounded=True),
        "bernoulli": lambda: BernoulliLikelihood(),
        "bernoulli, soft clip": lambda: BernoulliLikelihood(soft_clip=True),
        "mixed": lambda: MixedLikelihood(blocks, GaussianLikelihood(0.3), soft_clip=False),
    }[kind]()


LIKELIHOODS = ["squared error", "bounded", "bernoulli", "bernoulli, soft clip", "mixed"]


def rows_of(kind: str, mean: torch.Tensor) -> torch.Tensor:
    return likelihood(kind, mean.shape[1]).sample(
        mean, torch.full((mean.shape[1],), 0.01), torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize("kind", LIKELIHOODS)
@pytest.mark.parametrize("gaps", [False, True])
def test_fisher_scoring_has_the_gradient_of_the_cost(kind, gaps):
    network, codes, clean, _ = bent_problem(n_rows=40)
    noise = likelihood(kind, 20)
    rows = rows_of(kind, noise.mean(clean))
    if gaps:
        rows[torch.rand(rows.shape) < 0.2] = torch.nan
    at = codes.clone().requires_grad_()
    noise.some_missing = gaps
    (expected,) = torch.autograd.grad(noise(network(at), rows).sum(), at)
    with torch.inference_mode():
        target = LikelihoodTarget(noise, rows)
        cost, gradient, curvature = target.normal(network.value_and_jacobian(codes))
        same, slope = target.cost_and_gradient(network(codes))
    torch.testing.assert_close(cost, noise(network(codes), rows).detach())
    torch.testing.assert_close(same, cost)
    torch.testing.assert_close(gradient, expected, atol=1e-3, rtol=5e-3)
    torch.testing.assert_close(network.linearize(codes).pull(slope), expected, atol=1e-3, rtol=1e-3)
    assert torch.linalg.eigvalsh(curvature).min() > 0
    tangent = torch.randn(2)
    along = network.linearize(codes).push(tangent.expand(40, 2))
    with torch.inference_mode():
        bend = target.curvature_along(network(codes), along)
    torch.testing.assert_close(bend, torch.einsum("i,bij,j->b", tangent, curvature, tangent), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", LIKELIHOODS)
def test_codes_under_any_likelihood_descend(kind):
    network, codes, clean, _ = bent_problem(n_rows=300)
    noise = likelihood(kind, 20)
    target = LikelihoodTarget(noise, rows_of(kind, noise.mean(clean)))
    guess = codes + 0.3 * torch.randn_like(codes)
    start, there = target.cost(network(guess)).mean(), target.cost(network(codes)).mean()
    with torch.inference_mode():
        found = infer(network, target, guess, steps=8, curvature=True)
        descended = descend(network, target, guess, metric_of(found.curvature), steps=8)
    reached = torch.stack([found.energy.mean() - there, descended.energy.mean() - there]) / (start - there)
    assert (reached < 0.2).all()  # of the way from the guess to the codes that the rows were made from


# ---- evidence ----------------------------------------------------------------------------------------------

TABLES = {
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "iris": load_iris,
    "digits": load_digits,
}


@pytest.mark.parametrize("name", TABLES)
def test_the_evidence_of_a_linear_decoder_is_pcas_score(name):
    X = TABLES[name]().data
    X = (X - X.mean(0)) / np.where(X.std(0, ddof=1) > 0, X.std(0, ddof=1), 1)
    x = torch.from_numpy(X).float()
    for size in sorted({1, 2, 3, X.shape[1] // 4, X.shape[1] // 2, X.shape[1] - 2}):
        pca = PCA(size, svd_solver="full").fit(X)
        if pca.noise_variance_ < 1e-6:
            continue
        network = Architecture(X.shape[1], size).build_decoder()
        with torch.no_grad():
            network.skip.weight.copy_(torch.from_numpy(pca.components_.T))
            network.skip.bias.zero_()
        found = infer(network, GaussianTarget(x), torch.zeros(len(x), size), steps=5, curvature=True)
        # Over N - 1 as scikit-learn counts: one of the rows is spent on the mean.
        noise = float(2 * found.energy.double().sum()) / (len(x) - 1) / (X.shape[1] - size)
        assert noise == pytest.approx(pca.noise_variance_, rel=1e-4)
        density = fit_code_density(found.codes, noise * torch.linalg.inv(found.curvature))
        target = GaussianTarget(x, 1 / noise)
        best = infer(network, target, found.codes, steps=5, prior=density.prior, curvature=True)
        scores = evidence_of(best, target, density)
        np.testing.assert_allclose(scores.numpy(), pca.score_samples(X), rtol=1e-4, atol=1e-4 * X.shape[1])


def test_the_evidence_of_what_is_observed_is_the_marginal_density():
    network, weight, bias, rows = linear_problem()
    torch.manual_seed(0)
    noise, covariance = 0.09, torch.diag(torch.tensor([1.0, 0.5, 2.0, 1.5]))
    rows = torch.where(torch.rand(rows.shape) < 0.3, torch.nan, rows)
    density = CodeDensity(torch.zeros(4), covariance)
    target = observed_target(rows, 1 / noise)
    best = infer(network, target, torch.zeros(len(rows), 4), steps=8, prior=density.prior, curvature=True)
    for row, score in zip(rows.double(), evidence_of(best, target, density), strict=True):
        there = ~row.isnan()
        part = weight[there]
        marginal = part @ covariance.double() @ part.T + noise * torch.eye(int(there.sum()), dtype=torch.float64)
        expected = torch.distributions.MultivariateNormal(bias[there], marginal).log_prob(row[there])
        assert float(score) == pytest.approx(float(expected), rel=1e-4, abs=1e-3)


def test_where_noise_explains_a_latents_spread_the_density_stays_positive():
    torch.manual_seed(0)
    codes = torch.randn(500, 3) * torch.tensor([2.0, 1.0, 0.1])
    density = fit_code_density(codes, torch.diag(torch.tensor([0.01, 0.01, 1.0])).expand(500, -1, -1))
    assert torch.linalg.eigvalsh(density.covariance).min() > 0
    assert density.covariance[0, 0] == pytest.approx(4, rel=0.2)
    assert density.covariance[2, 2] < 1e-4


def test_of_a_linear_decoder_the_density_behind_codes_is_what_em_finds_by_inferring_again():
    network, _, _, rows = linear_problem()
    target, start = GaussianTarget(rows, 1 / 0.09), CodeDensity(torch.full((4,), 0.3), 2 * torch.eye(4))
    expected = start
    for _ in range(EM_STEPS):
        found = infer(network, target, torch.zeros(len(rows), 4), steps=5, prior=expected.prior, curvature=True)
        spread = torch.cov(found.codes.T) + torch.linalg.inv(found.curvature).mean(0)
        expected = CodeDensity(found.codes.mean(0), spread)
    found = infer(network, target, torch.zeros(len(rows), 4), steps=5, prior=start.prior, curvature=True)
    density = density_behind(found, start)
    torch.testing.assert_close(density.mean, expected.mean, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(density.covariance, expected.covariance, rtol=1e-3, atol=1e-4)


def test_the_density_behind_codes_stays_finite_where_steps_lead_nowhere():
    codes = torch.tensor([[0.0], [1.0], [1e19]])  # the last is far from its best code
    start = CodeDensity(torch.zeros(1), torch.eye(1))
    density = density_behind(Inferred(codes, torch.zeros(3), torch.full((3, 1, 1), 1.0)), start)
    assert density.mean.isfinite().all()
    assert density.covariance.isfinite().all()


def test_evidence_needs_the_curvature():
    network, codes, _, rows = bent_problem(n_rows=10)
    found = infer(network, GaussianTarget(rows), codes, steps=1)
    with pytest.raises(ValueError, match="curvature"):
        evidence_of(found, GaussianTarget(rows), CodeDensity(torch.zeros(2), torch.eye(2)))
    with pytest.raises(ValueError, match="curvature"):
        left_out(network, GaussianTarget(rows), found)
    with pytest.raises(ValueError, match="curvature"):
        density_behind(found, CodeDensity(torch.zeros(2), torch.eye(2)))


# ---- the posterior -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_latents", [1, 2, 4])
def test_nine_of_ten_true_codes_lie_within_their_bands(n_latents):
    noise = 0.05
    network, codes, _, rows = bent_problem(n_latents=n_latents, n_rows=1500, noise=noise)
    found = infer(network, GaussianTarget(rows, 1 / noise**2), codes, steps=10, curvature=True)
    errors = standard_errors(found.curvature)
    inside = ((found.codes - codes).abs() < 1.645 * errors).float().mean(0)
    assert (inside > 0.85).all()
    assert (inside < 0.95).all()


def test_draws_of_a_code_have_the_posteriors_moments():
    curvature = torch.tensor([[[4.0, 1.0], [1.0, 2.0]]])
    noise = torch.randn(20_000, 1, 2, generator=torch.Generator().manual_seed(0))
    draws = draw_codes(torch.tensor([[1.0, -1.0]]), curvature, noise)[:, 0]
    torch.testing.assert_close(draws.mean(0), torch.tensor([1.0, -1.0]), atol=0.02, rtol=0)
    torch.testing.assert_close(draws.T.cov(), torch.linalg.inv(curvature[0]), atol=0.02, rtol=0)


def test_leaving_a_cell_out_is_as_if_it_had_not_been_there():
    """For a linear decoder: each cell's expectation and variance are those of inference without the cell."""
    network, weight, _, rows = linear_problem(n_rows=8)
    prior = GaussianPrior(torch.zeros(4), torch.eye(4))
    target = GaussianTarget(rows, 4.0)
    found = infer(network, target, torch.zeros(8, 4), steps=8, prior=prior, curvature=True)
    mean, variance = left_out(network, target, found)
    for column in range(rows.shape[1]):
        without = rows.clone()
        without[:, column] = torch.nan
        left = infer(network, observed_target(without, 4.0), torch.zeros(8, 4), steps=8, prior=prior, curvature=True)
        torch.testing.assert_close(mean[:, column], network(left.codes)[:, column].detach(), atol=1e-3, rtol=1e-3)
        spread = (
            torch.linalg.solve(left.curvature.double(), weight[column].expand(8, -1)[:, :, None])[:, :, 0]
            @ weight[column]
        )
        torch.testing.assert_close(variance[:, column].double(), spread + 0.25, atol=1e-4, rtol=1e-3)


def test_bounded_memory(monkeypatch):
    """However many rows there are, the largest linearization holds one block's."""
    network, codes, _, rows = bent_problem(n_rows=5000)
    sizes = []
    whole = Network.value_and_jacobian
    monkeypatch.setattr(
        Network, "value_and_jacobian", lambda self, z, given: sizes.append(len(z)) or whole(self, z, given)
    )
    infer(network, GaussianTarget(rows), codes, steps=2)
    assert {*sizes} == {MAX_ROWS}
    assert math.ceil(5000 / MAX_ROWS) * 2 == len(sizes)


@pytest.mark.parametrize("settings", [{}, {"hidden_layer_sizes": ()}, {"scale": "standard"}, {"variance": "learned"}])
def test_any_fit_of_point_codes_takes_rows_with_gaps(settings):
    X = bent_rows()
    model = Autoencoder(2, max_iter=20, random_state=0, **settings).fit(X)
    holes = np.random.default_rng(1).random(X.shape) < 0.2
    holes[0], holes[1] = True, False
    gaps = np.where(holes, np.nan, X)
    whole = model.transform(X[1:2])
    codes, errors = model.transform(gaps, return_std=True)
    spread = model.fitted_.code_covariances(gaps)
    np.testing.assert_allclose(np.sqrt(spread.diagonal(axis1=1, axis2=2)), errors, rtol=1e-4)
    assert np.isfinite(codes).all()
    assert (errors > 0).all()
    assert np.isfinite(model.score_samples(gaps)).all()
    np.testing.assert_allclose(codes[1:2], whole, rtol=1e-4, atol=1e-5)  # a row without gaps is what it was
    # of a row without cells nothing is known but the density of codes, and its spread
    known = model.fitted_.inference.density
    np.testing.assert_allclose(codes[0] / model.fitted_.code_unit, known.mean, atol=1e-4)
    np.testing.assert_allclose(errors[0] / model.fitted_.code_unit, known.covariance.diagonal().sqrt(), rtol=1e-3)
    filled = model.impute(gaps)
    np.testing.assert_array_equal(filled[~holes], X[~holes])
    wrong, mean = (np.square((rows - X)[2:][holes[2:]]).mean() for rows in (filled, X.mean(0) + 0 * X))
    assert wrong < 0.5 * mean


def test_codes_that_are_no_points_refuse_gaps():
    X = bent_rows()
    model = SparseAutoencoder(20, max_iter=2, random_state=0).fit(X)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN in row 0"):
        model.transform(X)


def bent_rows(n_rows=300, n_columns=12):
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (n_rows, 2))
    return np.tanh(t @ rng.standard_normal((2, 16))) @ rng.standard_normal(
        (16, n_columns)
    ) + 0.05 * rng.standard_normal((n_rows, n_columns))


class Rounded(nn.Module):
    """A decoder whose output does not depend on its input, as autograd sees it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 12)

    def forward(self, z):
        return self.layer(z.detach().round())


def test_a_decoder_without_a_derivative_leaves_codes_to_the_encoder_and_says_so():
    X = bent_rows()
    with pytest.warns(RuntimeWarning, match="can't be differentiated: codes are the encoder's, without polishing"):
        model = Autoencoder(2, decoder=Rounded(), max_iter=2, random_state=0).fit(X)
    codes = model.transform(X)
    with torch.no_grad():
        guess = model.model_.encode(torch.from_numpy(model.scaling_.apply(X))).mean.numpy() * model.fitted_.code_unit
    np.testing.assert_allclose(codes, guess, rtol=1e-4, atol=1e-5)
    assert np.isfinite(model.score_samples(X)).all()
    with pytest.raises(ValueError, match="these codes have no standard errors"):
        model.transform(X, return_std=True)


def test_rows_far_outside_have_codes_and_densities():
    X = bent_rows()
    model = Autoencoder(2, max_iter=20, random_state=0).fit(X)
    far = X[:4] * np.array([1.0, 1e3, 1e6, -1e9])[:, None]
    codes, scores = model.transform(far), model.score_samples(far)
    assert np.isfinite(codes).all()
    assert (np.diff(scores) < 0).all()


@pytest.fixture(scope="module")
def many_latents() -> tuple[np.ndarray, Autoencoder]:
    X = curved_table(300, 20)
    return X, Autoencoder(state.MANY_LATENTS + 2, hidden_layer_sizes=(16,), max_iter=20, random_state=0).fit(X)


def test_descent_first_gives_codes_of_many_latents_the_evidence_of_the_exact_ones(many_latents, monkeypatch):
    X, model = many_latents
    cheap = model.score_samples(X)
    monkeypatch.setattr(state, "MANY_LATENTS", 999)
    np.testing.assert_allclose(cheap, model.score_samples(X), atol=0.02)
    monkeypatch.setattr(state, "MANY_LATENTS", 8)
    monkeypatch.setattr(state, "LAST_STEPS", 0)  # the prior counts
    assert np.abs(cheap - model.score_samples(X)).max() > 0.02


def test_a_row_has_its_score_whether_the_rows_beside_it_have_gaps_or_not(many_latents):
    X, model = many_latents
    mixed = X[:40].copy()
    mixed[::3, 4] = np.nan
    together = model.score_samples(mixed)
    gaps = np.isnan(mixed).any(1)
    np.testing.assert_array_equal(together[gaps], model.score_samples(mixed[gaps]))
    np.testing.assert_allclose(together[~gaps], model.score_samples(mixed[~gaps]), rtol=1e-5)


def test_codes_of_wide_rows_need_no_jacobian(monkeypatch):
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(300, 3))
    X = np.tanh(hidden @ rng.normal(size=(3, 50))) + 0.05 * rng.normal(size=(300, 50))
    fitted = Autoencoder(3, max_iter=40, hidden_layer_sizes=(32,), random_state=0).fit(X).fitted_
    model, polishing = fitted.model, fitted.inference.polishing
    target = observed_target(torch.from_numpy(fitted.scaling.apply(X)), 1.0)
    found, whole, calls = [], Network.value_and_jacobian, []
    monkeypatch.setattr(Network, "value_and_jacobian", lambda *given: calls.append(1) or whole(*given))
    for most in (3 * 50 - 1, 3 * 50):
        calls.clear()
        monkeypatch.setattr(state, "MANY_CELLS", most)
        codes = state._exact(model, polishing, target, model.encode(target.x).mean)
        found.append((len(calls), float(target.cost(model.decoder(codes)).detach().mean())))
    (none, by_descent), (many, by_jacobians) = found
    assert none == 0 < many
    assert by_descent == pytest.approx(by_jacobians, rel=0.02)


@pytest.mark.parametrize(
    ("n_rows", "n_latents", "n_features", "n_examined"), [(300, 2, 64, 300), (2000, 2, 64, 512), (2000, 32, 10752, 64)]
)
def test_fewer_rows_are_examined_where_a_jacobian_is_large(n_rows, n_latents, n_features, n_examined):
    sample = curvature_sample(torch.zeros(n_rows, n_latents), n_features)
    assert len(sample) == n_examined
    assert (sample[0], sample[-1]) == (0, n_rows - 1)
