"""How a hyperparameter is declared: default, meaning and bounds in one field.

Estimators declare their settings as dataclass fields made by `hyper`; `fit` checks them with
`check_hyperparameters`, and the command line's flags and help and the tables in the docs are generated
from them.

>>> from dataclasses import dataclass
>>> @dataclass
... class Example:
...     sparsity: float = hyper(1e-3, "weight of the penalty", at_least=0)
>>> check_hyperparameters(Example(sparsity=-1))
Traceback (most recent call last):
    ...
ValueError: Example: sparsity must be at least 0, got -1.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import re
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["Hyperparameter", "check_hyperparameters", "hyper", "hyperparameters"]


@dataclass(frozen=True)
class Hyperparameter:
    """One setting: its name, default, meaning, and allowed values."""

    name: str
    default: Any
    meaning: str
    annotation: Any
    choices: tuple[Any, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    pattern: str | None = None
    written: str | None = None
    shares: bool = False  # whether a share, above 0 and below 1, is allowed too

    @property
    def bounds(self) -> str:
        """The bounds in words, for messages and the docs; empty if there are none."""
        bounds = (
            ("at least", self.at_least),
            ("above", self.above),
            ("at most", self.at_most),
            ("below", self.below),
        )
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)

    def admits(self, kind: type) -> bool:
        """Whether the annotation allows values of this type: ``int``, ``tuple``, ``types.NoneType`` …"""
        union = typing.get_origin(self.annotation) in (typing.Union, types.UnionType)
        members = typing.get_args(self.annotation) if union else (self.annotation,)
        return any(member is kind or typing.get_origin(member) is kind for member in members)

    def complaint(self, value: Any) -> str | None:
        """What is wrong with ``value``, as the end of a sentence; None if it is allowed."""
        if value is None and self.admits(types.NoneType):
            return None
        if isinstance(value, str):
            if self.choices is not None:
                if value in self.choices:
                    return None
                takes_numbers = any(map(self.admits, (int, float, tuple)))
                what = self._kind() if takes_numbers else f"one of {', '.join(map(repr, self.choices))}"
                return f"must be {what}, got {value!r}{guess(value, self.choices)}"
            if self.pattern is not None and not re.fullmatch(self.pattern, value.strip()):
                return f"must be {self._kind()}, got {value!r}"
            return None if self.admits(str) else f"must be {self._kind()}, got {value!r}"
        if self.admits(tuple) and isinstance(value, Iterable):
            entries = list(value)
            if all(isinstance(entry, numbers.Integral) and int(entry) >= 1 for entry in entries):
                return None
            return f"must contain integers of at least 1, got {value!r}"
        is_level = self.name == "verbose" and isinstance(value, numbers.Integral)  # verbose=1, as in scikit-learn
        if self.admits(bool) and (isinstance(value, bool) or is_level):
            return None
        single = self.admits(int) or self.admits(float)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not single:
            return f"must be {self._kind()}, got {value!r}"
        if not self.admits(float) and not isinstance(value, numbers.Integral):
            return f"must be {self._kind()}, got {value!r}"
        if self.shares and not isinstance(value, numbers.Integral):
            return None if 0 < float(value) < 1 else f"must be {self._kind()}, got {value!r}"
        if not math.isfinite(value) or not self._in_bounds(float(value)):
            return f"must be {self.bounds or 'finite'}, got {value!r}"
        return None

    def _in_bounds(self, value: float) -> bool:
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _kind(self) -> str:
        kinds = {float: "a number", int: "a whole number", bool: "true or false", tuple: "whole numbers"}
        if self.shares:
            kinds = {int: "a whole number", float: "a share above 0 and below 1"}
        words = [word for kind, word in kinds.items() if self.admits(kind)]
        words += map(repr, self.choices or ())
        words += [self.written] if self.written else []
        words += ["None"] if self.admits(types.NoneType) else []
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "set"


def guess(value: str, known: Iterable[str]) -> str:
    """The known word that starts as one typed or is closest to it, as the end of a sentence; empty if none is close.

    >>> guess("spase", ["sparse", "vanilla"]), guess("conv", ["convolution"]), guess("x", ["sparse"])
    ("; did you mean 'sparse'?", "; did you mean 'convolution'?", '')
    """
    words = [word for word in known if isinstance(word, str)]
    started = [word for word in words if len(value) > 1 and word.startswith(value)]
    close = started if len(started) == 1 else difflib.get_close_matches(value, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def hyper(
    default: Any,
    meaning: str,
    *,
    choices: Iterable[Any] | None = None,
    positional: bool = False,
    pattern: str | None = None,
    written: str | None = None,
    shares: bool = False,
    **bounds: float,
) -> Any:
    """Declare a hyperparameter as a dataclass field.

    Parameters
    ----------
    default
        The default value.
    meaning
        One line without a full stop; it is also the help of the command-line flag.
    choices
        The allowed strings.
    positional
        Whether it may be a positional argument; by default it is keyword-only.
    pattern, written
        The form of an allowed string as a regular expression, and in words.
    shares
        Whether a share, above 0 and below 1, is allowed instead of a whole number.
    **bounds
        ``at_least``, ``at_most`` (inclusive), ``above``, ``below`` (exclusive).
    """
    metadata = {
        "meaning": meaning,
        "choices": None if choices is None else tuple(choices),
        "pattern": pattern,
        "written": written,
        "shares": shares,
        **bounds,
    }
    return dataclasses.field(default=default, metadata=metadata, kw_only=not positional)


@cache
def hyperparameters(kind: type) -> dict[str, Hyperparameter]:
    """Every hyperparameter of a class, by name, in the order of declaration."""
    annotations = typing.get_type_hints(kind)
    return {
        field.name: Hyperparameter(field.name, field.default, annotation=annotations[field.name], **field.metadata)
        for field in dataclasses.fields(kind)
        if "meaning" in field.metadata
    }


def check_hyperparameters(owner: Any) -> None:
    """Raise a `ValueError` in one sentence if any setting of ``owner`` is out of its bounds."""
    for name, parameter in hyperparameters(type(owner)).items():
        complaint = parameter.complaint(getattr(owner, name))
        if complaint is not None:
            raise ValueError(f"{type(owner).__name__}: {name} {complaint}{'' if complaint.endswith('?') else '.'}")
