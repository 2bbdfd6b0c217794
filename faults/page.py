"""The page of reliability tests, made only from the recorded figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEAD = """# Reliability tests: faults, and what was lost

`make faults` repeats these tests and writes this page; none of its numbers is typed by hand. A fit runs in a process
of its own, with a checkpoint after every step, and a fault is injected. Then its files are inspected, it is resumed,
and the result is compared with an undisturbed fit. The plain, the denoising and the variational model are killed, in
memory and streamed, each fit up to three times before it may finish. To make kills hit a save, every flush to disk
takes 3 ms longer there; where a folder is replaced, saves are repeated until the kill. Only processes are killed: what
a loss of power does to a disk's cache was not tested.
"""


def written_page(results: Path) -> str:
    """The page in Markdown, with the fuzzing of the loaders if there are figures."""
    found = json.loads((results / "faults.json").read_text())
    lines = [HEAD, "| fault | promise | trials | lost |", "|---|---|---:|---:|"]
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
        f"core (atheris {total['atheris']}), starting from the corpus in faults/fuzz/corpus; {total['finds']} of them "
        "gave something other than a model, a table or an error of one sentence. What was found is fixed since, and "
        "tested in tests/test_untrusted.py.",
        "",
        "| loader | inputs | seconds | code features reached | failures |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found["loaders"].items():
        lines.append(f"| {name} | {row['inputs']:,} | {row['seconds']:.0f} | {row['coverage']:,} | {row['finds']} |")
    for name, row in found["loaders"].items():
        lines += [f"\nFound in {name}, {row['said'].count(said)} times: {said}." for said in dict.fromkeys(row["said"])]
    return lines
