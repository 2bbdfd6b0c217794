"""What scikit-learn and pyarrow import at their start and a command may never use.

`sklearn.utils.fixes` imports the whole of scipy.stats for one function that scikit-learn needs with SciPy before 1.11
only, and pandas, where it is installed, to recognize DataFrames, which a command never hands it. Both together take
longer to import than scikit-learn itself. pyarrow imports pandas with the first scalar it makes, to recognize missing
values of pandas among others, which takes longer than to read a small file; so its first is made while pandas is
hidden. Where a column is to become one of pandas it imports it all the same. Only the process of a command is arranged
like this; a user's own is not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

__all__ = ["defer_imports"]

LAZY = "scipy.stats"
IMPORTER, ASKER, UNUSED = "sklearn.utils.fixes", "pyarrow.lib", "pandas"


class _Deferred(MetaPathFinder):
    """Finds `LAZY` as a module that is loaded at its first use, and hides `UNUSED` from `IMPORTER` and `ASKER`."""

    def __init__(self) -> None:
        self.hidden = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == UNUSED and self.hidden:  # for which scikit-learn is prepared
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if fullname not in (LAZY, IMPORTER, ASKER):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader) if fullname == LAZY else _WithoutUnused(spec.loader, self)
        return spec


class _WithoutUnused(Loader):
    """Executes a module while `UNUSED` is hidden; a later import by anybody else finds it."""

    def __init__(self, loader: Loader, finder: _Deferred):
        self.loader, self.finder = loader, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.finder.hidden = True
        try:
            self.loader.exec_module(module)
            if module.__name__ == ASKER:
                module.scalar("")
        finally:
            self.finder.hidden = False


def defer_imports() -> None:
    """Defer them in this process from now on."""
    if not any(isinstance(finder, _Deferred) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Deferred())
