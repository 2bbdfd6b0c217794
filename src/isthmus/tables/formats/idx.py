"""IDX, the file format of MNIST and similar data sets: a short header and then plain bytes."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.row_shape import pixel_names
from isthmus.tables.table import Table

__all__ = ["SUFFIXES", "matches", "pictures_to_train_on", "read_idx", "read_idx_bytes"]

SUFFIXES = ("-ubyte",)
NAMES = "*images*-ubyte*"
BYTE = 8
MAX_DIMENSIONS = 4


def matches(file: File) -> bool:
    """By its first bytes: two zeros, the type of the numbers, and the number of dimensions."""
    head = file.head[:4]
    return len(head) == 4 and head[:3] == b"\0\0\x08" and 1 <= head[3] <= MAX_DIMENSIONS


def read_idx(file: File) -> Table:
    """Read a file of pictures as float32 from 0 to 1, with labels from the file beside it if there is one.

    ``train-images-idx3-ubyte.gz`` is labelled by ``train-labels-idx1-ubyte``, with or without ``.gz``.
    """
    where = file.where
    pixels = read_idx_bytes(file)
    if pixels.ndim == 1:
        raise DataError(f"{where}: holds labels, not pictures; name the images file beside it.")
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"{where}: must hold pictures, shape (n, height, width), got shape {pixels.shape}.")
    labels_path = _labels_beside(file.path)
    labels = None if labels_path is None else read_idx_bytes(File(labels_path)).astype(np.int64)
    if labels is not None and labels.shape != pixels.shape[:1]:
        raise DataError(
            f"{str(labels_path)!r}: must hold one label for each of the {len(pixels)} pictures, got shape "
            f"{labels.shape}; move it away or fix it."
        )
    return Table(
        pixels.reshape(len(pixels), -1) / np.float32(255),
        pixel_names(pixels.shape[1:]),
        labels=labels,
        label_name=None if labels is None else "label",
        image_shape=pixels.shape[1:],
        name=file.name.removesuffix("-ubyte"),
    )


def pictures_to_train_on(folder: Path) -> Path | None:
    """The file of pictures in a folder or one level below it, as MNIST is unpacked; the one for training if several."""
    found = sorted(
        {
            file.stem if file.suffix == ".gz" else file.name: file
            for file in (*folder.glob(NAMES), *folder.glob(f"*/{NAMES}"))
        }.items()
    )
    return next((file for name, file in found if "train" in name), found[0][1] if found else None)


def read_idx_bytes(file: File) -> np.ndarray:
    """The array of bytes in an IDX file, in the shape that its header declares."""
    where = file.where
    try:
        with file.open() as stream:
            zeros, kind, n_dimensions = struct.unpack(">HBB", stream.read(4))
            if zeros != 0:
                raise DataError(f"{where}: not an IDX file, it starts with other bytes; download it again.")
            if kind != BYTE:
                raise DataError(f"{where}: must hold unsigned bytes (kind 8), got kind {kind}; convert it.")
            if n_dimensions > MAX_DIMENSIONS:
                raise DataError(f"{where}: must hold pictures or labels, got {n_dimensions} dimensions; convert it.")
            shape = struct.unpack(f">{n_dimensions}I", stream.read(4 * n_dimensions))
            size = math.prod(shape)
            require_columns(math.prod(shape[1:]), where)
            packed = file.packing is not None
            if packed:
                require_room(np.dtype(np.float32).itemsize * size, file.size, where)
            content = stream.read(size + 1) if packed or size <= file.size else b""
    except (EOFError, struct.error) as error:
        raise DataError(f"{where}: not readable as an IDX file ({error}); download it again.") from error
    if len(content) != size:
        raise DataError(f"{where}: its header declares shape {shape} but it is shorter or longer; download it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    if name == path.name.removesuffix(".gz"):
        return None
    return next((file for file in (path.with_name(name), path.with_name(f"{name}.gz")) if file.is_file()), None)
