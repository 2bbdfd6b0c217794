"""The page of reliability tests, made only from the recorded figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEAD = """# Reliability tests

`make faults` repeats these tests and writes this page; none of its numbers is typed by hand. Each fit runs in its own
process, with a checkpoint after every step, and a fault is injected. Then the files are inspected, the fit is resumed,
and the result is compared with that of an undisturbed fit. The tests with `kill -9` in training and in saving use the
plain, the denoising and the variational model, in memory and streamed; each fit is killed up to three times before it
may finish. In the tests of saving, every flush to disk takes 3 ms longer, so that kills are likely to hit a save; in
the tests of replacing a folder, saves are repeated until the kill. Only processes are killed: the effect of a power
failure on a disk's cache was not tested.
"""


def written_page(results: Path) -> str:
    """The page in Markdown, with the fuzzing of the loaders if there are figures."""
    found = json.loads((results / "faults.json").read_text())
    lines = [HEAD, "| fault | expected behaviour | trials | failures |", "|---|---|---:|---:|"]
    lines += [f"| {row['fault']} | {row['promise']} | {row['tried']:,} | {row['lost']:,} |" for row in found["faults"]]
    lines += [
        "",
        f"Python {found['setting']['python']}, PyTorch {found['setting']['torch']}, {found['setting']['system']}.",
    ]
    lines += [f"\nFailures, {row['fault']}: {'; '.join(row['how'])}." for row in found["faults"] if row["how"]]
    if (results / "fuzz.json").exists():
        lines += _fuzzed(json.loads((results / "fuzz.json").read_text()))
    return "\n".join(lines) + "\n"


def _fuzzed(found: dict[str, Any]) -> list[str]:
    """What atheris tried on each loader."""
    total = found["total"]
    lines = [
        "",
        "## Fuzzing the loaders with untrusted files",
        "",
        f"`python -m faults.fuzz` tried {total['inputs']:,} inputs in {total['seconds'] / 60:.0f} minutes on one "
        f"core (atheris {total['atheris']}), starting from the corpus in faults/fuzz/corpus. For {total['finds']} of "
        "them the result was not a model, a table or an error message of one sentence. These faults have since been "
        "fixed, and are tested in tests/test_untrusted.py.",
        "",
        "| loader | inputs | seconds | coverage (features) | failures |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in found["loaders"].items():
        lines.append(f"| {name} | {row['inputs']:,} | {row['seconds']:.0f} | {row['coverage']:,} | {row['finds']} |")
    for name, row in found["loaders"].items():
        for said in dict.fromkeys(row["said"]):
            count = row["said"].count(said)
            lines.append(f"\nFound in {name}, {count} {'time' if count == 1 else 'times'}: {said}.")
    return lines
