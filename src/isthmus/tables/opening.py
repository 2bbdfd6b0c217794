"""Opens any file, for every command and for Python, and describes how it was read.

A file is recognised by its bytes, and the kind of each column is inferred in one pass over all rows. What fits in
memory is loaded; of larger files, text is converted once to an Arrow file in a scratch folder, and Parquet, Feather and
NumPy arrays stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.tables.array_forms import array_and_shape, row_shape_of
from isthmus.tables.asked_flags import OF_PICTURES, OF_SOUNDS, array_faults, sensible
from isthmus.tables.batches import stream_of
from isthmus.tables.bounds import require_room
from isthmus.tables.bundled import BUNDLED, load_bundled
from isthmus.tables.container import File, Scratch, archive_kind, unpacked
from isthmus.tables.description import Description
from isthmus.tables.dialect import Dialect
from isthmus.tables.errors import DataError
from isthmus.tables.folder_files import data_files, kind_of_folder, matrix_among, said_absent
from isthmus.tables.formats import feather, idx, parquet, pictures, sound
from isthmus.tables.formats.registry import OPENERS, READABLE, format_of
from isthmus.tables.frames import arrow_of, is_frame
from isthmus.tables.layout import TableLayout
from isthmus.tables.request import Request
from isthmus.tables.roles import choose_columns, known_part
from isthmus.tables.row_shape import RowShape
from isthmus.tables.segments import HeldSegments, MappedSegments, Segments
from isthmus.tables.source import Joined, SegmentsSource, Source
from isthmus.tables.standard_input import STANDARD_INPUT, standard_input
from isthmus.tables.stream import HeldStream, TableStream
from isthmus.tables.table import Table
from isthmus.tables.understanding import understood
from isthmus.tables.views import Chosen, Concatenated

__all__ = ["open_table", "read"]


def open_table(
    source: Any,
    *,
    labels: str | None = None,
    ids: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    header: bool | int | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    missing_marks: Sequence[str] = (),
    layout: TableLayout | None = None,
    dialect: Dialect | None = None,
    passed_over: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    pad: bool = False,
    skip_unreadable: bool = False,
    window: float | None = None,
    waveform: bool = False,
    row_shape: RowShape | None = None,
    held_bytes: int | None = None,
    share: tuple[int, int] | None = None,
    scratch: Path | None = None,
) -> TableStream:
    """Open a table in any format: its rows are read a few megabytes at a time.

    Parameters
    ----------
    source
        A bundled name (see `isthmus.tables.BUNDLED`; write ``./digits`` for a file of that name); a path to a file or
        folder; ``-`` for standard input; or rows in Python: a DataFrame, an array, a list of batches, an object that
        can be iterated over repeatedly, or a function that returns an iterator.
    labels, ids
        The column that holds the classes, and the one that names the rows. Neither is learned from.
    drop, columns
        Columns to leave out; or those to learn from, in this order.
    kinds
        The kinds of columns, if not the inferred ones: ``{"zip": "category", "when": "date:%d/%m/%Y"}``.
    header, separator, decimal, encoding, missing_marks
        How a text file is written, where detection gets it wrong.
    layout, dialect, passed_over
        From a fit: columns are matched by name and read as they were then; those not used then are not reported as new.
    size, pad, skip_unreadable
        For pictures: the width and height they are resized to, whether those of another shape are padded instead of
        cropped, and whether unreadable files are skipped instead of refused.
    window, waveform
        For sounds: seconds in a row, and whether a row is samples instead of a spectrogram.
    row_shape
        From a fit: pictures and sounds are brought to this shape.
    held_bytes
        Bytes that may be held in memory at once, in single precision; a smaller table is loaded as a whole.
    share
        (i, n): the i-th of n shares of its files, counted from 0; of a single file, of its segments.
    scratch
        The folder to which larger text files are converted; None uses the system's temporary folder.

    Returns
    -------
    TableStream
        Its ``description`` says how the file was read.

    Raises
    ------
    DataError
        One sentence, for anything that is not a table: all that is wrong, where, and what to do.

    >>> stream = open_table([np.zeros((2, 3)), np.ones((4, 3))])
    >>> stream.shape, [len(block) for block in stream]
    ((6, 3), [2, 4])
    """
    request = Request.of(
        labels=labels, ids=ids, drop=drop, columns=columns, kinds=kinds, header=header, separator=separator,
        decimal=decimal, encoding=encoding, missing_marks=tuple(missing_marks), layout=layout, dialect=dialect,
        passed_over=tuple(passed_over), held_bytes=held_bytes, scratch=scratch, size=size, pad=pad,
        skip_unreadable=skip_unreadable, window=window, waveform=waveform, row_shape=row_shape,
    )  # fmt: skip
    request, faults = sensible(request)
    stream = None
    try:
        stream = _opened(source, request) if isinstance(source, (str, Path)) else _given(source, request)
    except DataError as error:
        if not faults:
            raise
        faults.append(str(error).rstrip("."))  # all that is wrong at once
    if stream is None or faults:
        raise DataError(f"{'; '.join(faults)}.")
    if share is not None:
        stream = stream.share(*share)
    if held_bytes is not None:
        stream.held_bytes = held_bytes
    return stream


def read(source: Any, **options: Any) -> Table:
    """Read a whole table: any file or folder, a bundled name, or rows in Python; options as in `open_table`.

    If all columns are numbers, `values` is an array: float32 where that is exact, else float64, with NaN for missing
    cells. If they are of several kinds, `frame` holds the cells. Printing the table shows how the file was read, and
    every estimator accepts it.

    >>> table = read("iris", drop=["petal width (cm)"])
    >>> table.n_columns, table.label_name
    (3, 'class')
    """
    try:
        stream = open_table(source, **options)
        if isinstance(source, (str, Path)) and not stream.fits_in_memory:
            require_room(8 * len(stream) * stream.width, _size_of(Path(source)), repr(str(source)))
        return stream.load()
    except MemoryError as error:
        raise DataError(f"{source!r}: does not fit in memory; open it with isthmus.open_table.") from error


def _size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


# ---- rows in Python -----------------------------------------------------------------------------------------


def _given(source: Any, request: Request) -> TableStream:
    if isinstance(source, Table):
        return HeldStream(source)
    if is_frame(source):
        return understood(SegmentsSource(HeldSegments(arrow_of(source)), "The table"), request, "The table")
    stream = stream_of(source, request=request)
    if stream is None:
        with suppress(ValueError):  # NumPy has several ways to say that something is not an array
            array, shape = array_and_shape(source)
            stream = stream_of([np.asarray(array)], request=request)
            if stream is not None and shape is not None and shape.n_numbers == stream.n_columns:
                stream = _shaped(stream, shape)
    elif (shape := row_shape_of(source, None)) is not None and shape.n_numbers == stream.n_columns:
        stream = _shaped(stream, shape)
    if stream is None:
        raise DataError(f"A {type(source).__name__} is not a table; give a path, or batches of rows.")
    return stream


def _shaped(stream: TableStream, shape: RowShape) -> TableStream:
    """The stream, with the shape of its rows."""
    if isinstance(stream, HeldStream):
        return HeldStream(replace(stream.table, row_shape=shape, image_shape=shape.image_shape))
    stream.row_shape, stream.image_shape = shape, shape.image_shape
    return stream


# ---- paths -------------------------------------------------------------------------------------------------


def _opened(source: str | Path, request: Request) -> TableStream:
    if str(source) in BUNDLED:
        return _array_stream(HeldStream(load_bundled(str(source))), request, repr(str(source)))
    path, where = Path(source), repr(str(source))
    if str(source) in STANDARD_INPUT:
        path, where = standard_input(), "standard input"
    if re.match(r"[a-z]+://", str(source)):
        raise DataError(f"{where}: an address; download it first, then name the file.")
    try:
        return _of_path(path, where, request)
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{where}: cannot be read ({error.strerror or error}); check the path and your permissions."
        ) from error


UNPACKED, MAX_NESTED = ", unpacked", 2
HELD_SCRATCH: list[Scratch] = []  # what was unpacked, until the process ends: streams read from it


def _of_path(path: Path, where: str, request: Request) -> TableStream:
    if not path.exists():
        raise DataError(said_absent(path, where))
    if path.is_dir():
        return _of_folder(path, where, request)
    if not path.is_file():
        raise DataError(f"{where}: neither a file nor a folder; write the data to a file first.")
    if (kind := archive_kind(path)) is not None:
        if where.count(UNPACKED) == MAX_NESTED:
            raise DataError(f"{where}: archives in archives; unpack them yourself.")
        scratch = Scratch(request.scratch)
        HELD_SCRATCH.append(scratch)
        inside = unpacked(path, kind, scratch)
        return _of_path(inside, f"{where}{UNPACKED}", request)
    return _of_file(File(path, where, request.scratch), request)


def _of_file(file: File, request: Request) -> TableStream:
    kind = format_of(file)
    if kind == "parquet":
        return understood(SegmentsSource(parquet.ParquetSegments([file.on_disk()]), file.stem), request, file.where)
    if kind == "feather":
        return understood(SegmentsSource(MappedSegments(file.on_disk()), file.stem), request, file.where)
    if kind == "arrow stream":
        schema, batches = feather.stream_batches(file)
        return understood(SegmentsSource(_gathered(schema, batches), file.stem), request, file.where)
    if kind == "idx":
        return _array_stream(HeldStream(idx.read_idx(file)), request, file.where)
    if kind == "picture":
        return _array_stream(pictures.read_pictures([file.path], file.path, request), request, file.where, OF_PICTURES)
    if kind == "sound":
        return _array_stream(sound.read_sounds([file.path], file.path, request), request, file.where, OF_SOUNDS)
    opened = OPENERS[kind](file, request)
    if isinstance(opened, Source):
        return understood(opened, request, file.where)
    return _array_stream(opened, request, file.where)


def _gathered(schema: Any, batches: Any) -> Segments:
    import pyarrow

    return HeldSegments(pyarrow.Table.from_batches(list(batches), schema))


def _array_stream(stream: TableStream, request: Request, where: str, flags: tuple[str, ...] = ()) -> TableStream:
    """An array with its labels and ids, and the columns that were asked for."""
    faults = array_faults(request, stream.row_shape, flags)
    if faults:
        faults += known_part(stream.columns, request, (stream.label_name, stream.id_name))[1]
        raise DataError(f"{where}: {'; '.join(faults)}.")
    if isinstance(stream, HeldStream):
        table = choose_columns(stream.table, request, where)
        return _described(HeldStream(table), table)
    chosen = Chosen.of(stream, request, where)
    if request.held_bytes is not None:
        chosen.held_bytes = request.held_bytes
    if chosen.fits_in_memory:
        table = chosen.load()
        return _described(HeldStream(table), table)
    chosen.description = chosen.description or Description(
        chosen.name, len(chosen), n_numbers=chosen.n_columns, image_shape=chosen.image_shape, id_name=chosen.id_name,
        label_name=chosen.label_name, row_shape=chosen.row_shape,
    )  # fmt: skip
    return chosen


def _described(stream: HeldStream, table: Table) -> HeldStream:
    if table.description is None:
        n_missing = int(np.isnan(table.values).sum()) if table.values.dtype.kind == "f" else 0
        stream.description = Description(
            table.name, len(table), n_numbers=table.n_columns, image_shape=table.image_shape, id_name=table.id_name,
            label_name=table.label_name, row_shape=table.row_shape, n_missing=n_missing, notes=table.notes,
        )  # fmt: skip
        stream.table = replace(table, description=stream.description)
        stream.missing = n_missing > 0
    return stream


# ---- folders -----------------------------------------------------------------------------------------------


def _of_folder(folder: Path, where: str, request: Request) -> TableStream:
    found, sounds = pictures.pictures_in(folder), sound.sounds_in(folder)
    kind = kind_of_folder({"pictures": found, "sounds": sounds}, folder, where, as_fitted=request.row_shape is not None)
    if kind == "pictures":
        return _array_stream(pictures.read_pictures(found, folder, request), _beside(request), where, OF_PICTURES)
    if kind == "sounds":
        return _array_stream(sound.read_sounds(sounds, folder, request), _beside(request), where, OF_SOUNDS)
    if (train := idx.pictures_to_train_on(folder)) is not None:
        return _noted(
            idx.read_idx(File(train)), f"{train.name!r} is read; name another file to read that", request, where
        )
    paths = data_files(folder)
    if (market := matrix_among(paths, where)) is not None:
        return _of_file(File(market), request)
    if not paths:
        raise DataError(f"{where}: a folder without data: neither pictures nor sounds nor files of {READABLE}.")
    name = folder.resolve().name
    files = [File(path, repr(str(path)), request.scratch) for path in paths]
    kinds = [format_of(file) for file in files]
    if len({*kinds}) > 1:
        listed = ", ".join(f"{file.path.name!r} ({kind})" for file, kind in list(zip(files, kinds, strict=True))[:6])
        raise DataError(f"{where}: a folder of several formats: {listed}; name one of them, or move the others.")
    kind = kinds[0]
    if kind == "parquet":
        segments = parquet.ParquetSegments([file.on_disk() for file in files], folder)
        return understood(SegmentsSource(segments, name), request, where)
    if kind == "feather":
        parts: list[Source] = [SegmentsSource(MappedSegments(file.on_disk()), file.stem) for file in files]
        return understood(Joined(parts, name, where), request, where)
    if len(files) == 1:
        return _of_file(files[0], request)
    if kind in ("npy", "npz", "matlab", "svmlight"):
        opened = [OPENERS[kind](file, request) for file in files]
        columns = [one for one in opened if isinstance(one, Source)]
        if columns and len(columns) < len(opened):
            raise DataError(
                f"{where}: a folder of several formats: arrays, and columns of a table; move those of one kind."
            )
        if columns:
            return understood(Joined(columns, name, where), request, where)
        streams = [_array_stream(one, request, file.where) for one, file in zip(opened, files, strict=True)]
        joined = Concatenated(streams, name)
        joined.description = Description(name, len(joined), n_numbers=joined.n_columns, image_shape=joined.image_shape)
        return joined
    sources = [OPENERS[kind](file, request) for file in files]
    return understood(Joined(sources, name, where), request, where)


def _noted(table: Table, note: str, request: Request, where: str) -> TableStream:
    """A table, with a note in its description."""
    stream = _array_stream(HeldStream(table), request, where)
    if isinstance(stream, HeldStream) and stream.description is not None:
        stream.description = replace(stream.description, notes=(*stream.description.notes, note))
        stream.table = replace(stream.table, description=stream.description)
    return stream


def _beside(request: Request) -> Request:
    """The request without labels: those of pictures and sounds are found in a table beside the files."""
    return replace(request, labels=None)
