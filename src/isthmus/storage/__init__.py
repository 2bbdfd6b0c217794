"""Saving and loading fitted estimators: folders of JSON and safetensors, checked when read and written atomically.

Names are imported lazily: the command line writes folders before it needs PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.storage.manifest import FORMAT_VERSION
    from isthmus.storage.registry import load, save
    from isthmus.storage.safe_reading import StorageError

__all__ = ["FORMAT_VERSION", "StorageError", "load", "save"]

_HOMES = {"FORMAT_VERSION": "manifest", "StorageError": "safe_reading", "load": "registry", "save": "registry"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
