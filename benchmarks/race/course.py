"""Runs processes in turn, A B C A B C, so a slow minute of the machine affects all competitors equally."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from race.environments import BENCHMARKS, python_for
from race.job import Job, Result

__all__ = ["Course", "Entry", "busy"]

LONGEST_PROCESS = 1800.0


@dataclass(frozen=True)
class Entry:
    """A competitor, the name of a file in competitors/, with its job."""

    competitor: str
    job: Job


@dataclass(frozen=True)
class Course:
    """How often everything is run; ``quick`` shortens the work, to check that it runs at all."""

    repeats: int = 5
    quick: bool = False

    def pick(self, full, quick):
        """One of two sizes of the work."""
        return quick if self.quick else full

    def race(self, entries: Mapping[str, Entry], repeats: int | None = None) -> dict[str, list[Result]]:
        """Results by name, one per repeat; the repeat is added to the seed. A competitor that fails has no results."""
        results: dict[str, list[Result]] = {name: [] for name in entries}
        failed: set[str] = set()
        for repeat in range(repeats or self.repeats):
            for name, entry in entries.items():
                if name in failed:
                    continue
                job = replace(entry.job, seed=entry.job.seed + repeat)
                result = _run(name, Entry(entry.competitor, job))
                if result is None:
                    failed.add(name)
                else:
                    results[name].append(result)
        return {name: found for name, found in results.items() if name not in failed}

    def time_commands(self, commands: Mapping[str, Sequence[str | Path]]) -> dict[str, list[float]]:
        """Wall-clock seconds of whole processes by name, one per repeat."""
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(self.repeats):
            for name, command in commands.items():
                begun = time.perf_counter()
                subprocess.run(command, check=True, cwd=BENCHMARKS, capture_output=True)
                seconds[name].append(time.perf_counter() - begun)
                print(f"   {name}: {seconds[name][-1]:.2f} s", flush=True)
        return seconds


@contextmanager
def busy() -> Iterator[None]:
    """Keeps one other process busy."""
    beside = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        beside.kill()
        beside.wait()


def _run(name: str, entry: Entry) -> Result | None:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(entry.job.threads))
    command = [python_for(entry.competitor), "-W", "ignore", "-m", f"race.competitors.{entry.competitor}"]
    try:
        finished = subprocess.run(
            command,
            input=entry.job.to_json(),
            capture_output=True,
            text=True,
            cwd=BENCHMARKS,
            env=os.environ | threads,
            timeout=LONGEST_PROCESS,
        )
    except (subprocess.TimeoutExpired, FileNotFoundError) as trouble:
        print(f"   {name}: left out, {trouble}", flush=True)
        return None
    if finished.returncode != 0:
        print(f"   {name}: left out, it ended with\n{finished.stderr[-1500:]}", flush=True)
        return None
    result = Result.from_json(finished.stdout.splitlines()[-1])
    error = "" if result.test_mse is None else f", test error {result.test_mse:.5f}"
    print(f"   {name}: {result.seconds:.3f} s{error}", flush=True)
    return result
