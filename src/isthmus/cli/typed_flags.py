"""The flags that were typed: those a form of data has no use for are refused, whatever their values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from typing import Any, get_args

from cyclopts import Parameter

__all__ = ["flags_typed", "typed_among", "typed_besides"]

_TYPED: ContextVar[Mapping[str, str]] = ContextVar("_TYPED", default={})  # noqa: B039  never changed in place


@contextmanager
def flags_typed(command: Callable[..., Any], given: inspect.BoundArguments) -> Iterator[None]:
    """Within it `typed_besides` knows the flags of this call of a command."""
    known = inspect.signature(command, eval_str=True).parameters
    typed: dict[str, str] = {}
    for name, value in given.arguments.items():
        if known[name].kind is inspect.Parameter.POSITIONAL_ONLY:
            continue
        if is_dataclass(value):  # flags of a group; one that was not typed has its default
            typed |= {one.name: _flag(one.name) for one in fields(value) if getattr(value, one.name) != one.default}
        else:
            flag = _flag(name, known[name].annotation)
            typed[name] = f"--no-{flag[2:]}" if value is False else flag
    before = _TYPED.set(typed)
    try:
        yield
    finally:
        _TYPED.reset(before)


def typed_besides(*names: str) -> list[str]:
    """The flags that were typed, except those of the parameters ``names``."""
    return [flag for name, flag in _TYPED.get().items() if name not in names]


def typed_among(*names: str) -> list[str]:
    """The flags that were typed, of the parameters ``names``."""
    return [flag for name, flag in _TYPED.get().items() if name in names]


def _flag(name: str, annotation: Any = None) -> str:
    """A parameter as it is typed."""
    declared = [one.name or () for one in get_args(annotation) if isinstance(one, Parameter)]
    own = [one for names in declared for one in names if one.startswith("--")]
    return own[0] if own else f"--{name.replace('_', '-')}"
