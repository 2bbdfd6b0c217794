"""Figures of several ways of doing one thing: kept in a file after each, so a benchmark that is cut short resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isthmus.tables import atomic_write

__all__ = ["Ways"]


class Ways:
    """The results of a benchmark: a row for each set, seed and way, with its figures and its seconds."""

    def __init__(self, path: Path, *, again: bool = False):
        self.path = path
        self.rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() and not again else []

    def measure(self, data: str, seed: int, way: str, figures: Callable[[], dict[str, float]]) -> None:
        """Compute the figures, unless they are there already, print them and keep them.

        ``figures`` may give its own ``seconds``; otherwise they are those that it took.
        """
        if any((row["set"], row["seed"], row["way"]) == (data, seed, way) for row in self.rows):
            return
        started = time.perf_counter()
        found = figures()
        row = {"set": data, "seed": seed, "way": way, "seconds": time.perf_counter() - started, **found}
        self.rows.append(row)
        print(data, seed, way, {name: round(value, 3) for name, value in found.items()}, f"{row['seconds']:.1f} s")
        with atomic_write(self.path) as temporary:
            temporary.write_text(json.dumps(self.rows, indent=1) + "\n")
