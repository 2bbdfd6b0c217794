"""Write a table in the format that its suffix names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from isthmus.tables.atomic import atomic_write
from isthmus.tables.errors import DataError
from isthmus.tables.row_ids import as_arrow, as_text, dates_in

if TYPE_CHECKING:
    import pyarrow

__all__ = ["WRITABLE", "table_writer", "write_frame", "write_table"]

WRITABLE = (".csv", ".tsv", ".parquet", ".npy", ".npz")
BATCH_CELLS = 4_000_000
# a spreadsheet runs a cell that starts like this as a formula; a number with a sign is not one
SIGNED = r"[+\-](?:\d+\.?\d*|\.\d+)(?:[eE][+\-]?\d+)?\Z"
FORMULA = re.compile(rf"^(?=[=+\-@\t\r\n＝＋－＠])(?!{SIGNED})", re.ASCII)


def write_table(
    path: str | Path,
    values: np.ndarray,
    columns: Sequence[str],
    *,
    ids: np.ndarray | None = None,
    id_name: str | None = None,
    id_zone: str | None = None,
    labels: np.ndarray | None = None,
    label_name: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write rows of numbers, whole or not at all; ids go before them and labels after.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, ``.parquet``, ``.npy`` (the values alone) or ``.npz`` (arrays ``X``, ``columns``,
        and where given ``ids``, ``id_name``, ``y``, ``label_name``). Missing folders are made.
    values
        Numbers of shape (rows, columns), written in full precision and in their own type.
    columns
        Their names. In text, a name, id or label that a spreadsheet would run as a formula gets an apostrophe
        in front.
    ids, labels
        Shape (rows,), words, numbers or dates, under the names ``id_name`` ("id") and ``label_name`` ("label").
    id_zone
        Time zone of ids that are dates, which are given in UTC.
    overwrite
        Replace a file that exists.

    Raises
    ------
    DataError
        The file exists, cannot be written, has another suffix, or the shapes do not agree.
    """
    if ids is not None and Path(path).suffix.lower() == ".parquet":
        ids, id_zone = dates_in(_plain(np.asarray(ids)), id_zone)
    with table_writer(
        path,
        columns,
        id_name=None if ids is None else id_name or "id",
        id_zone=id_zone,
        label_name=None if labels is None else label_name or "label",
        overwrite=overwrite,
    ) as write:
        write(values, ids, labels)


@contextmanager
def table_writer(
    path: str | Path,
    columns: Sequence[str],
    *,
    id_name: str | None = None,
    id_zone: str | None = None,
    label_name: str | None = None,
    overwrite: bool = False,
) -> Iterator[Callable[..., None]]:
    """Write a table block by block: yields a function of (values, ids, labels) to call for each block.

    The file is that of `write_table`, written whole or not at all, and never held in memory; only ``.npz`` is gathered
    first. Ids and labels are passed if they have a name.
    """
    path = Path(path)
    suffix, where = path.suffix.lower(), repr(str(path))
    if suffix not in WRITABLE:
        raise DataError(f"{where}: tables are written as {', '.join(WRITABLE)}, got {path.suffix or 'no suffix'!r}.")
    names = [*([] if id_name is None else [id_name]), *columns, *([] if label_name is None else [label_name])]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{where}: more than one column would be named {repeated[0]!r}; rename it.")
    with atomic_write(path, overwrite=overwrite) as temporary, ExitStack() as closing:
        if suffix == ".npy":
            sink: Any = closing.enter_context(_NumberFile(temporary))
        elif suffix == ".npz":
            sink = closing.enter_context(_Archive(temporary, columns, id_name, label_name))
        elif suffix == ".parquet":
            sink = closing.enter_context(_ParquetFile(temporary, columns, names, id_zone))
        else:
            separator = "\t" if suffix == ".tsv" else ","
            sink = closing.enter_context(_TextFile(temporary, separator, columns, names, id_zone))

        def write(values: np.ndarray, ids: np.ndarray | None = None, labels: np.ndarray | None = None) -> None:
            values = np.asarray(values)
            if values.ndim != 2 or values.shape[1] != len(columns) or values.dtype.kind not in "fiub":
                raise DataError(
                    f"{where}: values must be numbers of shape (rows, {len(columns)}), one column per name, got "
                    f"{values.dtype} of shape {values.shape}."
                )
            beside = {}
            for name, entries in ((id_name, ids), (label_name, labels)):
                if name is not None:
                    beside[name] = _plain(np.asarray(entries))
                    if beside[name].shape != (len(values),):
                        raise DataError(
                            f"{where}: column {name!r} must have {len(values)} entries, got {beside[name].shape}."
                        )
            sink.write(values, beside)

        yield write


def write_frame(path: str | Path, frame: pyarrow.Table, *, overwrite: bool = False) -> None:
    """Write an Arrow table with columns of several kinds as ``.csv``, ``.tsv`` or ``.parquet``, whole or not at all.

    In text, words that a spreadsheet would run as a formula get an apostrophe in front.
    """
    import pyarrow
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".parquet"):
        raise DataError(f"{str(path)!r}: a table with columns of several kinds is written as .csv, .tsv or .parquet.")
    with atomic_write(path, overwrite=overwrite) as temporary:
        if suffix == ".parquet":
            parquet.write_table(frame, temporary)
            return
        columns, quoting, separator = [], "none", "\t" if suffix == ".tsv" else ","
        special = _special(separator)
        for column in frame.columns:
            words = pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type)
            safe = [cell and FORMULA.sub("'", cell) for cell in column.to_pylist()] if words else column
            columns.append(pyarrow.array(safe, pyarrow.string()) if words else column)
            if words and any(cell and special.search(cell) for cell in safe):
                quoting = "needed"  # Arrow then quotes all text, numbers written as text among it
        named = pyarrow.table(columns, names=frame.column_names)
        options = arrow_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style=quoting)
        with temporary.open("wb") as file:
            file.write(_header(frame.column_names, separator))
            arrow_csv.write_csv(named, file, options)


def _plain(entries: np.ndarray) -> np.ndarray:
    return entries.astype(np.str_) if entries.dtype == object else entries


def _batches(
    values: np.ndarray,
    columns: Sequence[str],
    names: Sequence[str],
    beside: dict[str, np.ndarray],
    zone: str | None = None,
) -> Iterator[pyarrow.Table]:
    """The rows a few megabytes at a time, at least once, so a table without rows keeps its columns."""
    import pyarrow

    position = {name: index for index, name in enumerate(columns)}
    height = max(1, BATCH_CELLS // max(1, values.shape[1]))
    for start in range(0, max(1, len(values)), height):
        rows = slice(start, start + height)
        cells = [
            as_arrow(beside[name][rows], zone) if name in beside else pyarrow.array(values[rows, position[name]])
            for name in names
        ]
        yield pyarrow.table(cells, names=list(names))


class _NumberFile:
    """An ``.npy`` file whose header is completed once the number of rows is known."""

    def __init__(self, path: Path):
        self.file, self.rows, self.header = path.open("r+b"), 0, {}

    def __enter__(self) -> Self:
        return self

    def write(self, values: np.ndarray, _beside: dict[str, np.ndarray]) -> None:
        if not self.header:
            plain = np.lib.format.header_data_from_array_1_0(np.empty((0, values.shape[1]), values.dtype))
            self.header = {**plain, "fortran_order": False}
            self._write_header(values.shape[1])
        self.width, self.rows = values.shape[1], self.rows + len(values)
        self.file.write(np.ascontiguousarray(values, np.dtype(self.header["descr"])).data)

    def _write_header(self, width: int) -> None:
        # NumPy leaves room for any number of rows
        np.lib.format.write_array_header_1_0(self.file, self.header | {"shape": (self.rows, width)})

    def __exit__(self, *_: object) -> None:
        if self.header:
            self.file.seek(0)
            self._write_header(self.width)
        self.file.close()


class _Archive:
    """An ``.npz`` file: arrays are written one after the other, so all blocks are gathered first."""

    def __init__(self, path: Path, columns: Sequence[str], id_name: str | None, label_name: str | None):
        self.path, self.columns = path, columns
        self.words = {"ids": ("id_name", id_name), "y": ("label_name", label_name)}
        self.blocks: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []

    def __enter__(self) -> Self:
        return self

    def write(self, values: np.ndarray, beside: dict[str, np.ndarray]) -> None:
        self.blocks.append((values, beside))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None or not self.blocks:
            return
        arrays = {
            "X": np.concatenate([values for values, _ in self.blocks]),
            "columns": np.array(self.columns, np.str_),
        }
        for array, (key, name) in self.words.items():
            if name is not None:
                entries = np.concatenate([beside[name] for _, beside in self.blocks])
                arrays |= {array: entries, key: np.array(name)}
        np.savez(self.path, allow_pickle=False, **arrays)


class _ParquetFile:
    def __init__(self, path: Path, columns: Sequence[str], names: Sequence[str], zone: str | None):
        self.path, self.columns, self.names, self.zone = path, columns, names, zone
        self.writer: Any = None

    def __enter__(self) -> Self:
        return self

    def write(self, values: np.ndarray, beside: dict[str, np.ndarray]) -> None:
        from pyarrow import parquet

        for batch in _batches(values, self.columns, self.names, beside, self.zone):
            self.writer = self.writer or parquet.ParquetWriter(self.path, batch.schema)
            self.writer.write_table(batch.cast(self.writer.schema))

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()


class _TextFile:
    def __init__(self, path: Path, separator: str, columns: Sequence[str], names: Sequence[str], zone: str | None):
        self.columns, self.names, self.separator, self.special = columns, names, separator, _special(separator)
        self.zone = zone
        self.file = path.open("wb")
        self.file.write(_header(names, separator))

    def __enter__(self) -> Self:
        return self

    def write(self, values: np.ndarray, beside: dict[str, np.ndarray]) -> None:
        from pyarrow import csv as arrow_csv

        safe = {name: _without_formulas(as_text(entries, self.zone)) for name, entries in beside.items()}
        words = (cell for entries in safe.values() if entries.dtype.kind == "U" for cell in entries.tolist())
        options = arrow_csv.WriteOptions(
            include_header=False,
            delimiter=self.separator,
            quoting_style="needed" if any(self.special.search(cell) for cell in words) else "none",
        )
        for batch in _batches(values, self.columns, self.names, safe):
            arrow_csv.write_csv(batch, self.file, options)

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _special(separator: str) -> re.Pattern[str]:
    """What a cell without quotes cannot contain."""
    return re.compile(f'[",\\r\\n{separator}]')


def _header(names: Sequence[str], separator: str) -> bytes:
    special = _special(separator)
    header = separator.join(_quoted(FORMULA.sub("'", name), special) for name in names)
    return f"{header}\n".encode()


def _quoted(name: str, special: re.Pattern[str]) -> str:
    return '"' + name.replace('"', '""') + '"' if special.search(name) else name


def _without_formulas(entries: np.ndarray) -> np.ndarray:
    if entries.dtype.kind != "U":
        return entries
    return np.array([FORMULA.sub("'", cell) for cell in entries.tolist()], np.str_)
