"""One sound from its bytes: WAV of any depth by this module, compressed WAV, FLAC, Ogg and others by libsndfile.

The standard ``wave`` module reads no floats, and SciPy cannot read parts of a 24-bit file. A WAV file is a header and a
block of numbers, so it is parsed here, and long recordings are read one window at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from isthmus.tables.errors import DataError
from isthmus.tables.formats.unreadable import UnreadableError

__all__ = ["MARKS", "SUFFIXES", "Clip", "clip_at", "is_sound", "samples_of"]

SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".mp3")
MARKS = (b"fLaC", b"OggS", b"FORM", b"ID3", b"\xff\xfb", b"\xff\xf3")
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
BLOCK = 1 << 20


@dataclass(frozen=True)
class Clip:
    """The header of a sound: where its samples start, and how they are stored.

    ``start`` is None if libsndfile reads the file.
    """

    path: Path
    rate: int
    n_channels: int
    n_frames: int
    start: int | None = None
    dtype: str = ""

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.n_frames / self.rate


def is_sound(head: bytes) -> bool:
    """Whether a file is sound by its first bytes."""
    if head.startswith((b"RIFF", b"RIFX")):
        return head[8:12] == b"WAVE"
    return head.startswith(MARKS) and (not head.startswith(b"FORM") or head[8:12] in (b"AIFF", b"AIFC"))


def clip_at(path: Path) -> Clip | UnreadableError:
    """The header of a sound, or why it is unreadable."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if not head:
                raise UnreadableError("empty")
            if not is_sound(head):
                raise UnreadableError("not a sound by its bytes")
            clip = _wav(path, file, head) if head.startswith(b"RIF") else _other(path)
    except UnreadableError as fault:
        return fault
    except OSError as error:
        return UnreadableError(error.strerror or "cannot be opened")
    if clip.rate <= 0 or clip.n_channels <= 0:
        return UnreadableError("its header gives no rate")
    return clip if clip.n_frames else UnreadableError("no samples in it")


def _wav(path: Path, file: IO[bytes], head: bytes) -> Clip:
    order = "<" if head.startswith(b"RIFF") else ">"
    size, layout, place = path.stat().st_size, None, 12
    while True:
        chunk = file.read(8)
        if len(chunk) < 8:
            raise UnreadableError("no samples in it" if layout else "its header is truncated")
        name, length = chunk[:4], struct.unpack(order + "I", chunk[4:])[0]
        place += 8
        if name == b"fmt ":
            layout = file.read(min(length, 64))
            if len(layout) < 16:
                raise UnreadableError("its header is truncated")
        elif name == b"data":
            break
        place += length + length % 2
        file.seek(place)
    if layout is None:
        raise UnreadableError("its header does not say how samples are stored")
    code, channels, rate, _, step, bits = struct.unpack(order + "HHIIHH", layout[:16])
    if code == EXTENSIBLE and len(layout) >= 26:
        code = struct.unpack(order + "H", layout[24:26])[0]
    width = -(-bits // 8)
    kinds = {(PCM, 1): "u1", (PCM, 2): "i2", (PCM, 3): "i3", (PCM, 4): "i4", (FLOAT, 4): "f4", (FLOAT, 8): "f8"}
    kind = kinds.get((code, width))
    if kind is None:  # µ-law, A-law and other compressed samples
        return _other(path, f"of an encoding that is not read (WAV format {code}, {bits} bits)")
    if channels == 0 or step != channels * width:
        raise UnreadableError("its header contradicts itself")
    n_bytes = min(length, size - place)  # the header of a stream may declare more than there is
    return Clip(path, rate, channels, n_bytes // step, place, kind if kind in ("u1", "i3") else order + kind)


def _sndfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise DataError("FLAC, Ogg, MP3, AIFF and packed WAV need soundfile: pip install 'isthmus[audio]'.") from error
    return soundfile


def _other(path: Path, fault: str = "damaged") -> Clip:
    library = _sndfile()
    try:
        head = library.info(str(path))
    except (RuntimeError, OSError, TypeError) as error:
        raise UnreadableError(fault) from error
    return Clip(path, int(head.samplerate), int(head.channels), int(head.frames))


def samples_of(clip: Clip, start: int = 0, count: int | None = None) -> np.ndarray:
    """Samples from -1 to 1, float32, with channels mixed down to one; raises an `UnreadableError`."""
    count = clip.n_frames - start if count is None else min(count, clip.n_frames - start)
    parts = list(_blocks(clip, start, count))
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if not np.isfinite(samples).all():
        raise UnreadableError("holds NaN or infinity")
    return samples


def _blocks(clip: Clip, start: int, count: int) -> Iterator[np.ndarray]:
    if clip.start is None:
        library = _sndfile()
        try:
            found, _ = library.read(str(clip.path), count, start, dtype="float32", always_2d=True)
        except (RuntimeError, OSError) as error:
            raise UnreadableError("damaged") from error
        yield found.mean(1)
        return
    width = int(clip.dtype[-1])
    step = width * clip.n_channels
    with clip.path.open("rb") as file:
        file.seek(clip.start + start * step)
        while count > 0:
            raw = file.read(step * min(count, BLOCK))
            frames = len(raw) // step
            if not frames:
                raise UnreadableError("truncated")
            yield _numbers(raw[: frames * step], clip.dtype).reshape(frames, clip.n_channels).mean(1, dtype=np.float32)
            count -= frames


def _numbers(raw: bytes, dtype: str) -> np.ndarray:
    if dtype == "u1":
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if dtype == "i3":  # as the three high bytes of four
        four = np.zeros((len(raw) // 3, 4), np.uint8)
        four[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return four.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    found = np.frombuffer(raw, dtype)
    return found.astype(np.float32) / np.float32(1 if found.dtype.kind == "f" else 2 ** (8 * found.itemsize - 1))
