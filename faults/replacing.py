"""kill -9 at random moments of a save that replaces a folder, by an exchange and by two moves."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from faults.kills import slowed_save
from faults.worker import ended, fit, forked
from isthmus.storage import StorageError, load, save
from isthmus.tables import staging


def _saves(models: list, folder: Path, exchange: bool) -> None:
    slowed_save()
    if not exchange:
        staging._exchanged = lambda *_: False
    while True:
        for model in models:
            save(model, folder, overwrite=True)


def tries(n_tries: int, exchange: bool, seconds: float) -> Iterator[str | None]:
    """Kill a save over another, load the folder, save again; yield what was lost or left over, or None."""
    drawn, until = random.Random(int(exchange)), time.monotonic() + seconds
    models = [fit(None, max_iter=1, random_state=seed) for seed in range(2)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        save(models[0], folder)
        for _ in range(n_tries):
            if time.monotonic() > until:
                return
            child = forked(lambda: _saves(models, folder, exchange))
            time.sleep(drawn.uniform(0.005, 0.1))
            os.kill(child, signal.SIGKILL)
            ended(child)
            try:
                found = load(folder).random_state
                save(models[0], folder, overwrite=True)
                left = [entry.name for entry in Path(place).iterdir() if entry.name != "model"]
                yield None if found in (0, 1) and not left else f"found seed {found}, left {left}"
            except StorageError as error:
                yield str(error)
