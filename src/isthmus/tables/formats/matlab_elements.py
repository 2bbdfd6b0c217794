"""MATLAB level 5 files, element by element: a tag with a type and a length, then the data, with every length checked.

SciPy reads the same files in C, and damaged ones can crash the process. Here a length beyond its element, a shape that
does not match its numbers, or an index outside a sparse matrix is an error.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from isthmus.tables import bounds

__all__ = ["MatlabError", "arrays_of"]

HEAD, TAG = 128, 8
MATRIX, COMPRESSED = 14, 15
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, TEXT, SPARSE = 1, 2, 4, 5
NUMBERS = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
COMPLEX, LOGICAL = 8, 2
DEEPEST, MAX_AXES = 4, 32


class MatlabError(ValueError):
    """A file whose bytes are invalid."""


class _File(NamedTuple):
    """What the elements of a file share: its byte order, size and name."""

    order: str
    size: int
    where: str


def arrays_of(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of a file by their names: numbers, text, dense copies of sparse matrices, fields of structs as a/b.

    Anything else, such as functions and objects, is skipped.

    Raises
    ------
    MatlabError
        If the bytes are invalid.
    """
    if data[126:128] not in (b"IM", b"MI"):
        raise MatlabError("its header does not give the byte order")
    file = _File("<" if data[126:128] == b"IM" else ">", len(data), where)
    found: dict[str, np.ndarray] = {}
    room = 0
    for kind, content in _elements(memoryview(data)[HEAD:], file):
        if kind == COMPRESSED:
            content = _inflated(content, file)
            room += len(content)
            bounds.require_room(room, file.size, where)
            kind, content = next(_elements(content, file), (0, memoryview(b"")))
        if kind == MATRIX:
            for name, array in _named(content, file, DEEPEST):
                room += array.nbytes
                bounds.require_room(room, file.size, where)
                found[name] = array
    return found


def _elements(data: memoryview, file: _File) -> Iterator[tuple[int, memoryview]]:
    """The types and the data of consecutive elements."""
    place = 0
    while place + TAG <= len(data):
        kind, size = (int(word) for word in np.frombuffer(data[place : place + TAG], file.order + "u4"))
        if kind >> 16:  # a small one: type, length and data in eight bytes
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise MatlabError(f"a small element of {size} bytes")
            yield kind, data[place + 4 : place + 4 + size]
            place += TAG
            continue
        place += TAG
        if size > len(data) - place:
            raise MatlabError(f"an element of {size:,} bytes where {len(data) - place:,} are left")
        yield kind, data[place : place + size]
        place += size + (0 if kind == COMPRESSED else -size % 8)


def _inflated(content: memoryview, file: _File) -> memoryview:
    """A compressed element, decompressed if there is room."""
    most = max(bounds.ALWAYS_UNPACKED, bounds.MAX_RATIO * file.size)
    try:
        unpacked = zlib.decompressobj().decompress(content, most + 1)
    except zlib.error as error:
        raise MatlabError(f"its compression is damaged, {error}") from error
    bounds.require_room(len(unpacked), file.size, file.where)
    return memoryview(unpacked)


def _named(content: memoryview, file: _File, deep: int, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """The name and array of a matrix element; of a struct, those of each field."""
    parts = _elements(content, file)
    flags = _numbers(next(parts, None), file)
    sizes = _numbers(next(parts, None), file)
    kind, marks = (int(flags[0]) & 0xFF, int(flags[0]) >> 8) if len(flags) else (0, 0)
    if not 2 <= len(sizes) <= MAX_AXES or (sizes < 0).any():
        raise MatlabError("an array without a shape")
    shape = tuple(int(size) for size in sizes)
    own = bytes((next(parts, None) or (0, b""))[1]).decode("utf-8", "replace").rstrip("\0")
    name = name or own
    if kind in NUMBERS:
        real = _filled(next(parts, None), shape, NUMBERS[kind], file)
        if marks & COMPLEX:
            yield name, real + 1j * _filled(next(parts, None), shape, NUMBERS[kind], file)
        else:
            yield name, real.astype(bool) if marks & LOGICAL else real
    elif kind == TEXT:
        yield name, _words(next(parts, None), shape, file)
    elif kind == SPARSE:
        yield name, _sparse(parts, shape, file)
    elif kind == CELL and deep:
        words = _words_of_cells(parts, shape, file)
        if words is not None:
            yield name, words
    elif kind == STRUCT and deep and math.prod(shape) == 1:
        yield from _fields(parts, file, deep, name)


def _numbers(part: tuple[int, memoryview] | None, file: _File) -> np.ndarray:
    """The numbers of an element as they are stored."""
    if part is None:
        raise MatlabError("an array that ends too soon")
    kind, content = part
    if kind not in STORED:
        raise MatlabError(f"numbers of the unknown type {kind}")
    stored = np.dtype(file.order + STORED[kind])
    if len(content) % stored.itemsize:
        raise MatlabError(f"{len(content)} bytes, which are not a whole number of {stored.name}")
    return np.frombuffer(content, stored)


def _filled(part: tuple[int, memoryview] | None, shape: tuple[int, ...], dtype: str, file: _File) -> np.ndarray:
    """An array of numbers, which may be stored in a smaller type."""
    numbers = _numbers(part, file)
    if len(numbers) != math.prod(shape):
        raise MatlabError(f"{len(numbers):,} numbers for an array of {'×'.join(map(str, shape))}")
    bounds.require_room(len(numbers) * np.dtype(dtype).itemsize, file.size, file.where)
    with np.errstate(invalid="ignore", over="ignore"):
        return numbers.astype(dtype).reshape(shape, order="F")


def _words(part: tuple[int, memoryview] | None, shape: tuple[int, ...], file: _File) -> np.ndarray:
    """An array of strings, one per row of characters, without the spaces that MATLAB pads them with."""
    if part is None:
        raise MatlabError("a text that ends too soon")
    kind, content = part
    if kind in TEXTS:
        order = "" if kind == 16 else "-le" if file.order == "<" else "-be"
        letters = list(bytes(content).decode(TEXTS[kind] + order, "replace"))
    else:
        letters = [chr(int(code)) if 0 <= code < 0xD800 else "\ufffd" for code in _numbers(part, file)]
    if len(letters) != math.prod(shape):
        raise MatlabError(f"{len(letters):,} characters for a text of {'×'.join(map(str, shape))}")
    if not letters:
        return np.array([""])
    rows = np.array(letters, dtype="U1").reshape(shape, order="F").reshape(-1, shape[-1])
    return np.array(["".join(row).rstrip() for row in rows.tolist()])


def _sparse(parts: Iterator[tuple[int, memoryview]], shape: tuple[int, ...], file: _File) -> np.ndarray:
    """A dense copy of a sparse matrix, which is stored by columns."""
    rows, starts, values = (_numbers(next(parts, None), file) for _ in range(3))
    n_rows, n_columns = shape[0], math.prod(shape[1:])
    counts = np.diff(starts.astype(np.int64))
    if len(starts) != n_columns + 1 or int(starts[0]) != 0 or (counts < 0).any():
        raise MatlabError("a sparse matrix whose columns are not in order")
    used = int(starts[-1])
    if used > min(len(rows), len(values)) or (rows[:used] < 0).any() or (rows[:used] >= n_rows).any():
        raise MatlabError("a sparse matrix with entries outside it")
    bounds.require_columns(n_columns, file.where)
    bounds.require_room(8 * n_rows * n_columns, file.size, file.where)
    written = np.zeros((n_rows, n_columns))
    written[rows[:used], np.repeat(np.arange(n_columns), counts)] = values[:used]
    return written


def _words_of_cells(
    parts: Iterator[tuple[int, memoryview]], shape: tuple[int, ...], file: _File
) -> np.ndarray | None:  # fmt: skip
    """A cell array with a string in each cell; None if it holds anything else."""
    words = []
    for kind, content in parts:
        if kind != MATRIX or len(words) == math.prod(shape):
            return None
        word = [array for _, array in _named(content, file, 0)] if len(content) else [np.array([""])]
        if len(word) != 1 or word[0].dtype.kind != "U" or word[0].shape != (1,):
            return None
        words.append(str(word[0][0]))
    return np.array(words).reshape(shape, order="F") if words and len(words) == math.prod(shape) else None


def _fields(parts: Iterator[tuple[int, memoryview]], file: _File, deep: int, name: str) -> Iterator[Any]:
    """The fields of a struct with one entry."""
    width = _numbers(next(parts, None), file)
    names = bytes((next(parts, None) or (0, b""))[1])
    step = int(width[0]) if len(width) else 0
    if step <= 0:
        raise MatlabError("a struct whose fields have no names")
    fields = [names[start : start + step].split(b"\0")[0] for start in range(0, len(names), step)]
    for field, (kind, content) in zip(fields, parts, strict=False):
        if kind == MATRIX and len(content):
            yield from _named(content, file, deep - 1, f"{name}/{field.decode('utf-8', 'replace')}")
