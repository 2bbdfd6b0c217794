"""A lock on a folder: one process at a time; it is released when the process ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isthmus.storage.safe_reading import StorageError
from isthmus.tables.staging import try_lock

__all__ = ["LOCK", "locked"]

LOCK = "lock"


@contextmanager
def locked(folder: Path, *, wanted: bool = True) -> Iterator[None]:
    """Lock the folder, which is made if missing; a `StorageError` if another process holds it.

    The lock is the operating system's own, on a file that stays, so a killed process holds nothing.
    """
    if not wanted:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise StorageError(
            f"{str(folder)!r} cannot be written ({error.strerror or error}); check the folder, its permissions and the "
            "free space."
        ) from error
    try:
        _lock(handle, folder)
        os.truncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    if try_lock(handle) is False:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() if hasattr(os, "pread") else ""
        who = f"process {owner}" if owner.isdigit() else "another process"
        raise StorageError(
            f"{str(folder)!r} is in use: {who} is fitting into it; wait for it, or choose another folder."
        )
