"""Figures of several methods for one task: written to a file after each, so an interrupted benchmark resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isthmus.tables import atomic_write

__all__ = ["Ways"]


class Ways:
    """The results of a benchmark: a row for each set, seed and method, with its figures and its seconds."""

    def __init__(self, path: Path, *, again: bool = False):
        self.path = path
        self.rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() and not again else []

    def measure(self, data: str, seed: int, way: str, figures: Callable[[], dict[str, float]]) -> None:
        """Compute the figures unless they are known already, print them and store them.

        ``figures`` may return its own ``seconds``; otherwise its run time is stored.
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
