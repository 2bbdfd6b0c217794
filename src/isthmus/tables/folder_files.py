"""Which files of a folder hold the table, by their names, and which file may be meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from isthmus.tables.bundled import BUNDLED
from isthmus.tables.errors import DataError
from isthmus.tables.formats.registry import is_table_name
from isthmus.tables.formats.tables_beside import names_files
from isthmus.tables.formats.unreadable import visible_files

__all__ = ["data_files", "kind_of_folder", "matrix_among", "said_absent"]

FEW = 10  # pictures or sounds, which may only illustrate a table beside them
SKIPPED_BESIDE = ("readme", "license", "licence", "manifest", "metadata", "_success", "checksums", "sha256sums")


def data_files(folder: Path) -> list[Path]:
    """The files of a folder that hold tables, in natural order, without hidden ones and those about other files."""
    return [
        file
        for file in visible_files(folder, (".", "_"))
        if is_table_name(file.name) and not file.name.lower().startswith(SKIPPED_BESIDE)
    ]


def kind_of_folder(media: Mapping[str, Sequence[Path]], folder: Path, where: str, *, as_fitted: bool) -> str | None:
    """Which of the kinds of ``media`` the folder's rows are; None if tables are, beside which pictures illustrate.

    ``as_fitted`` says that the model takes rows with a shape. Tables that name a picture or a sound, or are named
    like one, describe it, and a text beside several of them is a note.
    """
    found = {kind: paths for kind, paths in media.items() if paths}
    if not found:
        return None
    stems = {path.stem for paths in found.values() for path in paths}
    tables = [] if as_fitted else [path for path in data_files(folder) if path.stem not in stems]
    n_media = sum(map(len, found.values()))
    tables = tables if n_media == 1 else [path for path in tables if ".txt" not in path.name.lower()]
    names = [path.name for paths in found.values() for path in paths]
    if n_media < FEW and any(names_files(table, names) for table in tables):
        tables = []
    if tables and len(tables) >= n_media:
        return None
    unclear = dict(found) | ({"tables": tables} if n_media < FEW and tables else {})
    if len(unclear) > 1:
        counted = [f"{len(paths):,} {kind[:-1] if len(paths) == 1 else kind}" for kind, paths in unclear.items()]
        such = " and ".join(repr(paths[0].name) for paths in unclear.values())
        raise DataError(
            f"{where}: a folder of {' and '.join(counted)}, such as {such}; move those of one kind into a folder of "
            f"their own{', or name the table itself' if 'tables' in unclear else ''}."
        )
    return next(iter(found))


def matrix_among(paths: list[Path], where: str) -> Path | None:
    """The Matrix Market file among the files of a folder, beside which the others name its rows and columns."""
    found = [path for path in paths if ".mtx" in path.name.lower()]
    if len(found) > 1:
        listed = ", ".join(repr(path.name) for path in found[:6])
        raise DataError(f"{where}: a folder of several matrices: {listed}; name one of them.")
    return found[0] if found else None


def said_absent(path: Path, where: str) -> str:
    """A message that there is no such file, with the most similar name."""
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.7)
    if path.suffix or len(path.parts) != 1:
        guess = f"; did you mean {close[0]!r}?" if close else "; check the path."
        return f"{where}: no such file or folder{guess}"
    close = difflib.get_close_matches(path.name.lower(), BUNDLED, n=1, cutoff=0.5) or close
    guess = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{where}: no such file, folder or bundled data set{guess}; the bundled sets are {', '.join(BUNDLED)}."
