"""Labels of picture and sound files: from their folders or a table beside them; and a split given by the folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from isthmus.tables.container import without_packing
from isthmus.tables.errors import DataError
from isthmus.tables.formats.tables_beside import READ_BESIDE, columns_of
from isthmus.tables.request import Request

__all__ = ["FileLabels", "labels_of"]

SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "val": "train", "valid": "train",
    "validation": "train",
}  # fmt: skip
MAX_BESIDE = 64 << 20  # bytes of a table of labels
FOLDER = "folder"  # the name of labels that are folder names
LABELLED = ("label", "labels", "class", "category", "target", "y", "species", "kind", "digit")


class FileLabels(NamedTuple):
    """The label of each row, the name of the labels, and the rows of the official test set."""

    labels: np.ndarray | None
    name: str | None
    test: np.ndarray | None


def labels_of(names: Sequence[str], what: str, folder: Path, request: Request, notes: list[str]) -> FileLabels:
    """Labels of files from their paths in the folder, ``class/file.png`` or ``train/class/file.png``.

    ``what`` is the word for the files in the notes.
    """
    parts = [PurePosixPath(name).parts[:-1] for name in names]
    tops = {part[0].lower() if part else "" for part in parts}
    test = None
    if len(tops) > 1 and tops <= set(SPLITS):
        aside = np.array([SPLITS[part[0].lower()] == "test" for part in parts])
        if aside.any() and not aside.all():
            test = np.flatnonzero(aside)
            notes.append(f"split given by the folders: {int(aside.sum()):,} rows for testing")
        parts = [part[1:] for part in parts]
    asked = None if request.labels == FOLDER else request.labels
    beside = _labels_beside(names, what, folder, asked, notes) if folder.is_dir() else None
    if any(parts) and not all(parts):
        notes.append(f"{what} are both in the folder and in its sub-folders: no labels are taken from them")
    elif len(set(parts)) > 1 and (beside is None or asked is None):
        if asked is not None:
            raise DataError(_no_table(asked, what, folder, "their labels are their sub-folders, so leave it out"))
        return FileLabels(np.array(["/".join(part) for part in parts], np.str_), FOLDER, test)
    if beside is None and request.labels is not None:
        raise DataError(_no_table(request.labels, what, folder, "add one, sort them into sub-folders, or leave it out"))
    return FileLabels(None, None, test) if beside is None else FileLabels(*beside, test)


def _no_table(labels: str, what: str, folder: Path, advice: str) -> str:
    """That ``--labels`` names a column of no table."""
    return f"{str(folder)!r}: --labels {labels!r}: no table beside the {what} lists them; {advice}."


def _labels_beside(
    names: Sequence[str], what: str, folder: Path, asked: str | None, notes: list[str]
) -> tuple[np.ndarray, str] | None:
    """Labels from a table in the same folder that lists the files."""
    whole = set(names)
    bare = {PurePosixPath(name).name for name in names}
    stems = {PurePosixPath(name).stem for name in names}
    for path in sorted(folder.iterdir()):
        if not without_packing(path.name).endswith(READ_BESIDE) or not path.is_file():
            continue
        if path.stat().st_size > MAX_BESIDE:  # such as a JSON of outlines of objects
            notes.append(f"{path.name!r} beside the {what} is not read: it has more than {MAX_BESIDE >> 20} MB")
            continue
        try:
            cells = columns_of(path)
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
            notes.append(f"{path.name!r} beside the {what} is not read: none of its columns names them")
            continue
        if asked is not None and asked not in others:
            raise DataError(f"{str(path)!r}: no column {asked!r} for --labels; the columns are {', '.join(others)}.")
        label = asked or next((name for known in LABELLED for name in others if name.lower() == known), others[0])
        known = dict(zip(cells[key], cells[label], strict=True))
        found = [
            known.get(name, known.get(PurePosixPath(name).name, known.get(PurePosixPath(name).stem))) for name in names
        ]
        without = [name for name, label_found in zip(names, found, strict=True) if label_found is None]
        note = f"labels from column {label!r} of {path.name!r}"
        if without:
            are = f"1 of the {what} is" if len(without) == 1 else f"{len(without):,} {what} are"
            have = "has" if len(without) == 1 else "have"
            note += f"; {are} not in it, the first {without[0]!r}, and {have} the label ''"
        unmatched = [cell for cell in cells[key] if cell not in whole and cell not in bare and cell not in stems]
        if unmatched:
            rows = "1 of its rows names" if len(unmatched) == 1 else f"{len(unmatched):,} of its rows name"
            note += f"; {rows} no file here, the first {unmatched[0]!r}"
        notes.append(note)
        return np.array([one or "" for one in found], np.str_), label
    return None
