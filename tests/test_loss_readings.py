"""A row's losses are those that torch and scipy print for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.nn import functional

from isthmus.evaluation import explain_loss


@pytest.mark.parametrize("seed", range(5))
def test_each_reading_is_the_one_of_torch_or_scipy(seed):
    rng = np.random.default_rng(seed)
    x, reconstructed = rng.uniform(size=(2, 7))
    variance = float(rng.uniform(0.05, 2))
    reading = explain_loss(x, reconstructed, variance)
    ours, theirs = torch.tensor(reconstructed), torch.tensor(x)
    assert reading.squared_error == pytest.approx(functional.mse_loss(ours, theirs, reduction="sum").item())
    assert reading.mean_squared_error == pytest.approx(functional.mse_loss(ours, theirs).item())
    cross_entropy = functional.binary_cross_entropy(ours, theirs, reduction="sum").item()
    assert reading.cross_entropy == pytest.approx(cross_entropy)
    floor = functional.binary_cross_entropy(theirs, theirs, reduction="sum").item()
    assert reading.cross_entropy_floor == pytest.approx(floor)
    assert reading.gaussian == pytest.approx(-norm(reconstructed, math.sqrt(variance)).logpdf(x).sum())
    assert reading.gaussian_bits == pytest.approx(
        -norm(reconstructed, math.sqrt(variance)).logpdf(x).sum() / math.log(2)
    )


def test_what_cross_entropy_says_at_its_edges():
    assert explain_loss([0.0, 1.0], [0.0, 1.0]).cross_entropy == 0.0
    assert explain_loss([0.5], [0.0]).cross_entropy == math.inf
    assert math.isnan(explain_loss([2.0], [0.5]).cross_entropy)
    assert math.isnan(explain_loss([0.5], [-0.1]).cross_entropy_floor)


@pytest.mark.parametrize(
    ("x", "reconstructed", "variance", "words"),
    [([1.0], [1.0, 2.0], 1.0, "(1,) and (2,)"), ([], [], 1.0, "(0,)"), ([1.0], [1.0], 0.0, "above 0, got 0.0")],
)
def test_what_makes_no_sense_is_refused(x, reconstructed, variance, words):
    with pytest.raises(ValueError, match=r"explain_loss") as caught:
        explain_loss(x, reconstructed, variance)
    assert words in str(caught.value)
