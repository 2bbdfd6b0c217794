"""Pictures: a folder of them, one a row, and the names of a flattened picture's numbers."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.table import DataError, Table

__all__ = ["pillow", "pixel_names", "read_image_folder"]

# only these decoders run: a PostScript file in disguise would start another program
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")


def pillow() -> ModuleType:
    """The module PIL.Image, or a `DataError` that says how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("Pictures need pillow: pip install 'isthmus[images]'.") from error
    return Image


def pixel_names(image_shape: tuple[int, ...]) -> tuple[str, ...]:
    """A name for each number of a flattened picture.

    >>> pixel_names((1, 2)), pixel_names((3, 1, 1))
    (('pixel_0_0', 'pixel_0_1'), ('red_0_0', 'green_0_0', 'blue_0_0'))
    """
    height, width = image_shape[-2:]
    planes = ("pixel",) if len(image_shape) == 2 else ("red", "green", "blue")
    return tuple(f"{plane}_{y}_{x}" for plane in planes for y in range(height) for x in range(width))


def read_image_folder(folder: Path) -> Table:
    """Read a folder of pictures of one size, one a row, as float32 from 0 to 1, sorted as a person would.

    The ids are the file names. Where the pictures lie in sub-folders, a sub-folder's name is their label.
    Pictures are read as grey only if all are; colour keeps red, green and blue and drops transparency.
    """
    where = repr(str(folder))
    paths = _pictures(folder)
    labels = None
    if not paths:
        classes = sorted((entry for entry in folder.iterdir() if _is_seen(entry, "dir")), key=_natural)
        paths = [path for entry in classes for path in _pictures(entry)]
        labels = np.array([_name_in(folder, path.parent) for path in paths])
    elif any(_pictures(entry) for entry in folder.iterdir() if _is_seen(entry, "dir")):
        raise DataError(f"{where}: pictures lie both in the folder and in its sub-folders; keep to one of them.")
    if not paths:
        kinds = ", ".join(FORMATS)
        raise DataError(f"{where}: a folder without pictures ({kinds}); name a folder of them, or a file.")
    ids = np.array([_name_in(folder, path) for path in paths])
    sizes, modes = zip(*(_look(path) for path in paths), strict=True)
    other = next((index for index, size in enumerate(sizes) if size != sizes[0]), None)
    if other is not None:
        raise DataError(
            f"{where}: pictures must be of one size, but {str(ids[0])!r} is {_by(sizes[0])} and "
            f"{str(ids[other])!r} is {_by(sizes[other])} pixels; resize them."
        )
    width, height = sizes[0]
    colour = any(mode not in GREY_MODES for mode in modes)
    image_shape = (3, height, width) if colour else (height, width)
    require_columns(math.prod(image_shape), where)
    n_bytes = np.dtype(np.float32).itemsize * math.prod(image_shape) * len(paths)
    require_room(n_bytes, sum(path.stat().st_size for path in paths), where)
    values = np.empty((len(paths), math.prod(image_shape)), np.float32)
    for row, path in enumerate(paths):
        values[row] = _decode(path, colour).ravel()
    return Table(
        values,
        pixel_names(image_shape),
        ids=ids,
        id_name="file",
        labels=labels,
        label_name=None if labels is None else "folder",
        image_shape=image_shape,
        name=folder.resolve().name,
    )


def _pictures(folder: Path) -> list[Path]:
    entries = (entry for entry in folder.iterdir() if _is_seen(entry, "file"))
    return sorted((entry for entry in entries if entry.suffix.lower() in FORMATS), key=_natural)


def _is_seen(entry: Path, kind: str) -> bool:
    return not entry.name.startswith(".") and (entry.is_dir() if kind == "dir" else entry.is_file())


def _natural(path: Path) -> tuple[list[Any], str]:
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path.name


def _name_in(folder: Path, path: Path) -> str:
    """The path within the folder; bytes that are no UTF-8 are written out."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _look(path: Path) -> tuple[tuple[int, int], str]:
    with _opened(path) as picture:
        return picture.size, picture.mode


def _decode(path: Path, colour: bool) -> np.ndarray:
    with _opened(path) as picture:
        if picture.mode.startswith("I"):
            grey = np.asarray(picture).astype(np.float32) / 65535
            return np.stack([grey] * 3) if colour else grey
        if not colour:
            return np.asarray(picture.convert("L"), np.float32) / 255
        return np.asarray(picture.convert("RGB"), np.float32).transpose(2, 0, 1) / 255


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The picture in ``path``, decoded by its suffix's decoder alone; what goes wrong names the file."""
    image = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", image.DecompressionBombWarning)
            with image.open(path, formats=[FORMATS[path.suffix.lower()]]) as picture:
                yield picture
    except (image.DecompressionBombWarning, image.DecompressionBombError) as error:
        raise DataError(
            f"{str(path)!r}: unpacks to more than {image.MAX_IMAGE_PIXELS:,} pixels; remove it, or make it smaller."
        ) from error
    except Exception as error:  # a decoder met with hostile bytes may raise anything
        raise DataError(
            f"{str(path)!r}: not readable as a picture ({type(error).__name__}); replace or remove it."
        ) from error
