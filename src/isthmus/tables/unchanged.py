"""Files that are read more than once, epoch after epoch: one that has changed since is refused.

Passes over different rows would give a model of neither file, or a result with rows of both. The inode, size and
modification time of a file are compared before each read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from isthmus.tables.errors import DataError

__all__ = ["Unchanged"]


class Unchanged:
    """Files as they were when they were opened."""

    def __init__(self, paths: Iterable[Path]):
        self._known = {path: _state(path) for path in paths}

    def require(self, path: Path) -> None:
        """Refuse, with a `DataError`, a file that was changed, replaced or removed since."""
        now = _state(path)
        if now != self._known[path]:
            what = "removed" if now is None else "changed"
            raise DataError(f"{str(path)!r}: was {what} while it was being read; leave it alone and start again.")


def _state(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
