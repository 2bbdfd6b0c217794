"""The page of what was tried and what was lost, made of the figures alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEAD = """# Reliability: what was tried, and what was lost

`make faults` does all of this again and writes this page; none of its numbers is typed by hand. A fit in a process of
its own, a checkpoint after every step, is harmed; then it is looked at, resumed, and compared with the same fit
left alone. Kills strike the plain, the denoising and the variational model, in memory and streamed, each fit up to
three times before it may end. To let kills fall into a save, every flush to disk is made to last 3 ms longer there, and
where a folder is replaced, saves over one another follow until the kill.
Kills are of the process: what a loss of power does to a disk's own cache was not tried.
"""


def written_page(results: Path) -> str:
    """The page, in Markdown; the fuzzing of the loaders joins it where there are figures of it."""
    found = json.loads((results / "faults.json").read_text())
    lines = [HEAD, "| fault | promise | times tried | lost |", "|---|---|---:|---:|"]
    lines += [f"| {row['fault']} | {row['promise']} | {row['tried']:,} | {row['lost']:,} |" for row in found["faults"]]
    lines += [
        "",
        f"Python {found['setting']['python']}, PyTorch {found['setting']['torch']}, {found['setting']['system']}.",
    ]
    lines += [f"\nLost, {row['fault']}: {'; '.join(row['how'])}." for row in found["faults"] if row["how"]]
    if (results / "fuzz.json").exists():
        lines += _fuzzed(json.loads((results / "fuzz.json").read_text()))
    return "\n".join(lines) + "\n"


def _fuzzed(found: dict[str, Any]) -> list[str]:
    """What atheris tried on each loader."""
    total = found["total"]
    lines = [
        "",
        "## Untrusted files: the loaders fuzzed",
        "",
        f"`python -m faults.fuzz`: {total['inputs']:,} inputs in {total['seconds'] / 60:.0f} minutes of one "
        f"core (atheris {total['atheris']}), starting from the corpus in faults/fuzz/corpus; {total['finds']} times "
        "something else than a model, a table or one sentence came of it. What earlier runs found is fixed, and in "
        "tests/test_untrusted.py.",
        "",
        "| loader | inputs | seconds | corners of the code reached | finds |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found["loaders"].items():
        lines.append(f"| {name} | {row['inputs']:,} | {row['seconds']:.0f} | {row['coverage']:,} | {row['finds']} |")
    for name, row in found["loaders"].items():
        lines += [f"\nFound in {name}, {row['said'].count(said)} times: {said}." for said in dict.fromkeys(row["said"])]
    return lines
