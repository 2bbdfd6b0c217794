"""pyarrow and scikit-learn told that there is no pandas: a command is a quarter of a second faster.

With the first scalar that it makes pyarrow imports pandas, where that is installed, to recognize missing values of
pandas in lists of Python's. A command hands it none, and the import takes longer than to read a small file. pyarrow
asks once; where a column is to become one of pandas it imports it all the same. scikit-learn imports pandas for the
name alone, and again where it is handed a frame.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

__all__ = ["ready_pyarrow", "ready_sklearn"]


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

    with _hidden():
        pyarrow.scalar("")


def ready_sklearn() -> None:
    """Import what all of scikit-learn imports while pandas can't be found, unless either is imported already."""
    if "pandas" in sys.modules or "sklearn" in sys.modules:
        return
    with _hidden():
        import sklearn.base  # noqa: F401  a command imports more of it soon after


@contextmanager
def _hidden() -> Iterator[None]:
    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)
