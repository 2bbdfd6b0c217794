"""Try every fault and record what was lost: ``python -m faults [kills] [seconds for them] [words]``.

Figures go to faults/results/faults.json, the page made from them to docs/reliability.md. With words, only faults whose
names contain them are tried, and the figures of the others are kept.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from faults import commands, files, kills, ranks, replacing, signals, surroundings
from faults.page import written_page

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"


def families(n_kills: int, seconds: float) -> Iterator[tuple[str, str, Iterator[str | None]]]:
    """Each fault, what is promised, and its trials: for each a description of what was lost, or None."""
    yield (
        "bit flips, cuts",
        "the damaged checkpoint is skipped with a warning, and the one before it is used",
        files.damaged(),
    )
    yield "disk full (RLIMIT_FSIZE)", "a warning; the fit finishes, earlier checkpoints stay valid", files.disk_full()
    yield "folder not writable", "refused in one sentence", files.not_writable()
    yield "two fits in one folder", "the second is refused in one sentence", files.two_fits()
    yield (
        "SIGTERM",
        "a checkpoint, exit 143, the previous handler restored; the same bits after resuming",
        signals.terminated(),
    )
    yield "Ctrl-C", "the best model so far is returned", signals.interrupted_once()
    yield "Ctrl-C twice", "the program stops", signals.interrupted_twice()
    yield "NaN or infinity in the data", "refused, with row and column named", signals.no_number()
    yield "learning rate 1e6", "ends with the finite best weights, no worse than the start", signals.runs_away()
    yield (
        "out of memory",
        "batches are split, with a warning; the loss of every epoch as with enough memory, to one part in a thousand",
        signals.short_of_memory(),
    )
    yield "clock jumps", "the same result, bit for bit", signals.clock_jumps()
    same = "the newest valid checkpoint loads; resuming gives the uninterrupted fit's weights, bit for bit"
    yield "kill -9 in training", same, kills.tries(n_kills // 2, False, seconds / 2)
    yield "kill -9 in saving", same, kills.tries(n_kills - n_kills // 2, True, seconds / 2)
    whole = "the folder is complete, either the old one or the new one; the next save removes leftovers"
    yield "kill -9 in replacing a folder, exchange", whole, replacing.tries(n_kills, True, seconds)
    yield "kill -9 in replacing a folder, two moves", whole, replacing.tries(n_kills, False, seconds)
    for command in commands.COMMANDS:
        yield (
            f"kill -9 of isthmus {command}",
            "the output is complete, either the old one or the new one; the command then writes the same again, and "
            "leaves nothing else behind",
            commands.tries(command, max(20, n_kills // 10)),
        )
    yield (
        "Ctrl-C in a command",
        "exit 130 and one sentence; the output is complete, either the old one or the new one (of a fit also that of "
        "its best model so far); nothing else is left behind but a fit to resume",
        surroundings.interrupted(),
    )
    yield "no HOME, or one that is not writable", "every command works", surroundings.no_home()
    yield (
        "little memory (RLIMIT_AS)",
        "the command succeeds or ends with exit 1 and one sentence; it is not killed",
        surroundings.little_memory(),
    )
    yield (
        "a file replaced while a fit reads it",
        "the model is of the one file or of the other, or the fit is refused in one sentence",
        surroundings.changing(),
    )
    yield "4 processes, fewer rows than processes", "the same bits as one process", ranks.empty_shares()
    yield "wrong MASTER_ADDR or MASTER_PORT", "exit 1 and one sentence, within a minute", ranks.wrong_address()
    again = "torchrun --max-restarts restarts all; the same loss and weights, bit for bit"
    yield "kill -9 of one process of 2 or 4", again, ranks.tries(max(1, n_kills // 20))


def main(n_kills: int, seconds: float, words: str = "") -> int:
    """Run all trials; the exit code is 1 if anything was lost."""
    known = json.loads((RESULTS / "faults.json").read_text())["faults"] if words else []
    found, order = {row["fault"]: row for row in known}, []
    for fault, promise, tries in families(n_kills, seconds):
        order.append(fault)
        if words in fault:
            outcomes = list(tries)
            lost = [outcome for outcome in outcomes if outcome is not None]
            found[fault] = {"promise": promise, "tried": len(outcomes), "lost": len(lost), "how": lost[:5]}
            print(f"{fault}: {len(outcomes)} tried, {len(lost)} lost {lost[:2] or ''}", flush=True)
            RESULTS.mkdir(exist_ok=True)
            setting = {"python": platform.python_version(), "torch": version("torch"), "system": platform.system()}
            rows = [{"fault": name} | found[name] for name in dict.fromkeys([*order, *found]) if name in found]
            text = json.dumps({"setting": setting, "faults": rows}, indent=1, ensure_ascii=False)
            (RESULTS / "faults.json").write_text(text + "\n")
            PAGE.write_text(written_page(RESULTS))
    return int(any(row["lost"] for row in found.values()))


if __name__ == "__main__":
    kill_count, kill_seconds, *words = [*sys.argv[1:], *("200", "3600")[len(sys.argv) - 1 :]]
    sys.exit(main(int(kill_count), float(kill_seconds), " ".join(words)))
