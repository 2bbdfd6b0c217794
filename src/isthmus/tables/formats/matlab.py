"""MATLAB's .mat files before 7.3, read by SciPy; later ones are HDF5."""

from __future__ import annotations

from typing import Any

import numpy as np

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
from isthmus.tables.errors import DataError
from isthmus.tables.request import Request
from isthmus.tables.segments import HeldSegments
from isthmus.tables.source import SegmentsSource, Source
from isthmus.tables.stream import HeldStream, TableStream

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".mat",)
BYTES = {"double": 8, "single": 4, "sparse": 16, "char": 4, "int64": 8, "uint64": 8, "logical": 1}


def matches(file: File) -> bool:
    """By its first bytes."""
    return file.head.startswith(b"MATLAB 5.0 MAT-file") and b"HDF" not in file.head[512:520]


def open_file(file: File, request: Request) -> TableStream | Source:
    """The array called X, or as arrays of rows are called, or the largest; one called y is the labels."""
    from scipy.io import loadmat, whosmat

    path = str(file.on_disk())
    try:
        sizes = whosmat(path)
        require_room(
            sum(BYTES.get(kind, 8) * int(np.prod(shape, dtype=np.float64)) for _, shape, kind in sizes),
            file.size,
            file.where,
        )
        loaded = loadmat(
            path, variable_names=[name for name, _, kind in sizes if kind not in ("function", "object", "opaque")]
        )
    except (DataError, MemoryError):
        raise
    except Exception as error:  # a reader met with hostile bytes may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(".")
        raise DataError(f"{file.where}: not readable as a MATLAB file ({reason}); save it again.") from error
    arrays: dict[str, Any] = {
        name: array for name, array in loaded.items() if not name.startswith("__") and hasattr(array, "shape")
    }
    arrays = {
        name: dense(array, file.size, file.where) if hasattr(array, "tocsr") else array
        for name, array in arrays.items()
    }
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    columns = columns_among(arrays)
    if columns:
        table = table_of_columns({name: arrays[name] for name in columns})
        return SegmentsSource(HeldSegments(table), file.stem)
    main = chosen_array(arrays, file.where)
    array = arrays[main]
    if array.shape[0] == 1 and array.ndim == 2:
        array = array.T
    if array.ndim > 2 and array.shape[-1] > max(array.shape[:-1]):  # pictures come last, as in svhn
        array = np.moveaxis(array, -1, 0)
    label = str(request.labels) if request.labels in arrays else labels_among(arrays, main, len(array))
    labels = None if label is None else entries(arrays[label], label, len(array), file.where)
    return HeldStream(
        table_from_array(array, f"{file.where}, array {main!r}", file.stem, labels=labels, label_name=label)
    )
