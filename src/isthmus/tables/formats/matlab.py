"""MATLAB .mat files of level 5, as versions before 7.3 write them, and of level 4; later ones are HDF5."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from isthmus.tables.array_split import unread_note
from isthmus.tables.arrays import (
    chosen_array,
    columns_among,
    entries,
    labels_among,
    table_from_array,
    table_of_columns,
)
from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats import matlab_elements, matlab_level4
from isthmus.tables.formats.matlab_elements import MatlabError
from isthmus.tables.formats.matlab_level4 import is_level_4
from isthmus.tables.request import Request
from isthmus.tables.segments import HeldSegments
from isthmus.tables.source import SegmentsSource, Source
from isthmus.tables.stream import HeldStream, TableStream

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".mat",)


def matches(file: File) -> bool:
    """By its first bytes."""
    return is_level_4(file.head) or (_is_level_5(file.head) and b"HDF" not in file.head[512:520])


def _is_level_5(head: bytes) -> bool:
    return head.startswith(b"MATLAB 5.0 MAT-file")


def open_file(file: File, request: Request) -> TableStream | Source:
    """The array named X or like a usual table, else the largest; an array such as y holds the labels."""
    try:
        known = matlab_elements if _is_level_5(file.head) else matlab_level4
        arrays = known.arrays_of(file.bytes(), file.where)
    except MatlabError as error:
        raise DataError(f"{file.where}: not readable as a MATLAB file ({error}); save it again.") from error
    columns = columns_among(arrays)
    if columns:
        table = table_of_columns({name: arrays[name] for name in columns})
        return SegmentsSource(HeldSegments(table), file.stem)
    main = chosen_array(arrays, file.where)
    array = arrays[main]
    if array.shape[0] == 1 and array.ndim == 2:
        array = array.T
    if array.ndim > 2 and array.shape[-1] > max(array.shape[:-1]):  # the axis of pictures is last, as in SVHN
        array = np.moveaxis(array, -1, 0)
    label = str(request.labels) if request.labels in arrays else labels_among(arrays, main, len(array))
    labels = None if label is None else entries(arrays[label], label, len(array), file.where)
    table = table_from_array(array, f"{file.where}, array {main!r}", file.stem, labels=labels, label_name=label)
    return HeldStream(replace(table, notes=unread_note(arrays, {main, label or main})))
