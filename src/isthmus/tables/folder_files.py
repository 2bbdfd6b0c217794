"""Which files of a folder hold the table: those called like one, but for what only tells of the others."""

from __future__ import annotations

from pathlib import Path

from isthmus.tables.formats.registry import is_table_name
from isthmus.tables.formats.unreadable import natural_order

__all__ = ["data_files"]

SKIPPED_BESIDE = ("readme", "license", "licence", "manifest", "metadata", "_success", "checksums", "sha256sums")


def data_files(folder: Path) -> list[Path]:
    """The files of a folder that hold tables, in natural order; hidden ones and those that tell of others aside."""
    found = [
        file
        for file in folder.rglob("*")
        if is_table_name(file.name)
        and file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
        and not file.name.lower().startswith(SKIPPED_BESIDE)
    ]
    return sorted(found, key=lambda file: natural_order(file, folder))
