"""Sound: WAV files, cut into windows of equal length, one a row, from -1 to 1."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.tables.bounds import require_room
from isthmus.tables.container import File
from isthmus.tables.description import Description
from isthmus.tables.errors import DataError
from isthmus.tables.table import Table

__all__ = ["SUFFIXES", "matches", "read_sounds", "sounds_in"]

SUFFIXES = (".wav",)
WINDOW = 1024
LEAST_FILLED = 0.5  # of a last window: one with less is left out, unless it is all there is


def matches(file: File) -> bool:
    """By its first bytes."""
    return file.head.startswith((b"RIFF", b"RIFX")) and file.head[8:12] == b"WAVE"


def sounds_in(folder: Path) -> list[Path]:
    """The WAV files of a folder at any depth."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def read_sounds(paths: Sequence[Path], folder: Path) -> Table:
    """Windows of all files; the ids are file names and the place of a window, sub-folders labels."""
    where = repr(str(folder))
    rows: list[np.ndarray] = []
    ids: list[str] = []
    classes: list[str] = []
    rates: dict[int, str] = {}
    unreadable: list[str] = []
    require_room(4 * sum(path.stat().st_size for path in paths), sum(path.stat().st_size for path in paths), where)
    for path in paths:
        try:
            rate, samples = _samples(path)
        except DataError:
            unreadable.append(repr(path.name))
            continue
        rates.setdefault(rate, path.name)
        inside = path.relative_to(folder) if folder.is_dir() else Path(path.name)
        for place, window in enumerate(_windows(samples)):
            rows.append(window)
            ids.append(f"{inside.as_posix()}[{place}]")
            classes.append(inside.parent.as_posix())
    if not rows:
        raise DataError(
            f"{where}: none of {len(paths)} files is readable as WAV, the first {(unreadable or ['?'])[0]}; convert it."
        )
    if len(rates) > 1:
        told = ", ".join(f"{rate:,} Hz ({name!r})" for rate, name in list(rates.items())[:3])
        raise DataError(f"{where}: sounds of several sampling rates: {told}; resample them to one.")
    rate = next(iter(rates))
    notes = [
        f"{len(paths) - len(unreadable):,} sounds at {rate:,} Hz, cut into windows of {WINDOW} samples "
        f"({1000 * WINDOW / rate:.0f} ms)"
    ]
    if unreadable:
        notes.append(f"{len(unreadable)} files not readable as WAV and left out: {', '.join(unreadable[:3])}")
    labels = np.array(classes, np.str_) if len({*classes}) > 1 else None
    name = folder.resolve().name if folder.is_dir() else folder.stem
    label_name = None if labels is None else "folder"
    description = Description(
        name, len(rows), notes=tuple(notes), n_numbers=WINDOW, id_name="window", label_name=label_name
    )
    columns = tuple(f"x{place}" for place in range(WINDOW))
    return Table(
        np.stack(rows), columns, ids=np.array(ids, np.str_), id_name="window", labels=labels, label_name=label_name,
        name=name, description=description,
    )  # fmt: skip


def _samples(path: Path) -> tuple[int, np.ndarray]:
    """Sampling rate, and one channel of samples from -1 to 1."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rate, data = wavfile.read(io.BytesIO(path.read_bytes()))
    except Exception as error:  # a reader met with hostile bytes may raise anything
        raise DataError(f"{str(path)!r}: not readable as WAV ({type(error).__name__}); convert it.") from error
    array: Any = np.asarray(data)
    if array.size == 0 or rate <= 0 or array.ndim > 2:
        raise DataError(f"{str(path)!r}: no sound in it.")
    if array.dtype.kind == "u":
        samples = (array.astype(np.float32) - 128) / 128
    elif array.dtype.kind == "i":
        samples = array.astype(np.float32) / np.float32(2 ** (8 * array.dtype.itemsize - 1))
    else:
        samples = array.astype(np.float32)
    samples = samples.mean(1) if samples.ndim == 2 else samples
    if not np.isfinite(samples).all():
        raise DataError(f"{str(path)!r}: holds what is no number.")
    return int(rate), samples


def _windows(samples: np.ndarray) -> list[np.ndarray]:
    whole = [samples[begin : begin + WINDOW] for begin in range(0, len(samples), WINDOW)]
    kept = [part for part in whole if len(part) >= LEAST_FILLED * WINDOW] or whole[:1]
    return [np.pad(part, (0, WINDOW - len(part))).astype(np.float32) for part in kept]
