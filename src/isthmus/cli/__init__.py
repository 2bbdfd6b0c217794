"""The command line: every file in this folder that holds a function of its own name is a command.

``cli/fit.py`` with ``def fit(...)`` is ``isthmus fit``: its parameters are the flags, its docstring the help.
A file whose name ends in ``_commands`` holds several: every public function in it is one. The files are read, not
imported, to list them, so ``isthmus --help`` imports no library; a command is imported when it is called.
"""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, get_args

from cyclopts import App, Parameter, Token, convert

from isthmus import __version__

__all__ = ["STANDARD_INPUT", "application", "commands", "is_command"]

ABOUT = (
    "Autoencoders that start where PCA ends: what is the smallest code that still reconstructs your "
    "data well?\n\n"
    "Start with: isthmus fit digits"
)
SEVERAL = "_commands"
STANDARD_INPUT = "\0-"  # stands for a lone "-", which cyclopts would read as the start of a flag
WHOLE_NUMBER = r"[-+]?\d+(\.0*)?"
EVERYWHERE = "Every command also takes --debug, which shows the full traceback of an error."


def application(command: str | None = None) -> App:
    """The app with all commands, or with one only; none is imported yet."""
    app = App(
        name="isthmus",
        help=ABOUT,
        help_format="plaintext",
        help_epilogue=EVERYWHERE,
        version=__version__,
        default_parameter=Parameter(negative=(), converter=_converted),
        suppress_keyboard_interrupt=False,
    )
    described = commands() if command is None else _commands_in(_file_of(command))
    for name, about in described.items():
        if command in (None, name):
            app.command(f"{__name__}.{_file_of(name)}:{name}", name=name, help=about)
    return app


def commands() -> dict[str, str]:
    """Description of each command by name: the docstring of its function, one line per paragraph."""
    found: dict[str, tuple[str, str]] = {}
    for file in _files():
        for name, about in _commands_in(file).items():
            if name in found:
                both = f"{found[name][0]}.py and {file}.py"
                raise ImportError(f"isthmus.cli: {name!r} is a command in both {both}; rename one of them.")
            found[name] = file, about
    return {name: about for name, (_, about) in sorted(found.items())}


def is_command(name: str) -> bool:
    """Whether there is a command of this name; only files that may hold it are read."""
    return _file_of(name) != ""


@cache
def _file_of(command: str) -> str:
    """The file that holds a command; empty where none does."""
    may_be_in = [file for file in _files() if file == command or file.endswith(SEVERAL)]
    return next((file for file in may_be_in if command in _commands_in(file)), "")


@cache
def _commands_in(file: str) -> dict[str, str]:
    """The commands of a file with their descriptions."""
    found = {}
    for node in ast.parse(_source_of(file)).body:
        if isinstance(node, ast.FunctionDef) and _is_command(node.name, file):
            about = (ast.get_docstring(node) or "").split("\n\nParameters\n")[0]
            found[node.name] = "\n\n".join(" ".join(part.split()) for part in about.split("\n\n"))
    return found


def _is_command(function: str, file: str) -> bool:
    return function == file or (file.endswith(SEVERAL) and not function.startswith("_"))


def _converted(kind: Any, tokens: Sequence[Token]) -> Any:
    """The value of what was typed; a fraction is refused where cyclopts would round it."""
    tokens = [token.evolve(value="-") if token.value == STANDARD_INPUT else token for token in tokens]
    whole = kind is int or (int in get_args(kind) and float not in get_args(kind))
    for token in tokens if whole else ():
        if not re.fullmatch(WHOLE_NUMBER, token.value):
            raise ValueError(f"must be a whole number, got {token.value!r}")
    return convert(kind, tokens)


def _files() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__)]


def _source_of(file: str) -> str:
    spec = importlib.util.find_spec(f"{__name__}.{file}")
    loader: Any = None if spec is None else spec.loader
    return (None if loader is None else loader.get_source(f"{__name__}.{file}")) or ""
