"""One picture from its bytes: decoder, size, orientation, and its pixels resized to a given size.

File names are not trusted: a PNG named .jpg is a PNG. Only the decoders listed here run, since a disguised PostScript
file would start another program.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from isthmus.tables.errors import DataError
from isthmus.tables.formats.unreadable import UnreadableError

__all__ = ["FORMATS", "MARKS", "Depth", "Look", "decode", "look_at", "pillow"]

FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".bmp": "BMP", ".gif": "GIF",
    ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
MARKS = (
    b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"P5", b"P6", b"P2", b"P3",
)  # fmt: skip
GREY_MODES = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
ORIENTATION = 0x0112  # EXIF tag
BITS_PER_SAMPLE = 258  # TIFF tag


@dataclass(frozen=True)
class Depth:
    """How the pixels of all pictures are stored: their type, and the value of white."""

    dtype: str
    divisor: float

    @classmethod
    def of(cls, modes: set[str]) -> Depth:
        """The depth of the deepest picture: 8 bits, 16 bits or floats."""
        if modes & {"F", "I"}:
            return cls("float32", 1.0)
        return cls("uint16", 65535.0) if any(mode.startswith("I;16") for mode in modes) else cls("uint8", 255.0)


@dataclass(frozen=True)
class Look:
    """The header of a picture: its path, width and height when upright, pixel mode, and number of pages."""

    path: Path
    size: tuple[int, int]
    mode: str
    pages: int
    note: str = ""

    @property
    def is_grey(self) -> bool:
        """Whether it is in greyscale."""
        return self.mode in GREY_MODES


def pillow() -> ModuleType:
    """The module PIL.Image, or a `DataError` that says how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("Pictures need pillow: pip install 'isthmus[images]'.") from error
    return Image


def look_at(path: Path, *, alone: bool = False) -> Look | UnreadableError:
    """The header of a picture, or why it is unreadable; the frames of an animation that is ``alone`` are pages."""
    try:
        with _opened(path) as picture:
            size = picture.size
            if picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
                size = size[::-1]
            pages = getattr(picture, "n_frames", 1)
            note = ""
            if picture.format != "TIFF":
                if pages > 1 and not alone:
                    note, pages = "animated, of which the first frame is read", 1
            elif picture.mode in ("RGB", "RGBA") and max(picture.tag_v2.get(BITS_PER_SAMPLE, (8,))) > 8:
                note = "of more than 8 bits per colour, read as 8"
            return Look(path, size, picture.mode, pages, note)
    except UnreadableError as fault:
        return fault


def decode(look: Look, size: tuple[int, int], colour: bool, depth: Depth, *, pad: bool) -> np.ndarray | UnreadableError:
    """All pages, shape (pages, numbers); channels come first.

    A picture with another aspect ratio is cropped to its centre, or with ``pad`` given black borders, then resized to
    ``size``, (width, height).
    """
    from PIL import ImageOps

    found = []
    try:
        with _opened(look.path) as picture:
            for page in range(look.pages):
                if look.pages > 1:
                    picture.seek(page)
                elif picture.format == "JPEG":  # can be decoded at a fraction of its size
                    picture.draft(None, (2 * max(size), 2 * max(size)))
                upright = ImageOps.exif_transpose(picture)
                found.append(_pixels(upright, size, colour, depth, pad=pad).ravel())
    except UnreadableError as fault:
        return fault
    return np.stack(found)


def _pixels(picture: Any, size: tuple[int, int], colour: bool, depth: Depth, *, pad: bool) -> np.ndarray:
    """The pixels, shape (height, width), or (3, height, width) in colour, in the type of ``depth``."""
    image = pillow()
    if picture.mode in ("F", "I") or picture.mode.startswith("I;16"):
        numbers = np.asarray(picture).astype(np.float32)
        if depth.dtype == "float32" and picture.mode.startswith("I;16"):
            numbers = numbers / np.float32(65535)  # among pictures of floats white is 1
        plane = np.asarray(_fitted(image.fromarray(numbers), size, pad=pad))
        planes = np.broadcast_to(plane, (3, *plane.shape)) if colour else plane
    else:
        fitted = _fitted(picture.convert("RGB" if colour else "L"), size, pad=pad)
        planes = np.asarray(fitted)
        planes = planes.transpose(2, 0, 1) if colour else planes
        if depth.dtype == "uint16":
            planes = planes.astype(np.uint16) * np.uint16(257)
        elif depth.dtype == "float32":
            planes = planes.astype(np.float32) / np.float32(255)
    if depth.dtype != "float32":
        limit = np.iinfo(depth.dtype).max
        planes = np.clip(np.rint(planes), 0, limit)
    return planes.astype(depth.dtype)


def _fitted(picture: Any, size: tuple[int, int], *, pad: bool) -> Any:
    from PIL import Image, ImageOps

    if picture.size == size:
        return picture
    return (ImageOps.pad if pad else ImageOps.fit)(picture, size, Image.Resampling.BILINEAR)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The picture at ``path``; any fault is an `UnreadableError`."""
    image = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with image.open(path, formats=sorted(set(FORMATS.values()))) as picture:
                if picture.width * picture.height > image.MAX_IMAGE_PIXELS:
                    raise UnreadableError(
                        f"{picture.width:,}×{picture.height:,}, of more than {image.MAX_IMAGE_PIXELS:,} pixels"
                    )
                yield picture
    except (UnreadableError, MemoryError, DataError):
        raise
    except image.DecompressionBombError as error:
        raise UnreadableError(f"of more than {image.MAX_IMAGE_PIXELS:,} pixels") from error
    except OSError as error:
        if error.errno is not None:
            raise UnreadableError(error.strerror or "cannot be opened") from error
        raise UnreadableError(_reason(path, error)) from error
    except Exception as error:  # a decoder may raise anything on malformed bytes
        raise UnreadableError(_reason(path, error)) from error


def _reason(path: Path, error: BaseException) -> str:
    if path.stat().st_size == 0:
        return "empty"
    text = str(error)
    if "cannot identify" in text:
        return "not a picture by its bytes"
    return "truncated" if "truncated" in text or "Truncated" in text else f"damaged, {type(error).__name__}"
