"""Classes of pictures and sounds that are files: their folders, the split these tell of, or a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats.text import TextSource
from isthmus.tables.request import Request

__all__ = ["FileLabels", "labels_of"]

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "train",
    "valid": "train",
    "validation": "train",
}
FOLDER = "folder"  # what classes are called that are the names of folders
LABELLED = ("label", "labels", "class", "category", "target", "y", "species", "kind", "digit")


class FileLabels:
    """The class of each row, what it is called, and which rows the makers of the data set aside for testing."""

    def __init__(self, labels: np.ndarray | None = None, name: str | None = None, test: np.ndarray | None = None):
        self.labels, self.name, self.test = labels, name, test


def labels_of(names: Sequence[str], what: str, folder: Path, request: Request, notes: list[str]) -> FileLabels:
    """Labels of files by their names inside the folder, ``class/file.png`` or ``train/class/file.png``.

    ``what`` the files are is said in the notes.
    """
    parts = [PurePosixPath(name).parts[:-1] for name in names]
    tops = {part[0].lower() if part else "" for part in parts}
    test = None
    if len(tops) > 1 and tops <= set(SPLITS):
        aside = np.array([SPLITS[part[0].lower()] == "test" for part in parts])
        if aside.any() and not aside.all():
            test = np.flatnonzero(aside)
            notes.append(f"split as the folders have it: {int(aside.sum()):,} rows to test on")
        parts = [part[1:] for part in parts]
    asked = None if request.labels == FOLDER else request.labels
    beside = _labels_beside(names, what, folder, asked, notes) if folder.is_dir() else None
    if any(parts) and not all(parts):
        notes.append(f"{what} lie both in the folder and in its sub-folders: no labels are taken from them")
    elif len(set(parts)) > 1 and (beside is None or asked is None):
        return FileLabels(np.array(["/".join(part) for part in parts], np.str_), FOLDER, test)
    return FileLabels(None, None, test) if beside is None else FileLabels(*beside, test)


def _labels_beside(
    names: Sequence[str], what: str, folder: Path, asked: str | None, notes: list[str]
) -> tuple[np.ndarray, str] | None:
    """Labels from a table in the same folder that names the files."""
    whole = set(names)
    bare = {PurePosixPath(name).name for name in names}
    stems = {PurePosixPath(name).stem for name in names}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
            continue
        try:
            source = TextSource(File(path), Request())
            cells: dict[str, list[str]] = {name: [] for name in source.names}
            for batch in source.batches():
                for name, column in zip(source.names, batch.columns, strict=True):
                    cells[name] += [str(cell).strip() for cell in column.to_pylist()]
        except DataError:
            continue
        key = next(
            (
                name
                for name, column in cells.items()
                if sum(cell in whole or cell in bare or cell in stems for cell in column) > len(column) / 2
            ),
            None,
        )
        others = [name for name in cells if name != key]
        if key is None or not others:
            notes.append(f"{path.name!r} beside the {what} is not read: no column of it names them")
            continue
        if asked is not None and asked not in others:
            raise DataError(f"{str(path)!r}: no column {asked!r} for --labels; the columns are {', '.join(others)}.")
        label = asked or next((name for known in LABELLED for name in others if name.lower() == known), others[0])
        known = dict(zip(cells[key], cells[label], strict=True))
        found = [
            known.get(name, known.get(PurePosixPath(name).name, known.get(PurePosixPath(name).stem))) for name in names
        ]
        without = [name for name, label_found in zip(names, found, strict=True) if label_found is None]
        told = f"labels from column {label!r} of {path.name!r}"
        if without:
            told += f"; {len(without):,} {what} are not in it, the first {without[0]!r}, and have the label ''"
        gone = [cell for cell in cells[key] if cell not in whole and cell not in bare and cell not in stems]
        if gone:
            told += f"; {len(gone):,} of its rows name no file here, the first {gone[0]!r}"
        notes.append(told)
        return np.array([one or "" for one in found], np.str_), label
    return None
