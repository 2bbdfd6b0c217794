"""AdamW over one flat buffer.

Adam with decoupled weight decay (Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019,
arXiv:1711.05101). A step updates all weights at once by PyTorch's fused kernel, the one behind
``torch.optim.AdamW(fused=True)``. That class itself is not used: it treats every parameter as a tensor of its
own, and its first step imports PyTorch's compiler, which takes more than a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["FlatAdamW", "FlatParameters", "Moments", "flatten_parameters"]

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True)
class FlatParameters:
    """A model's weights concatenated in one tensor, their gradients in another.

    The first ``n_decayed`` weights decay: the matrices of the residual networks, which are zero at the closed form.
    """

    weights: Tensor
    gradients: Tensor
    n_decayed: int

    def as_bfloat16(self) -> FlatParameters:
        """A copy in bfloat16, to compute with."""
        weights = self.weights.to(torch.bfloat16)
        return FlatParameters(weights, torch.zeros_like(weights), self.n_decayed)

    def view_of(self, parameter: Tensor, buffer: Tensor) -> Tensor:
        """The view of ``buffer`` at the position of ``parameter`` in the weights."""
        start = parameter.storage_offset()
        return buffer[start : start + parameter.numel()].view(parameter.shape)


def flatten_parameters(model: nn.Module, decayed: Iterable[nn.Parameter] = ()) -> FlatParameters:
    """Move a model's parameters into one buffer; each parameter and its gradient become views of it.

    The ``decayed`` parameters come first.
    """
    indices = {id(part) for part in decayed}
    named = [(name, part) for name, part in model.named_parameters() if part.requires_grad]
    decays = {name for name, part in named if id(part) in indices}
    named.sort(key=lambda entry: entry[0] not in decays)
    weights = torch.cat([part.detach().reshape(-1) for _, part in named])
    gradients = torch.zeros_like(weights)
    start = n_decayed = 0
    for name, part in named:
        stop = start + part.numel()
        part.data = weights[start:stop].view_as(part)
        part.grad = gradients[start:stop].view_as(part)
        start, n_decayed = stop, stop if name in decays else n_decayed
    return FlatParameters(weights, gradients, n_decayed)


@dataclass(frozen=True)
class Moments:
    """The optimizer's state: running means of the gradients and of their squares, and the number of steps."""

    mean: Tensor
    mean_square: Tensor
    count: Tensor

    @staticmethod
    def zero(parameters: FlatParameters) -> Moments:
        """Before the first step."""
        zeros = torch.zeros_like(parameters.weights)
        return Moments(zeros, zeros.clone(), torch.zeros((), device=zeros.device))


class FlatAdamW:
    """AdamW on `FlatParameters`, from given moments or from zero."""

    def __init__(self, parameters: FlatParameters, weight_decay: float, moments: Moments | None = None):
        self.moments = moments or Moments.zero(parameters)
        tensors = (parameters.weights, parameters.gradients, self.moments.mean, self.moments.mean_square)
        border = parameters.n_decayed if weight_decay > 0 else 0
        # Views made once: the weights that decay, and the rest.
        self._parts = [
            ([[tensor[part]] for tensor in tensors], decay)
            for part, decay in ((slice(0, border), weight_decay), (slice(border, None), 0.0))
            if len(parameters.weights[part]) > 0
        ]

    def step(self, learning_rate: float) -> None:
        """Move the weights against the gradients."""
        self.moments.count.add_(1)
        for (weights, gradients, mean, mean_square), decay in self._parts:
            torch._fused_adamw_(
                weights,
                gradients,
                mean,
                mean_square,
                [],
                [self.moments.count],
                lr=learning_rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=decay,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )
