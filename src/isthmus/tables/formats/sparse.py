"""Sparse matrices as text: svmlight (``label index:value …``) and Matrix Market, read by scikit-learn and SciPy."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.tables import bounds
from isthmus.tables.arrays import dense, entries, table_from_array
from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.request import Request
from isthmus.tables.stream import HeldStream, TableStream

__all__ = ["SUFFIXES", "is_matrix_market", "is_svmlight", "open_matrix_market", "open_svmlight"]

SUFFIXES = (".svmlight", ".libsvm", ".svm", ".mtx")
LINE = re.compile(
    rb"[-+]?[0-9.eE+-]+(?:,[-+0-9.eE]+)*(?:\s+qid:[0-9]+)?(?:\s+[0-9]+:[-+]?[0-9.eE+-]+(?:[eE][-+]?[0-9]+)?)*\s*(?:#.*)?"
)
PAIR = re.compile(rb"(?:^|\s)([0-9]+):")
SEVERAL_LABELS = re.compile(rb"(?m)^[-+0-9.]+,[-+0-9.]")
MARKET = b"%%MatrixMarket"
MOST_SIDE = 1 << 31


def is_svmlight(file: File) -> bool:
    """Whether nine lines in ten are a label and then pairs of an index and a value."""
    lines = [line for line in file.head[:65536].split(b"\n") if line.strip() and not line.startswith(b"#")][:51]
    lines = lines[:-1] if len(lines) > 50 or len(file.head) >= 65536 else lines
    with_pairs = sum(PAIR.search(line) is not None for line in lines)
    return (
        bool(lines)
        and with_pairs >= 0.5 * len(lines)
        and sum(LINE.fullmatch(line.strip()) is not None for line in lines) >= 0.9 * len(lines)
    )


def is_matrix_market(file: File) -> bool:
    """By its first line."""
    return file.head.startswith(MARKET)


def open_svmlight(file: File, request: Request) -> TableStream:
    """The values as rows of numbers, the labels beside them."""
    from sklearn.datasets import load_svmlight_file

    data = file.bytes()
    widest = max((int(found) for found in PAIR.findall(data)), default=0)
    bounds.require_columns(widest, file.where)
    bounds.require_room(8 * widest * (data.count(b"\n") + 1), file.size, file.where)
    try:
        several = SEVERAL_LABELS.search(data) is not None
        found: Any = load_svmlight_file(io.BytesIO(data), dtype=np.dtype(np.float64), multilabel=several)
        matrix, labels = found[0], found[1]
        if several:
            labels = np.array([",".join(f"{label:g}" for label in one) for one in labels], np.str_)
    except (ValueError, OverflowError, IndexError, TypeError) as error:
        raise DataError(f"{file.where}: not readable as svmlight ({_reason(error)}); repair the file.") from error
    names = np.array([f"x{place}" for place in range(matrix.shape[1])])
    if not len(labels):
        raise DataError(f"{file.where}: no rows in it; add at least one.")
    classes = entries(np.asarray(labels), "label", len(labels), file.where)
    values = dense(matrix, file.size, file.where)
    return HeldStream(table_from_array(values, file.where, file.stem, names=names, labels=classes, label_name="label"))


def open_matrix_market(file: File, request: Request) -> TableStream:
    """The matrix as it stands; of counts of genes with names beside it, cells are the rows."""
    from scipy.io import mmread

    data = file.bytes()
    _require_modest(data, file)
    try:
        matrix: Any = mmread(io.BytesIO(data))
    except Exception as error:  # a reader met with hostile bytes may raise anything
        raise DataError(f"{file.where}: not readable as Matrix Market ({_reason(error)}); repair the file.") from error
    if np.iscomplexobj(matrix):
        raise DataError(f"{file.where}: holds complex numbers; save the real ones.")
    beside = {name: _words_beside(file.path, name) for name in ("barcodes", "features", "genes")}
    rows, columns = beside["barcodes"], beside["features"] if beside["features"] is not None else beside["genes"]
    if rows is not None and len(rows) == matrix.shape[1] != matrix.shape[0]:
        matrix = matrix.T
    values = dense(matrix, file.size, file.where) if hasattr(matrix, "toarray") else np.asarray(matrix, np.float64)
    ids = rows if rows is not None and len(rows) == len(values) else None
    names = columns if columns is not None and len({*columns}) == len(columns) else None
    return HeldStream(
        table_from_array(
            values, file.where, file.stem, names=names, ids=ids, id_name=None if ids is None else "barcode"
        )
    )


def _require_modest(data: bytes, file: File) -> None:
    """Hold what the head declares against the file's size."""
    head = next((line for line in data[: 1 << 20].split(b"\n") if line.strip() and not line.startswith(b"%")), b"")
    try:
        sides = [int(side) for side in head.split()]
    except ValueError as error:
        raise DataError(
            f"{file.where}: not readable as Matrix Market (its size is not told); repair the file."
        ) from error
    if len(sides) < 2 or min(sides) < 1 or max(sides) > MOST_SIDE:
        raise DataError(f"{file.where}: not readable as Matrix Market (sides {sides}); repair the file.")
    bounds.require_room(8 * sides[0] * sides[1], file.size, file.where)
    if len(sides) > 2:
        bounds.require_room(24 * sides[2], max(file.size, len(data)), file.where)


def _words_beside(path: Path, name: str) -> np.ndarray | None:
    """The first column of a file of names beside a matrix of counts, as 10x Genomics keeps them."""
    prefix = path.name.split("matrix")[0] if "matrix" in path.name else ""
    for suffix in (".tsv", ".tsv.gz"):
        candidate = path.with_name(f"{prefix}{name}{suffix}")
        if candidate.is_file():
            with File(candidate).open() as stream:
                lines = stream.read(1 << 26).decode("utf-8", "replace").splitlines()
            place = 1 if name != "barcodes" and lines and "\t" in lines[0] else 0
            return np.array([line.split("\t")[place] if "\t" in line else line for line in lines], np.str_)
    return None


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(".")
