"""Write rows as files: pictures as PNG, sounds as WAV, named after the rows."""

from __future__ import annotations

import wave
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from isthmus.tables.atomic import atomic_write, refuse_existing
from isthmus.tables.errors import DataError
from isthmus.tables.formats.picture_files import FORMATS, pillow
from isthmus.tables.formats.sound_files import SUFFIXES
from isthmus.tables.row_shape import Signal
from isthmus.tables.spectrogram import griffin_lim, spectrogram_shape
from isthmus.tables.staging import sweep

__all__ = ["write_clip", "write_images", "write_sounds"]

BATCH = 64  # clips whose phases are found at once
FULL_SCALE = 32767


def write_images(
    folder: str | Path,
    values: np.ndarray,
    image_shape: tuple[int, ...],
    names: Sequence[str] | np.ndarray | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write each row as a PNG picture; values are clipped to 0 to 1, and 1 is white.

    Parameters
    ----------
    folder
        Made if missing. Other files in it are left alone.
    values
        Finite numbers of shape (n, pixels).
    image_shape
        (height, width) for grey; (channels, height, width) with 1 or 3 channels for colour.
    names
        A name for each row, such as the ids of a folder that was read; a picture's suffix becomes ``.png``,
        and sub-folders are kept; beside ``a.png``, ``a.jpg`` becomes ``a.jpg.png``. None numbers
        them: ``0.png``, ``1.png``, ….
    overwrite
        Replace pictures that exist. Otherwise nothing is written if one exists.

    Returns
    -------
    list of Path
        The files written, in the order of the rows.
    """
    folder = Path(folder)
    where = repr(str(folder))
    values = np.asarray(values)
    if len(image_shape) not in (2, 3) or (len(image_shape) == 3 and image_shape[0] not in (1, 3)):
        raise DataError(
            f"{where}: a picture has shape (height, width) or (1 or 3 channels, height, width), got {image_shape}."
        )
    if values.ndim != 2 or values.shape[1] != int(np.prod(image_shape)):
        raise DataError(
            f"{where}: pictures of shape {image_shape} need rows of {int(np.prod(image_shape))} numbers, got "
            f"values of shape {values.shape}."
        )
    blank = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(blank):
        raise DataError(f"{where}: row {blank[0]} is not a picture, it holds NaN or infinite values.")
    paths = _paths(folder, len(values), names, where, ".png", tuple(FORMATS))
    if not overwrite:
        for path in paths:
            refuse_existing(path)
    image = pillow()
    for parent in {path.parent for path in paths}:
        sweep(parent)
    for path, row in zip(paths, values, strict=True):
        pixels = np.rint(np.clip(row, 0, 1) * 255).astype(np.uint8).reshape(image_shape)
        if pixels.ndim == 3:
            pixels = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
        with atomic_write(path, overwrite=overwrite, sweeping=False) as temporary:
            image.fromarray(pixels).save(temporary, format="PNG")
    return paths


def write_sounds(
    folder: str | Path,
    values: np.ndarray,
    signal: Signal,
    names: Sequence[str] | np.ndarray | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write each row as a WAV file of 16 bits, one channel; what is louder than full scale is clipped.

    Parameters
    ----------
    folder
        Made if missing. Other files in it are left alone.
    values
        Finite numbers of shape (n, numbers): samples from -1 to 1, or the log-magnitudes of a spectrogram, for which
        phases are found by Griffin and Lim's iteration.
    signal
        The sampling rate, and how rows were read.
    names
        A name for each row, such as the ids of a folder that was read; None numbers them.
    overwrite
        Replace sounds that exist. Otherwise nothing is written if one exists.

    Returns
    -------
    list of Path
        The files written, in the order of the rows.
    """
    folder = Path(folder)
    where, values = repr(str(folder)), np.asarray(values)
    width = spectrogram_shape(signal).n_numbers if signal.is_spectrogram else signal.length
    if values.ndim != 2 or values.shape[1] != width:
        raise DataError(f"{where}: sounds need rows of {width} numbers, got values of shape {values.shape}.")
    silent = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(silent):
        raise DataError(f"{where}: row {silent[0]} is not a sound, it holds NaN or infinite values.")
    paths = _paths(folder, len(values), names, where, ".wav", SUFFIXES)
    if not overwrite:
        for path in paths:
            refuse_existing(path)
    for parent in {path.parent for path in paths}:
        sweep(parent)
    for start in range(0, len(values), BATCH):
        part = values[start : start + BATCH]
        clips = griffin_lim(part, signal) if signal.is_spectrogram else part
        for path, clip in zip(paths[start:], clips, strict=False):
            with atomic_write(path, overwrite=overwrite, sweeping=False) as temporary:
                write_clip(temporary, clip, signal.rate)
    return paths


def write_clip(file: object, clip: np.ndarray, rate: int) -> None:
    """Samples from -1 to 1 as WAV of 16 bits, into a path or an open file."""
    samples = np.rint(np.clip(clip, -1, 1) * FULL_SCALE).astype("<i2")
    with wave.open(str(file) if isinstance(file, Path) else file, "wb") as sink:  # pyrefly: ignore
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(rate)
        sink.writeframes(samples.tobytes())


def _longer(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def _paths(
    folder: Path,
    n_rows: int,
    names: Sequence[str] | np.ndarray | None,
    where: str,
    suffix: str,
    replaced: tuple[str, ...],
) -> list[Path]:
    """Where each row goes: by its name, with a suffix in place of one that is ``replaced``, or by its number."""
    what = "picture" if suffix == ".png" else "sound"
    if names is None:
        width = len(str(max(0, n_rows - 1)))
        return [folder / f"{row:0{width}d}{suffix}" for row in range(n_rows)]
    if len(names) != n_rows:
        raise DataError(f"{where}: {n_rows} {what}s need as many names, got {len(names)}.")
    paths = []
    for name in map(str, names):
        inside = PurePosixPath(name.replace("\\", "/"))
        if not inside.name or inside.is_absolute() or ".." in inside.parts or not name.isprintable() or ":" in name:
            raise DataError(f"{where}: {name!r} cannot name a {what} in this folder; rename that row.")
        paths.append(folder / inside)
    short = [path.with_suffix(suffix) if path.suffix.lower() in replaced else _longer(path, suffix) for path in paths]
    counts = Counter(short)
    paths = [
        after if counts[after] == 1 or path == after else _longer(path, suffix)
        for path, after in zip(paths, short, strict=True)
    ]
    repeated = [path for path, count in Counter(paths).items() if count > 1]
    if repeated:
        raise DataError(f"{where}: more than one {what} would be named {repeated[0].name!r}; rename those rows.")
    return paths
