"""Random numbers of a batch: noise on the input, draws of a code.

One process draws what it needs. Where a batch is shared out, among processes or because memory is short, each part
draws the numbers of the whole batch and keeps those of its own rows: a row's noise does not depend on how many parts
there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Share", "normal_like", "sharing", "uniform", "uniform_like"]


@dataclass(frozen=True)
class Share:
    """Some rows of a batch: their places in it, ascending, and how many rows it has."""

    places: Tensor
    n_rows: int


_SHARE: ContextVar[Share | None] = ContextVar("share", default=None)


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """What is drawn inside, one number or more for each row, is drawn for the batch that these rows are a share of."""
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def normal_like(x: Tensor) -> Tensor:
    """Standard normal numbers in the shape of x, whose first dimension are rows."""
    return _drawn(lambda n_rows: torch.randn(n_rows, *x.shape[1:], dtype=x.dtype, device=x.device), len(x))


def uniform_like(x: Tensor) -> Tensor:
    """Uniform numbers in [0, 1) in the shape of x, whose first dimension are rows."""
    return uniform(x, *x.shape[1:])


def uniform(x: Tensor, *shape: int) -> Tensor:
    """Uniform numbers in [0, 1) of this shape for each row of x."""
    return _drawn(lambda n_rows: torch.rand(n_rows, *shape, dtype=x.dtype, device=x.device), len(x))


def _drawn(draw: Callable[[int], Tensor], n_rows: int) -> Tensor:
    share = _SHARE.get()
    if share is None:
        return draw(n_rows)
    return _rows_at(draw(share.n_rows), share.places)


def _rows_at(numbers: Tensor, places: Tensor) -> Tensor:
    return numbers.index_select(0, places.to(numbers.device))
