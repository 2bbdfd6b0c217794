"""A user's own network: any torch module of the right shapes, added to the linear skip.

    gate ⊙ f(x),     gate = 0 at first

The last layer of f isn't known, so it can't be set to zero; instead f is multiplied by a gate, and the first step
changes the gate alone (ReZero: Bachlechner et al. 2020, arXiv:2003.04887). Without a skip there is no gate.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["OwnModule"]


class OwnModule(nn.Module):
    """A checked float32 copy of a user's module, from (batch, n_in) to (batch, n_out).

    Parameters
    ----------
    module
        Left unchanged; the copy is trained.
    name
        Its name in error messages.
    gated
        Whether its output is zero at first.

    Raises
    ------
    ValueError
        If it is not a module, has weights that are not finite, or its output has another shape or is not finite.
    """

    def __init__(self, module: Any, n_in: int, n_out: int, *, name: str, gated: bool):
        super().__init__()
        if not isinstance(module, nn.Module):
            raise ValueError(f"{name} must be a torch.nn.Module, got {type(module).__name__}.")
        if any(isinstance(part, nn.parameter.UninitializedParameter) for part in module.parameters()):
            raise ValueError(f"{name} has lazy layers without weights; call it once on rows of shape (2, {n_in}).")
        self.module = copy.deepcopy(module).float()
        if not all(part.isfinite().all() for part in self.module.parameters()):
            raise ValueError(f"{name} has weights that are NaN or infinite; initialize it again.")
        _require_shapes(self.module, n_in, n_out, name)
        self.gate = nn.Parameter(torch.zeros(n_out)) if gated else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.module(x)
        return y if self.gate is None else y * self.gate

    def moving_buffers(self) -> Iterator[Tensor]:
        """The buffers that training changes, such as a batch normalisation's running mean."""
        return self.module.buffers()


def _require_shapes(module: nn.Module, n_in: int, n_out: int, name: str) -> None:
    wanted = f"{name} must map rows of shape (batch, {n_in}) to (batch, {n_out})"
    index = next((part.device for part in module.parameters()), torch.device("cpu"))
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            answer = module(torch.zeros(2, n_in, device=index))
    except Exception as error:  # a user's module may raise anything
        raise ValueError(f"{wanted}; for such rows it raises {type(error).__name__}: {_first_line(error)}.") from error
    module.train(was_training)
    if not isinstance(answer, Tensor):
        raise ValueError(f"{wanted}; it returns a {type(answer).__name__}.")
    if tuple(answer.shape) != (2, n_out):
        shape = ", ".join(["batch", *map(str, answer.shape[1:])]) if len(answer.shape) else ""
        raise ValueError(f"{wanted}; it returns shape ({shape}).")
    if not answer.is_floating_point():
        raise ValueError(f"{wanted}, real numbers; it returns {str(answer.dtype).removeprefix('torch.')}.")
    if not answer.isfinite().all():
        raise ValueError(f"{wanted}; for rows of zeros it returns NaN or infinity.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")
