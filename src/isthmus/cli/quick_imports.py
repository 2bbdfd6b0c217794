"""Keep pyarrow and scikit-learn from importing what a command doesn't use: half a second of most commands.

When pyarrow makes its first scalar it imports pandas, if installed, to recognize pandas' missing values in Python
lists. No command passes such a list, and the import takes longer than reading a small file. pyarrow tries once; it
still imports pandas to make a pandas column. scikit-learn imports pandas without need, and again if it gets a frame;
it imports `scipy.stats` for one function, which takes longer than the rest of its base.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

__all__ = ["ready_pyarrow", "ready_sklearn", "statistics_when_used"]


class _NoPandas(MetaPathFinder):
    """Hides pandas."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


class _Postponed(ModuleType):
    """Stands in for a module, and runs it when one of its names is used."""

    spec: ModuleSpec | None = None

    def __getattr__(self, name: str) -> Any:
        if self.spec is None or self.spec.loader is None:  # the import is under way and asks
            raise AttributeError(name)
        module = sys.modules[self.__name__] = module_from_spec(self.spec)
        parent, _, own = self.__name__.rpartition(".")
        setattr(sys.modules[parent], own, module)
        self.spec.loader.exec_module(module)
        vars(self).update(vars(module))
        return getattr(module, name)


class _PostponeStatistics(MetaPathFinder, Loader):
    """Postpones `scipy.stats`."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path) if fullname == "scipy.stats" else None
        return None if found is None else ModuleSpec(fullname, self, loader_state=found)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Postponed(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing yet. PyTorch asks every module for its file, which is no use of it."""
        assert isinstance(module, _Postponed)
        assert module.__spec__ is not None
        module.spec = module.__spec__.loader_state
        module.__file__ = module.spec.origin


def statistics_when_used() -> AbstractContextManager[None]:
    """Import `scipy.stats` only when one of its names is used, while a command runs."""
    return _finding_by(_PostponeStatistics())


def ready_pyarrow() -> None:
    """Let pyarrow make its first scalar while pandas is hidden, unless pandas is imported already."""
    if "pandas" in sys.modules:
        return
    import pyarrow

    with _finding_by(_NoPandas()):
        pyarrow.scalar("")


def ready_sklearn() -> None:
    """Import scikit-learn's base while pandas is hidden, unless either is imported already."""
    if "pandas" in sys.modules or "sklearn" in sys.modules:
        return
    with _finding_by(_NoPandas()):
        import sklearn.base  # noqa: F401  commands import the rest later


@contextmanager
def _finding_by(finder: MetaPathFinder) -> Iterator[None]:
    """Ask this finder first."""
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
