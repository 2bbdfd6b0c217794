"""Arrow files: Feather, which is memory-mapped, and streams of batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from isthmus.tables.container import File
from isthmus.tables.errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SUFFIXES", "is_file", "is_stream", "stream_batches"]

SUFFIXES = (".feather", ".arrow", ".arrows", ".ipc")


def is_file(file: File) -> bool:
    """Whether it is a Feather file, which can be read in any order."""
    return file.head.startswith(b"ARROW1\0\0")


def is_stream(file: File) -> bool:
    """Whether it is a stream of batches, which starts with the size of a schema."""
    head = file.head
    size = int.from_bytes(head[4:8], "little")
    return head.startswith(b"\xff\xff\xff\xff") and 8 < size < 1 << 24 and size % 8 == 0


def stream_batches(file: File) -> tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]:
    """The schema of a stream of batches, and these one after the other."""
    import pyarrow

    try:
        with file.open() as stream:
            schema = pyarrow.ipc.open_stream(pyarrow.PythonFile(stream, mode="r")).schema
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{file.where}: not readable as a stream of Arrow batches ({_said(error)}); save it again."
        ) from error

    def batches() -> Iterator[pyarrow.RecordBatch]:
        try:
            with file.open() as stream, pyarrow.ipc.open_stream(pyarrow.PythonFile(stream, mode="r")) as reader:
                for batch in reader:
                    batch.validate(full=True)
                    yield batch
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(
                f"{file.where}: not readable as a stream of Arrow batches ({_said(error)}); save it again."
            ) from error

    return schema, batches()


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:200]
