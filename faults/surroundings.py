"""A command in adverse conditions: no home folder, little memory, Ctrl-C, files that change."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from faults.commands import COMMANDS, OF_TIME, QUICK, called, prepared, state
from faults.worker import ended, forked, said_to

HOME_NAMES = ("HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
PATIENCE = 120  # seconds until a command that does not end counts as lost
NOWHERE = "/proc/nowhere"  # where not even root can make a folder


def _arranged(arrange: Callable[[], object], task: Callable[[], None], said: Path | None = None) -> Callable[[], None]:
    """The task after ``arrange`` has run, with its standard error in a file."""

    def both() -> None:
        if said is not None:
            said_to(said)
        arrange()
        task()

    return both


def _sentences(said: Path) -> list[str]:
    """The lines with which a command reported failure; a traceback counts as one."""
    lines = said.read_text().splitlines()
    return [line for line in lines if line.startswith(("isthmus: ", "Traceback"))]


def no_home() -> Iterator[str | None]:
    """HOME and similar variables are unset, or name a folder that cannot be made; each trial in its own process."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder)
        plain = {name: value for name, value in os.environ.items() if name not in HOME_NAMES}
        nowhere = plain | dict.fromkeys(set(HOME_NAMES) - {"USER", "LOGNAME", "TMPDIR"}, NOWHERE)
        with_plots = tuple(token for token in COMMANDS["fit"] if token != "--no-plots")
        for environment in (plain, nowhere):
            for tokens in (with_plots, COMMANDS["explore"], COMMANDS["detect"], ("learn", "2")):
                command = [sys.executable, "-m", "isthmus", *tokens]
                command += ["--overwrite"] if "-o" in tokens else []
                environment |= {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
                where = "no HOME" if environment.get("HOME") is None else f"HOME={NOWHERE}"
                yield None if done.returncode == 0 else f"{tokens[0]}, {where}: exit {done.returncode}"


def little_memory() -> Iterator[str | None]:
    """The address space may grow by a few megabytes: a command succeeds, or ends with exit 1 and one sentence."""
    with tempfile.TemporaryDirectory() as place:
        folder, said = Path(place), Path(place) / "said"
        prepared(folder)
        np.save(folder / "wide.npy", np.random.default_rng(0).standard_normal((2000, 1000)))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        for megabytes in (8, 32, 80, 128, 256):
            limit = used + (megabytes << 20)
            for tokens in (
                ("fit", "wide.npy", "--max-iter", "1", "--no-plots", "--no-page", "-o", "out"),
                COMMANDS["detect"],
            ):

                def limited() -> None:
                    signal.alarm(PATIENCE)
                    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # noqa: B023

                code = ended(forked(_arranged(limited, called(folder, (*tokens, "--overwrite")), said)))
                lines = _sentences(said)
                reported = len(lines) == 1 and "not enough memory" in lines[0]
                yield (
                    None
                    if code == 0 or (code == 1 and reported)
                    else f"{tokens[0]} with {megabytes} MB more: exit {code}, {lines[:1]}"
                )


INTERRUPTED = ("fit", "smallest", "explore", "encode", "detect", "denoise", "reconstruct")


def interrupted(n_tries: int = 21) -> Iterator[str | None]:
    """Ctrl-C at any moment: the old or the new output, complete, and nothing else except a fit to resume.

    A fit interrupted in training ends early and writes its best model: the same files with other numbers.
    """
    drawn = random.Random(0)
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as beside:
        folder, said = Path(place), Path(beside) / "said"
        prepared(folder)
        for number in range(n_tries):
            name = INTERRUPTED[number % len(INTERRUPTED)]
            tokens, output = (*COMMANDS[name], "--overwrite"), folder / COMMANDS[name][-1]
            started = time.monotonic()
            if ended(forked(called(folder, tokens))) != 0:
                yield f"{name}: failed undisturbed"
                continue
            duration, whole, known = time.monotonic() - started, state(output), {path.name for path in folder.iterdir()}
            child = forked(_arranged(lambda: None, called(folder, tokens), said))
            time.sleep(drawn.uniform(0.1, 1) * duration)
            os.kill(child, signal.SIGINT)
            code, left, lines = ended(child), {path.name for path in folder.iterdir()} - known, _sentences(said)
            found = state(output)
            early = code == 0 and name == "fit" and found.keys() == whole.keys()
            kept = "resume with" in said.read_text() and left == {f"{output.name}.unfinished"}
            reported = lines == ["isthmus: interrupted; nothing was left half written."] if code == 130 else code == 0
            yield (
                None
                if reported and (found == whole or early) and (not left or kept)
                else f"{name}: exit {code}, left {left}, said {lines[:2]}"
            )


def changing(n_tries: int = 10) -> Iterator[str | None]:
    """A file is replaced at a random moment of a fit that reads it in every epoch.

    The model is of one of the files, or the fit is refused in one sentence; it never mixes them.
    """
    drawn, rng = random.Random(0), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as beside:
        folder, said = Path(place), Path(beside) / "said"
        tokens = ("fit", "rows.parquet", "--memory", "1", *QUICK, "-o", "out", "--overwrite")
        whole, duration, files = [], 0.0, []
        for shift in (0, 1):
            rows = rng.standard_normal((60_000, 6)).astype(np.float32) + shift
            files.append(folder / f"of-{shift}")
            parquet.write_table(pyarrow.table(dict(zip("abcdef", rows.T, strict=True))), files[-1], row_group_size=4000)
            (folder / "rows.parquet").write_bytes(files[-1].read_bytes())
            started = time.monotonic()
            if ended(forked(called(folder, tokens))) != 0:
                yield "the undisturbed fit failed"
                return
            duration = time.monotonic() - started
            whole.append(_weights(folder / "out"))
        for number in range(n_tries):
            (folder / "rows.parquet").write_bytes(files[number % 2].read_bytes())
            (folder / "next").write_bytes(files[1 - number % 2].read_bytes())
            child = forked(_arranged(lambda: None, called(folder, tokens), said))
            time.sleep(drawn.uniform(0, 1) * duration)
            (folder / "next").replace(folder / "rows.parquet")
            code, lines = ended(child), _sentences(said)
            refused = code == 1 and len(lines) == 1 and "while it was being read" in lines[0]
            yield (
                None
                if refused or (code == 0 and _weights(folder / "out") in whole)
                else f"exit {code}, said {lines[:1]}, or a model of neither file"
            )


def _weights(run: Path) -> dict[str, str]:
    return {name: digest for name, digest in state(run / "model").items() if Path(name).name not in OF_TIME}
