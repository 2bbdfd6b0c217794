"""MATLAB level 4 files: a sequence of matrices, each a header of five integers, a name, and the numbers.

The decimal digits of the first integer say how the numbers are stored (MOPT: machine, 0, precision, kind).
"""

from __future__ import annotations

import struct

import numpy as np

from isthmus.tables import bounds
from isthmus.tables.formats.matlab_elements import MatlabError

__all__ = ["arrays_of", "is_level_4"]

HEAD = 20
STORED = ("f8", "f4", "i4", "i2", "u2", "u1")
NUMBERS, TEXT, SPARSE = 0, 1, 2
LONGEST_NAME, LARGEST = 64, 2**31


def is_level_4(head: bytes) -> bool:
    """Whether a file starts with the header and the name of such a matrix; the format has no signature."""
    order = _order(head)
    if order is None:
        return False
    _, n_rows, n_columns, imaginary, length = struct.unpack(f"{order}5i", head[:HEAD])
    name = head[HEAD : HEAD + length]
    return (
        min(n_rows, n_columns) >= 0
        and imaginary in (0, 1)
        and 2 <= length <= LONGEST_NAME
        and name.endswith(b"\0")
        and name[:-1].decode("latin-1").isidentifier()
        and name.isascii()
    )


def arrays_of(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of a file by their names: numbers, text, dense copies of sparse matrices.

    Raises
    ------
    MatlabError
        If the bytes are invalid.
    """
    found: dict[str, np.ndarray] = {}
    place, room = 0, 0
    while place + HEAD <= len(data):
        if not is_level_4(data[place : place + HEAD + LONGEST_NAME]):
            raise MatlabError(f"no header of a matrix at byte {place:,}")
        order = _order(data[place:]) or "<"
        kinds, n_rows, n_columns, imaginary, length = struct.unpack_from(f"{order}5i", data, place)
        stored, kind = np.dtype(order + STORED[kinds // 10 % 10]), kinds % 10
        name = data[place + HEAD : place + HEAD + length - 1].decode("ascii")
        place += HEAD + length
        count = n_rows * n_columns
        size = (1 + imaginary) * count * stored.itemsize
        if size > len(data) - place:
            raise MatlabError(f"a matrix of {size:,} bytes where {len(data) - place:,} are left")
        numbers = np.frombuffer(data, stored, (1 + imaginary) * count, place)
        place += size
        room += max(numbers.nbytes, 8 * count)
        bounds.require_room(room, len(data), where)
        array = numbers[:count].reshape((n_rows, n_columns), order="F")
        array = array + 1j * numbers[count:].reshape(array.shape, order="F") if imaginary else array
        if kind == SPARSE:
            array = _written_out(array, len(data), where)
            room += array.nbytes
        found[name] = _words(array) if kind == TEXT else array.astype(array.dtype.newbyteorder("="))
    return found


def _order(head: bytes) -> str | None:
    """The byte order in which the digits of the first integer are valid; None if there is none."""
    if len(head) < HEAD:
        return None
    for machine, order in enumerate("<>"):
        kinds = struct.unpack(f"{order}i", head[:4])[0]
        if (
            kinds // 1000 == machine
            and kinds // 100 % 10 == 0
            and kinds // 10 % 10 < len(STORED)
            and kinds % 10 <= SPARSE
        ):
            return order
    return None


def _written_out(entries: np.ndarray, size: int, where: str) -> np.ndarray:
    """A dense copy of a sparse matrix of entries (row, column, value), the last of which is its shape."""
    if entries.shape[1] < 3 or not len(entries) or not (np.abs(entries[:, :2]) < LARGEST).all():
        raise MatlabError("a sparse matrix without entries")
    places = entries[:, :2].real.astype(np.int64)
    shape = places[-1]
    if (shape < 0).any() or (places[:-1] < 1).any() or (places[:-1] > shape).any():
        raise MatlabError("a sparse matrix with entries outside it")
    n_rows, n_columns = (int(each) for each in shape)
    bounds.require_columns(n_columns, where)
    bounds.require_room(8 * n_rows * n_columns, size, where)
    written = np.zeros((n_rows, n_columns))
    written[places[:-1, 0] - 1, places[:-1, 1] - 1] = entries[:-1, 2].real
    return written


def _words(codes: np.ndarray) -> np.ndarray:
    """Strings, one per row of characters, without the spaces that MATLAB pads them with."""
    codes = codes.real
    sound = np.isfinite(codes) & (codes >= 0) & (codes < 0xD800)
    letters = np.where(sound, codes, 0xFFFD).astype(np.int64)
    return np.array(["".join(map(chr, row)).rstrip() for row in letters.tolist()] or [""])
