"""Tables made from what the benchmarks wrote: each function reads results and answers in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent.parent / "benchmarks" / "results"


def sources() -> Iterator[Path]:
    """The files that the tables are made from."""
    return iter(sorted(RESULTS.glob("*.json")))


def results(name: str) -> Any:
    """One benchmark's results."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
