"""NumPy files: .npy, which is read from disk in slices, and .npz. Neither may hold Python objects."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from isthmus.tables.array_split import joined_split, unread_note
from isthmus.tables.arrays import (
    as_rows,
    chosen_array,
    columns_among,
    dense,
    entries,
    labels_among,
    require_letters,
    require_numbers,
    table_from_array,
    table_of_columns,
)
from isthmus.tables.batches import ArrayStream
from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.container import File
from isthmus.tables.errors import DataError, reason_of
from isthmus.tables.heading import heading_of
from isthmus.tables.request import Request
from isthmus.tables.segments import HeldSegments
from isthmus.tables.source import RowsSource, SegmentsSource, Source
from isthmus.tables.stream import HeldStream, TableStream
from isthmus.tables.table import Table
from isthmus.tables.unchanged import Unchanged

__all__ = ["SUFFIXES", "is_archive", "is_array", "open_archive", "open_array"]

SUFFIXES = (".npy", ".npz")
MAX_MEMBERS = 1000
SAMPLE_ROWS = 400


def is_array(file: File) -> bool:
    """Whether a file is one array."""
    return file.head.startswith(b"\x93NUMPY")


def is_archive(file: File) -> bool:
    """Whether a file is several arrays in a zip archive."""
    return file.zip_format == "npz"


def open_array(file: File, request: Request) -> TableStream | Source:
    """One array: rows of numbers, pictures, or records with fields."""
    path = file.on_disk()
    array = _mapped(path, file.where)
    if array.dtype.names:
        return RecordSource(array, file)
    if array.dtype.kind in "USM" and array.ndim in (1, 2) and array.size:
        return _words_source(array, file, request)
    require_numbers(array, file.where)
    shape = as_rows(array[:1], file.where)[1]
    small = table_from_array(np.zeros_like(array[:1]), file.where, file.stem)
    stream = ArrayStream(_ArrayFile(path, file), small.columns, missing=True, where=file.where)
    stream.name, stream.image_shape, stream.row_shape = file.stem, shape, small.row_shape
    return stream


def _words_source(array: np.ndarray, file: File, request: Request) -> Source:
    """An array of text or dates, whose columns are inferred as for a text file."""
    require_room(4 * array.size + array.nbytes, file.size, file.where)
    array = np.array(array[:, None] if array.ndim == 1 else array)
    require_columns(array.shape[1], file.where)
    array = np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array
    require_letters({file.stem: array}, file.where)
    rows = array.astype(np.str_).tolist()
    heading = heading_of(rows[:SAMPLE_ROWS], array.shape[1], request.header)
    source = RowsSource(heading.names, rows[heading.first :])
    source.name, source.flags = file.stem, ("header",)
    return source


class _ArrayFile:
    """An array on disk, memory-mapped only while a slice is copied, so its pages are released."""

    def __init__(self, path: Path, file: File):
        self.path, self.file = path, file  # the file owns the unpacked copy
        self._unchanged = Unchanged([path])
        array = _mapped(path, file.where)
        require_numbers(array, file.where)
        self.is_scaled = array.dtype == np.uint8 and array.ndim > 2 and as_rows(array[:1], file.where)[1] is not None
        self.shape = len(array), int(np.prod(array.shape[1:]))

    def __getitem__(self, rows: slice) -> np.ndarray:
        self._unchanged.require(self.path)
        part = as_rows(np.array(_mapped(self.path, self.file.where)[rows]), self.file.where)[0]
        return part / np.float32(255) if self.is_scaled else part


def _mapped(path: Path, where: str) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # a reader may raise anything on malformed bytes
        raise DataError(f"{where}: not readable as a NumPy array ({_reason(error)}); save it again.") from error


class RecordSource(Source):
    """An array of records, one column per field."""

    def __init__(self, array: np.ndarray, file: File):
        super().__init__()
        self._array, self.name, self._file = array.reshape(-1), file.stem, file
        self.names = tuple(array.dtype.names or ())

    def batches(self) -> Any:
        import pyarrow

        for start in range(0, len(self._array), 1 << 14):
            part = self._array[start : start + (1 << 14)]
            cells = []
            for name in self.names:
                field = np.asarray(part[name])
                if field.ndim > 1 or field.dtype.kind not in "biufUSMm":
                    raise DataError(
                        f"{self._file.where}: field {name!r} must hold one number, text or date per row, got "
                        f"{field.dtype} of shape {field.shape[1:]}; drop the field or save its parts as fields."
                    )
                field = np.char.decode(field, "utf-8", "replace") if field.dtype.kind == "S" else field
                require_letters({name: field}, self._file.where)
                cells.append(pyarrow.array(field.astype(field.dtype.newbyteorder("="))))
            yield pyarrow.RecordBatch.from_arrays(cells, names=list(self.names))


def open_archive(file: File, request: Request) -> TableStream | Source:
    """The array named X or like a usual table, else the largest; an array such as y holds the labels.

    If no array has several columns, those of equal length are the columns of a table.

    The other arrays that `isthmus.tables.write_table` writes are read, too: ``columns``, ``ids``, ``id_name`` and
    ``label_name``. A sparse matrix of SciPy becomes dense.
    """
    path, where = file.on_disk(), file.where
    try:
        with path.open("rb") as opened:
            _require_modest(opened, path.stat().st_size, where)
            with np.load(opened, allow_pickle=False) as archive:
                members = {name: archive[name] for name in archive.files}
            arrays = {name: array for name, array in members.items() if isinstance(array, np.ndarray)}
        require_letters(arrays, where)
    except (MemoryError, DataError):
        raise
    except Exception as error:  # a reader may raise anything on malformed bytes
        raise DataError(f"{where}: not readable as NumPy arrays ({_reason(error)}); save it again.") from error
    if {"indptr", "indices", "data", "shape"} <= set(arrays) or {"row", "col", "data", "shape"} <= set(arrays):
        return HeldStream(table_from_array(_sparse(arrays, path, where), where, file.stem))
    columns = columns_among(arrays)
    if columns:
        return SegmentsSource(HeldSegments(table_of_columns({name: arrays[name] for name in columns})), file.stem)
    return HeldStream(_table(arrays, request, where, file.stem))


def _table(arrays: dict[str, np.ndarray], request: Request, where: str, name: str) -> Table:
    main = "X" if "X" in arrays else chosen_array(arrays, where)
    n_rows = len(arrays[main]) if arrays[main].ndim else 0
    label_name, id_name = _word(arrays, "label_name", "y"), _word(arrays, "id_name", "ids")
    found = labels_among(arrays, main, n_rows)
    label_array = found or "y"  # which then does not have one entry per row, and is refused
    label_name = label_name if label_array == "y" else label_array
    if request.labels in arrays and request.labels not in (None, label_name):
        label_array = label_name = str(request.labels)
    label = label_array if label_array in arrays else None
    test, notes = None, ()
    if id_name == "ids" and "ids" not in arrays and request.ids is None:
        arrays, test, notes = joined_split(arrays, main, label)
        n_rows = len(arrays[main]) if arrays[main].ndim else 0
    array = arrays[main]
    id_array = "ids"
    if request.ids in arrays and request.ids not in (None, id_name):
        id_array = id_name = str(request.ids)
    labels = entries(arrays[label_array], label_array, n_rows, where) if label_array in arrays else None
    ids = entries(arrays[id_array], id_array, n_rows, where) if id_array in arrays else None
    names = arrays.get("columns")
    if names is not None and (array.ndim != 2 or names.shape != array.shape[1:]):
        width = array.shape[1] if array.ndim > 1 else 0
        raise DataError(f"{where}: array 'columns' must name {width} columns, got {names.shape}; fix it.")
    table = table_from_array(
        array, f"{where}, array {main!r}", name, names=names, labels=labels,
        label_name=label_name if labels is not None else None, ids=ids, id_name=id_name if ids is not None else None,
    )  # fmt: skip
    notes += unread_note(arrays, {main, label_array, id_array, "columns"})
    return replace(table, official_test=test, notes=notes)


def _sparse(arrays: dict[str, np.ndarray], path: Path, where: str) -> np.ndarray:
    from scipy import sparse

    try:
        shape = tuple(int(side) for side in arrays["shape"].ravel())
        if "indptr" in arrays:
            kind = str(arrays.get("format", np.array("csr")).astype(str)).strip("b'")
            make = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "bsr": sparse.bsr_matrix}[kind]
            matrix: Any = make((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
            matrix.check_format(full_check=True)
        else:
            matrix = sparse.coo_matrix((arrays["data"], (arrays["row"], arrays["col"])), shape=shape)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise DataError(
            f"{where}: not a sparse matrix as SciPy writes it ({_reason(error)}); save it again."
        ) from error
    return dense(matrix, path.stat().st_size, where)


def _require_modest(file: IO[bytes], n_bytes: int, where: str) -> None:
    """Refuse an archive whose members unpack to far more than its size; no more than they declare is ever read."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{where}: {len(members):,} arrays, but at most {MAX_MEMBERS:,} are read; save fewer.")
    require_room(sum(member.file_size for member in members), n_bytes, where)
    file.seek(0)


def _word(arrays: dict[str, np.ndarray], name: str, otherwise: str) -> str:
    stored: Any = arrays.get(name)
    return str(stored) if stored is not None and stored.ndim == 0 and stored.dtype.kind == "U" else otherwise


def _reason(error: BaseException) -> str:
    if "contains pickled" in str(error) or "is not a zip file" in str(error):
        # NumPy says "contains pickled" of any file without its own first bytes, even of text.
        return "it does not start like one"
    text = reason_of(error)
    return "it holds Python objects" if "pickle" in text or "Python objects" in text else text
