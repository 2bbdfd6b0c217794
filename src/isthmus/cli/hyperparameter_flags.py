"""Every hyperparameter of every variant as a flag, read from where it is declared.

A flag's name, meaning, default, choices and bounds are those of `isthmus.hyperparameter.hyper`; they are written
nowhere else. Where variants declare the same name with another default, the help says so.
"""

from __future__ import annotations

import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from cyclopts import Group, Parameter

import isthmus
from isthmus.cli.outcome import WrongUse
from isthmus.hyperparameter import Hyperparameter, hyperparameters

__all__ = ["chosen_variant", "settings_of", "variant_names", "with_hyperparameter_flags"]

Command = TypeVar("Command", bound=Callable[..., Any])

SHORT_NAMES = {"n_components": "-p"}
# Words for values that cannot be typed as they are. Elsewhere None and () are written "none".
WORDS: dict[str, dict[str, Any]] = {"hidden_layer_sizes": {"linear": (), "auto": None}}
# "auto" says more than "none" where the meaning of None is that the library chooses.
CHOOSES = ("None chooses", "None:")


def variant_names() -> tuple[str, ...]:
    """The names of the variants, from the files in their folder: nothing is imported."""
    folders = [f"{folder}/variants" for folder in isthmus.__path__]
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folders)))


def chosen_variant(name: str) -> type:
    """The class of a variant; `WrongUse` where there is none of that name."""
    if name not in variant_names():
        raise WrongUse(f"--variant must be one of {', '.join(variant_names())}, got {name!r}.")
    from isthmus.variants import variants

    return variants()[name]


def with_hyperparameter_flags(command: Command) -> Command:
    """Give a command that ends in ``**settings`` a flag for every hyperparameter there is."""
    signature = inspect.signature(command)
    own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(name, holders))
        for name, holders in _holders().items()
    ]
    command.__signature__ = signature.replace(parameters=[*own, *flags])  # type: ignore[attr-defined]
    return command


def settings_of(variant: str, given: Mapping[str, str | bool | None]) -> dict[str, Any]:
    """The settings a user gave, as the variant takes them; `WrongUse` names the flag that does not fit."""
    known = hyperparameters(chosen_variant(variant))
    settings = {}
    for name, text in given.items():
        if text is None:
            continue
        if name not in known:
            holders = [f"--variant {holder}" for holder in _holders()[name]]
            raise WrongUse(f"{_long(name)} is not a setting of the {variant} variant; it is of {_listed(holders)}.")
        settings[name] = text if isinstance(text, bool) else _value(known[name], text)
        complaint = known[name].complaint(settings[name])
        if complaint is not None:
            raise WrongUse(f"{_long(name)} {complaint}.")
    return settings


def _holders() -> dict[str, dict[str, Hyperparameter]]:
    """Each hyperparameter's name, the variants that have it, and what each says of it."""
    from isthmus.variants import variants

    holders: dict[str, dict[str, Hyperparameter]] = {}
    for variant, kind in variants().items():
        for name, parameter in hyperparameters(kind).items():
            holders.setdefault(name, {})[variant] = parameter
    return holders


# ---- from text to a value ------------------------------------------------------------------------------


def _value(parameter: Hyperparameter, text: str) -> Any:
    """What the text means; the text itself where it means nothing, for the hyperparameter to complain of."""
    words = _words(parameter)
    if text.lower() in words:
        return words[text.lower()]
    if parameter.choices is not None and text in parameter.choices:
        return text
    if _admits(parameter, tuple):
        entries = [_number(entry.strip(), int) for entry in text.strip("()").split(",") if entry.strip()]
        if any(entry is None for entry in entries) or not entries:
            meant = " or ".join(["whole numbers such as 256,128", *map(repr, words)])
            raise WrongUse(f"{_long(parameter.name)} must be {meant}, got {text!r}.")
        return tuple(entries)
    for kind in (int, float):
        number = _number(text, kind) if _admits(parameter, kind) or (kind is int and _admits(parameter, float)) else None
        if number is not None:
            return number
    return text


def _number(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None


def _words(parameter: Hyperparameter) -> dict[str, Any]:
    """The words that stand for values which cannot be typed."""
    if parameter.name in WORDS:
        return WORDS[parameter.name]
    if _admits(parameter, types.NoneType):
        names = ("auto", "none") if any(sign in parameter.meaning for sign in CHOOSES) else ("none",)
        return dict.fromkeys(names, None)
    return {"none": ()} if _admits(parameter, tuple) else {}


def _admits(parameter: Hyperparameter, kind: type) -> bool:
    annotation = parameter.annotation
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    members = typing.get_args(annotation) if union else (annotation,)
    return any(member is kind or typing.get_origin(member) is kind for member in members)


# ---- from a hyperparameter to its help -----------------------------------------------------------------


def _flag(name: str, holders: Mapping[str, Hyperparameter]) -> Any:
    parameter = next(iter(holders.values()))
    truth = _admits(parameter, bool)
    names = [_long(name), *([SHORT_NAMES[name]] if name in SHORT_NAMES else [])]
    settings = Parameter(
        name=names,
        help=f"{parameter.meaning}. {_values(parameter)}[default: {_defaults(holders)}]",
        group=_groups(holders),
        metavar=None if truth else _metavar(parameter),
        negative=(f"--no-{_long(name)[2:]}",) if truth else (),
        show_default=False,
    )
    return Annotated[(bool if truth else str) | None, settings]


def _groups(holders: Mapping[str, Hyperparameter]) -> tuple[Group, ...]:
    if len(holders) == len(variant_names()):
        return (Group("Model and training: every variant", sort_key=1),)
    return tuple(Group(f"Only --variant {variant}", sort_key=2) for variant in holders)


def _values(parameter: Hyperparameter) -> str:
    """What may be typed, beyond a number of the kind the metavar says."""
    said = []
    if parameter.choices:
        said.append(" | ".join(map(str, parameter.choices)))
    if parameter.bounds:
        said.append(parameter.bounds)
    said += [repr(word) for word in _words(parameter)][:1] if parameter.name not in WORDS else []
    said += [f"{word!r} for {value}" for word, value in WORDS.get(parameter.name, {}).items()]
    return f"({'; '.join(said)}) " if said else ""


def _defaults(holders: Mapping[str, Hyperparameter]) -> str:
    """The default, and after it that of every variant that has another."""
    shown = {variant: _shown(parameter) for variant, parameter in holders.items()}
    usual = shown.get("vanilla", next(iter(shown.values())))
    others = [f"{default} for {variant}" for variant, default in shown.items() if default != usual]
    return "; ".join([usual, *others])


def _shown(parameter: Hyperparameter) -> str:
    value = parameter.default
    if isinstance(value, bool):
        return "yes" if value else "no"
    for word, meant in _words(parameter).items():
        if value == meant and type(value) is type(meant):
            return word
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _metavar(parameter: Hyperparameter) -> str:
    if _admits(parameter, tuple):
        return "N,N,…"
    if _admits(parameter, float):
        return "NUMBER"
    return "N" if _admits(parameter, int) else "WORD"


def _long(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _listed(entries: list[str]) -> str:
    return " and ".join([", ".join(entries[:-1]), entries[-1]] if len(entries) > 1 else entries)
