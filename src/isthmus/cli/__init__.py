"""The command line: every file in this folder that holds a function of its own name is a command.

``cli/encode.py`` with ``def encode(...)`` is ``isthmus encode``: its parameters are the flags, its docstring
the help. The files are read, not imported, to list them, so that ``isthmus --help`` waits for no library; a
command is imported when it is asked for.
"""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from cyclopts import App, Parameter, Token, convert

from isthmus import __version__

__all__ = ["application", "commands"]

ABOUT = (
    "Autoencoders that start where PCA ends: what is the smallest code that still rebuilds your data "
    "well?\n\n"
    "Begin with: isthmus fit digits"
)
WHOLE_NUMBER = r"[-+]?\d+(\.0*)?"
EVERYWHERE = "Every command also takes --debug, which shows the whole traceback of an error."


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
    for name, about in commands().items():
        app.command(f"{__name__}.{name}:{name}", name=name, help=about)
    return app


def commands() -> dict[str, str]:
    """Every command's description by its name: the docstring of its function, a line a paragraph."""
    found = {}
    for name, source in _sources():
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                about = (ast.get_docstring(node) or "").split("\n\nParameters\n")[0]
                found[name] = "\n\n".join(" ".join(part.split()) for part in about.split("\n\n"))
    return dict(sorted(found.items()))


def _converted(kind: Any, tokens: Sequence[Token]) -> Any:
    """What was typed as the value it stands for; a fraction is refused where cyclopts would round it."""
    whole = kind is int or (int in get_args(kind) and float not in get_args(kind))
    for token in tokens if whole else ():
        if not re.fullmatch(WHOLE_NUMBER, token.value):
            raise ValueError(f"must be a whole number, got {token.value!r}")
    return convert(kind, tokens)


def _sources() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(__path__):
        finder: Any = module.module_finder
        spec = finder.find_spec(f"{__name__}.{module.name}")
        source = None if spec is None else spec.loader.get_source(spec.name)
        if source is not None:
            yield module.name, source
