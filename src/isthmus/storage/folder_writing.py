"""A folder is written whole or not at all: beside its place first, then moved there in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from isthmus.storage.safe_reading import StorageError
from isthmus.tables.atomic import beside, replace_folder, settle

__all__ = ["new_folder"]


def new_folder(path: str | os.PathLike[str], files: Mapping[str, bytes], *, overwrite: bool) -> Path:
    """Make the folder ``path`` with these files, by name, and give its path; "part/name" lies in a folder of its own.

    Until the last moment nothing stands at ``path`` but what stood there before; whatever is raised, also
    `KeyboardInterrupt`, leaves that as it was. With ``overwrite`` a folder that holds no other files than
    these is replaced: moved aside when the new one is complete, and only then removed.

    Raises
    ------
    StorageError
        If ``path`` exists and may not be replaced, or can't be written.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        # Through a link to the folder it names, as plain writing would go.
        target = Path(os.path.realpath(path))
        names = {name.partition("/")[0] for name in files}
        _require_free(path, target, names, overwrite)
        if not target.parent.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(target)
        temporary.mkdir()
        for name, data in files.items():
            place = temporary / name
            place.parent.mkdir(exist_ok=True)
            with place.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for folder in {temporary, *((temporary / name).parent for name in files)}:
            settle(folder)
        _require_free(path, target, names, overwrite)
        replace_folder(temporary, target)
        settle(target.parent)
    except (OSError, ValueError) as error:
        _remove(temporary)
        if isinstance(error, StorageError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise StorageError(
            f"{str(path)!r} cannot be written ({reason}); check the folder, your rights and the space left."
        ) from error
    except BaseException:
        _remove(temporary)
        raise
    return path


def _require_free(path: Path, target: Path, names: set[str], overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise StorageError(f"{str(path)!r} exists; choose another folder, or ask for it to be overwritten.")
    if not target.is_dir():
        raise StorageError(f"{str(path)!r} is a file, and a model is a folder; choose another path.")
    others = sorted({entry.name for entry in target.iterdir()} - names)
    if others:
        raise StorageError(
            f"{str(path)!r} holds more than a model ({others[0]!r}), so it is not overwritten; choose another folder."
        )


def _remove(temporary: Path | None) -> None:
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)
