"""A frozen dataclass as plain JSON and back, strictly: the annotations of its fields say what may stand there.

    @record
    class Split:
        rows: int = fact(at_least=1)                    a whole number from 1
        share: float | None = fact(above=0, below=1)    a number between 0 and 1, or null
        names: tuple[str, ...]                          a list of texts

    to_plain(Split(3, None, ("a",)))        ->  {"rows": 3, "share": None, "names": ["a"]}
    from_plain(Split, {"rows": 0, ...})     ->  ValueError: rows must be a whole number of at least 1, got 0

Fields may be whole numbers, numbers, texts, booleans, null, literals, lists, tuples, dicts by text, other such records,
and unions of these; of several records the one that has the keys. ``Any`` is not checked. Bounds apply to the numbers
in a field, at any depth; lengths to its list or text. Numbers are finite unless the field says otherwise. An unknown or
missing key is refused; a field with a default may be missing, as in files of an earlier version. What a record's
``__post_init__`` raises is passed on.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from isthmus.storage.safe_reading import shortened

__all__ = ["Setting", "fact", "from_plain", "record", "to_plain"]

Record = TypeVar("Record")
Setting = bool | int | float | str | tuple[int, ...] | None  # what a hyperparameter may be
INFINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}


def fact(
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    lengths: tuple[int, int] | None = None,
    finite: bool = True,
    paths: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field of a record.

    Parameters
    ----------
    at_least, above, at_most, below
        Bounds of the numbers in it.
    lengths
        The smallest and the largest length of its list, tuple, dict or text.
    finite
        Whether its numbers must be finite; else NaN and the infinities are written as strings.
    paths
        Whether its texts are paths, which may hold bytes that are not valid text.
    default
        Its value if the key is missing, as in files of earlier versions.
    """
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below, "lengths": lengths}
    return dataclasses.field(default=default, metadata={**bounds, "finite": finite, "paths": paths})


@typing.dataclass_transform(frozen_default=True, field_specifiers=(fact,))
def record(kind: type[Record]) -> type[Record]:
    """Make a class a frozen dataclass; a type checker knows what `fact` is."""
    return dataclasses.dataclass(frozen=True)(kind)


def from_plain(kind: type[Record], plain: Any, key: str = "") -> Record:
    """The record of class ``kind`` that ``plain`` describes; ``key`` is its place, for a `ValueError`."""
    if not isinstance(plain, dict):
        raise ValueError(f"{key or 'the record'} must be an object, got {shortened(plain)}")
    fields, where = _fields(kind), key and f"{key}: "
    for unknown in sorted(plain.keys() - fields.keys()):
        raise ValueError(f"{where}unknown key {shortened(unknown)}; a newer isthmus may know it")
    for name, field in fields.items():
        if field.is_needed and name not in plain:
            raise ValueError(f"{where}the key {name!r} is missing")
    found = {
        name: _read(fields[name].hint, value, fields[name].rules, _joined(key, name)) for name, value in plain.items()
    }
    try:
        return kind(**found)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error


def to_plain(found: Any) -> dict[str, Any]:
    """The record as plain JSON; a `ValueError` if it could not be read again as the same record."""
    plain = _plain(found)
    if _plain(from_plain(type(found), plain)) != plain:
        raise ValueError(f"a {type(found).__name__} would change when read again")
    return plain


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if type(value) is float and not math.isfinite(value):
        return next(word for word, number in INFINITE.items() if str(number) == str(value))
    return value


class _Field(typing.NamedTuple):
    """What a record's class declares about one field."""

    hint: Any
    rules: Mapping[str, Any]
    is_needed: bool


@cache
def _fields(kind: Any) -> dict[str, _Field]:
    hints = typing.get_type_hints(kind)
    return {
        field.name: _Field(
            hints[field.name], field.metadata, field.default is field.default_factory is dataclasses.MISSING
        )
        for field in dataclasses.fields(kind)
    }


class _Form(typing.NamedTuple):
    """An annotation, parsed once: the files of a folder need the same few a thousand times."""

    member: Any
    origin: Any
    arguments: tuple[Any, ...]
    is_record: bool


@cache
def _forms(hint: Any) -> tuple[_Form, ...]:
    """The form of each member of a union, or of a single annotation."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return tuple(
        _Form(member, typing.get_origin(member), typing.get_args(member), dataclasses.is_dataclass(member))
        for member in (typing.get_args(hint) if is_union else (hint,))
    )


def _read(hint: Any, value: Any, rules: Mapping[str, Any], key: str) -> Any:
    """A value read as ``hint``; of a union, as the first member that fits."""
    forms = [form for form in _forms(hint) if _is_of(form, value, rules)]
    if not forms:
        raise ValueError(f"{key} must be {_said(hint, rules)}, got {shortened(value)}")
    member, origin, arguments, is_record = forms[0]
    if is_record:
        member = next((one.member for one in forms if one.is_record and _has_fields(one.member, value)), member)
        return from_plain(typing.cast(type, member), value, key)
    if origin is Literal:
        return value
    if member is float:
        return INFINITE[value] if isinstance(value, str) else float(value)
    if origin not in (dict, tuple, list):
        return value
    within = {**rules, "lengths": None}
    if origin is dict:
        for name in value:
            _read(str, name, within, f"a key of {key}")
        return {name: _read(arguments[1], entry, within, _joined(key, name)) for name, entry in value.items()}
    each = [arguments[0]] * len(value) if origin is list or arguments[1:] == (...,) else arguments
    return origin(_read(each[place], entry, within, f"{key}[{place}]") for place, entry in enumerate(value))


def _is_of(form: _Form, value: Any, rules: Mapping[str, Any]) -> bool:
    """Whether a value from JSON is of this kind and within bounds; nested values are not checked."""
    member, origin, arguments, is_record = form
    if member is Any:
        return True
    if is_record:
        return isinstance(value, dict)
    if origin is Literal:
        return any(type(value) is type(word) and value == word for word in arguments)
    if origin is dict:
        return isinstance(value, dict) and _has_length(value, rules)
    if origin is list or origin is tuple:
        fixed = origin is tuple and arguments[1:] != (...,)
        return isinstance(value, list) and _has_length(value, rules) and (not fixed or len(value) == len(arguments))
    if member is float and isinstance(value, str):
        return not rules.get("finite", True) and value in INFINITE
    if member is int or member is float:
        # in Python a bool is an int; a whole number is accepted as a number
        exact = type(value) is int or (member is float and type(value) is float)
        return exact and math.isfinite(value) and _within(value, rules)
    if member is str:
        return isinstance(value, str) and _has_length(value, rules) and (rules.get("paths", False) or _is_text(value))
    return type(value) is member


def _has_fields(kind: Any, value: Mapping[str, Any]) -> bool:
    """Whether the keys are those of this record, of several that are allowed."""
    fields = _fields(kind)
    needed = {name for name, field in fields.items() if field.is_needed}
    return needed <= value.keys() <= fields.keys()


def _within(value: float, rules: Mapping[str, Any]) -> bool:
    least, above, most, below = (rules.get(name) for name in ("at_least", "above", "at_most", "below"))
    return (
        (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
        and (below is None or value < below)
    )


def _has_length(value: Any, rules: Mapping[str, Any]) -> bool:
    lengths = rules.get("lengths")
    return lengths is None or lengths[0] <= len(value) <= lengths[1]


def _is_text(value: str) -> bool:
    """Whether a str can be printed: one with a lone surrogate can't."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _said(hint: Any, rules: Mapping[str, Any]) -> str:
    """The required kind in words."""
    return " or ".join(dict.fromkeys(_member_said(form, rules) for form in _forms(hint)))


def _member_said(form: _Form, rules: Mapping[str, Any]) -> str:
    member, origin, arguments, is_record = form
    lengths = rules.get("lengths")
    size = "" if lengths is None else f"{lengths[0]} to {lengths[1]} "
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if member is int or member is float:
        bounds = (("at least", "at_least"), ("above", "above"), ("at most", "at_most"), ("below", "below"))
        said = [f"{words} {rules[name]:g}" for words, name in bounds if rules.get(name) is not None]
        return f"{WORDS[member]} {'of ' if said and said[0].startswith('at') else ''}{' and '.join(said)}".rstrip()
    if origin is dict or is_record:
        return "an object"
    if origin is tuple and arguments[1:] != (...,):
        return f"a list of {len(arguments)}"
    if origin in (list, tuple):
        return f"a list of {size}entries"
    return f"{WORDS[member]}{f' of {size}letters' if size and member is str else ''}"


def _joined(key: str, name: str) -> str:
    name = name if name.isidentifier() and len(name) < 60 else shortened(name)
    return f"{key}.{name}" if key else name
