"""pyarrow told that there is no pandas, before a file is read: a small one is described a quarter of a second earlier.

With the first scalar that it makes pyarrow imports pandas, where that is installed, to recognize missing values of
pandas in lists of Python's. A command hands it none, and the import takes longer than to read a small file. pyarrow
asks once; where a column is to become one of pandas it imports it all the same.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any

__all__ = ["ready_pyarrow"]


class _NoPandas(MetaPathFinder):
    """Finds no pandas."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def ready_pyarrow() -> None:
    """Let pyarrow make its first scalar while pandas can't be found, unless it is imported already."""
    if "pandas" in sys.modules:
        return
    import pyarrow

    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        pyarrow.scalar("")
    finally:
        sys.meta_path.remove(hidden)
