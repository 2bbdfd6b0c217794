"""The pages of plain PyTorch and the library give the same loss on the same weights, to float32 rounding."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from isthmus import Autoencoder
from isthmus.objective import Objective

PAGES = Path(__file__).parent.parent.parent / "course" / "from_scratch"


def page(name: str) -> dict[str, Any]:
    """What the page defines, after its loop."""
    with torch.random.fork_rng():
        return runpy.run_path(str(PAGES / f"{name}.py"))


def copy_linear(source: nn.Module, target: nn.Module) -> None:
    """Copy the weights of the linear layers of one stack into those of another of the same shape."""
    ours, theirs = ([part for part in stack.modules() if isinstance(part, nn.Linear)] for stack in (target, source))
    assert len(ours) == len(theirs) > 0
    for mine, other in zip(ours, theirs, strict=True):
        mine.load_state_dict(other.state_dict())


def test_vanilla():
    scratch = page("vanilla")
    x = scratch["X"][:256]
    model = Autoencoder(2, hidden_layer_sizes=(96,), start="random", max_iter=1, random_state=0).fit(x.numpy())
    copy_linear(scratch["encoder"], model.model_.encoder)
    copy_linear(scratch["decoder"], model.model_.decoder)
    with torch.no_grad():
        loss, _ = Objective(model.make_penalties())(model.model_, x)
        # the library's σ² = 1/2 makes the squared error a density, which has a constant
        constant = x.shape[1] / 2 * math.log(math.pi)
        assert float(loss.total.mean() - constant) == pytest.approx(float(scratch["loss"](x)), rel=2e-6)
