"""Unreadable files of a folder: all named at once, or skipped on request."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from isthmus.tables.errors import DataError
from isthmus.tables.request import Request

__all__ = ["UnreadableError", "name_of", "settle_faults", "visible_files"]

MAX_NAMED = 50


class UnreadableError(Exception):
    """Why one file cannot be read, in a few words."""


def name_of(path: Path, folder: Path) -> str:
    """The id of the row of a file: its path in the folder, with bytes that are not UTF-8 escaped."""
    inside = path.relative_to(folder) if folder.is_dir() else Path(path.name)
    return os.fsencode(inside.as_posix()).decode("utf-8", "backslashreplace")


def visible_files(folder: Path, hidden: str | tuple[str, ...] = ".") -> list[Path]:
    """The files of a folder at any depth in natural order, without those with a ``hidden`` prefix in their path."""
    found = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(hidden) for part in path.relative_to(folder).parts)
    ]
    return sorted(found, key=lambda path: _natural_order(path, folder))


def _natural_order(path: Path, folder: Path) -> list[list[tuple[int, int | str]]]:
    """A sort key that puts 9 before 10."""
    return [
        [(0, int(piece)) if piece.isdigit() else (1, piece.lower()) for piece in re.split(r"([0-9]+)", part) if piece]
        for part in path.relative_to(folder).parts
    ]


def settle_faults(
    faults: Sequence[tuple[str, str]], n_files: int, what: str, where: str, request: Request, notes: list[str]
) -> None:
    """Refuse unreadable files, all in one sentence, or note that they were skipped.

    ``faults`` are names and reasons; ``what`` is the expected kind of file, in the singular.
    """
    if not faults:
        return
    named = ", ".join(f"{name!r} ({reason})" for name, reason in faults[:MAX_NAMED])
    named += f" and {len(faults) - MAX_NAMED:,} more" if len(faults) > MAX_NAMED else ""
    count = f"{len(faults):,} of {n_files:,} files" if n_files > 1 else "the file"
    verb = "is" if len(faults) == 1 else "are"
    if len(faults) == n_files:
        raise DataError(
            f"{where}: {count} {verb} not readable as a {what}: {named}; replace {'it' if n_files == 1 else 'them'}."
        )
    if not request.skip_unreadable:
        raise DataError(
            f"{where}: {count} {verb} not readable as a {what}: {named}; replace or remove them, or pass "
            "--skip-unreadable to leave them out."
        )
    notes.append(f"{count} {verb} not readable as a {what} and left out: {named}")
