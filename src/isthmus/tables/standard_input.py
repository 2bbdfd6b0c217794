"""Standard input as a file: it is copied first, since it can be read only once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from isthmus.tables.container import Scratch

__all__ = ["STANDARD_INPUT", "standard_input"]

STANDARD_INPUT = ("-", "/dev/stdin")
HELD: list[tuple[Any, Scratch]] = []  # until the process ends: streams read from the copy


def standard_input() -> Path:
    """A copy of standard input, the same one for every caller."""
    if not HELD or HELD[-1][0] is not sys.stdin:
        scratch = Scratch()
        with (scratch.path / "stdin").open("wb") as copy:
            while block := sys.stdin.buffer.read(1 << 20):
                copy.write(block)
        HELD.append((sys.stdin, scratch))
    return HELD[-1][1].path / "stdin"
