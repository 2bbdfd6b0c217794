"""One way in: a bundled data set's name, or a path to a table, an array, pictures or an IDX file."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isthmus.tables.arrays import read_npy, read_npz
from isthmus.tables.bounds import require_room
from isthmus.tables.bundled import BUNDLED, load_bundled
from isthmus.tables.columns import Request, choose_columns
from isthmus.tables.delimited import read_delimited, separator_of
from isthmus.tables.idx import read_idx
from isthmus.tables.images import read_image_folder
from isthmus.tables.parquet import ParquetStream
from isthmus.tables.table import DataError, Table

__all__ = ["READABLE", "read_table"]

READABLE = (".csv", ".tsv", ".parquet", ".npy", ".npz", "-ubyte", "-ubyte.gz", "a folder of pictures")


def read_table(
    source: str | Path,
    *,
    labels: str | None = None,
    ids: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    missing: bool = False,
    mixed: bool | None = None,
) -> Table:
    """Read a table of numbers.

    Parameters
    ----------
    source
        A bundled name (see `isthmus.tables.BUNDLED`; write ``./digits`` for a file of that name) or a path:

        - ``.csv``, ``.tsv``: UTF-8 text. A first row made of numbers alone is data, not names; the columns
          are then x0, x1, ….
        - ``.parquet``: one file; an index saved by pandas becomes the ids.
        - ``.npy``: shape (rows, columns), or pictures (n, height, width) or (n, channels, height, width),
          divided by 255 where they are bytes; mapped from the disk, not read, where it is float already.
        - ``.npz``: the array ``X`` or the only one of two dimensions; ``y`` becomes the labels.
        - ``-ubyte``, ``-ubyte.gz``: IDX pictures, divided by 255, with the labels file beside it.
        - a folder of pictures of one size, from 0 to 1; sub-folders are labels.
    labels, ids
        The column that holds the classes, and the one that names the rows. Neither is learned from.
    drop
        Columns to leave out.
    columns
        The columns to learn from, in this order; those not named are left out. None takes all that are left.
    missing
        Whether cells may be empty; they are NaN then.
    mixed
        Whether columns of text, truth values and dates are taken too, from CSV and Parquet; `Table.frame` holds them.

    Returns
    -------
    Table
        Finite numbers: float32 where the file holds them exactly so, else float64. Truth values are 0 and 1.

    Raises
    ------
    DataError
        One sentence, for any file that is not such a table: what is wrong, where, and what to do.

    >>> read_table("iris", drop=["petal width (cm)"]).n_columns
    3
    """
    wanted = () if columns is None else tuple(columns)
    request = Request(labels, ids, tuple(drop), wanted, missing, mixed)
    if str(source) in BUNDLED:
        return choose_columns(load_bundled(str(source)), request, repr(str(source)))
    path = Path(source)
    where = repr(str(path))
    try:
        return _read_path(path, request, where)
    except OSError as error:
        raise DataError(
            f"{where}: cannot be read ({error.strerror or error}); check the path and your rights."
        ) from error
    except MemoryError as error:
        raise DataError(f"{where}: does not fit in memory; save it as a float32 .npy, which stays on disk.") from error


def _read_path(path: Path, request: Request, where: str) -> Table:
    if not path.exists():
        raise DataError(_missing(path, where))
    if path.is_dir():
        from isthmus.tables.opening import data_files, open_table

        if data_files(path):
            asked: dict[str, Any] = dataclasses.asdict(request) | {"columns": request.columns or None}
            return open_table(path, **asked).load()
        return choose_columns(read_image_folder(path), request, where)
    if not path.is_file():
        raise DataError(f"{where}: neither a file nor a folder; write the data to a file first.")
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return read_delimited(path, separator_of(path), request)
    if suffix == ".parquet":
        stream = ParquetStream([path], request, where=where, name=path.stem)
        require_room(8 * len(stream) * stream.n_columns, path.stat().st_size, where)
        return stream.load()
    if suffix == ".npy":
        return choose_columns(read_npy(path, missing=request.missing), request, where)
    if suffix == ".npz":
        return choose_columns(
            read_npz(path, labels=request.labels, ids=request.ids, missing=request.missing), request, where
        )
    if path.name.removesuffix(".gz").endswith("-ubyte"):
        return choose_columns(read_idx(path), request, where)
    kind = f"suffix {path.suffix!r} is not known" if path.suffix else "a file without a suffix"
    raise DataError(f"{where}: {kind}; data may be {', '.join(READABLE)}.")


def _missing(path: Path, where: str) -> str:
    if path.suffix or len(path.parts) != 1:
        return f"{where}: no such file or folder; check the path."
    close = difflib.get_close_matches(path.name.lower(), BUNDLED, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{where}: no such file, folder or bundled data set; {guess}the bundled sets are {', '.join(BUNDLED)}."
