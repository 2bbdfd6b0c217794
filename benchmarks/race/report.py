"""Answers on disk: JSON with everything, and a table of ratios."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from race.answer import Answer, Ratio

__all__ = ["as_markdown", "fill_between_marks", "machine", "read_rows", "store"]

MARKS = ("<!-- speed -->", "<!-- /speed -->")
HEADER = (
    "| work | against | ratio, median (lowest – highest) | wanted | isthmus | the other |",
    "|---|---|---|---|---|---|",
)


def machine() -> str:
    """The machine and the versions."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    return (
        f"{processor}, {os.cpu_count()} virtual cores, Python {platform.python_version()}, "
        f"torch {version('torch')}, load {os.getloadavg()[0]:.2f} at the start"
    )


def store(path: Path, answers: Mapping[str, Answer], where: str) -> None:
    """Add the answers to the JSON file; those of other questions stay."""
    kept = json.loads(path.read_text()) if path.is_file() else {}
    for name, answer in answers.items():
        runs = {key: [asdict(run) if is_dataclass(run) else run for run in found] for key, found in answer.runs.items()}
        kept[name] = {"machine": where, "rows": [asdict(row) for row in answer.rows], "runs": runs}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def read_rows(stored: Mapping[str, Any], order: Iterable[str]) -> list[Ratio]:
    """Every row of a stored file, in the order of the questions."""
    return [Ratio(**row) for name in order if name in stored for row in stored[name]["rows"]]


def as_markdown(rows: Iterable[Ratio]) -> str:
    """One line per ratio; a tick if the promise is kept."""
    return "\n".join([*HEADER, *map(_line, rows)])


def _line(row: Ratio) -> str:
    low, high = min(row.values), max(row.values)
    more = "more than " if row.at_least else ""
    tick = {True: " ✓", False: " ✗", None: ""}[row.kept]
    wanted = f"{row.wanted[0]} {row.wanted[1:]}{tick}" if row.wanted else ""
    ratio = f"{more}**{row.median:.3g}** ({low:.3g} – {high:.3g})"
    return f"| {row.work} | {row.against} | {ratio} | {wanted} | {row.ours} | {row.theirs} |"


def fill_between_marks(document: Path, text: str) -> None:
    """Replace the text between the marks of a document."""
    before, rest = document.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    document.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")
