"""Output is written to a hidden staging folder, and moved into place in one step when it is complete.

    .NAME.isthmus-0123456789ab/     beside the place of NAME
        owner                       names NAME and the machine; locked by the writing process
        new, or new.SUFFIX          what is being written; after an exchange, what was there before
        old                         what was there before, on a system that can't exchange two folders

The operating system releases the lock when its process ends, however that happens. A staging folder whose lock is
free was left by a process that was killed; the next write in the same folder finishes a move that lacks only its last
step, and removes the rest. Not every network file system shares locks between machines, so what another machine was
writing is left alone for a day. Anything that isn't exactly such a folder is somebody else's and stays.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["NEW", "flush_to_disk", "put_in_place", "staging", "sweep", "try_lock"]

OWNER, NEW, OLD = "owner", "new", "old"
NAME = re.compile(r"\..*\.isthmus-[0-9a-f]{12}", re.DOTALL)
SIGNATURE = b"isthmus is writing "  # followed by the target's name, a slash, and the machine's name
PATIENCE = 86_400.0  # seconds since the last byte that another machine wrote
AT_FDCWD, RENAME_EXCHANGE = -100, 2


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """A new staging folder for what will be at ``target``; removed afterwards, with all that is left in it."""
    folder, owner = _signed(target)
    try:
        yield folder
    finally:
        _remove(folder, owner)


def sweep(folder: Path) -> None:
    """Finish or remove what killed processes were writing in ``folder``; errors are ignored."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if NAME.fullmatch(entry.name)]
    except OSError:
        return
    for name in found:
        with suppress(OSError):
            _sweep_one(folder / name)


def put_in_place(staged: Path, target: Path, check: Callable[[Path], None] = lambda _: None) -> None:
    """Move the folder ``staged/new`` to ``target``; what was there moves to ``staged``, and is removed with it.

    Where the system can exchange two folders (`renameat2`, Linux), ``target`` exists at every moment. Elsewhere the
    old one moves away first; a process killed in between leaves both to `sweep`, which finishes the move.
    ``check`` examines the old folder once nobody else can reach it; if it raises, the move is undone.
    """
    new, old = staged / NEW, staged / OLD
    if not os.path.lexists(target):
        os.rename(new, target)
    elif _exchanged(new, target):
        try:
            check(new)
        except BaseException:
            _exchanged(new, target)
            raise
    else:
        os.rename(target, old)
        try:
            check(old)
            os.rename(new, target)
        except BaseException:
            os.rename(old, target)
            raise


def try_lock(handle: int) -> bool | None:
    """Lock an open file for this process: whether that succeeded, or None if the file system has no locks."""
    try:
        if os.name == "nt":
            import msvcrt  # exists on Windows only

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # pyrefly: ignore[missing-attribute]
        else:
            import fcntl  # not on Windows

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def flush_to_disk(path: Path) -> None:
    """Flush a file's bytes, or a folder's entries, to disk, so they survive a power cut."""
    # Windows can't open a folder, and flushes only files open for writing; a move is durable there
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _signed(target: Path) -> tuple[Path, int]:
    """A staging folder and its locked owner file; tried again if a sweep removes it before it is locked."""
    while True:
        folder = target.with_name(f".{target.name[:40]}.isthmus-{secrets.token_hex(6)}")
        folder.mkdir()
        try:
            owner = os.open(folder / OWNER, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:
            continue
        if try_lock(owner) is False:
            os.close(owner)
            continue
        try:
            os.write(owner, SIGNATURE + os.fsencode(target.name) + b"/" + _machine())
        except BaseException:
            _remove(folder, owner)
            raise
        return folder, owner


def _sweep_one(folder: Path) -> None:
    """Finish or remove one staging folder, unless its process is alive or anything about it is unexpected."""
    if folder.is_symlink() or not folder.is_dir():
        return
    try:
        owner = os.open(folder / OWNER, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        folder.rmdir()  # killed before signing it, or while removing it: it is empty, or else it stays
        return
    named = None
    try:
        if try_lock(owner):
            named = _target_of(folder, os.read(owner, 4096))
        if named is not None and not os.path.lexists(named) and all((folder / name).is_dir() for name in (NEW, OLD)):
            os.rename(folder / NEW, named)
    finally:
        if named is None:
            os.close(owner)
        else:
            _remove(folder, owner)


def _target_of(folder: Path, signature: bytes) -> Path | None:
    """The target of a staging folder, or the folder itself if it was never signed; None if it isn't one."""
    entries = {entry.name for entry in os.scandir(folder)} - {OWNER, OLD}
    if not signature and not entries:
        return folder
    name, _, machine = signature.removeprefix(SIGNATURE).partition(b"/")
    signed = signature.startswith(SIGNATURE) and b"/" not in machine and name not in (b"", b".", b"..")
    whole = len(entries) <= 1 and all(Path(entry).stem == NEW for entry in entries)
    if not (signed and whole) or (machine != _machine() and time.time() - _last_written(folder) < PATIENCE):
        return None
    return folder.parent / os.fsdecode(name)


def _machine() -> bytes:
    return platform.node().encode("utf-8", "replace").replace(b"/", b"_")


def _last_written(folder: Path) -> float:
    return max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))


def _exchanged(one: Path, other: Path) -> bool:
    """Whether two paths were exchanged in one step; False where the system or the file system can't do that."""
    import ctypes  # rarely needed, and every start of the command line imports this file

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):  # another system, or an older one
        return False
    return call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0


def _remove(folder: Path, owner: int) -> None:
    """Remove a staging folder whose owner file is locked: that one last, so a half-removed folder is recognised."""
    try:
        _empty(folder)
    except BaseException:  # a Ctrl-C, which waits until nothing is left
        _empty(folder)
        raise
    finally:
        os.close(owner)
        with suppress(OSError):
            (folder / OWNER).unlink()
            folder.rmdir()


def _empty(folder: Path) -> None:
    """Remove all but the owner file."""
    for name in os.listdir(folder) if folder.is_dir() else ():
        if name != OWNER:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
