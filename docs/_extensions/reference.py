"""The parts of the reference that the program itself tells: its public names, every setting, every command and flag."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

import isthmus
from isthmus.cli import application
from isthmus.hyperparameter import Hyperparameter, hyperparameters
from isthmus.variants import variants

FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")  # outside of code, where two hyphens would become a dash
BAR = re.compile(r"(?<!\\)\|")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _spare_the_bars, priority=1)
    app.connect("autodoc-skip-member", _is_routing)
    app.connect("autodoc-process-signature", _short)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _spare_the_bars(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """``|z|`` is an absolute value here, and a substitution to docutils."""
    lines[:] = [line if "``" in line or ">>>" in line else BAR.sub(r"\\|", line) for line in lines]


def _is_routing(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """What scikit-learn adds to every estimator for the routing of metadata is described there."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def _short(app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str) -> Any:
    """A variant's own settings; the shared ones are in a table."""
    if what != "class" or not issubclass(thing, isthmus.BaseAutoencoder):
        return None
    own = [] if thing is isthmus.BaseAutoencoder else [f"{one.name}={one.default!r}" for one in _own(thing)]
    return f"({', '.join(['n_components=None', '*', *own])}, **settings)", returns


def public_names() -> str:
    """Every name of ``isthmus`` with its first sentence, linked to where it is described."""
    rows = [f"| {{py:obj}}`isthmus.{name} <{home}.{name}>` | {_first_line(thing)} |" for name, home, thing in _public()]
    return "\n".join(["| name | what it is |", "|---|---|", *rows])


def settings() -> str:
    """The settings that all variants share."""
    return _table(hyperparameters(isthmus.BaseAutoencoder).values())


def settings_of_variants() -> str:
    """What each variant adds, or has another default for."""
    kinds = {name: kind for name, kind in variants().items() if _own(kind)}
    return "\n\n".join(f"**{kind.__name__}**\n\n{settings_of(name)}" for name, kind in kinds.items())


def settings_of(variant: str, *names: str) -> str:
    """What one variant adds, and those of the shared settings that are named."""
    kind = variants()[variant]
    return _table([*(hyperparameters(kind)[name] for name in names), *_own(kind)])


def _own(kind: type) -> list[Hyperparameter]:
    shared = hyperparameters(isthmus.BaseAutoencoder)
    return [one for name, one in hyperparameters(kind).items() if shared.get(name) != one]


def command_line() -> str:
    """Every command with all its arguments and flags."""
    written = application().generate_docs(output_format="markdown", recursive=True, heading_level=1)
    commands = re.split(r"^(?=## isthmus )", written, flags=re.MULTILINE)[1:]
    one_line = re.sub(r"\n {4,}(?=\S)", " ", "\n".join(commands))
    return "`".join(part if at % 2 else FLAG.sub(r"`\g<0>`", part) for at, part in enumerate(one_line.split("`")))


def _public() -> Iterator[tuple[str, str, Any]]:
    for name in dir(isthmus):
        thing = getattr(isthmus, name, None)
        if name[0] != "_" and (inspect.isclass(thing) or inspect.isfunction(thing)) and "isthmus" in thing.__module__:
            home = thing.__module__
            package = home.rsplit(".", 1)[0]
            if name in getattr(importlib.import_module(package), "__all__", ()) and package != "isthmus":
                home = package
            yield name, home, thing


def _first_line(thing: Any) -> str:
    return _escaped((inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " "))


def _table(parameters: Any) -> str:
    rows = ["| setting | default | meaning | may be |", "|---|---|---|---|"]
    for one in parameters:
        rows.append(f"| `{one.name}` | `{one.default!r}` | {_escaped(one.meaning)} | {_escaped(_allowed(one))} |")
    return "\n".join(rows)


def _allowed(one: Hyperparameter) -> str:
    return ", ".join([*map(repr, one.choices or ()), *([one.bounds] if one.bounds else [])])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;").replace("``", "`")
