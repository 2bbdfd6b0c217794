"""Writing a folder atomically: it is built in a staging folder next to its place, and moved there in one step.

Only what isthmus wrote is ever replaced: if there is any other file, an error names it and nothing is touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from isthmus.storage.safe_reading import StorageError
from isthmus.tables.staging import NEW, flush_to_disk, put_in_place, staging, sweep

__all__ = [
    "Owned",
    "building",
    "finish_replacement",
    "new_folder",
    "remove_owned",
    "require_free",
    "require_room",
    "saved_files",
]

# Every file name that any format has used; estimators inside have those of SAVED.
SAVED = ("config.json", "model.safetensors", "timing.json")
FIRST_FORMAT = ("detector.json", "detector.safetensors", "denoiser.json")
INNER = ("autoencoder", "model", "fold_2", "fold_3", "fold_4")
MARK, MARKED_BYTES = b'"isthmus ', 200  # a manifest starts with its format


@dataclass(frozen=True)
class Owned:
    """What isthmus writes into one kind of folder.

    Attributes
    ----------
    what
        Such a folder in words.
    files
        Names within the folder of all files it may hold.
    marks
        Files of which at least one must show that isthmus wrote the folder.
    """

    what: str
    files: frozenset[str]
    marks: tuple[str, ...]


def saved_files(inside: str = "") -> frozenset[str]:
    """The files that `isthmus.save` may write to the folder ``inside``."""
    names = {*SAVED, *FIRST_FORMAT, *(f"{inner}/{name}" for inner in INNER for name in SAVED)}
    return frozenset(f"{inside}/{name}" if inside else name for name in names)


def new_folder(path: str | os.PathLike[str], files: Mapping[str, bytes], *, overwrite: bool) -> Path:
    """Write the folder ``path`` with these files, by name, and return its path; "part/name" lies in a subfolder.

    Nothing at ``path`` changes until the last moment, and any error, also `KeyboardInterrupt`, leaves it unchanged.
    With ``overwrite`` a folder of which isthmus wrote every file is replaced in one step.

    Raises
    ------
    StorageError
        If ``path`` exists and may not be replaced, or can't be written.
    """
    owned = Owned("a folder that isthmus saved", saved_files() | files.keys(), ("config.json", "denoiser.json"))
    with building(path, owned, overwrite=overwrite) as folder:
        require_room(Path(path), sum(map(len, files.values())))
        for name, data in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
    return Path(path)


@contextmanager
def building(path: str | os.PathLike[str], owned: Owned, *, overwrite: bool) -> Iterator[Path]:
    """An empty folder to fill, which is moved to ``path`` on success and removed on failure.

    Missing parents are made, and removed again on failure. An empty folder at ``path`` counts as none.

    Raises
    ------
    StorageError
        If ``path`` exists and may not be replaced, or can't be written.
    """
    path = Path(path)
    made: list[Path] = []
    try:
        target = require_free(path, owned, overwrite=overwrite)
        made = [folder for folder in target.parents if not folder.exists()]
        if made:
            target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with staging(target) as staged:
            (staged / NEW).mkdir()
            yield staged / NEW
            for folder, _, names in os.walk(staged / NEW, topdown=False):
                for name in names:
                    flush_to_disk(Path(folder, name))
                flush_to_disk(Path(folder))
            require_free(path, owned, overwrite=overwrite)
            put_in_place(staged, target, lambda old: _require_owned(path, old, owned, overwrite=overwrite))
            flush_to_disk(target.parent)
    except BaseException as error:
        with suppress(OSError):  # a folder that isn't empty stays
            for folder in made:
                folder.rmdir()
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise


def require_free(path: str | os.PathLike[str], owned: Owned, *, overwrite: bool) -> Path:
    """The place that ``path`` names, links resolved; a `StorageError` if what is there may not be replaced."""
    path = Path(path)
    try:
        # A link is followed to the folder it names, as in plain writing.
        target = Path(os.path.realpath(path))
        if os.path.lexists(target):
            _require_owned(path, target, owned, overwrite=overwrite)
    except StorageError:
        raise
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        raise _not_written(path, error) from error
    with suppress(OSError):
        here = Path.cwd()
        if target == here or target in here.parents:
            raise StorageError(
                f"{str(path)!r} is the working directory or one above it, and can't be replaced from inside; name a "
                "new folder in it."
            )
    return target


def require_room(path: Path, n_bytes: int) -> None:
    """Raise a `StorageError` if the disk of ``path`` has fewer than ``n_bytes`` free, as far as the system says."""
    existing = next((place for place in (path, *path.absolute().parents) if place.is_dir()), path)
    try:
        free = shutil.disk_usage(existing).free
    except OSError:
        return
    if free < n_bytes:
        raise StorageError(
            f"{str(path)!r} takes {n_bytes / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free there; free some space, "
            "or choose another place."
        )


def remove_owned(folder: Path, names: Iterable[str]) -> None:
    """Remove these files from a folder, and the folder itself if nothing else is left in it."""
    for name in names:
        with suppress(OSError):
            (folder / name).unlink()
    with suppress(OSError):
        folder.rmdir()


def finish_replacement(folder: Path) -> None:
    """Finish the replacement that a killed process had started, if ``folder`` is missing."""
    with suppress(OSError, ValueError):
        if not os.path.lexists(folder):
            sweep(Path(os.path.realpath(folder)).parent)


def _require_owned(path: Path, place: Path, owned: Owned, *, overwrite: bool) -> None:
    """Refuse a folder that may not be replaced; ``path`` is what the user calls it, ``place`` where it is."""
    where = repr(str(path))
    if not place.is_dir():
        raise StorageError(f"{where} is a file, and {owned.what} is a folder; choose another path.")
    if not any(place.iterdir()):
        return
    if not overwrite:
        raise StorageError(f"{where} exists; choose another folder, or pass overwrite=True to replace it.")
    if not any(_is_marked(place / name) for name in owned.marks):
        raise StorageError(f"{where} is not {owned.what}, so it is not replaced; choose another folder.")
    unknown = _unknown_file(place, owned.files)
    if unknown is not None:
        raise StorageError(
            f"{where} holds {unknown!r}, which isthmus did not write there, so it is not replaced; move that away, or "
            "choose another folder."
        )


def _is_marked(place: Path) -> bool:
    if place.is_symlink() or not place.is_file():
        return False
    with place.open("rb") as file:
        return MARK in file.read(MARKED_BYTES)


def _unknown_file(folder: Path, known: frozenset[str]) -> str | None:
    """The first file in a folder that isn't known, or empty subfolder, by its name within."""
    for place, folders, files in os.walk(folder, onerror=_raise):
        inside = Path(place).relative_to(folder)
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted(files + links):
            if (inside / name).as_posix() not in known:
                return (inside / name).as_posix()
        if not files and not folders:
            return inside.as_posix()
    return None


def _raise(error: OSError) -> None:
    raise error


def _not_written(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{str(path)!r} cannot be written ({getattr(error, 'strerror', None) or error}); check the folder, its "
        "permissions and the free space."
    )
