"""Every hyperparameter of every variant as a flag, read from where it is declared.

A flag's name, meaning, default, choices and bounds are those of `isthmus.hyperparameter.hyper`; they are
written nowhere else by hand (see `isthmus.cli.flag_table`). Where variants declare the same name with another default,
the help says so.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from cyclopts import Group, Parameter

import isthmus
from isthmus.cli.flag_table import Holders, known
from isthmus.cli.outcome import UsageError
from isthmus.hyperparameter import Hyperparameter, guess, hyperparameters

__all__ = ["as_flags", "chosen_variant", "settings_of", "variant_names", "with_hyperparameter_flags"]

Command = TypeVar("Command", bound=Callable[..., Any])

SHORT_NAMES = {"n_components": ("-p", "-n")}
# Words for values that have no text of their own. Elsewhere None and () are typed "none".
WORDS: dict[str, dict[str, Any]] = {"hidden_layer_sizes": {"linear": (), "auto": None}}
# Where None lets the library choose, it is typed "auto".
CHOOSES = ("None chooses", "None:")
# On the command line progress is shown; it is silent without a terminal.
DEFAULTS = {"verbose": True}


def variant_names() -> tuple[str, ...]:
    """The names of the variants, from their files: nothing is imported."""
    folders = [f"{folder}/variants" for folder in isthmus.__path__]
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folders)))


def chosen_variant(name: str) -> type:
    """The class of a variant; `UsageError` where there is none of that name."""
    _require_variant(name)
    from isthmus.variants import variants

    return variants()[name]


def _require_variant(name: str) -> None:
    if name not in variant_names():
        near = guess(name, variant_names()) or "."
        raise UsageError(f"--variant must be one of {', '.join(variant_names())}, got {name!r}{near}")


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
    """The typed settings as the variant takes them; a `UsageError` names a flag that is wrong."""
    _require_variant(variant)
    flags = {name: holders[variant] for name, holders in _holders().items() if variant in holders}
    settings = {name: value for name, value in DEFAULTS.items() if name in flags}
    for name, text in given.items():
        if text is None:
            continue
        if name not in flags:
            holders = [f"--variant {holder}" for holder in _holders()[name]]
            raise UsageError(f"{_long(name)} does not apply to --variant {variant}; it is for {_listed(holders)}.")
        settings[name] = text if isinstance(text, bool) else _value(flags[name], text)
        if flags[name].complaint(settings[name]) is None:
            continue
        complaint = hyperparameters(chosen_variant(variant))[name].complaint(
            settings[name]
        )  # the table may be out of date
        if complaint is not None:
            end = "" if complaint.endswith("?") else "."
            raise UsageError(f"{_long(name)} {_typed(flags[name], complaint)}{end}")
    return settings


def as_flags(text: str) -> str:
    """A sentence of the library as the command line says it: without the class, and ``top_k=3`` as ``--top-k 3``."""
    text = re.sub(r"^[A-Z]\w+: ", "", text).replace("hidden_layer_sizes=()", "hidden_layer_sizes=linear")
    text = re.sub(rf"\b({'|'.join(_holders())})='(\w+)'", r"\1=\2", text)
    text = re.sub(rf"\b({'|'.join(_holders())})=", lambda found: f"{_long(found[1])} ", text)
    compound = [name for name in _holders() if "_" in name]
    return re.sub(rf"\b({'|'.join(compound)})\b", lambda found: _long(found[1]), text)


def _holders() -> Holders:
    """By name of each hyperparameter, its declaration in every variant that has it."""
    return known(variant_names())


# ---- from text to a value ------------------------------------------------------------------------------


def _value(parameter: Hyperparameter, text: str) -> Any:
    """The value of the text; the text itself if it has none, which the hyperparameter then refuses."""
    words = _words(parameter)
    if text.lower() in words:
        return words[text.lower()]
    if text in (parameter.choices or ()):
        return text
    if parameter.admits(tuple):
        entries = [_number(entry, int) for entry in text.strip("()").rstrip(",").split(",")]
        if None in entries:
            meant = " or ".join(["whole numbers such as 256,128", *map(repr, words)])
            raise UsageError(f"{_long(parameter.name)} must be {meant}, got {text!r}.")
        return tuple(entries)
    kinds = (int, float) if parameter.admits(float) else (int,) if parameter.admits(int) else ()
    numbers = (_number(text, kind) for kind in kinds)
    return next((number for number in numbers if number is not None), text)


def _number(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None


def _words(parameter: Hyperparameter) -> dict[str, Any]:
    """Words for values that have no text of their own."""
    if parameter.name in WORDS:
        return WORDS[parameter.name]
    if parameter.admits(types.NoneType):
        chooses = any(sign in parameter.meaning for sign in CHOOSES) and "auto" not in (parameter.choices or ())
        names = ("auto", "none") if chooses else ("none",)
        return dict.fromkeys(names, None)
    return {"none": ()} if parameter.admits(tuple) else {}


def _flag(name: str, holders: Mapping[str, Hyperparameter]) -> Any:
    parameter = holders.get("vanilla", next(iter(holders.values())))
    is_bool = parameter.admits(bool)
    settings = Parameter(
        name=[_long(name), *SHORT_NAMES.get(name, ())],
        help=f"{_typed(parameter, parameter.meaning)}{_limits(parameter)} [default: {_defaults(holders)}]",
        group=_groups(holders),
        metavar=None if is_bool else _metavar(parameter),
        negative=(f"--no-{_long(name)[2:]}",) if is_bool else (),
        show_default=False,
    )
    return Annotated[(bool if is_bool else str) | None, settings]


def _typed(parameter: Hyperparameter, text: str) -> str:
    """A sentence about a hyperparameter in the words of the command line: None is 'auto', a_b is --a-b."""
    words = _words(parameter)
    for value, written in ((None, r"\bNone\b"), ((), r"\(\)")):
        word = next((word for word, meant in words.items() if meant == value), None)
        text = text if word is None else re.sub(written, repr(word), text)
    names = "|".join(sorted((name for name in _holders() if "_" in name), key=len, reverse=True))
    return re.sub(rf"\b({names})\b", lambda found: _long(found[0]), text)


def _limits(parameter: Hyperparameter) -> str:
    """Bounds and words, in parentheses: what the metavar does not say."""
    meaning = _typed(parameter, parameter.meaning)
    words = [repr(word) for word in _words(parameter)][:1]
    said = [word for word in words if word not in meaning]
    if parameter.choices and not all(repr(choice) in meaning for choice in parameter.choices):
        said = [*map(str, parameter.choices), *(word.strip("'") for word in said)]
    said = [part for part in (parameter.bounds, " | ".join(said)) if part]
    return f" ({', or '.join(said)})" if said else ""


def _groups(holders: Mapping[str, Hyperparameter]) -> tuple[Group, ...]:
    if len(holders) == len(variant_names()):
        return (Group("Model and training", sort_key=1),)
    return tuple(Group(f"With --variant {variant}", sort_key=2) for variant in holders)


def _defaults(holders: Mapping[str, Hyperparameter]) -> str:
    """The default, followed by those of variants that differ."""
    shown = {variant: _shown(parameter) for variant, parameter in holders.items()}
    vanilla = shown.get("vanilla")
    if len(set(shown.values())) == 1:
        return next(iter(shown.values()))
    named = [f"{default} for {variant}" for variant, default in shown.items() if default != vanilla]
    return "; ".join(named if vanilla is None else [vanilla, *named])


def _shown(parameter: Hyperparameter) -> str:
    value = DEFAULTS.get(parameter.name, parameter.default)
    if isinstance(value, bool):
        return "yes" if value else "no"
    for word, meant in _words(parameter).items():
        if type(value) is type(meant) and value == meant:
            return word
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(parameter: Hyperparameter) -> str:
    if parameter.admits(tuple):
        return "N,N,…"
    if parameter.admits(float):
        return "NUMBER"
    if parameter.pattern is not None:
        return "TIME"
    return "N" if parameter.admits(int) else "WORD"


def _long(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _listed(entries: list[str]) -> str:
    return " and ".join([", ".join(entries[:-1]), entries[-1]] if len(entries) > 1 else entries)
