"""The fit that is disturbed, in its own process.

The child is forked from this process, which has done all imports, so a trial takes a fraction of a second.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from isthmus import Autoencoder, Checkpoints, DenoisingAutoencoder, VariationalAutoencoder
from isthmus.storage.checkpoints import read_checkpoint, steps_in
from isthmus.storage.safe_reading import StorageError
from isthmus.tables.batches import ArrayStream

KINDS = (Autoencoder, DenoisingAutoencoder, VariationalAutoencoder)
SETTINGS = {"hidden_layer_sizes": (16,), "batch_size": 32, "max_iter": 20, "random_state": 0}


def rows() -> np.ndarray:
    """Six columns that are nonlinear functions of two hidden variables."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((400, 2))
    return (np.sin(hidden @ rng.standard_normal((2, 6))) + hidden @ rng.standard_normal((2, 6))).astype(np.float32)


def source(streamed: bool) -> np.ndarray | ArrayStream:
    """The rows as an array, or as a stream of which a fifth fits in memory."""
    if not streamed:
        return rows()
    stream = ArrayStream(rows(), segment_rows=50)
    stream.held_bytes = 4 * 6 * 80
    return stream


def weights(model: Autoencoder) -> str:
    """A hash of a model's state."""
    parts = [part.numpy().tobytes() for part in model.model_.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def fit(folder: Path | None, kind: type = Autoencoder, streamed: bool = False, **settings: object) -> Autoencoder:
    """The fit, with a checkpoint after every step where there is a folder."""
    checkpoints = None if folder is None else Checkpoints(folder, every_seconds=0)
    return kind(2, **SETTINGS | settings).fit(source(streamed), checkpoints=checkpoints)


def valid_steps(folder: Path) -> list[int]:
    """The steps of the checkpoints that can be read."""
    found = []
    for step in steps_in(folder):
        try:
            read_checkpoint(folder / f"checkpoint-{step:010d}")
        except StorageError:
            continue
        found.append(step)
    return found


def said_to(path: str | Path) -> None:
    """Redirect this process's standard error to a file, even if a test runner has replaced the stream."""
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115


def forked(task: Callable[[], object]) -> int:
    """Fork a child that runs the task and exits like a program: 0, the code of SystemExit, or 1 after an error."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        said_to(os.devnull)
        warnings.simplefilter("ignore")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C
        task()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a child; its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
