"""PyTorch imported in a thread while a large file is read; a small one is read and described before it."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from contextlib import suppress

__all__ = ["import_torch_while_reading"]

LARGE = 8 << 20  # bytes from which reading a file takes about as long as the import


def import_torch_while_reading(source: str) -> threading.Thread | None:
    """Start the import; None where it would only delay what is to be said of the file, or it was imported already."""
    try:
        large = os.path.isdir(source) or os.path.getsize(source) >= LARGE
    except OSError:  # no such file, which the reader says
        return None
    if not large or "torch" in sys.modules or (os.cpu_count() or 1) == 1:
        return None
    thread = threading.Thread(target=_import, name="import of PyTorch")
    thread.start()
    return thread


def _import() -> None:
    with suppress(Exception):  # it is raised again where it is needed
        importlib.import_module("torch")
