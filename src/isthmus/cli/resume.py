"""A fit that is not finished: its checkpoints and what was asked of it, in a folder beside the run it will become.

    RUN.unfinished/fit.json            the command's own arguments
    RUN.unfinished/checkpoint-…/       as `isthmus.Checkpoints` writes them

It is there from the first minute and goes when the run is whole. After a kill ``isthmus fit --resume RUN`` goes on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isthmus.cli.outcome import CommandError, say

__all__ = ["Asked", "asked_again", "checkpointed", "require_none_unfinished", "unfinished_folder"]

ASKED = "fit.json"
FORMAT = "isthmus unfinished fit"
MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Asked:
    """The arguments of ``isthmus fit`` that decide what comes of it."""

    data: str
    variant: str
    labels: str | None
    ids: str | None
    drop: tuple[str, ...]
    test_size: float
    seed: int
    no_plots: bool
    no_page: bool
    mixed: bool
    memory: int | None
    settings: dict[str, Any]


KINDS: dict[str, tuple[type, ...]] = {
    "data": (str,),
    "variant": (str,),
    "labels": (str, type(None)),
    "ids": (str, type(None)),
    "drop": (list,),
    "test_size": (float,),
    "seed": (int,),
    "no_plots": (bool,),
    "no_page": (bool,),
    "mixed": (bool,),
    "memory": (int, type(None)),
    "settings": (dict,),
}


def unfinished_folder(run: Path) -> Path:
    """Where the checkpoints of a fit into ``run`` lie."""
    return run.with_name(f"{run.name}.unfinished")


def require_none_unfinished(run: Path, *, overwrite: bool) -> None:
    """Refuse to begin anew where a fit was cut off; with ``overwrite`` what it left is removed."""
    folder = unfinished_folder(run)
    if not any(folder.glob("checkpoint-*")):
        return
    if not overwrite:
        raise CommandError(
            f"a fit into {str(run)!r} was cut off; go on with isthmus fit --resume {str(run)!r}, or begin anew with "
            "--overwrite."
        )
    from isthmus.storage.folder_lock import locked

    with locked(folder):  # not while another process is at it
        for left in folder.glob("checkpoint-*"):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def checkpointed(run: Path, asked: Asked, pace: dict[str, Any], *, first: bool) -> Iterator[Any]:
    """The checkpoints to fit with; gone when all went well, or when there is nothing in them to go on from."""
    from isthmus.storage.checkpoints import Checkpoints
    from isthmus.storage.folder_lock import locked
    from isthmus.storage.safe_reading import StorageError
    from isthmus.tables import atomic_write

    folder = unfinished_folder(run)
    if not first:
        yield Checkpoints(folder, **pace)
        return
    made = [parent for parent in folder.parents if not parent.exists()]
    with locked(folder), atomic_write(folder / ASKED) as temporary:
        temporary.write_text(json.dumps({"format": FORMAT, **asdict(asked)}, indent=1), encoding="utf-8")
    try:
        yield Checkpoints(folder, **pace)
    except BaseException:
        if any(folder.glob("checkpoint-*")):
            say(f"what was learned so far is kept; isthmus fit --resume {str(run)!r} goes on with it.")
            raise
        with suppress(StorageError, OSError):
            with locked(folder):  # another process may be at it
                shutil.rmtree(folder)
            for parent in made:  # one that something else has come into stays
                parent.rmdir()
        raise
    shutil.rmtree(folder, ignore_errors=True)


def asked_again(run: Path) -> Asked:
    """What was asked of the fit into ``run`` that was cut off; a `CommandError` if there is none."""
    from isthmus.storage.safe_reading import StorageError, open_regular_file, parse_object

    folder = unfinished_folder(run)
    if not (folder / ASKED).is_file():
        finished = "it is finished" if (run / "model").is_dir() else "no fit into it was cut off"
        raise CommandError(f"{str(run)!r}: there is nothing to go on with, {finished}.")
    try:
        with open_regular_file(folder, ASKED) as file:
            facts = parse_object(file.read(MOST_BYTES), ASKED)
        if facts.pop("format", None) != FORMAT or set(facts) != set(KINDS):
            raise ValueError("another format")
        if not all(isinstance(facts[name], kinds) for name, kinds in KINDS.items()):
            raise ValueError("entries of the wrong kind")
        if not all(isinstance(name, str) for name in facts["drop"]):
            raise ValueError("entries of the wrong kind")
    except (StorageError, ValueError) as error:
        raise CommandError(f"{str(folder / ASKED)!r} is damaged ({error}); fit anew with --overwrite.") from error
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in facts["settings"].items()}
    return Asked(**facts | {"drop": tuple(facts["drop"]), "settings": settings})
