"""Random numbers: every draw comes from a generator of our own, and the global generators are never touched.

Inside `seeded`, draws come from a generator that belongs to this thread; outside it, where parts are used as plain
modules, they come from torch's own. So a fit draws the same numbers whether or not other threads are fitting too.

A batch may be split, across processes or to save memory. Each piece then draws the numbers of the whole batch and
keeps those of its own rows, so a row's noise does not depend on the number of pieces.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = [
    "OwnDraws",
    "RandomSource",
    "Share",
    "drawing_from",
    "generator",
    "normal_like",
    "seeded",
    "sharing",
    "uniform",
    "uniform_like",
]


@dataclass
class RandomSource:
    """One generator per device, made on demand, all with the same seed."""

    seed: int
    generators: dict[str, torch.Generator] = field(default_factory=dict)

    def reseed(self, seed: int) -> None:
        """Reset all generators to another seed."""
        self.seed = seed
        for one in self.generators.values():
            one.manual_seed(seed)

    def on(self, device: torch.device | str) -> torch.Generator:
        """The generator of a device."""
        name = str(device)
        if name not in self.generators:
            self.generators[name] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[name]


@dataclass(frozen=True)
class Share:
    """Some rows of a batch: their ascending positions in it, and its number of rows."""

    positions: Tensor
    n_rows: int


_SOURCE: ContextVar[RandomSource | None] = ContextVar("source", default=None)
_SHARE: ContextVar[Share | None] = ContextVar("share", default=None)


@contextmanager
def drawing_from(source: RandomSource) -> Iterator[RandomSource]:
    """A context in which draws come from this source."""
    token = _SOURCE.set(source)
    try:
        yield source
    finally:
        _SOURCE.reset(token)


def seeded(seed: int) -> Any:
    """A context in which draws come from a new source with this seed."""
    return drawing_from(RandomSource(seed))


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """A context in which numbers are drawn for the whole batch, and those of this share's rows are returned."""
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def generator(device: torch.device | str = "cpu") -> torch.Generator | None:
    """The current generator of a device; None, which means torch's own, outside `seeded`."""
    source = _SOURCE.get()
    return None if source is None else source.on(device)


def normal_like(x: Tensor) -> Tensor:
    """Standard normal numbers in the shape of x, whose first dimension is rows."""
    kind: Any = {"dtype": x.dtype, "device": x.device, "generator": generator(x.device)}
    return _drawn(lambda n_rows: torch.randn(n_rows, *x.shape[1:], **kind), len(x))


def uniform_like(x: Tensor) -> Tensor:
    """Uniform numbers in [0, 1) in the shape of x, whose first dimension is rows."""
    return uniform(x, *x.shape[1:])


def uniform(x: Tensor, *shape: int) -> Tensor:
    """Uniform numbers in [0, 1) of this shape for each row of x."""
    kind: Any = {"dtype": x.dtype, "device": x.device, "generator": generator(x.device)}
    return _drawn(lambda n_rows: torch.rand(n_rows, *shape, **kind), len(x))


def _drawn(draw: Callable[[int], Tensor], n_rows: int) -> Tensor:
    share = _SHARE.get()
    if share is None:
        return draw(n_rows)
    numbers = draw(share.n_rows)
    return numbers.index_select(0, share.positions.to(numbers.device))


_IN_PLACE = {
    getattr(Tensor, name)
    for name in ("uniform_", "normal_", "bernoulli_", "exponential_", "cauchy_", "log_normal_", "geometric_", "random_")
}
_FRESH = {torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal, torch.bernoulli, torch.multinomial}
_INITS = {
    found
    for name, found in vars(nn.init).items()
    if inspect.isfunction(found) and not name.startswith("_") and "generator" in inspect.signature(found).parameters
}


# These take no generator: torch's own is forked around the call and seeded from ours.
_OTHERS = {
    functional.alpha_dropout,
    functional.feature_alpha_dropout,
    functional.rrelu,
    functional.gumbel_softmax,
    functional.scaled_dot_product_attention,
    functional.multi_head_attention_forward,
}
_DROPOUTS = {functional.dropout: 0, functional.dropout1d: 1, functional.dropout2d: 2, functional.dropout3d: 3}


class OwnDraws(TorchFunctionMode):
    """A context in which PyTorch's own layers draw from the current source.

    The layers accept no generator, neither for their initial weights nor in dropout. A function mode intercepts each
    draw, in this thread only, and passes one in.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if (func in _IN_PLACE or func in _FRESH or func in _INITS) and kwargs.get("generator") is None:
            kwargs["generator"] = generator()
        elif func in _DROPOUTS:
            return _dropout(_DROPOUTS[func], *args, **kwargs)
        elif func in _OTHERS:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator())))
                return func(*args, **kwargs)
        return func(*args, **kwargs)


def _dropout(n_spatial: int, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each entry, or each channel of ``n_spatial`` dimensions, with probability p; the others grow by 1/(1-p)."""
    if not training or p == 0:
        return x
    shape = x.shape if n_spatial == 0 else (*x.shape[: x.dim() - n_spatial], *[1] * n_spatial)
    kept = torch.rand(shape, generator=generator(x.device), device=x.device) >= p
    scaled = kept.to(x.dtype) / max(1 - p, 1e-12)
    return x.mul_(scaled) if inplace else x * scaled
