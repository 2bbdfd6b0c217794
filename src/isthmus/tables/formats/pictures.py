"""Pictures: a folder of them at any depth, or a file that holds several, one a row.

A picture is read by what its bytes are, and turned as its camera says; one that cannot be read is left out and named.
Sub-folders are its class; ``train`` and ``test`` above them are the split the data came with; a table beside the
pictures that names their files gives labels. Pages of a TIFF are rows, and floats stay floats.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from isthmus.tables.arrays import pixel_names
from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.container import File
from isthmus.tables.description import Description
from isthmus.tables.errors import DataError
from isthmus.tables.request import Request
from isthmus.tables.table import Table

__all__ = ["FORMATS", "SUFFIXES", "matches", "pictures_in", "pillow", "read_pictures"]

# only these decoders run: a PostScript file in disguise would start another program
FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".tif": "TIFF", ".tiff": "TIFF",
    ".webp": "WEBP", ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
SUFFIXES = tuple(FORMATS)
MARKS = (
    b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"P5", b"P6", b"P2", b"P3",
)  # fmt: skip
GREY_MODES = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "train",
    "valid": "train",
    "validation": "train",
}
LABELLED = ("label", "labels", "class", "category", "target", "y", "species", "kind", "digit")
MOST_UNREADABLE = 0.5
TURNED = 0x0112  # EXIF's tag of orientation


def pillow() -> ModuleType:
    """The module PIL.Image, or a `DataError` that says how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("Pictures need pillow: pip install 'isthmus[images]'.") from error
    return Image


def matches(file: File) -> bool:
    """Whether a file is a picture by its first bytes."""
    head = file.head
    return (
        head.startswith(MARKS)
        and (not head.startswith(b"RIFF") or head[8:12] == b"WEBP")
        and (not head.startswith((b"BM", b"P")) or file.suffix in FORMATS)
    )


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder at any depth, hidden ones aside, sorted as a person would."""
    seen = (path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and path.is_file())
    found = [path for path in seen if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return sorted(found, key=lambda path: [_natural(part) for part in path.relative_to(folder).parts])


def read_pictures(paths: Sequence[Path], folder: Path, request: Request) -> Table:
    """Pictures as rows of float32 from 0 to 1; those of floats as they are.

    They are grey only if all are; colour keeps red, green and blue and drops transparency.
    """
    where = repr(str(folder))
    looks, unreadable = _looked_at(paths, folder)
    if not looks:
        raise DataError(
            f"{where}: none of {len(paths)} files is readable as a picture, the first {unreadable[0]}; replace them."
        )
    if len(unreadable) > MOST_UNREADABLE * len(paths):
        raise DataError(
            f"{where}: {len(unreadable)} of {len(paths)} files are not readable as pictures, the first {unreadable[0]}."
        )
    notes = []
    if unreadable:
        count = "1 file is" if len(unreadable) == 1 else f"{len(unreadable)} files are"
        notes.append(
            f"{count} not readable as a picture and left out: {', '.join(unreadable[:3])}{' …' * (len(unreadable) > 3)}"
        )
    size = _common_size([look.size for look in looks])
    n_other = sum(look.size != size for look in looks)
    if n_other:
        sizes = len({look.size for look in looks})
        notes.append(f"pictures of {sizes} sizes, {n_other:,} of them cut to shape and resized to {size[0]}×{size[1]}")
    colour = any(look.mode not in GREY_MODES for look in looks)
    width, height = size
    shape = (3, height, width) if colour else (height, width)
    require_columns(math.prod(shape), where)
    n_rows = sum(look.pages for look in looks)
    require_room(4 * math.prod(shape) * n_rows, sum(look.path.stat().st_size for look in looks), where)
    values, ids, kept = np.empty((n_rows, math.prod(shape)), np.float32), [], []
    row = 0
    for look in looks:
        for page, picture in enumerate(_decoded(look, size, colour)):
            values[row] = picture.ravel()
            ids.append(look.name if look.pages == 1 else f"{look.name}[{page}]")
            kept.append(look)
            row += 1
    if any(look.pages > 1 for look in looks):
        notes.append(f"{n_rows:,} pages of {len(looks):,} files, a row each")
    labels, label_name, test = _labels(kept, folder, notes)
    name = folder.resolve().name if folder.is_dir() else folder.stem
    ids_found = np.array(ids, np.str_)
    description = Description(
        name,
        n_rows,
        notes=tuple(notes),
        n_numbers=values.shape[1],
        image_shape=shape,
        id_name="file",
        label_name=label_name,
    )
    return Table(
        values, pixel_names(shape), ids=ids_found, id_name="file", labels=labels, label_name=label_name,
        image_shape=shape, name=name, official_test=test, description=description,
    )  # fmt: skip


class _Look:
    """What a first look at a picture tells."""

    def __init__(self, path: Path, folder: Path, size: tuple[int, int], mode: str, pages: int):
        self.path, self.size, self.mode, self.pages = path, size, mode, pages
        inside = path.relative_to(folder) if folder.is_dir() else Path(path.name)
        # bytes that are no UTF-8 are written out
        self.name = os.fsencode(inside.as_posix()).decode("utf-8", "backslashreplace")
        self.parts = [os.fsencode(part).decode("utf-8", "backslashreplace") for part in inside.parts[:-1]]


def _looked_at(paths: Sequence[Path], folder: Path) -> tuple[list[_Look], list[str]]:
    looks, unreadable = [], []
    for path in paths:
        try:
            with _opened(path) as picture:
                size = picture.size
                if picture.getexif().get(TURNED, 1) in (5, 6, 7, 8):
                    size = size[::-1]
                pages = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
                looks.append(_Look(path, folder, size, picture.mode, pages))
        except DataError as error:
            if "unpacks to more" in str(error) or "need pillow" in str(error):
                raise
            unreadable.append(repr(path.name))
    return looks, unreadable


def _common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The size that most have, if that is nearly all; else the median width and height."""
    ((size, count),) = Counter(sizes).most_common(1)
    if count >= 0.9 * len(sizes):
        return size
    return int(np.median([width for width, _ in sizes])), int(np.median([height for _, height in sizes]))


def _decoded(look: _Look, size: tuple[int, int], colour: bool) -> Iterator[np.ndarray]:
    from PIL import ImageOps

    with _opened(look.path) as picture:
        for page in range(look.pages):
            if look.pages > 1:
                picture.seek(page)
            upright = ImageOps.exif_transpose(picture)
            yield _pixels(upright, size, colour)


def _pixels(picture: Any, size: tuple[int, int], colour: bool) -> np.ndarray:
    """A picture as an array of shape (height, width), or with 3 channels in front."""
    from PIL import Image, ImageOps

    mode = picture.mode
    if mode == "F" or mode.startswith("I"):
        grey = np.asarray(picture).astype(np.float32)
        if mode != "F":
            grey = grey / np.float32(65535 if mode.startswith("I;16") or grey.max() <= 65535 else 2**31 - 1)
        planes = [grey]
    elif colour:
        planes = list(np.asarray(picture.convert("RGB"), np.float32).transpose(2, 0, 1) / 255)
    else:
        planes = [np.asarray(picture.convert("L"), np.float32) / 255]
    if picture.size != size:
        planes = [
            np.asarray(ImageOps.fit(Image.fromarray(np.ascontiguousarray(plane)), size, Image.Resampling.BILINEAR))
            for plane in planes
        ]
    if not colour:
        return planes[0]
    return np.stack(planes * (3 if len(planes) == 1 else 1))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The picture in ``path``, decoded by one of the decoders allowed; what goes wrong names the file."""
    image = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", image.DecompressionBombWarning)
            with image.open(path, formats=sorted(set(FORMATS.values()))) as picture:
                yield picture
    except (image.DecompressionBombWarning, image.DecompressionBombError) as error:
        raise DataError(
            f"{str(path)!r}: unpacks to more than {image.MAX_IMAGE_PIXELS:,} pixels; remove it, or make it smaller."
        ) from error
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a decoder met with hostile bytes may raise anything
        raise DataError(
            f"{str(path)!r}: not readable as a picture ({type(error).__name__}); replace or remove it."
        ) from error


# ---- labels ------------------------------------------------------------------------------------------------


def _labels(
    looks: Sequence[_Look], folder: Path, notes: list[str]
) -> tuple[np.ndarray | None, str | None, np.ndarray | None]:
    """The class of each picture, what it is called, and which rows the makers of the data set aside for testing."""
    tops = {look.parts[0].lower() if look.parts else "" for look in looks}
    test = None
    parts = [look.parts for look in looks]
    if len(tops) > 1 and tops <= set(SPLITS):
        aside = np.array([SPLITS[look.parts[0].lower()] == "test" for look in looks])
        if aside.any() and not aside.all():
            test = np.flatnonzero(aside)
            notes.append(f"split as the folders have it: {int(aside.sum()):,} rows to test on")
        parts = [part[1:] for part in parts]
    if any(parts) and not all(parts):
        notes.append("pictures lie both in the folder and in its sub-folders: no labels are taken from them")
    elif len({tuple(part) for part in parts}) > 1:
        return np.array(["/".join(part) for part in parts], np.str_), "folder", test
    found = _labels_beside(looks, folder, notes) if folder.is_dir() else None
    return (*found, test) if found is not None else (None, None, test)


def _labels_beside(looks: Sequence[_Look], folder: Path, notes: list[str]) -> tuple[np.ndarray, str] | None:
    """Labels from a table in the same folder that names the files."""
    from isthmus.tables.formats.text import TextSource

    names = {look.name for look in looks} | {Path(look.name).name for look in looks}
    stems = {Path(name).stem for name in names}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (".csv", ".tsv", ".txt") or not path.is_file():
            continue
        try:
            source = TextSource(File(path), Request())
            cells = {name: [] for name in source.names}
            for batch in source.batches():
                for name, column in zip(source.names, batch.columns, strict=True):
                    cells[name] += [str(cell).strip() for cell in column.to_pylist()]
        except DataError:
            continue
        key = next(
            (
                name
                for name, column in cells.items()
                if sum(cell in names or cell in stems for cell in column) > len(column) / 2
            ),
            None,
        )
        others = [name for name in cells if name != key]
        if key is None or not others:
            notes.append(f"{path.name!r} beside the pictures is not read: no column of it names them")
            continue
        label = next((name for known in LABELLED for name in others if name.lower() == known), others[0])
        known = dict(zip(cells[key], cells[label], strict=True))
        found = [
            known.get(look.name, known.get(Path(look.name).name, known.get(Path(look.name).stem, ""))) for look in looks
        ]
        notes.append(f"labels from column {label!r} of {path.name!r}")
        return np.array(found, np.str_), label
    return None


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part.lower()) for part in re.split(r"([0-9]+)", name) if part]
