"""The pages of plain PyTorch and the library give the same loss on the same weights, to float32 rounding."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from isthmus import (
    Autoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from isthmus.estimator import BaseAutoencoder
from isthmus.parts.network import Dictionary
from isthmus.training.objective import Objective

PAGES = Path(__file__).parent.parent.parent / "course" / "from_scratch"
SETTINGS: dict[str, Any] = {"start": "random", "max_iter": 1, "random_state": 0}


def page(name: str) -> dict[str, Any]:
    """What the page defines, after its loop."""
    with torch.random.fork_rng():
        return runpy.run_path(str(PAGES / f"{name}.py"))


def copy_linear(source: nn.Module, target: nn.Module) -> None:
    """Copy the weights of the linear layers of one stack into those of another of the same shape."""
    ours, theirs = (
        [part for part in stack.modules() if isinstance(part, nn.Linear | Dictionary)] for stack in (target, source)
    )
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        mine.load_state_dict(other.state_dict())


PAGE_MODELS: dict[str, BaseAutoencoder] = {
    "vanilla": Autoencoder(2, hidden_layer_sizes=(96,), **SETTINGS),
    "sparse": SparseAutoencoder(128, hidden_layer_sizes=(), sparsity=0.1, **SETTINGS),
    "denoising": DenoisingAutoencoder(16, hidden_layer_sizes=(96,), corruption_level=0.3, **SETTINGS),
    "contractive": ContractiveAutoencoder(2, hidden_layer_sizes=(96,), contraction=0.1, **SETTINGS),
    "variational": VariationalAutoencoder(2, hidden_layer_sizes=(96,), **SETTINGS),
}


@pytest.mark.parametrize("name", PAGE_MODELS)
def test_the_librarys_loss_is_the_pages(name):
    scratch = page(name)
    x = scratch["X"][:256]
    model = PAGE_MODELS[name].fit(x.numpy())
    copy_linear(scratch["encoder"], model.model_.encoder)
    copy_linear(scratch["decoder"], model.model_.decoder)
    # where the page has no variance of its own, σ² = 1/2 makes the squared error a density, which has a constant
    constant = x.shape[1] / 2 * math.log(math.pi)
    if "log_variance" in scratch:
        constant = 0.0
        with torch.no_grad():
            model.model_.likelihood.log_variance.copy_(scratch["log_variance"])
    with torch.random.fork_rng():
        torch.manual_seed(1)
        loss, _ = Objective(model.make_penalties())(model.model_, x)
        torch.manual_seed(1)
        theirs = scratch["loss"](x)
    assert float(loss.total.detach().mean()) - constant == pytest.approx(float(theirs.detach()), rel=2e-6)
