"""Damaged files, a full disk, a folder that can't be written, two fits in one folder."""

from __future__ import annotations

import json
import os
import resource
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from faults.worker import ended, fit, forked, valid_steps, weights
from isthmus.storage.checkpoints import newest_step, steps_in
from isthmus.storage.folder_lock import locked
from isthmus.storage.safe_reading import StorageError

FILES = ("config.json", "model.safetensors", "training.json", "training.safetensors", "timing.json")


def _damages(data: bytes) -> Iterator[bytes]:
    """A cut and three flipped bits at positions of every kind: length, header and its end, body, tail."""
    size = len(data)
    header = 8 + int.from_bytes(data[:8], "little") if data[:1] != b"{" else 40
    near = {0, 1, 7, 8, 9, header - 1, header, header + 1, size - 2, size - 1}
    for place in sorted(place for place in near | {size * part // 64 for part in range(64)} if 0 <= place < size):
        yield data[:place]
        for bit in (0, 3, 7):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            yield bytes(flipped)


def _same_words(name: str, data: bytes, other: bytes) -> bool:
    try:
        return name.endswith(".json") and json.loads(data) == json.loads(other)
    except ValueError:
        return False


def damaged() -> Iterator[str | None]:
    """Every damage to each file of the newest checkpoint: it must be skipped, and the one before used."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fit(folder, max_iter=3)
        newest, earlier = steps_in(folder)
        for name in FILES:
            file = folder / f"checkpoint-{newest:010d}" / name
            data = file.read_bytes()
            for damage in _damages(data):
                if _same_words(name, data, damage):
                    continue  # white space, which means nothing
                file.write_bytes(damage)
                with warnings.catch_warnings(record=True) as heard:
                    warnings.simplefilter("always")
                    found = newest_step(folder)
                yield None if found == earlier and heard else f"{name}: step {found} was used, or without a warning"
            file.write_bytes(data)


def disk_full(n_tries: int = 20) -> Iterator[str | None]:
    """No file may grow beyond a few kilobytes: the fit finishes as usual, and earlier checkpoints stay valid."""
    expected = weights(fit(None))
    for number in range(n_tries):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            fit(folder, max_iter=20) if number == 0 else None

            def starved() -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (200 * (number + 1), resource.RLIM_INFINITY))  # noqa: B023
                assert weights(fit(folder)) == expected  # noqa: B023

            code = ended(forked(starved))
            whole = valid_steps(folder) == steps_in(folder)
            left = [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]
            yield None if code == 0 and whole and not left else f"limit {200 * (number + 1)}: exit {code}, left {left}"


def not_writable() -> Iterator[str | None]:
    """A folder inside a file, which even root can't make, and a read-only folder of another user."""

    def refused(folder: Path) -> None:
        try:
            fit(folder)
        except StorageError as error:
            if "cannot be written" not in str(error) or "\n" in str(error):
                raise AssertionError(str(error)) from error
        else:
            raise AssertionError("not refused")

    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "file"
        file.touch()
        yield None if ended(forked(lambda: refused(file / "work"))) == 0 else "below a file: no sentence"
        folder = Path(place) / "read-only"
        folder.mkdir(mode=0o555)
        os.chmod(place, 0o755)

        def as_nobody() -> None:
            if os.getuid() == 0:
                os.setuid(65534)
            refused(folder)

        yield None if ended(forked(as_nobody)) == 0 else "read-only folder: no sentence"


def two_fits(n_tries: int = 10) -> Iterator[str | None]:
    """A second process in a folder that is in use is refused; the first finishes as usual."""
    for _ in range(n_tries):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)

            def second() -> None:
                try:
                    fit(folder)  # noqa: B023
                except StorageError as error:
                    raise SystemExit(7 if "is in use" in str(error) else 1) from None

            with locked(folder):
                code = ended(forked(second))
            yield None if code == 7 else f"exit {code}"
