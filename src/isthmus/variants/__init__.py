"""The variants: each file in this folder is one, and the file's name is its name on the command line."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from isthmus.estimator import BaseAutoencoder

__all__ = ["name_of", "variant", "variants"]


@cache
def variants() -> dict[str, type[BaseAutoencoder]]:
    """The class of every variant, by its file's name in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: _class_in(importlib.import_module(f"{__name__}.{name}")) for name in names}


def variant(name: str) -> type[BaseAutoencoder]:
    """The class of a variant by name; for an unknown name a `ValueError` lists the known ones."""
    if name not in variants():
        raise ValueError(f"variant: there is no {name!r}; choose from {', '.join(variants())}.")
    return variants()[name]


def _class_in(module) -> type[BaseAutoencoder]:
    return next(
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, BaseAutoencoder) and found.__module__ == module.__name__
    )


def name_of(estimator: BaseAutoencoder) -> str:
    """The name of an estimator's variant."""
    return next(name for name, kind in variants().items() if kind is type(estimator))
