"""Progress: which exercises are solved, in one small file in the user's own folder, written when a check passes.

The folder is ``$XDG_STATE_HOME/isthmus`` (``~/.local/state/isthmus``), and on Windows ``%LOCALAPPDATA%/isthmus``. An
unreadable file counts as none; delete it to reset the progress.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from isthmus.tables.atomic import atomic_write

__all__ = ["mark_solved", "progress_file", "solved_chapters"]


def progress_file() -> Path:
    """The file that holds the progress."""
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "isthmus" / "course.json"


def solved_chapters() -> set[int]:
    """The chapters whose exercises have been solved."""
    try:
        found = json.loads(progress_file().read_text(encoding="utf-8"))["solved"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {chapter for chapter in found if type(chapter) is int} if isinstance(found, list) else set()


def mark_solved(chapter: int) -> None:
    """Remember that a chapter's exercise is solved; a `ValueError` (`DataError`) if the folder can't be written to."""
    solved = sorted(solved_chapters() | {chapter})
    with atomic_write(progress_file()) as temporary:
        temporary.write_text(json.dumps({"solved": solved}) + "\n", encoding="utf-8")
