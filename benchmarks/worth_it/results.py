"""The measurements on disk: a line of JSON each, written in one go, so an interrupted run resumes where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["append", "read_lines"]


def append(path: Path, record: dict[str, Any]) -> None:
    """Append one line in a single write, which is on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({name: _short(value) for name, value in record.items()}, ensure_ascii=False, allow_nan=False)
    with path.open("ab") as file:
        if file.tell() and not _ends_a_line(path):  # a killed process may leave part of a line
            file.write(b"\n")
        file.write(f"{line}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> Iterable[dict[str, Any]]:
    """All measurements; an incomplete line, which an interrupted run leaves, is skipped and measured again."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _short(value: Any) -> Any:
    """A number to six significant digits; None if it is not finite."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if value == value and abs(value) != float("inf") else None
    return value
