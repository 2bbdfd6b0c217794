"""Pictures as rows: a folder of them at any depth, or a file that holds several.

The format is recognized by the bytes, the EXIF orientation is applied, and all pictures are resized to one size. Files
are decoded in parallel into a cache (`isthmus.tables.cached_rows`), from which every later pass reads.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.cached_rows import RowCache, rows_stream
from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats.file_labels import labels_of
from isthmus.tables.formats.picture_files import FORMATS, MARKS, Depth, Look, decode, look_at, pillow
from isthmus.tables.formats.unreadable import UnreadableError, name_of, settle_faults, visible_files
from isthmus.tables.pool import in_parallel
from isthmus.tables.request import Request
from isthmus.tables.row_shape import RowShape, pixel_names
from isthmus.tables.stream import TableStream

__all__ = ["FORMATS", "SUFFIXES", "matches", "pictures_in", "pillow", "read_pictures"]

SUFFIXES = tuple(FORMATS)
DEFAULT_SIDE = 64  # to which larger pictures of different sizes are resized
LARGEST_SIDE = 256  # up to which pictures of one size keep it
NEARLY_ALL = 0.9
ALIKE = 1.15  # factor by which aspect ratios may differ


def matches(file: File) -> bool:
    """Whether a file is a picture by its first bytes."""
    return _is_picture(file.head, file.suffix)


def _is_picture(head: bytes, suffix: str) -> bool:
    return (
        head.startswith(MARKS)
        and (not head.startswith(b"RIFF") or head[8:12] == b"WEBP")
        and (not head.startswith((b"BM", b"P")) or suffix in FORMATS)
    )


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder at any depth, by suffix or, if there is none, by their bytes; without hidden ones."""
    return [
        path
        for path in visible_files(folder)
        if path.suffix.lower() in FORMATS or (not path.suffix and _starts_as_picture(path))
    ]


def _starts_as_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _is_picture(file.read(16), "")
    except OSError:
        return False


def read_pictures(paths: Sequence[Path], folder: Path, request: Request) -> TableStream:
    """Pictures as rows of float32 from 0 to 1; 32-bit integers and floats unchanged.

    Rows are grey only if all pictures are; colour pictures keep red, green and blue and lose transparency.
    """
    where, notes = repr(str(folder)), list[str]()
    pillow()
    looks: list[Look] = []
    faults: list[tuple[str, str]] = []
    seen = in_parallel(lambda path: look_at(path, alone=len(paths) == 1), paths)
    for path, look in zip(paths, seen, strict=True):
        if isinstance(look, UnreadableError):
            faults.append((name_of(path, folder), str(look)))
        else:
            looks.append(look)
    size, colour, depth = _form_of(looks, request, where, notes) if looks else ((1, 1), False, Depth("uint8", 255.0))
    shape = (3, size[1], size[0]) if colour else (size[1], size[0])
    width = math.prod(shape)
    require_columns(width, where)
    n_rows = sum(look.pages for look in looks)
    itemsize = np.dtype(depth.dtype).itemsize
    require_room(itemsize * width * n_rows, sum(look.path.stat().st_size for look in looks), where)
    cache = RowCache(n_rows, width, np.dtype(depth.dtype), request.held_bytes, request.scratch)
    ids: list[str] = []
    kept: list[str] = []
    decoded = in_parallel(lambda look: decode(look, size, colour, depth, pad=request.pad), looks)
    for look, rows in zip(looks, decoded, strict=True):
        name = name_of(look.path, folder)
        if isinstance(rows, UnreadableError):
            faults.append((name, str(rows)))
            continue
        cache.append(rows)
        ids += [name] if look.pages == 1 else [f"{name}[{page}]" for page in range(look.pages)]
        kept += [name] * look.pages
    settle_faults(sorted(faults), len(paths), "picture", where, request, notes)
    if any(look.pages > 1 for look in looks):
        files = "1 file" if len(looks) == 1 else f"{len(looks):,} files"
        notes.append(f"{n_rows:,} pages of {files}, one row each")
    notes += _notes_of(looks, folder)
    known = labels_of(kept, "pictures", folder, request, notes)
    return rows_stream(
        cache,
        pixel_names(shape),
        RowShape.of_picture(shape),
        name=folder.resolve().name if folder.is_dir() else folder.stem,
        ids=np.array(ids, np.str_),
        id_name="file",
        labels=known.labels,
        label_name=known.name,
        official_test=known.test,
        divisor=depth.divisor,
        notes=notes,
        held_bytes=request.held_bytes,
    )


def _form_of(
    looks: Sequence[Look], request: Request, where: str, notes: list[str]
) -> tuple[tuple[int, int], bool, Depth]:
    """Width and height of all rows, whether they are in colour, and their type; as at fit, if there was one."""
    colour = any(not look.is_grey for look in looks)
    depth = Depth.of({look.mode for look in looks})
    shape = request.row_shape
    if shape is not None:
        if shape.image_shape is None:
            raise DataError(f"{where}: holds pictures, but the model was fitted on {shape}; name data of that kind.")
        height, width = shape.image_shape[-2:]
        if request.size is not None and request.size != (width, height):
            raise DataError(f"{where}: --size {_said(request.size)}, but the model takes {shape}; leave it out.")
        size, colour = (width, height), len(shape.image_shape) == 3
    elif request.size is not None:
        size = request.size
    else:
        size = _common_size([look.size for look in looks])
        _require_enough_of_it(looks, size, where)
    n_other = sum(look.size != size for look in looks)
    if n_other:
        sizes = len({look.size for look in looks})
        how = "given borders" if request.pad else "cropped to the centre"
        first = next(look for look in looks if look.size != size)
        are_few = n_other <= max(1, (1 - NEARLY_ALL) * len(looks)) and len(looks) > 1
        named = f" (the first {first.path.name!r} of {_said(first.size)})" if are_few else ""
        found = "pictures of 1 size" if sizes == 1 else f"pictures of {sizes} sizes"
        notes.append(f"{found}, {n_other:,} of them{named} {how} and resized to {size[0]}×{size[1]}")
        if shape is None and request.size is None:
            other = "" if request.pad else "; --pad keeps their edges"
            notes[-1] += f" (--size asks for another{other})"
    small = [look for look in looks if 2 * max(look.size) <= min(size)]
    if small and shape is None and request.size is None:
        first = small[0]
        named = f"{first.path.name!r} of {_said(first.size)}"
        notes.append(f"{len(small):,} enlarged more than twice, the first {named}; remove them if they are no pictures")
    return size, colour, depth


def _require_enough_of_it(looks: Sequence[Look], size: tuple[int, int], where: str) -> None:
    """Refuse a default size at which less than a pixel's breadth of the pictures would remain."""
    thin = [look for look in looks if min(size) < max(size) and min(look.size) * max(size) < max(look.size) / 2]
    if min(size) == 1 and thin:
        raise DataError(
            f"{where}: pictures of {_said(thin[0].size)} pixels, such as {thin[0].path.name!r}, would be less than one "
            f"pixel wide at the default size, {_said(size)}; cut them into shorter ones, or pass --size."
        )


def _said(size: tuple[int, int]) -> str:
    return f"{size[0]:,}×{size[1]:,}"


def _common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The size of nearly all pictures, if it is at most 256; else one of at most 64.

    If nearly all have about the same aspect ratio, so has this size, and little is cropped; else it is a square.
    """
    ((size, count),) = Counter(sizes).most_common(1)
    if count >= NEARLY_ALL * len(sizes) and max(size) <= LARGEST_SIDE:
        return size
    ratios = np.array([width / height for width, height in sizes])
    typical = float(np.median(ratios))
    if np.mean((ratios > typical / ALIKE) & (ratios < typical * ALIKE)) >= NEARLY_ALL:
        width, height = np.median(np.array(sizes), axis=0)
        scale = min(1.0, DEFAULT_SIDE / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))
    side = min(DEFAULT_SIDE, int(np.median([min(size) for size in sizes])))
    return side, side


def _notes_of(looks: Sequence[Look], folder: Path) -> list[str]:
    counts: dict[str, list[str]] = {}
    for look in looks:
        if look.note:
            counts.setdefault(look.note, []).append(name_of(look.path, folder))
    return [
        f"{len(names):,} {'picture is' if len(names) == 1 else 'pictures are'} {note}: {', '.join(names[:3])}"
        + (" …" if len(names) > 3 else "")
        for note, names in counts.items()
    ]
