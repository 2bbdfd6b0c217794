"""The penalty on what a code says of the condition: 0 where it says nothing, 1 where it is the condition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import CombinedAutoencoder
from isthmus.parts.autoencoder import ForwardOutput
from isthmus.parts.bottleneck import Posterior
from isthmus.parts.penalty import Dependence


def dependence(code: torch.Tensor, given: torch.Tensor | None) -> torch.Tensor:
    return Dependence(1.0)(ForwardOutput(code, code, Posterior(code), code, code, given))


@pytest.fixture
def groups():
    return torch.eye(3)[torch.arange(300) % 3]


def test_a_code_that_is_the_condition_depends_on_it_wholly(groups):
    np.testing.assert_allclose(dependence(groups, groups).numpy(), 1, atol=1e-3)


def test_an_independent_code_hardly_does_and_a_difference_in_spread_is_seen(groups):
    code = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    independent = float(dependence(code, groups)[0])
    shifted = float(dependence(code + groups @ torch.ones(3, 4).tril(), groups)[0])
    wider = float(dependence(code * (1 + 2 * groups[:, :1]), groups)[0])  # the means are the same
    assert independent < 0.05
    assert wider > 3 * independent
    assert shifted > 3 * independent


def test_units_of_the_code_do_not_matter_and_nothing_given_costs_nothing(groups):
    code = torch.randn(300, 4, generator=torch.Generator().manual_seed(1)) + groups @ torch.ones(3, 4).tril()
    torch.testing.assert_close(dependence(code, groups), dependence(1000 * code, groups), rtol=1e-4, atol=1e-6)
    assert float(dependence(code, None).abs().max()) == 0


def test_training_lowers_it():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 300)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) * np.where(group, 3.0, 1.0)[:, None]
    given = np.array(["a", "b"])[group]
    settings = {"max_iter": 15, "random_state": 0, "polish": 0, "hidden_layer_sizes": (32,)}
    plain, other = (CombinedAutoencoder(2, dependence=weight, **settings).fit(X, given=given) for weight in (0.0, 20.0))

    def of(model: CombinedAutoencoder) -> float:
        codes = torch.from_numpy(model.transform(X, given=given))
        return float(dependence(codes, torch.eye(2)[torch.from_numpy(group)])[0])

    assert of(other) < 0.7 * of(plain)
    assert "validation_dependence" in other.history_.columns
