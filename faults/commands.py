"""Every command that writes, killed at random moments: its output is the old one or the complete new one.

A command runs as from a shell, in a child process forked after the imports. After a kill its output is compared with
that of an undisturbed run. At the end the same command runs once more undisturbed, and no leftovers of the killed ones
may remain beside its output.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np

from faults.kills import slowed_save
from faults.worker import ended, forked, rows
from isthmus.cli.outcome import run
from isthmus.tables import write_table

QUICK = ("--max-iter", "2", "--n-components", "2", "--no-plots", "--no-page")
# Each with its output last; the run "model" is only read.
COMMANDS: dict[str, tuple[str, ...]] = {
    "fit": ("fit", "rows.csv", *QUICK, "-o", "out"),
    "smallest": ("smallest", "rows.csv", "--keep", "0.5", "--sizes", "1,2", "--seeds", "1", "-o", "out"),
    "encode": ("encode", "model", "rows.csv", "-o", "out.csv"),
    "decode": ("decode", "model", "codes.csv", "-o", "out.csv"),
    "reconstruct": ("reconstruct", "model", "rows.csv", "-o", "out.parquet"),
    "impute": ("impute", "model", "rows.csv", "-o", "out.csv"),
    "score": ("score", "model", "rows.csv", "-o", "out.npz"),
    "sample": ("sample", "model", "-n", "8", "-o", "out.csv"),
    "interpolate": ("interpolate", "model", "rows.csv", "--from", "0", "--to", "1", "-o", "out.csv"),
    "detect": ("detect", "rows.csv", "-o", "out.csv"),
    "detect, saved": ("detect", "rows.csv", "--train", "rows.csv", "-o", "other.csv", "--save", "out"),
    "denoise": ("denoise", "rows.csv", "--level", "0.1", "-o", "out.csv"),
    "denoise, saved": ("denoise", "rows.csv", "--level", "0.1", "-o", "other.csv", "--save", "out"),
    "explore": ("explore", "model", "-o", "out.html"),
    "plot": ("plot", "model", "-o", "out"),
    "export": ("export", "model", "-o", "out.onnx"),
}
OF_TIME = ("history.csv", "training.json", "timing.json", "evaluation.json")  # their contents depend on timings


def state(place: Path) -> dict[str, str]:
    """The files of an output with their hashes; for files that depend on timings, only whether they are not empty."""
    files = [place] if place.is_file() else [path for path in sorted(place.rglob("*")) if path.is_file()]
    found = {}
    for file in files:
        name = "." if file == place else file.relative_to(place).as_posix()
        timed = file.name in OF_TIME
        found[name] = str(file.stat().st_size > 0) if timed else hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def called(folder: Path, tokens: tuple[str, ...], slowed: bool = False) -> Callable[[], None]:
    """The command as a task for a child process, which ends with its exit code."""

    def task() -> None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  until the child ends
        if slowed:
            slowed_save()
        with chdir(folder):
            raise SystemExit(run(tokens))

    return task


def prepared(folder: Path) -> None:
    """The rows, a run fitted to them, and its codes."""
    write_table(folder / "rows.csv", rows()[:120], list("abcdef"))
    write_table(folder / "codes.csv", np.zeros((8, 2)), ["autoencoder0", "autoencoder1"])
    assert ended(forked(called(folder, ("fit", "rows.csv", *QUICK, "-o", "model"), False))) == 0


def tries(name: str, n_tries: int, seed: int = 0) -> Iterator[str | None]:
    """Kill one command ``n_tries`` times; each trial yields a description of what was lost, or None."""
    drawn, tokens = random.Random(f"{name} {seed}"), COMMANDS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder)
        started, output = time.monotonic(), folder / tokens[-1]
        if ended(forked(called(folder, tokens, False))) != 0:
            yield f"{name}: failed undisturbed"
            return
        duration, whole = time.monotonic() - started, state(output)
        again = (*tokens, "--overwrite")
        ordinary = {path.name for path in folder.iterdir()}
        for number in range(n_tries):
            child = forked(called(folder, again, number % 2 == 0))
            time.sleep(drawn.uniform(0, 1.2 * duration))
            os.kill(child, signal.SIGKILL)
            ended(child)
            found = state(output)
            yield None if found == whole else f"{name}: {sorted(found.items() ^ whole.items())[:2]} after a kill"
        if ended(forked(called(folder, again, False))) != 0 or state(output) != whole:
            yield f"{name}: the command after the kills did not write the same"
        left = {path.name for path in folder.iterdir()} - ordinary
        if left:
            yield f"{name}: {sorted(left)[:3]} left beside the output"
