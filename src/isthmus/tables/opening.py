"""One way in for tables that stay where they are: a path, or whatever gives batches of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.tables.arrays import open_npy
from isthmus.tables.batches import stream_of
from isthmus.tables.bundled import BUNDLED
from isthmus.tables.columns import Request
from isthmus.tables.delimited import layout_of, read_delimited, separator_of
from isthmus.tables.parquet import ParquetStream, parquet_names
from isthmus.tables.reading import read_table
from isthmus.tables.stream import Chosen, Concatenated, HeldStream, TableStream
from isthmus.tables.table import DataError, Table, joined
from isthmus.tables.text_stream import TextStream

__all__ = ["data_files", "names_in", "open_table"]

STREAMED = (".parquet", ".csv", ".tsv", ".npy")
READ_AT_ONCE = 4 << 20  # bytes of text that are simply read


def open_table(
    source: Any,
    *,
    labels: str | None = None,
    ids: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    missing: bool = False,
    mixed: bool | None = None,
    held_bytes: int | None = None,
    share: tuple[int, int] | None = None,
) -> TableStream:
    """Open a table without reading it: its rows come a few megabytes at a time.

    Parameters
    ----------
    source
        A path to Parquet (a file, a folder of files, or one of folders ``key=value``, where every key is a column),
        to ``.csv``, ``.tsv`` or ``.npy`` or a folder of those; anything else that `isthmus.tables.read_table` takes is
        read. Or batches of rows: a list of arrays, frames or dicts of columns, an object whose every iteration gives
        them anew, a function that returns such an iterator, or an array with slices such as zarr's.
    labels, ids, drop, columns, missing, mixed
        As for `isthmus.tables.read_table`.
    held_bytes
        How much of it may be held in memory at once, as single precision; a smaller table is read as a whole.
    share
        (i, n): the i-th of n shares of its files, counted from 0; of a single file, of its row groups.

    >>> stream = open_table([np.zeros((2, 3)), np.ones((4, 3))])
    >>> stream.shape, [len(block) for block in stream]
    ((6, 3), [2, 4])
    """
    wanted = () if columns is None else tuple(columns)
    request = Request(labels, ids, tuple(drop), wanted, missing, mixed)
    if isinstance(source, (str, Path)):
        stream = _opened(source, request, share)
    else:
        given = [source] if any(hasattr(source, mark) for mark in ("__arrow_c_stream__", "iloc")) else source
        stream = stream_of(given, request=request)
        if stream is None:
            with suppress(ValueError):  # of what is no array NumPy says so in many ways
                stream = stream_of([np.asarray(source)], request=request)
        if stream is None:
            raise DataError(f"A {type(source).__name__} is no table; give a path, or batches of rows.")
    if share is not None:
        stream = stream.share(*share)
    if held_bytes is not None:
        stream.held_bytes = held_bytes
    return stream


def data_files(path: Path) -> list[Path]:
    """The files of a folder that is a table, all of one kind and in natural order; none if it is another folder."""
    if not path.is_dir():
        return []
    found = [
        file
        for file in path.rglob("*")
        if file.suffix.lower() in STREAMED
        and file.is_file()
        and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    kinds = {file.suffix.lower() for file in found}
    if len(kinds) > 1:
        raise DataError(
            f"{str(path)!r}: holds {' and '.join(sorted(kinds))} files, and a table's are of one kind; move some."
        )
    return sorted(found, key=lambda file: [_natural(part) for part in file.relative_to(path).parts])


def _natural(name: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"([0-9]+)", name) if part]


def names_in(source: str, columns: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """All column names of a table of text or Parquet, whatever is in them; None for every other source.

    Lists are written out; as x0, x1, … where ``columns`` are. What cannot be read has no names: reading says why.
    """
    path = Path(source)
    if source in BUNDLED:
        return None
    try:
        files = data_files(path) or [path]
        suffix = files[0].suffix.lower()
        if not files[0].is_file() or suffix not in (".csv", ".tsv", ".parquet"):
            return None
        if suffix == ".parquet":
            return parquet_names(files, path if path.is_dir() else None, columns)
        return layout_of(files[0], separator_of(files[0]), repr(source)).names
    except (DataError, OSError):
        return None


def _mixed_texts(files: list[Path], request: Request, name: str) -> Table:
    """Files of text with columns of several kinds, read as a whole; the columns are those of the first."""
    tables = [read_delimited(files[0], separator_of(files[0]), request)]
    alike = replace(request, columns=tables[0].columns)
    tables += [read_delimited(file, separator_of(file), alike) for file in files[1:]]
    return replace(joined(tables), name=name)


def _opened(source: str | Path, request: Request, share: tuple[int, int] | None) -> TableStream:
    path = Path(source)
    where = repr(str(path))
    if str(source) not in BUNDLED:
        try:
            files = data_files(path)
            whole = files or ([path] if path.is_file() and path.suffix.lower() in STREAMED else [])
            if whole and whole[0].suffix.lower() == ".parquet":
                root, name = (path, path.resolve().name) if files else (None, path.stem)
                return ParquetStream(whole, request, root=root, where=where, name=name)
            text = bool(whole) and whole[0].suffix.lower() in (".csv", ".tsv")
            if text and request.mixed and len(whole) > 1:
                return HeldStream(_mixed_texts(whole, request, path.resolve().name))
            if text and (len(whole) > 1 or (whole[0].stat().st_size > READ_AT_ONCE and not request.mixed)):
                parts = TextStream.of_files(whole, request, where)
                return parts[0] if not files else Concatenated(parts, path.resolve().name)
            if whole and not text:
                parts = [Chosen.of(open_npy(file, missing=request.missing), request, repr(str(file))) for file in whole]
                return parts[0] if not files else Concatenated(parts, path.resolve().name)
            source = whole[0] if whole else source
        except OSError as error:
            raise DataError(
                f"{where}: cannot be read ({error.strerror or error}); check the path and your rights."
            ) from error
    return HeldStream(
        read_table(
            source,
            labels=request.labels,
            ids=request.ids,
            drop=request.drop,
            columns=request.columns or None,
            missing=request.missing,
            mixed=request.mixed,
        )
    )
