"""Sparse matrices as text: svmlight (``label index:value …``), which scikit-learn reads, and Matrix Market."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.tables import bounds
from isthmus.tables.arrays import dense, entries, table_from_array
from isthmus.tables.container import File
from isthmus.tables.errors import DataError, reason_of
from isthmus.tables.formats.ten_x import NamesBeside, distinct_names, names_beside
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
FORMS = {"coordinate": 3, "array": 2}  # how many numbers give the size
FIELDS, SYMMETRIES = (
    ("real", "double", "integer", "unsigned-integer", "pattern"),
    ("general", "symmetric", "skew-symmetric"),
)
HEAD_LINE = re.compile(rb"[^\n]+")
MAX_SIDE = 1 << 31


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
        raise DataError(f"{file.where}: not readable as svmlight ({reason_of(error)}); repair the file.") from error
    names = np.array([f"x{place}" for place in range(matrix.shape[1])])
    if not len(labels):
        raise DataError(f"{file.where}: no rows in it; add at least one.")
    classes = entries(np.asarray(labels), "label", len(labels), file.where)
    values = dense(matrix, file.size, file.where)
    return HeldStream(table_from_array(values, file.where, file.stem, names=names, labels=classes, label_name="label"))


def open_matrix_market(file: File, request: Request) -> TableStream:
    """The matrix; one of genes × cells, as 10x Genomics writes it, is transposed, so cells are the rows."""
    data = file.bytes()
    field, form, start = _require_modest(data, file)
    try:
        matrix = _market_matrix(data, field, form, start)
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{file.where}: not readable as Matrix Market ({reason_of(error)}); repair the file."
        ) from error
    beside = names_beside(file.path, data)
    transposed = beside.genes_are_rows(matrix.shape, file.where)
    matrix = matrix.T if transposed else matrix
    values = dense(matrix, file.size, file.where) if hasattr(matrix, "toarray") else np.asarray(matrix, np.float64)
    table = table_from_array(
        values,
        file.where,
        file.stem,
        names=None if beside.genes is None else distinct_names(beside.genes, None),
        ids=beside.cells,
        id_name=None if beside.cells is None else "barcode",
    )
    return HeldStream(replace(table, notes=_said(matrix.shape, beside, transposed=transposed)))


def _said(shape: tuple[int, int], beside: NamesBeside, *, transposed: bool) -> tuple[str, ...]:
    """Which way round the matrix was read, and what was not there to name it."""
    notes = []
    if transposed:
        notes.append(f"the file is genes × cells, as 10x Genomics writes it: its {shape[0]:,} cells are the rows")
        if not beside.files:
            notes.append("rename the file if its rows are not genes: matrix.mtx is the name that 10x Genomics gives")
    if transposed and beside.genes is None:
        notes.append("no features.tsv or genes.tsv beside it: the genes are x0, x1, …")
    elif beside.genes is not None and distinct_names(beside.genes, None) is None:
        notes.append(f"genes with the same name in {beside.files[0]}: they are called x0, x1, …")
    if transposed and beside.cells is None:
        notes.append("no barcodes.tsv beside it: the cells have no names")
    return tuple(notes)


def _require_modest(data: bytes, file: File) -> tuple[str, tuple[str, str], int]:
    """Check the declared size against that of the file; return the type of the entries, their form, and their start."""
    words = data[:200].split(b"\n")[0].decode("latin-1").lower().split()
    known = len(words) == 5 and words[1] == "matrix" and words[2] in FORMS and words[4] in SYMMETRIES
    if not known or words[3] not in (*FIELDS, "complex"):
        raise DataError(f"{file.where}: not readable as Matrix Market (its first line is incomplete); repair it.")
    if words[3] == "complex":
        raise DataError(f"{file.where}: holds complex numbers; save the real ones.")
    head = next((line for line in HEAD_LINE.finditer(data) if line[0].strip() and not line[0].startswith(b"%")), None)
    try:
        sides = [int(side) for side in head[0].split()] if head is not None else []
    except ValueError as error:
        raise DataError(
            f"{file.where}: not readable as Matrix Market (its size is missing); repair the file."
        ) from error
    if len(sides) != FORMS[words[2]] or min(sides) < 0 or min(sides[:2]) < 1 or max(sides) > MAX_SIDE:
        raise DataError(f"{file.where}: not readable as Matrix Market (sides {sides}); repair the file.")
    bounds.require_room(8 * sides[0] * sides[1], file.size, file.where)
    if len(sides) > 2:
        bounds.require_room(24 * sides[2], max(file.size, len(data)), file.where)
    assert head is not None
    return words[3], (words[2], words[4]), head.start()


def _market_matrix(data: bytes, field: str, form: tuple[str, str], start: int) -> Any:
    """The matrix, sparse if it is stored so; a ``ValueError`` if its entries contradict its header.

    The reader of SciPy is not used, because some damaged files make it write out of bounds.
    """
    from scipy import sparse

    layout, symmetry = form
    body = re.sub(rb"(?m)^[ \t]*%.*$", b"", data[start:]) if b"%" in data[start:] else data[start:]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # raised for a word that is not a number
            numbers = np.fromstring(body.decode("latin-1"), np.float64, sep=" ")
    except DeprecationWarning:
        raise ValueError("a word in it is not a number") from None
    n_rows, n_columns = (int(side) for side in numbers[:2])
    if symmetry != "general" and n_rows != n_columns:
        raise ValueError(f"{symmetry} of {n_rows} rows and {n_columns} columns")
    if layout == "array":
        return _filled(numbers[2:], n_rows, n_columns, symmetry)
    width = 2 if field == "pattern" else 3
    cells = numbers[3:]
    if len(cells) != width * numbers[2]:
        raise ValueError(f"{len(cells) / width:g} entries, not {numbers[2]:g}")
    cells = cells.reshape(-1, width)
    places = cells[:, :2] - 1
    if not (
        (places >= 0) & (places < [n_rows, n_columns]) & (places == np.floor(places))
    ).all():  # NaN is none of these
        raise ValueError("an entry is outside the matrix")
    places = places.astype(np.int64)
    values = cells[:, 2] if width == 3 else np.ones(len(cells))
    if symmetry != "general":
        other = places[:, 0] != places[:, 1]
        values = np.concatenate([values, (-1 if symmetry == "skew-symmetric" else 1) * values[other]])
        places = np.concatenate([places, places[other][:, ::-1]])
    return sparse.coo_matrix((values, (places[:, 0], places[:, 1])), (n_rows, n_columns))


def _filled(values: np.ndarray, n_rows: int, n_columns: int, symmetry: str) -> np.ndarray:
    """A matrix stored column by column, without the upper half if it is symmetric."""
    if symmetry == "general":
        if len(values) != n_rows * n_columns:
            raise ValueError(f"{len(values)} entries, not {n_rows * n_columns}")
        return values.reshape(n_columns, n_rows).T
    # The upper half row by row is the lower half column by column.
    upper = np.triu_indices(n_rows, 1 if symmetry == "skew-symmetric" else 0)
    if len(values) != len(upper[0]):
        raise ValueError(f"{len(values)} entries, not {len(upper[0])}")
    matrix = np.zeros((n_rows, n_rows))
    matrix[upper[1], upper[0]] = values
    below = np.tril(matrix, -1)
    return matrix + (-below if symmetry == "skew-symmetric" else below).T
