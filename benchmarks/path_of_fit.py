"""The files that `fit(X)` passes through on its way to the first gradient, traced in a real fit.

    python benchmarks/path_of_fit.py            the files in order, and how often a call leads back up the floors
    python benchmarks/path_of_fit.py table.csv  those of `isthmus fit table.csv`, up to the estimator

A file counts once a function of it is called; a way back up is a call from a lower floor to a higher one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import isthmus
from isthmus import Autoencoder  # before the trace, which should not include imports
from test_floors import floor_of, module_name

PACKAGE = Path(isthmus.__file__).parent


class ArrivedError(Exception):
    """The trace is over."""


def trace(call: Any, ends_in: tuple[str, str]) -> tuple[list[str], list[str]]:
    """Files in order of their first call, and calls that lead back up, until ``ends_in`` (module, function)."""
    files: list[str] = []
    climbs: list[str] = []

    def module_of(frame: FrameType | None) -> str | None:
        name = "" if frame is None else frame.f_code.co_filename
        return module_name(Path(name), PACKAGE) if name.startswith(str(PACKAGE)) else None

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or (here := module_of(frame)) is None or frame.f_code.co_name in ("<module>", "<lambda>"):
            return
        if here not in files:
            files.append(here)
        caller = frame.f_back
        while caller is not None and module_of(caller) is None:
            caller = caller.f_back
        above = module_of(caller)
        if above is not None and above != here and (floor_of(here) or 0) > (floor_of(above) or 0):
            climbs.append(f"{above} -> {here}.{frame.f_code.co_name}")
        if (here, frame.f_code.co_name) == ends_in:
            raise ArrivedError

    sys.setprofile(watch)
    try:
        call()
    except ArrivedError:
        pass
    finally:
        sys.setprofile(None)
    return files, climbs


def main() -> None:
    """Print the path."""
    if len(sys.argv) > 1:
        from isthmus.__main__ import main as command

        sys.argv = ["isthmus", "fit", sys.argv[1], "-o", "/tmp/path-of-fit", "--overwrite", "--no-plots"]
        files, climbs = trace(command, ("estimator", "fit"))
    else:
        X = np.random.default_rng(0).normal(size=(300, 8))
        files, climbs = trace(lambda: Autoencoder(2, random_state=0).fit(X), ("training.fused", "add_gradients"))
    print(f"{len(files)} files: {', '.join(files)}")
    print(f"{len(set(climbs))} ways back up: {', '.join(dict.fromkeys(climbs)) or 'none'}")


if __name__ == "__main__":
    main()
