"""Checking a learner's file, in a process of its own with a time limit.

The file may loop, exit or crash. Its output is shown as usual; the result comes back through a file, so it can't be
confused with output.
"""

from __future__ import annotations

import functools
import json
import os
import reprlib
import runpy
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from isthmus_course.exercise import Exercise, exercise

__all__ = ["CheckResult", "check_file", "fault_of"]


@dataclass(frozen=True)
class CheckResult:
    """Whether a file solves an exercise, and if not, the failed property with the smallest counterexample."""

    passed: bool
    fault: str | None


def check_file(asked: Exercise, path: Path, time_limit: float = 60.0) -> CheckResult:
    """Run the file at ``path`` and check what it defines, within ``time_limit`` seconds."""
    if not path.is_file():
        raise ValueError(
            f"learn: there is no file {str(path)!r} to check; isthmus learn {asked.chapter} --start FILE writes one."
        )
    with TemporaryDirectory() as folder:
        outcome = Path(folder, "result.json")
        command = [sys.executable, "-m", __name__, str(asked.chapter), str(path.resolve()), str(outcome)]
        process = subprocess.Popen(command, start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        try:
            process.wait(time_limit)
        except subprocess.TimeoutExpired:
            return CheckResult(False, f"your file ran for {time_limit:g} s and was stopped; is there an endless loop?")
        finally:
            _end(process)
        if not outcome.exists():
            return CheckResult(
                False, f"your file ended Python (exit code {process.returncode}) before it could be checked."
            )
        fault = json.loads(outcome.read_text(encoding="utf-8"))
    return CheckResult(fault is None, fault)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, 9)
        else:
            process.kill()
        process.wait()


def fault_of(asked: Exercise, path: str) -> str | None:
    """What is wrong with the file at ``path``, run in this process; None if nothing is."""
    sys.path.insert(0, str(Path(path).parent))
    calls: list[str] = []
    try:
        defined = runpy.run_path(path)
        noted = {name: _noted(name, defined[name], calls) for name in asked.needs if callable(defined.get(name))}
        return asked.fault(SimpleNamespace(**defined | noted))
    except Exception as error:
        line = _line_of(error, path)
        if isinstance(error, NotImplementedError) and not str(error) and calls and line:
            return f"{calls[-1]} is not written yet,{line}."
        what = ": ".join(filter(None, [type(error).__name__, str(error)]))
        if line or isinstance(error, SyntaxError):
            return f"your file stopped{line}: {what}"
        return f"{calls[-1] if calls else 'what your file defines'} could not be used: {what}"


def _noted(name: str, function: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    """The learner's function, with a note of its last result in ``calls``, for errors that occur later."""

    @functools.wraps(function)
    def call(*values: Any, **named: Any) -> Any:
        calls[:] = [f"your {name}"]
        result = function(*values, **named)
        calls[:] = [f"your {name} returned {reprlib.repr(result)}, which"]
        return result

    return call


def _line_of(error: Exception, path: str) -> str:
    if isinstance(error, SyntaxError) and error.filename == path:
        return f" at line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" at line {lines[-1]}" if lines else ""


def _main(chapter: str, path: str, outcome: str) -> None:
    fault = fault_of(exercise(int(chapter)), path)
    part = Path(outcome + ".part")
    part.write_text(json.dumps(fault), encoding="utf-8")
    part.replace(outcome)


if __name__ == "__main__":
    _main(*sys.argv[1:])
