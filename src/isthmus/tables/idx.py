"""IDX: the file format in which MNIST and its kin are published, a short head and then plain bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from isthmus.tables.bounds import require_columns, require_room
from isthmus.tables.images import pixel_names
from isthmus.tables.table import DataError, Table

__all__ = ["read_idx", "read_idx_bytes"]

BYTE = 8
MOST_DIMENSIONS = 4


def read_idx(path: Path) -> Table:
    """Read a file of pictures as float32 from 0 to 1, with the labels of the file beside it if there is one.

    ``train-images-idx3-ubyte.gz`` is labelled by ``train-labels-idx1-ubyte``, with or without ``.gz``.
    """
    where = repr(str(path))
    pixels = read_idx_bytes(path)
    if pixels.ndim == 1:
        raise DataError(f"{where}: holds labels, not pictures; name the images file beside it.")
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"{where}: must hold pictures, shape (n, height, width), got shape {pixels.shape}.")
    labels_path = _labels_beside(path)
    labels = None if labels_path is None else read_idx_bytes(labels_path).astype(np.int64)
    if labels is not None and labels.shape != pixels.shape[:1]:
        raise DataError(
            f"{str(labels_path)!r}: must hold one label for each of the {len(pixels)} pictures, got shape "
            f"{labels.shape}; move it away or mend it."
        )
    return Table(
        pixels.reshape(len(pixels), -1) / np.float32(255),
        pixel_names(pixels.shape[1:]),
        labels=labels,
        label_name=None if labels is None else "label",
        image_shape=pixels.shape[1:],
        name=path.name.removesuffix(".gz").removesuffix("-ubyte"),
    )


def read_idx_bytes(path: Path) -> np.ndarray:
    """The array of bytes in an IDX file (gzipped if it is called so), in the shape its head declares."""
    where = repr(str(path))
    try:
        n_bytes = path.stat().st_size
        opener = gzip.open if path.suffix == ".gz" else open
        with cast("IO[bytes]", opener(path, "rb")) as stream:
            zeros, kind, n_dimensions = struct.unpack(">HBB", stream.read(4))
            if zeros != 0:
                raise DataError(f"{where}: not an IDX file, it begins with other bytes; download it again.")
            if kind != BYTE:
                raise DataError(f"{where}: must hold unsigned bytes (kind 8), got kind {kind}; convert it.")
            if n_dimensions > MOST_DIMENSIONS:
                raise DataError(f"{where}: must hold pictures or labels, got {n_dimensions} dimensions; convert it.")
            shape = struct.unpack(f">{n_dimensions}I", stream.read(4 * n_dimensions))
            size = math.prod(shape)
            require_columns(math.prod(shape[1:]), where)
            if path.suffix == ".gz":
                require_room(np.dtype(np.float32).itemsize * size, n_bytes, where)
            content = stream.read(size + 1) if path.suffix == ".gz" or size <= n_bytes else b""
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DataError(f"{where}: not readable as an IDX file ({error}); download it again.") from error
    if len(content) != size:
        raise DataError(f"{where}: its head declares shape {shape} but it is shorter or longer; download it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    if name == path.name.removesuffix(".gz"):
        return None
    return next((file for file in (path.with_name(name), path.with_name(f"{name}.gz")) if file.is_file()), None)
