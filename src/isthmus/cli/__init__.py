"""The command line: every file in this folder that holds a function of its own name is a command.

``cli/fit.py`` with ``def fit(...)`` is ``isthmus fit``: its parameters are the flags, its docstring the help.
A file whose name ends in ``_commands`` holds several: every public function in it is one. The files are read, not
imported, to list them, so ``isthmus --help`` imports no library; a command is imported when it is called.
"""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, get_args

from cyclopts import App, Parameter, Token, convert

from isthmus import __version__

__all__ = ["STANDARD_INPUT", "application", "commands"]

ABOUT = (
    "Autoencoders that start where PCA ends: what is the smallest code that still reconstructs your "
    "data well?\n\n"
    "Start with: isthmus fit digits"
)
SEVERAL = "_commands"
STANDARD_INPUT = "\0-"  # a lone "-", which cyclopts would take for the beginning of a flag
WHOLE_NUMBER = r"[-+]?\d+(\.0*)?"
EVERYWHERE = "Every command also takes --debug, which shows the full traceback of an error."


def application() -> App:
    """The app with every command there is, none of them imported yet."""
    app = App(
        name="isthmus",
        help=ABOUT,
        help_format="plaintext",
        help_epilogue=EVERYWHERE,
        version=__version__,
        default_parameter=Parameter(negative=(), converter=_converted),
        suppress_keyboard_interrupt=False,
    )
    for name, (file, about) in _found().items():
        app.command(f"{__name__}.{file}:{name}", name=name, help=about)
    return app


def commands() -> dict[str, str]:
    """Every command's description by its name: the docstring of its function, a line a paragraph."""
    return {name: about for name, (_, about) in _found().items()}


def _found() -> Mapping[str, tuple[str, str]]:
    """The file and the description of every command, by its name."""
    return _found_in(tuple(__path__))


@cache
def _found_in(folders: tuple[str, ...]) -> Mapping[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for file, source in _sources(folders):
        if not file.endswith(SEVERAL) and f"def {file}(" not in source:
            continue  # to parse them all takes a tenth of a second
        for node in ast.parse(source).body:
            if not isinstance(node, ast.FunctionDef) or not _is_command(node.name, file):
                continue
            if node.name in found:
                both = f"{found[node.name][0]}.py and {file}.py"
                raise ImportError(f"isthmus.cli: {node.name!r} is a command in both {both}; rename one of them.")
            about = (ast.get_docstring(node) or "").split("\n\nParameters\n")[0]
            found[node.name] = file, "\n\n".join(" ".join(part.split()) for part in about.split("\n\n"))
    return MappingProxyType(dict(sorted(found.items())))


def _is_command(function: str, file: str) -> bool:
    return function == file or (file.endswith(SEVERAL) and not function.startswith("_"))


def _converted(kind: Any, tokens: Sequence[Token]) -> Any:
    """What was typed as the value it stands for; a fraction is refused where cyclopts would round it."""
    tokens = [token.evolve(value="-") if token.value == STANDARD_INPUT else token for token in tokens]
    whole = kind is int or (int in get_args(kind) and float not in get_args(kind))
    for token in tokens if whole else ():
        if not re.fullmatch(WHOLE_NUMBER, token.value):
            raise ValueError(f"must be a whole number, got {token.value!r}")
    return convert(kind, tokens)


def _sources(folders: Sequence[str]) -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(folders):
        finder: Any = module.module_finder
        spec = finder.find_spec(f"{__name__}.{module.name}")
        source = None if spec is None else spec.loader.get_source(spec.name)
        if source is not None:
            yield module.name, source
