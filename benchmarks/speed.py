"""Speed of isthmus against its peers and against the bare arithmetic: ratios within one run, tables and plots.

    make bench                                     everything; an hour or two on two idle cores
    python benchmarks/speed.py --quick             tiny work, to check that everything runs; results to runs/speed
    python benchmarks/speed.py --only same-network whole-process

Writes benchmarks/results/speed.json, .md and two plots, and the table in docs/benchmarks.md. Questions not asked
keep their earlier answers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

from race import digits, fashion, table
from race.answer import Answer
from race.course import Course
from race.environments import set_up_peers
from race.plots import draw_curves, draw_scaling
from race.report import as_markdown, fill_between_marks, machine, read_rows, store

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"
QUESTIONS: dict[str, Callable[[Course], Answer]] = {
    "same-network": digits.same_network,
    "to-quality": digits.to_quality,
    "whole-process": digits.whole_process,
    "digits-curves": digits.digits_curves,
    "fashion-epoch": fashion.fashion_epoch,
    "fashion-quality": fashion.fashion_quality,
    "contractive": fashion.contractive_step,
    "memory": table.memory,
    "scaling": table.scaling,
    "transform": table.transform,
}


def write(folder: Path, *, quick: bool) -> str:
    """Table and plots of the stored answers; the table goes into the documentation except after a quick run."""
    stored = json.loads((folder / "speed.json").read_text())
    machines = sorted({answer["machine"] for answer in stored.values()})
    text = as_markdown(read_rows(stored, QUESTIONS)) + "\n\nMeasured on: " + "; ".join(machines) + "."
    (folder / "speed.md").write_text(text + "\n")
    draw_curves(stored, folder / "speed.png")
    draw_scaling(stored, folder / "scaling.png")
    if not quick:
        fill_between_marks(DOCUMENT, text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny work, once; its figures mean nothing")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, metavar="NAME", help=", ".join(QUESTIONS))
    parser.add_argument("--repeats", type=int, default=5, help="of short work; long work is run two or three times")
    asked = parser.parse_args()
    set_up_peers()
    course = Course(1 if asked.quick else asked.repeats, asked.quick)
    folder = ROOT / "runs" / "speed" if asked.quick else Path(__file__).parent / "results"
    where = machine()
    for name in asked.only or QUESTIONS:
        started = time.perf_counter()
        print(f"== {name}", flush=True)
        answer = QUESTIONS[name](course)
        store(folder / "speed.json", {name: answer}, where)
        text = write(folder, quick=asked.quick)
        print(f"   {time.perf_counter() - started:.0f} s in all", flush=True)
    print(text)


if __name__ == "__main__":
    main()
