"""The likelihoods: one file each, and the file's name is its name in ``likelihood=``.

A file holds one subclass of `isthmus.parts.likelihood.Likelihood`. `mixed` can't be chosen by name: it is the
likelihood of every mixed-type table.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.parts.likelihood import Likelihood

__all__ = ["likelihood", "names"]

NOT_A_CHOICE = {"mixed"}


@cache
def names() -> tuple[str, ...]:
    """The names that ``likelihood=`` accepts, in alphabetical order; found without importing the files."""
    return tuple(sorted({module.name for module in pkgutil.iter_modules(__path__)} - NOT_A_CHOICE))


@cache
def likelihood(name: str) -> type[Likelihood]:
    """The class in the file of this name."""
    from isthmus.parts.likelihood import Likelihood

    module = importlib.import_module(f"{__name__}.{name}")
    return next(
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Likelihood) and found.__module__ == module.__name__
    )
