"""A file or a folder is written whole or not at all: beside its place first, then moved there in one step."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from isthmus.tables.table import DataError

__all__ = ["atomic_write", "beside", "refuse_existing", "replace_folder", "settle"]


def refuse_existing(path: Path) -> None:
    """Raise the `DataError` of a command that would replace ``path`` without having been told to."""
    if os.path.lexists(path):
        raise DataError(f"{str(path)!r} exists; pass --overwrite to replace it.")


@contextmanager
def atomic_write(path: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a new, empty file to write to, beside ``path`` and with its suffix; then move it to ``path``.

    Missing folders are made. Whatever is raised inside, `KeyboardInterrupt` too, removes the new file and
    leaves the one at ``path`` as it was. An `OSError` (no rights, disk full) becomes a `DataError`. With
    ``overwrite=False`` an existing ``path`` is refused, at the start and again before the move.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder, "new", "note.txt")) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     Path(folder, "new", "note.txt").read_text(), len(list(Path(folder, "new").iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    if not overwrite:
        refuse_existing(path)
    temporary: Path | None = None
    try:
        # through a link to the file it names, as plain writing would go
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise DataError(f"{str(path)!r} is a folder; name a file.")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.stem[:40]}-{secrets.token_hex(6)}{target.suffix}")
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        if target.exists():
            if not overwrite:
                refuse_existing(path)
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
        settle(target.parent)
    except OSError as error:
        _remove(temporary)
        raise DataError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); check the folder, your "
            "rights and the space left."
        ) from error
    except BaseException:
        _remove(temporary)
        raise


def _remove(temporary: Path | None) -> None:
    if temporary is not None:
        with suppress(OSError):
            temporary.unlink()


def settle(folder: Path) -> None:
    """Make what happened to a folder's entries last through a power cut."""
    # Windows cannot open a folder; the move itself is durable there
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def beside(target: Path) -> Path:
    """A hidden, unused name in the same folder, for what is not finished yet."""
    return target.with_name(f".{target.name[:40]}-{secrets.token_hex(6)}")


def replace_folder(finished: Path, target: Path) -> None:
    """Move a finished folder to its place; one that stood there is put back if that fails, and removed last."""
    if not target.exists():
        os.rename(finished, target)
        return
    old = beside(target)
    os.rename(target, old)
    try:
        os.rename(finished, target)
    except BaseException:
        os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)
