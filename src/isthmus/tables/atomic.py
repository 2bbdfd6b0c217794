"""Atomic writing: a file is written to a staging folder first, then moved into place in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isthmus.tables.errors import DataError
from isthmus.tables.staging import NEW, flush_to_disk, staging, sweep

__all__ = ["atomic_write", "refuse_existing"]


def refuse_existing(path: Path) -> None:
    """Raise the `DataError` of a command that would replace ``path`` without ``--overwrite``."""
    if os.path.lexists(path):
        raise DataError(f"{str(path)!r} exists; pass --overwrite to replace it.")


@contextmanager
def atomic_write(path: str | Path, *, overwrite: bool = True, sweeping: bool = True) -> Iterator[Path]:
    """Yield a new, empty file with the suffix of ``path``, then move it to ``path``.

    Missing folders are made. Any exception inside, also `KeyboardInterrupt`, removes the new file and leaves
    the one at ``path`` unchanged. An `OSError` (no rights, disk full) becomes a `DataError`. With
    ``overwrite=False`` an existing ``path`` is refused, at the start and again before the move. With
    ``sweeping``, what killed processes left in the same folder is removed first; skip it when writing many files there.

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
    try:
        # follow a link to the file it names, as plain writing would
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise DataError(f"{str(path)!r} is a folder; name a file.")
        target.parent.mkdir(parents=True, exist_ok=True)
        if sweeping:
            sweep(target.parent)
        with staging(target) as folder:
            temporary = folder / f"{NEW}{target.suffix}"
            temporary.touch()
            yield temporary
            flush_to_disk(temporary)
            if target.exists():
                if not overwrite:
                    refuse_existing(path)
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
            flush_to_disk(target.parent)
    except OSError as error:
        raise DataError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); check the folder, your "
            "rights and the space left."
        ) from error
