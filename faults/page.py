"""The page of what was tried and what was lost, made of the figures alone."""

from __future__ import annotations

import json
from pathlib import Path

HEAD = """# Reliability: what was tried, and what was lost

`make faults` does all of this again and writes this page; none of its numbers is typed by hand. A fit in a process of
its own, a checkpoint after every step, is harmed; then it is looked at, gone on with, and compared with the same fit
left alone. Kills strike the plain, the denoising and the variational model, in memory and streamed, each fit up to
three times before it may end. To let kills fall into a save, every flush to disk is made to last 3 ms longer there.
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
    fuzz = results / "fuzz.json"
    if fuzz.exists():
        rows = json.loads(fuzz.read_text())
        rows = rows if isinstance(rows, list) else next(v for v in rows.values() if isinstance(v, list))
        names = list(rows[0])
        lines += [
            "",
            "## Untrusted files: the loaders fuzzed",
            "",
            f"| {' | '.join(names)} |",
            "|---" * len(names) + "|",
        ]
        lines += [f"| {' | '.join(str(row.get(name, '')) for name in names)} |" for row in rows]
    return "\n".join(lines) + "\n"
