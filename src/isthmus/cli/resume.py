"""An interrupted fit: its checkpoints and arguments, in a folder beside the future run.

    RUN.unfinished/fit.json            the command's own arguments
    RUN.unfinished/run.json            the record of its data, compared when it is resumed
    RUN.unfinished/checkpoint-…/       as `isthmus.Checkpoints` writes them

It exists from the start of the fit until the run is complete. ``isthmus fit --resume RUN`` resumes it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.data_record import SEEDS, DataRecord
from isthmus.cli.outcome import CommandError, say
from isthmus.cli.run_folder import RECORD, data_record_bytes, lasting_source, read_data_record
from isthmus.storage.folder_lock import LOCK, locked
from isthmus.storage.folder_writing import remove_owned
from isthmus.storage.manifest import manifest_bytes, read_manifest
from isthmus.storage.record import fact, from_plain, record
from isthmus.storage.safe_reading import StorageError, reason_of

if TYPE_CHECKING:
    from isthmus.storage.checkpoints import Checkpoints

__all__ = ["Asked", "asked_again", "checkpointed", "require_none_unfinished", "require_same_data", "unfinished_folder"]

ASKED = "fit.json"
FORMAT = "isthmus unfinished fit"


@record
class Asked:
    """The arguments of ``isthmus fit`` on which the result depends."""

    data: str = fact(paths=True)
    variant: str
    labels: str | None
    ids: str | None
    drop: tuple[str, ...]
    test_size: float = fact(above=0, below=1)
    seed: int = fact(at_least=0, below=SEEDS)
    no_plots: bool
    no_page: bool
    memory: int | None = fact(at_least=1)
    settings: dict[str, bool | str | None]  # flags as they were given
    reading: dict[str, bool | float | str | tuple[str, ...]]  # and those of how the file is read
    given: tuple[str, ...] = fact(default=())


def unfinished_folder(run: Path) -> Path:
    """The folder of a fit's checkpoints."""
    return Path(f"{os.path.abspath(run)}.unfinished")


def require_none_unfinished(run: Path, *, overwrite: bool) -> None:
    """Refuse to start again where a fit was interrupted; with ``overwrite`` what it left is removed."""
    folder = unfinished_folder(run)
    if not folder.exists():
        return
    if any(folder.glob("checkpoint-*")) and not overwrite:
        raise CommandError(
            f"a fit into {str(run)!r} was interrupted; resume it with isthmus fit --resume {str(run)!r}, or start "
            "again with --overwrite."
        )
    with locked(folder):  # not while another process uses it
        _remove_checkpoints(folder)
        remove_owned(folder, (RECORD,))


@contextmanager
def checkpointed(run: Path, asked: Asked, pace: dict[str, Any], *, first: bool) -> Iterator[Callable[[], Checkpoints]]:
    """Yield a function that returns the checkpoints: they import PyTorch, and the data are read before that.

    The checkpoints are removed after a complete fit, or if they hold nothing to resume.
    """
    from isthmus.tables import atomic_write

    folder = unfinished_folder(run)

    def checkpoints() -> Checkpoints:
        from isthmus.storage.checkpoints import Checkpoints

        return Checkpoints(folder, **pace)

    if not first:
        yield checkpoints
        return
    made = [parent for parent in folder.parents if not parent.exists()]
    lasting = dataclasses.replace(asked, data=lasting_source(asked.data))
    begun = False
    try:
        with locked(folder), atomic_write(folder / ASKED) as temporary:
            temporary.write_bytes(manifest_bytes(FORMAT, lasting))
        begun = True
        yield checkpoints
    except BaseException as error:
        if not begun and not isinstance(error, KeyboardInterrupt):  # the folder is another process's, or can't be made
            raise
        if any(folder.glob("checkpoint-*")):
            again = ", with the same rows on standard input" if asked.data == "-" else ""
            say(f"the training so far is saved; resume with isthmus fit --resume {str(run)!r}{again}.")
            raise
        with suppress(StorageError, OSError):
            _remove(folder)
            for parent in made:  # a parent that is no longer empty stays
                parent.rmdir()
        raise
    with suppress(StorageError, OSError):
        try:
            _remove(folder)
        except KeyboardInterrupt:  # the run is complete
            _remove(folder)
            raise


def require_same_data(run: Path, record: DataRecord) -> None:
    """Refuse data or held-out rows that differ from those of the interrupted fit into ``run``.

    The first time there is nothing to compare with, and the record is written.
    """
    from isthmus.tables import atomic_write

    folder = unfinished_folder(run)
    if not (folder / RECORD).exists():
        with atomic_write(folder / RECORD) as temporary:
            temporary.write_bytes(data_record_bytes(record))
        return
    try:
        known, _ = read_data_record(folder)
    except ValueError as error:
        raise CommandError(
            f"{str(folder / RECORD)!r} is damaged ({reason_of(error)}); start again with --overwrite."
        ) from error
    for name in ("columns", "label_name", "n_rows", "sha256", "test_sha256"):
        if getattr(known, name) != getattr(record, name):
            raise CommandError(
                f"{record.source!r} is not what it was when the fit into {str(run)!r} began (its {SAID[name]}); put it "
                "back as it was, or start again with --overwrite."
            )


SAID = {
    "columns": "columns",
    "label_name": "labels",
    "n_rows": "number of rows",
    "sha256": "values, of training rows or held out",
    "test_sha256": "held-out rows",
}


def asked_again(run: Path) -> Asked:
    """The arguments of the interrupted fit into ``run``; a `CommandError` if there is none."""
    folder = unfinished_folder(run)
    if not (folder / ASKED).is_file():
        finished = "it is finished" if (run / "model").is_dir() else "no fit into it was interrupted"
        raise CommandError(f"{str(run)!r}: there is nothing to resume, {finished}.")
    try:
        asked = {"reading": {}} | dict(read_manifest(folder, ASKED, (FORMAT,)).record)
        if asked.pop("mixed", None) is not None:  # of a release that refused missing cells by default
            asked["settings"] = {"missing": "error", "unseen": "error", "scale": "none"} | asked["settings"]
        return from_plain(Asked, asked)
    except ValueError as error:
        raise CommandError(
            f"{str(folder / ASKED)!r} is damaged ({reason_of(error)}); start again with --overwrite."
        ) from error


def _remove(folder: Path) -> None:
    """Remove what isthmus wrote there, and the folder if it is then empty."""
    with locked(folder):  # another process may use it
        _remove_checkpoints(folder)
        remove_owned(folder, (ASKED, RECORD, LOCK))


def _remove_checkpoints(folder: Path) -> None:
    found = list(folder.glob("checkpoint-*"))
    if not found:  # then do without PyTorch, whose import Ctrl-C may have interrupted
        return
    from isthmus.storage.checkpoints import CHECKPOINT_FILES

    for left in found:
        remove_owned(left, CHECKPOINT_FILES)
