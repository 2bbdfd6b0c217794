"""Hide pandas from pyarrow and scikit-learn: a command is a quarter of a second faster.

When pyarrow makes its first scalar it imports pandas, if installed, to recognize pandas' missing values in Python
lists. No command passes such a list, and the import takes longer than reading a small file. pyarrow tries once; it
still imports pandas to make a pandas column. scikit-learn imports pandas without need, and again if it gets a frame.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Any

__all__ = ["ready_pyarrow", "ready_sklearn"]


class _NoPandas(MetaPathFinder):
    """Hides pandas."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def ready_pyarrow() -> None:
    """Let pyarrow make its first scalar while pandas is hidden, unless pandas is imported already."""
    if "pandas" in sys.modules:
        return
    import pyarrow

    with _hidden():
        pyarrow.scalar("")


def ready_sklearn() -> None:
    """Import scikit-learn's base while pandas is hidden, unless either is imported already."""
    if "pandas" in sys.modules or "sklearn" in sys.modules:
        return
    with _hidden():
        import sklearn.base  # noqa: F401  commands import the rest later


@contextmanager
def _hidden() -> Iterator[None]:
    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)
