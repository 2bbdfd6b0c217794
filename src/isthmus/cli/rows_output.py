"""Rows written: to a file in the format of its suffix, to a folder of pictures, or as CSV to standard output."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.outcome import CommandError, UsageError, say, show
from isthmus.tables.table import Table, joined
from isthmus.text_table import counted

if TYPE_CHECKING:
    from isthmus.tables.row_shape import RowShape
    from isthmus.tables.stream import TableStream

__all__ = [
    "require_writable",
    "say_left_out",
    "shared",
    "side_by_side",
    "to_stdout",
    "write_blocks",
    "write_rows",
]


def require_writable(output: Path | None, *, overwrite: bool, row_shape: RowShape | None = None) -> None:
    """Refuse an output that could not be written, before anything is computed for it.

    ``row_shape`` is that of a row, where rows may be written as pictures or sounds.
    """
    from isthmus.tables.atomic import refuse_existing
    from isthmus.tables.writing import WRITABLE

    if output is None:
        return
    suffix = output.suffix.lower()
    if suffix in WRITABLE:
        if not overwrite:
            refuse_existing(output)
    elif suffix or (files := _files_of(row_shape)) is None:
        files = _files_of(row_shape)
        folder = "" if files is None else f", or name a folder for {files}s"
        raise UsageError(f"-o must end in {', '.join(WRITABLE)}{folder}, got {str(output)!r}.")
    elif output.is_file():
        raise CommandError(f"{str(output)!r} is a file; name a folder for the {files}s.")


def _files_of(row_shape: RowShape | None) -> str | None:
    """What a row is as a separate file: a picture or a sound; None if neither."""
    if row_shape is None:
        return None
    return "picture" if row_shape.image_shape is not None else "sound" if row_shape.signal is not None else None


def write_rows(
    output: Path | None,
    values: Any,
    columns: Sequence[str],
    *,
    beside: Table | None = None,
    row_shape: RowShape | None = None,
    overwrite: bool = False,
    what: str = "row",
) -> None:
    """Write rows of numbers, with the ids and labels of ``beside``, and say where they are."""
    if isinstance(values, Table):
        if values.is_mixed:
            _write_frame(output, values, beside, overwrite=overwrite, what=what)
            return
        values = values.values
    from isthmus.tables import write_images, write_sounds, write_table

    words: dict[str, Any] = {}
    if beside is not None:
        words = {name: getattr(beside, name) for name in ("ids", "id_name", "id_zone", "labels", "label_name")}
    if output is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rows.csv")
            write_table(path, values, columns, **words)
            to_stdout(path)
        return
    if not output.suffix and row_shape is not None:
        names = {"names": words.get("ids"), "overwrite": overwrite}
        if row_shape.signal is not None:
            write_sounds(output, values, row_shape.signal, **names)
        else:
            write_images(output, values, row_shape.image_shape or (), **names)
        say(f"{counted(len(values), _files_of(row_shape) or what, 'is', 'are')} in {str(output)!r}.")
        return
    write_table(output, values, columns, **words, overwrite=overwrite)
    _say_written(output, len(values), what, values.shape[1])
    _say_left_out(output, words.get("id_name"), words.get("label_name"))


def side_by_side(rows: Table, low: Table, high: Table) -> Table:
    """A table of several kinds, with the limits of its numbers and dates as further columns."""
    from isthmus.tables.layout import TableLayout

    assert rows.layout is not None  # its columns are of several kinds
    cells, columns = rows.to_arrow(), list(rows.layout.columns)
    for table, side in ((low, "low"), (high, "high")):
        for column in rows.layout.columns:
            if column.is_numeric or column.kind == "date":
                columns.append(replace(column, name=f"{column.name}_{side}"))
                cells = cells.append_column(columns[-1].name, table.to_arrow().column(column.name))
    if repeated := [name for name in cells.column_names if cells.column_names.count(name) > 1]:
        raise CommandError(f"more than one column would be named {repeated[0]!r}; rename the table's own.")
    layout = TableLayout(tuple(columns))
    return Table(cells, layout.names, layout=layout)


def say_left_out(stream: TableStream, written: Sequence[str]) -> None:
    """Name the columns of the file that are not among those ``written``; those new since the fit were named before."""
    from isthmus.tables.errors import said

    left_out = [name for name in stream.all_columns if name not in (*written, stream.id_name, stream.label_name)]
    found = {} if stream.description is None else {one.name: one for one in stream.description.findings}
    if known := [name for name in left_out if name not in found or found[name].why != "not there at fit"]:
        say(f"note: not in the output, because the model does not reconstruct them: {said(known, None)}.")


def _say_written(output: Path, count: int, what: str, n_columns: int) -> None:
    is_or_are = "is" if count == 1 else "are"
    say(f"{counted(count, what)} ({counted(n_columns, 'column')}) {is_or_are} in {str(output)!r}.")


def _say_left_out(output: Path, *words: str | None) -> None:
    left_out = [name for name in words if name is not None]
    if output.suffix.lower() == ".npy" and left_out:
        names = " and ".join(map(repr, left_out))
        verb, them = ("is", "it") if len(left_out) == 1 else ("are", "them")
        say(f"note: .npy holds numbers alone, so {names} {verb} left out; .npz keeps {them}.")


def write_blocks(
    output: Path | None,
    stream: TableStream,
    answers: Iterator[tuple[Table, Any]],
    columns: Sequence[str],
    *,
    row_shape: RowShape | None = None,
    overwrite: bool = False,
    what: str = "row",
) -> None:
    """Write the ``answers`` for the blocks of a stream, one block at a time, as `write_rows` would."""
    from isthmus.tables.writing import table_writer

    first, answered = next(answers, (None, None))
    if first is None:
        say("note: there are more shares than files or row groups, and none is left for this one.")
        return
    mixed = isinstance(answered, Table) and answered.is_mixed
    if len(first) == len(stream) or mixed or (output is not None and not output.suffix):
        # Mixed-type tables, pictures and sounds are gathered: only tables of numbers are written block by block.
        if len(first) < len(stream):
            first, answered = stream.load(), _stacked([answered, *(answer for _, answer in answers)])
        write_rows(output, answered, columns, beside=first, row_shape=row_shape, overwrite=overwrite, what=what)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = output or Path(folder, "rows.csv")
        names = {"id_name": stream.id_name, "label_name": stream.label_name}
        with table_writer(path, columns, **names, id_zone=first.id_zone, overwrite=overwrite) as write:
            write(answered, first.ids, first.labels)
            for block, answer in answers:
                write(answer, block.ids, block.labels)
        if output is None:
            to_stdout(path)
            return
    _say_written(output, len(stream), what, len(columns))
    _say_left_out(output, stream.id_name, stream.label_name)


def _stacked(answers: list[Any]) -> Any:
    if isinstance(answers[0], Table):
        return joined([replace(answer, ids=None, labels=None) for answer in answers])
    import numpy as np

    return np.concatenate(answers)


def shared(output: Path | None, shard: str | None) -> tuple[Path | None, tuple[int, int] | None]:
    """The share of the data that this process takes, and where it writes.

    ``-o codes.parquet`` becomes ``codes/part-00000.parquet`` and so on, one file a share. ``--shard 1/4`` is the first
    of four; under torchrun every process takes its own.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if shard is None and world <= 1:
        return output, None
    if shard is None:
        index, count = int(os.environ.get("RANK", "0")), world
    else:
        try:
            index, count = (int(part) for part in shard.split("/"))
        except ValueError:
            index, count = 0, 0
        index -= 1
        if not 0 <= index < count:
            raise UsageError(f"--shard must be I/N with I from 1 to N, such as 1/4, got {shard!r}.")
    if output is None or not output.suffix:
        raise UsageError("--shard needs -o FILE; each share is written as a part into a folder with FILE's name.")
    return output.with_suffix("") / f"part-{index:05d}{output.suffix}", (index, count)


def _write_frame(output: Path | None, table: Table, beside: Table | None, *, overwrite: bool, what: str) -> None:
    """The same for a mixed-type table, which only CSV and Parquet can hold."""
    import pyarrow

    from isthmus.tables.row_ids import as_arrow, as_text, dates_in
    from isthmus.tables.writing import write_frame

    typed = output is not None and output.suffix.lower() == ".parquet"
    frame = table.to_arrow() if typed else table.written()
    if beside is not None and beside.ids is not None:
        ids = as_arrow(*dates_in(beside.ids, beside.id_zone)) if typed else as_text(beside.ids, beside.id_zone)
        frame = frame.add_column(0, beside.id_name, pyarrow.array(ids))
    if beside is not None and beside.labels is not None:
        frame = frame.append_column(beside.label_name, pyarrow.array(beside.labels))
    if output is not None:
        write_frame(output, frame, overwrite=overwrite)
        _say_written(output, len(frame), what, frame.num_columns)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.csv")
        write_frame(path, frame)
        to_stdout(path)


def to_stdout(path: Path) -> None:
    """Copy a text file to standard output: unchanged to a program, with control characters escaped to a terminal."""
    if sys.stdout.isatty():
        with path.open(encoding="utf-8", newline="\n") as text:
            show(*(line.removesuffix("\n") for line in text))
        return
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
