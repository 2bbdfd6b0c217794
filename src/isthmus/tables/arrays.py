"""From arrays to tables: which of several arrays is the table, which holds the labels, which axis is the channels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.errors import DataError
from isthmus.tables.row_shape import pixel_names
from isthmus.tables.table import Table, check_finite

__all__ = [
    "ROWS_NAMES",
    "as_rows",
    "chosen_array",
    "columns_among",
    "exact_float",
    "labels_among",
    "picture_shape",
    "require_letters",
    "table_from_array",
    "table_of_columns",
]

ROWS_NAMES = (
    "X", "x", "x_train", "X_train", "train_x", "train_images", "images", "train", "data", "features", "imgs", "pixels",
    "values", "arr_0", "samples", "inputs", "array", "matrix", "embeddings", "vectors", "fea", "spectra",
)  # fmt: skip
LABEL_NAMES = (
    "y", "Y", "y_train", "train_y", "labels", "label", "train_labels", "target", "targets", "classes", "gnd", "class",
)  # fmt: skip
HELD_OUT = re.compile(r"(?:^|/)(?:test|val|valid|validation|dev)(?:/|$)", re.IGNORECASE)
NUMBERS, WORDS_AND_NUMBERS = "fiub", "biufUSMm"
LAST_CODE_POINT, SURROGATES = 0x10FFFF, (0xD800, 0xDFFF)
CHANNELS = (1, 3, 4)


def picture_shape(shape: tuple[int, ...]) -> tuple[tuple[int, ...], bool] | None:
    """The shape of a picture, channels first and omitted if just one, and whether they came last; None if no picture.

    >>> picture_shape((10, 8, 8)), picture_shape((10, 32, 32, 3)), picture_shape((10, 3, 32, 32))
    (((8, 8), False), ((3, 32, 32), True), ((3, 32, 32), False))
    """
    if len(shape) == 3:
        return shape[1:], False
    if len(shape) != 4:
        return None
    first, last = shape[1] in CHANNELS, shape[-1] in CHANNELS
    if last and (not first or min(shape[1:3]) > min(shape[2:])):
        inner = (shape[3], shape[1], shape[2])
        return (inner[1:] if inner[0] == 1 else inner), True
    if first:
        return (shape[2:] if shape[1] == 1 else shape[1:]), False
    return None


def as_rows(array: np.ndarray, where: str) -> tuple[np.ndarray, tuple[int, ...] | None]:
    """A two-dimensional array from one of rows, pictures or anything with more axes, and the shape of a picture.

    Channels are moved first. Bytes of pictures are not scaled.
    """
    require_numbers(array, where)
    if array.ndim == 2:
        return array, None
    found = picture_shape(array.shape)
    if found is None:
        return array.reshape(len(array), -1), None
    shape, channels_last = found
    if channels_last and array.shape[-1] > 1:
        array = np.moveaxis(array, -1, 1)
    return array.reshape(len(array), -1), shape


def table_from_array(
    array: np.ndarray, where: str, name: str, *, names: np.ndarray | None = None, labels: np.ndarray | None = None,
    label_name: str | None = None, ids: np.ndarray | None = None, id_name: str | None = None,
) -> Table:  # fmt: skip
    """A `Table` from an array of numbers: pictures of bytes are divided by 255, other numbers are unchanged."""
    rows, shape = as_rows(array, where)
    with np.errstate(over="ignore"):
        values = rows.astype(exact_float(rows.dtype), order="K", copy=False)
    if shape is not None and array.dtype == np.uint8:
        values = values / np.float32(255)
    if names is not None and len(names) == values.shape[1]:
        columns = tuple(map(str, names))
    else:
        columns = pixel_names(shape) if shape else tuple(f"x{i}" for i in range(values.shape[1]))
    check_finite(values, columns, where, missing=True)
    return Table(
        values, columns, image_shape=shape, name=name, labels=labels, label_name=label_name, ids=ids, id_name=id_name
    )


def exact_float(dtype: np.dtype) -> type[np.floating]:
    """float32 if it holds every number of ``dtype`` exactly, else float64."""
    return np.float32 if np.result_type(dtype, np.float32) == np.float32 else np.float64


def require_numbers(array: np.ndarray, where: str) -> None:
    """Refuse an array that is not one of real numbers with rows and columns."""
    if array.dtype.kind not in NUMBERS:
        raise DataError(f"{where}: must hold real numbers, got {array.dtype}; save it as float32 or float64.")
    if array.ndim < 2:
        raise DataError(
            f"{where}: must have rows and columns, got shape {array.shape}; reshape it, for one column with "
            "array.reshape(-1, 1)."
        )
    require_columns(math.prod(array.shape[1:]), where)
    if 0 in array.shape:
        raise DataError(f"{where}: no numbers in it, its shape is {array.shape}; save at least one row.")


def chosen_array(arrays: Mapping[str, Any], where: str) -> str:
    """The name of the array that is the table: by its name, else the largest with rows and columns.

    Where none has rows and columns, a `DataError` lists the arrays there are.
    """
    wide = {
        name: array for name, array in arrays.items()
        if len(array.shape) >= 2 and array.dtype.kind in NUMBERS and 0 not in array.shape
    }  # fmt: skip
    if not wide:
        listed = ", ".join(f"{name!r} {tuple(array.shape)}" for name, array in list(arrays.items())[:12]) or "none"
        raise DataError(f"{where}: no array of numbers with rows and columns (arrays: {listed}); save one.")
    named = next((name for name in ROWS_NAMES if name in wide), None)
    if named is not None:
        return named
    tail = {name: name.rpartition("/")[2] for name in wide}
    known = next((known for known in ROWS_NAMES if known in tail.values()), None)
    if known is not None:  # of train/x and test/x the first
        alike = [name for name in wide if tail[name] == known]
        return min(alike, key=lambda name: (HELD_OUT.search(name) is not None, -wide[name].shape[0]))
    return max(wide, key=lambda name: (wide[name].shape[0] > 1, math.prod(wide[name].shape)))


def columns_among(arrays: Mapping[str, Any]) -> list[str]:
    """The names of arrays that are columns of one table: all of the same length, and none with several columns."""
    shapes = {name: tuple(array.shape) for name, array in arrays.items() if array.dtype.kind in WORDS_AND_NUMBERS}
    if any(len(shape) >= 2 and (min(shape) > 1 or name in ROWS_NAMES) for name, shape in shapes.items()):
        return []
    sizes = {name: math.prod(shape) for name, shape in shapes.items() if shape and max(shape) == math.prod(shape)}
    n_rows = max(sizes.values(), key=lambda size: (list(sizes.values()).count(size), size), default=0)
    found = [name for name, size in sizes.items() if size == n_rows > 1]
    return found if sum(arrays[name].dtype.kind in NUMBERS for name in found) > 1 else []


def table_of_columns(arrays: Mapping[str, np.ndarray]) -> Any:
    """An Arrow table of arrays with one entry per row; their kinds are inferred later, as for any column."""
    import pyarrow

    columns = {}
    for name, array in arrays.items():
        flat = np.asarray(array).reshape(-1)
        flat = np.char.decode(flat, "utf-8", "replace") if flat.dtype.kind == "S" else flat
        columns[name.rpartition("/")[2] or name] = pyarrow.array(flat.astype(flat.dtype.newbyteorder("=")))
    return pyarrow.table(columns)


def labels_among(arrays: Mapping[str, Any], main: str, n_rows: int) -> str | None:
    """The name of the array of labels: it has a usual name, and one entry per row."""
    folder = main.rpartition("/")[0]
    ending = re.search(r"(?:^|_)(train|test|val|valid)(?:_|$)", main.lower())
    known = sorted(LABEL_NAMES, key=lambda name: ending is not None and ending[1] not in name)
    for name in (*known, *(f"{folder}/{name}" for name in known if folder)):
        if name in arrays and name != main and _one_a_row(arrays[name], n_rows):
            return name
    return None


def _one_a_row(array: Any, n_rows: int) -> bool:
    shape = tuple(array.shape)
    return array.dtype.kind in WORDS_AND_NUMBERS and shape in ((n_rows,), (n_rows, 1), (1, n_rows))


def entries(array: np.ndarray, name: str, n_rows: int, where: str) -> np.ndarray:
    """Ids or labels of shape (rows,)."""
    if array.dtype.kind not in WORDS_AND_NUMBERS:
        raise DataError(f"{where}: array {name!r} must hold words or numbers, got {array.dtype}; convert it.")
    if array.shape in ((n_rows, 1), (1, n_rows)):
        array = array.reshape(n_rows)
    if array.shape != (n_rows,):
        raise DataError(
            f"{where}: array {name!r} must have one entry for each of the {n_rows} rows, got shape "
            f"{array.shape}; fix it or leave it out of the file."
        )
    if (
        array.dtype.kind == "f"
        and np.isfinite(array).all()
        and (array == np.rint(array)).all()
        and (abs(array) < 2**53).all()
    ):
        return array.astype(np.int64)
    return array.astype(np.str_) if array.dtype.kind == "S" else array


def require_letters(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Refuse text with invalid code points: Python cannot hold them, nor can UTF-8 encode half a surrogate pair."""
    for name, array in arrays.items():
        if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
            points = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).reshape(-1).view(np.uint32)
            if points.max() > LAST_CODE_POINT or ((points >= SURROGATES[0]) & (points <= SURROGATES[1])).any():
                raise DataError(f"{where}: array {name!r} holds what is no text; save it again.")


def dense(matrix: Any, file_bytes: int, where: str) -> np.ndarray:
    """A sparse matrix as a dense array, if there is room; floats keep their precision."""
    n_rows, n_columns = matrix.shape
    require_columns(n_columns, where)
    require_room(8 * n_rows * n_columns, max(file_bytes, 1), where)
    values = matrix.toarray()
    return values.astype(np.float64) if values.dtype.kind != "f" else values
