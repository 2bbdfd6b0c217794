"""A command in surroundings that are not as they should be: no home folder, little memory, Ctrl-C at any moment."""

from __future__ import annotations

import os
import random
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from faults.commands import COMMANDS, called, prepared, state
from faults.worker import ended, forked


def _arranged(arrange: Callable[[], object], task: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        arrange()
        task()

    return both


def no_home() -> Iterator[str | None]:
    """Neither HOME nor a folder of temporary files of one's own is set."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder)

        def homeless() -> None:
            for name in ("HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
                os.environ.pop(name, None)

        for name in ("fit", "encode", "detect", "denoise", "explore"):
            code = ended(forked(_arranged(homeless, called(folder, COMMANDS[name]))))
            yield None if code == 0 else f"{name}: exit {code}"


def little_memory() -> Iterator[str | None]:
    """The address space may grow by few megabytes: a command ends as ever, or with exit 1; it is not killed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder)
        np.save(folder / "wide.npy", np.random.default_rng(0).standard_normal((2000, 1000)))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        for megabytes in (8, 16, 32, 64, 128):
            limit = used + (megabytes << 20)
            for tokens in (
                ("fit", "wide.npy", "--max-iter", "1", "--no-plots", "--no-page", "-o", "out"),
                COMMANDS["detect"],
            ):

                def limited() -> None:
                    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # noqa: B023

                code = ended(forked(_arranged(limited, called(folder, (*tokens, "--overwrite")))))
                yield None if code in (0, 1) else f"{tokens[0]} with {megabytes} MB more: exit {code}"


def interrupted(n_tries: int = 20) -> Iterator[str | None]:
    """Ctrl-C at any moment: the old output or the new one, whole, and nothing beside it."""
    drawn = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        prepared(folder)
        for number in range(n_tries):
            name = ("encode", "detect", "denoise", "reconstruct")[number % 4]
            tokens, output = COMMANDS[name], folder / COMMANDS[name][-1]
            begun = time.monotonic()
            if ended(forked(called(folder, (*tokens, "--overwrite")))) != 0:
                yield f"{name}: failed, and nobody had harmed it"
                continue
            lasts, whole, beside = time.monotonic() - begun, state(output), {path.name for path in folder.iterdir()}
            child = forked(called(folder, (*tokens, "--overwrite")))
            time.sleep(drawn.uniform(0.1, 1) * lasts)
            os.kill(child, signal.SIGINT)
            code, left = ended(child), {path.name for path in folder.iterdir()} - beside
            yield (
                None
                if code in (0, 130) and state(output) == whole and not left
                else f"{name}: exit {code}, left {left}"
            )
