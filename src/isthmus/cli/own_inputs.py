"""Outputs that are also inputs, under whatever name or link: refused before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from isthmus.cli.outcome import CommandError
from isthmus.cli.run_folder import DATA, FIGURES, MODEL, OWNED, PAGE, RECORD, TEST_ROWS
from isthmus.storage.folder_writing import saved_files

__all__ = ["refuse_own_inputs"]


def refuse_own_inputs(
    outputs: Iterable[Path | None],
    sources: Iterable[str | Path | None],
    run: str | Path | None = None,
    *,
    replaced: Iterable[Path | None] = (),
) -> None:
    """Raise a `CommandError` if writing one of the outputs would replace what the command reads.

    Parameters
    ----------
    outputs
        Files to write, and folders to write files to.
    sources
        Files, folders of data and names of bundled sets; None where there is none.
    run
        A run or saved folder that is read. Its figures and its page may be overwritten, and files that isthmus did not
        write.
    replaced
        Folders to be written as a whole.
    """
    from isthmus.tables import BUNDLED

    read = [Path(source) for source in sources if source is not None and str(source) not in BUNDLED]
    files = dict.fromkeys(read, _data_files) | ({} if run is None else {Path(run): _own_files})
    whole = [place for place in replaced if place is not None]
    for output in (place for place in (*outputs, *whole) if place is not None and place.exists()):
        for source, files_of in files.items():
            above = source.resolve().parents if output in whole else ()
            if any(_is_same(output, place) for place in (source, *above, *files_of(source))):
                raise CommandError(
                    f"{str(output)!r} is read by this command, as {str(source)!r} or part of it; name another output."
                )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _data_files(source: Path) -> Iterable[Path]:
    """The files of a folder of data: those of a table, or pictures."""
    from isthmus.tables.errors import DataError
    from isthmus.tables.folder_files import data_files
    from isthmus.tables.formats.pictures import FORMATS

    try:
        found = data_files(source)
    except DataError:  # reading raises it again
        found = []
    return found or [file for file in source.rglob("*") if file.suffix.lower() in FORMATS]


def _own_files(run: Path) -> Iterator[Path]:
    """The files isthmus wrote to a run or saved folder, except those that can be made again from the others."""
    saved = saved_files()
    for name in saved | {name for name in OWNED.files if name != PAGE and not name.startswith(f"{FIGURES}/")}:
        yield run / name
    if run.resolve().name == MODEL:  # the model folder of a run
        yield from (run.resolve().parent / name for name in (RECORD, DATA, TEST_ROWS))
