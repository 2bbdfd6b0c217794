"""Import PyTorch in a thread while a large file is read; a small file is read and described first."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from contextlib import suppress

__all__ = ["import_torch_while_reading"]

LARGE = 8 << 20  # bytes from which reading a file takes about as long as the import


def import_torch_while_reading(source: str) -> threading.Thread | None:
    """Start the import; None if PyTorch is imported already, or the import would only delay the file's description."""
    try:
        large = os.path.isdir(source) or os.path.getsize(source) >= LARGE
    except OSError:  # the reader reports it
        return None
    if not large or "torch" in sys.modules or (os.cpu_count() or 1) == 1:
        return None
    thread = threading.Thread(target=_import, name="import of PyTorch")
    thread.start()
    return thread


def _import() -> None:
    with suppress(Exception):  # raised again by the next import
        importlib.import_module("torch")
