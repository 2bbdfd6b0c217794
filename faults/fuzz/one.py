"""One loader under atheris: python -m faults.fuzz.one LOADER CORPUS [flags of libFuzzer]."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["isthmus", "zipfile", "gzip", "csv", "numpy.lib", "PIL"]):
    from faults.fuzz.loaders import LOADERS, prepare
    from faults.fuzz.mutation import mutated_folder

FOLDERS = ("model", "detector", "denoiser", "head", "checkpoint", "run", "several")


def main() -> None:
    """Fuzz until the limits in libFuzzer's flags."""
    name, *others = sys.argv[1:]
    prepare()
    known = {"custom_mutator": mutated_folder} if name in FOLDERS else {}
    atheris.Setup([name, *others], LOADERS[name], **known)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
