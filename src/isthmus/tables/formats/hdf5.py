"""HDF5, read by h5py: arrays in groups, counts of AnnData and 10x Genomics, and MATLAB files since version 7.3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.tables.array_split import unread_note
from isthmus.tables.arrays import (
    chosen_array,
    columns_among,
    dense,
    entries,
    labels_among,
    table_from_array,
    table_of_columns,
)
from isthmus.tables.bounds import require_room
from isthmus.tables.container import File
from isthmus.tables.errors import DataError, reason_of
from isthmus.tables.formats.numpy import RecordSource
from isthmus.tables.formats.ten_x import distinct_names
from isthmus.tables.request import Request
from isthmus.tables.segments import HeldSegments
from isthmus.tables.source import SegmentsSource, Source
from isthmus.tables.stream import HeldStream, TableStream

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".h5", ".hdf5", ".h5ad", ".hdf", ".he5", ".mat")
MARK = b"\x89HDF\r\n\x1a\n"
MAX_ARRAYS = 10_000


def matches(file: File) -> bool:
    """By its first bytes, which come after 512 others in MATLAB files."""
    return file.head.startswith(MARK) or file.head[512:520] == MARK


def open_file(file: File, request: Request) -> TableStream | Source:
    """The array that is the table, with labels and names where the file has them."""
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{file.where}: HDF5 needs h5py: pip install 'isthmus[hdf5]'.") from error
    with _blamed(file), h5py.File(file.on_disk(), "r") as book:
        if {"matrix", "row_attrs", "col_attrs"} <= set(book):
            return HeldStream(_loom_table(book, file))
        counts = _counts(book, h5py)
        if counts is not None:
            return HeldStream(_sparse_table(book, counts, file, h5py))
        arrays = _arrays(book, h5py)
        records = [name for name, array in arrays.items() if array.dtype.names and array.ndim == 1 and len(array) > 1]
        plain = {name: array for name, array in arrays.items() if not array.dtype.names}
        wide = any(array.ndim >= 2 for array in plain.values())
        if records and not wide:
            chosen = arrays[max(records, key=lambda name: arrays[name].size)]
            require_room(chosen.nbytes, file.size, file.where)
            return RecordSource(chosen[()], file)
        columns = columns_among(plain)
        if columns:
            table = table_of_columns({name: _as_text(_read(plain[name], file)) for name in columns})
            return SegmentsSource(HeldSegments(table), file.stem)
        main = chosen_array(plain, file.where)
        if main == "X" and {"obs", "var"} <= set(book):
            return HeldStream(_annotated(book, book["X"], _read(plain[main], file), file, h5py))
        return HeldStream(_table(plain, main, file, request))


@contextmanager
def _blamed(file: File) -> Iterator[None]:
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a reader may raise anything on malformed bytes
        raise DataError(f"{file.where}: not readable as HDF5 ({reason_of(error)}); save it again.") from error


def _arrays(book: Any, h5py: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset) and item.shape is not None and not name.startswith("#"):
            found[name] = item
        return True if len(found) > MAX_ARRAYS else None

    book.visititems(visit)  # does not follow links out of the file
    return found


def _table(arrays: dict[str, Any], main: str, file: File, request: Request) -> Any:
    # MATLAB stores arrays transposed
    transposed = "MATLAB_class" in arrays[main].attrs or file.head.startswith(b"MATLAB")
    array = _read(arrays[main], file)
    array = array.T if transposed else array
    if array.ndim == 2 and transposed and 1 in array.shape and array.shape[0] == 1:
        array = array.T
    label = str(request.labels) if request.labels in arrays else labels_among(arrays, main, len(array))
    labels = None
    if label is not None:
        words = _read(arrays[label], file)
        labels = entries(_as_text(words.T if transposed else words), label, len(array), file.where)
    names = next((arrays[name] for name in ("columns", "feature_names", "names") if name in arrays), None)
    named = None if names is None else _as_text(_read(names, file)).ravel()
    name = None if label is None else label.rpartition("/")[2]
    where = f"{file.where}, array {main!r}"
    table = table_from_array(array, where, file.stem, names=named, labels=labels, label_name=name)
    return replace(table, notes=unread_note(arrays, {main, label or main}))


def _read(array: Any, file: File) -> np.ndarray:
    if array.dtype.kind == "O":
        require_room(64 * array.size, file.size, file.where)
        return np.asarray(array.asstr()[()])
    require_room(array.size * array.dtype.itemsize, file.size, file.where)
    return np.asarray(array[()])


def _as_text(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    return array.astype(np.str_) if array.dtype.kind == "O" else array


def _counts(book: Any, h5py: Any) -> Any:
    """The group of a sparse matrix: X of AnnData, matrix of 10x Genomics, or any with data, indices and indptr."""
    for name in ("X", "matrix"):
        if name in book and isinstance(book[name], h5py.Group) and {"data", "indices", "indptr"} <= set(book[name]):
            return book[name]
    groups: list[Any] = []

    def visit(_: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Group) and {"data", "indices", "indptr"} <= set(item):
            groups.append(item)
        return True if groups else None

    book.visititems(visit)
    return (
        groups[0]
        if groups and not any(isinstance(book[name], h5py.Dataset) for name in ("X", "data") if name in book)
        else None
    )


def _sparse_table(book: Any, group: Any, file: File, h5py: Any) -> Any:
    from scipy import sparse

    parts = {name: _read(group[name], file) for name in ("data", "indices", "indptr")}
    by_column = "csc" in str(group.attrs.get("encoding-type", group.attrs.get("h5sparse_format", "csr")))
    shape = group.attrs.get("shape", group.attrs.get("h5sparse_shape"))
    genes_first = shape is None and "shape" in group  # 10x: genes are rows, cells columns, stored a cell at a time
    shape = tuple(int(side) for side in (group["shape"][()] if genes_first else shape if shape is not None else (0, 0)))
    if shape == (0, 0):
        shape = len(parts["indptr"]) - 1, int(parts["indices"].max()) + 1
    make = sparse.csc_matrix if by_column or genes_first else sparse.csr_matrix
    matrix: Any = make((parts["data"], parts["indices"], parts["indptr"]), shape=shape)
    matrix.check_format(full_check=True)
    matrix = matrix.T if genes_first else matrix
    return _annotated(book, group, dense(matrix, file.size, file.where), file, h5py)


def _loom_table(book: Any, file: File) -> Any:
    """The matrix of a loom file, where genes are rows: cells become the rows."""
    values = _read(book["matrix"], file).T
    words: list[np.ndarray | None] = []
    for folder, known in (
        ("col_attrs", ("CellID", "cell_id", "barcodes")),
        ("row_attrs", ("Gene", "gene", "Accession")),
        ("row_attrs", ("Accession",)),
    ):
        place = next((f"{folder}/{name}" for name in known if name in book[folder]), None)
        words.append(None if place is None else _as_text(_read(book[place], file)).ravel())
    return _named(values, words, file)


def _annotated(book: Any, group: Any, values: np.ndarray, file: File, h5py: Any) -> Any:
    """Counts with the names of cells and genes stored beside them."""
    return _named(values, _words(book, group, file, h5py), file)


def _named(values: np.ndarray, words: list[np.ndarray | None], file: File) -> Any:
    ids, names, gene_ids = words
    ids = ids if ids is not None and len(ids) == len(values) else None
    names = distinct_names(names, gene_ids) if names is not None and len(names) == values.shape[1] else None
    return table_from_array(
        values, file.where, file.stem, names=names, ids=ids, id_name=None if ids is None else "barcode"
    )


def _words(book: Any, group: Any, file: File, h5py: Any) -> list[np.ndarray | None]:
    """Names of the rows and of the columns of a matrix of counts, and ids of the columns."""
    found: list[np.ndarray | None] = []
    for folder, names in (
        ("obs", ("barcodes", "_index", "index")),
        ("var", ("features/name", "gene_names", "genes", "_index", "index")),
        ("", ("features/id", "genes", "var/gene_ids")),
    ):
        places = [f"{where}/{name}" if where else name for name in names for where in (group.name.strip("/"), folder)]
        if folder and folder in book and isinstance(book[folder], h5py.Group) and "_index" in book[folder].attrs:
            places.insert(0, f"{folder}/{book[folder].attrs['_index']}")
        place = next((place for place in places if place in book and isinstance(book[place], h5py.Dataset)), None)
        found.append(None if place is None else _as_text(_read(book[place], file)).ravel())
    return found
