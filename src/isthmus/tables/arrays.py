"""NumPy's own files: .npy, which stays on disk, and .npz. Neither may hold Python objects."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.images import pixel_names
from isthmus.tables.stream import ArrayStream, TableStream
from isthmus.tables.table import DataError, Table, check_finite

__all__ = ["open_npy", "read_npy", "read_npz"]

ARCHIVE = (b"PK\x03\x04", b"PK\x05\x06")
SINGLE = (b"\x93NUMPY",)
MOST_MEMBERS = 1000
LAST_LETTER, SURROGATES = 0x10FFFF, (0xD800, 0xDFFF)
WORDS_AND_NUMBERS = "biufUSMm"


def read_npy(path: Path, *, missing: bool = False) -> Table:
    """Read an array of shape (rows, columns), or of pictures: see `table_from_array`.

    A two-dimensional array of float32 or float64 is not read into memory but mapped from the disk.
    """
    where = repr(str(path))
    if _begins_with(path, ARCHIVE):
        raise DataError(f"{where}: holds several arrays; name the file .npz.")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # a reader met with hostile bytes may raise anything
        raise DataError(f"{where}: not readable as a NumPy array ({_reason(error)}); save it again.") from error
    return table_from_array(array, where, path.stem, missing=missing)


def open_npy(path: Path, *, missing: bool = False) -> TableStream:
    """The same without reading it: pictures and numbers of any kind stay on the disk."""
    file = _NpyFile(path)
    small = table_from_array(file.mapped()[:1], repr(str(path)), path.stem, missing=True)
    stream = ArrayStream(file, small.columns, missing=missing, where=repr(str(path)))
    stream.name, stream.image_shape = path.stem, small.image_shape
    return stream


class _NpyFile:
    """An array on disk, mapped only while a slice of it is copied, so that its pages are given back."""

    def __init__(self, path: Path):
        self.path, self.where = path, repr(str(path))
        if _begins_with(path, ARCHIVE):
            raise DataError(f"{self.where}: holds several arrays; name the file .npz.")
        array = self.mapped()
        _require_rows_of_numbers(array, self.where)
        self.divided = array.dtype == np.uint8 and array.ndim > 2
        self.shape = len(array), int(np.prod(array.shape[1:]))

    def mapped(self) -> np.ndarray:
        """The array as it lies in the file."""
        try:
            return np.load(self.path, mmap_mode="r", allow_pickle=False)
        except MemoryError:
            raise
        except Exception as error:
            raise DataError(
                f"{self.where}: not readable as a NumPy array ({_reason(error)}); save it again."
            ) from error

    def __getitem__(self, rows: slice) -> np.ndarray:
        part = np.array(self.mapped()[rows])
        return part / np.float32(255) if self.divided else part


def read_npz(path: Path, *, labels: str | None = None, ids: str | None = None, missing: bool = False) -> Table:
    """Read the array ``X``, or the only one with rows and columns; ``y`` becomes the labels.

    Beside them the arrays that `isthmus.tables.write_table` writes are understood: ``columns``, ``ids``,
    ``id_name`` and ``label_name``. ``labels`` and ``ids`` may name any other array of shape (rows,).
    """
    where = repr(str(path))
    if _begins_with(path, SINGLE):
        raise DataError(f"{where}: holds a single array; name the file .npy.")
    try:
        with path.open("rb") as file:
            _require_modest(file, path.stat().st_size, where)
            with np.load(file, allow_pickle=False) as archive:
                members = {name: archive[name] for name in archive.files}
            arrays = {name: array for name, array in members.items() if isinstance(array, np.ndarray)}
        _require_letters(arrays, where)
    except (MemoryError, DataError):
        raise
    except Exception as error:  # a reader met with hostile bytes may raise anything
        raise DataError(f"{where}: not readable as NumPy arrays ({_reason(error)}); save it again.") from error
    if "X" in arrays:
        main = "X"
    else:
        wide = [name for name, array in arrays.items() if array.ndim == 2]
        if len(wide) != 1:
            listed = ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items()) or "none"
            raise DataError(f"{where}: which array is the table is not clear (arrays: {listed}); name it X.")
        main = wide[0]
    table = table_from_array(arrays[main], f"{where}, array {main!r}", path.stem, missing=missing)
    names = arrays.get("columns", np.array(table.columns))
    if names.shape != (table.n_columns,):
        raise DataError(f"{where}: array 'columns' must name {table.n_columns} columns, got {names.shape}; mend it.")
    label_name, id_name = _word(arrays, "label_name", "y"), _word(arrays, "id_name", "ids")
    label_array = labels if labels is not None and labels in arrays and labels != label_name else "y"
    id_array = ids if ids is not None and ids in arrays and ids != id_name else "ids"
    return Table(
        table.values,
        tuple(map(str, names)),
        ids=_entries(arrays, id_array, len(table), where),
        id_name=(id_name if id_array == "ids" else id_array) if id_array in arrays else None,
        labels=_entries(arrays, label_array, len(table), where),
        label_name=(label_name if label_array == "y" else label_array) if label_array in arrays else None,
        image_shape=table.image_shape,
        name=table.name,
    )


def table_from_array(array: np.ndarray, where: str, name: str, *, missing: bool = False) -> Table:
    """A `Table` from an array of numbers.

    Shape (rows, columns) is taken as it is, with columns x0, x1, …. Shape (n, height, width) or
    (n, channels, height, width) is n pictures, each flattened to a row; those of bytes are divided by 255.
    """
    _require_rows_of_numbers(array, where)
    exact = np.float32 if np.result_type(array.dtype, np.float32) == np.float32 else np.float64
    with np.errstate(over="ignore"):
        values = array.reshape(len(array), -1).astype(exact, order="K", copy=False)
    image_shape = None
    if array.ndim > 2:
        image_shape = array.shape[2:] if array.ndim == 4 and array.shape[1] == 1 else array.shape[1:]
        if array.dtype == np.uint8:
            values = values / np.float32(255)
    columns = pixel_names(image_shape) if image_shape else tuple(f"x{i}" for i in range(values.shape[1]))
    check_finite(values, columns, where, missing=missing)
    return Table(values, columns, image_shape=image_shape, name=name)


def _require_rows_of_numbers(array: np.ndarray, where: str) -> None:
    """Refuse an array of another kind or shape, by what its head says."""
    if array.dtype.kind not in "fiub":
        kind = "named fields" if array.dtype.names else str(array.dtype)
        raise DataError(f"{where}: must hold real numbers, got {kind}; save it as float32 or float64.")
    if array.ndim < 2:
        raise DataError(
            f"{where}: must have rows and columns, got shape {array.shape}; reshape it, for one column with "
            "array.reshape(-1, 1)."
        )
    if array.ndim > 4 or (array.ndim == 4 and array.shape[1] not in (1, 3)):
        raise DataError(
            f"{where}: shape {array.shape} is neither (rows, columns) nor (n, height, width) nor (n, 1 or 3 "
            "channels, height, width); reshape or transpose it."
        )
    require_columns(math.prod(array.shape[1:]), where)
    if 0 in array.shape:
        raise DataError(f"{where}: no numbers in it, its shape is {array.shape}; save at least one row.")


def _require_modest(file: IO[bytes], n_bytes: int, where: str) -> None:
    """Refuse an archive whose members unpack to far more than it is; no more than they declare is ever read."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise DataError(f"{where}: {len(members):,} arrays, and {MOST_MEMBERS:,} is the most read; save fewer.")
    require_room(sum(member.file_size for member in members), n_bytes, where)
    file.seek(0)


def _require_letters(arrays: dict[str, np.ndarray], where: str) -> None:
    """Refuse words whose numbers are no letters: Python cannot make them, nor UTF-8 write half a surrogate pair."""
    for name, array in arrays.items():
        if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
            points = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).reshape(-1).view(np.uint32)
            if points.max() > LAST_LETTER or ((points >= SURROGATES[0]) & (points <= SURROGATES[1])).any():
                raise DataError(f"{where}: array {name!r} holds what is no text; save it again.")


def _begins_with(path: Path, heads: tuple[bytes, ...]) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(heads)


def _entries(arrays: dict[str, np.ndarray], name: str, n_rows: int, where: str) -> np.ndarray | None:
    if name not in arrays:
        return None
    entries = arrays[name]
    if entries.dtype.kind not in WORDS_AND_NUMBERS:
        raise DataError(f"{where}: array {name!r} must hold words or numbers, got {entries.dtype}; convert it.")
    if entries.shape == (n_rows, 1):
        entries = entries[:, 0]
    if entries.shape != (n_rows,):
        raise DataError(
            f"{where}: array {name!r} must have one entry for each of the {n_rows} rows, got shape "
            f"{entries.shape}; mend it or leave it out of the file."
        )
    return entries


def _word(arrays: dict[str, np.ndarray], name: str, otherwise: str) -> str:
    stored: Any = arrays.get(name)
    return str(stored) if stored is not None and stored.ndim == 0 and stored.dtype.kind == "U" else otherwise


def _reason(error: BaseException) -> str:
    if "contains pickled" in str(error) or "is not a zip file" in str(error):
        # NumPy says the first of any file without its own first bytes, text as well.
        return "it does not begin like one"
    text = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return "it holds Python objects" if "pickle" in text or "Python objects" in text else text
