"""How much memory a file may take: what it declares is checked against its size before anything is allocated.

A compressed file can unpack to a thousand times its size, and a header can declare any shape. A file is unpacked if
that takes at most one gibibyte or a hundred times its size; beyond that, it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.tables.errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "LONGEST_LINE",
    "MAX_NAMED_COLUMNS",
    "require_columns",
    "require_room",
    "require_rows",
    "unrolled",
]

ALWAYS_UNPACKED = 1 << 30
MAX_RATIO = 100
ALWAYS_ROWS, MAX_ROWS_PER_BYTE = 1 << 26, 64
MAX_NUMBERS_PER_ROW = 1 << 22  # a picture of 2048 × 2048
MAX_NAMED_COLUMNS = 1 << 16  # of text or Parquet, where each needs buffers of about 9 kB
LONGEST_LINE = 1 << 24


def require_room(n_bytes: int, file_bytes: int, where: str) -> None:
    """Refuse a file of ``file_bytes`` that would take ``n_bytes`` of memory.

    >>> require_room(1 << 40, 1 << 20, "'small.npz'")
    Traceback (most recent call last):
    ...
    isthmus.tables.errors.DataError: 'small.npz': 1,048,576 bytes that would unpack to 1,099,511,627,776 or more; ...
    """
    if n_bytes > max(ALWAYS_UNPACKED, MAX_RATIO * file_bytes):
        raise DataError(
            f"{where}: {file_bytes:,} bytes that would unpack to {n_bytes:,} or more; if you trust it, save it "
            "unpacked, as a .npy file."
        )


def require_columns(count: int, where: str, most: int = MAX_NUMBERS_PER_ROW) -> None:
    """Refuse rows of implausibly many numbers."""
    if count > most:
        raise DataError(f"{where}: rows of {count:,} numbers, but at most {most:,} are read; select fewer columns.")


def require_rows(count: int, file_bytes: int, where: str) -> None:
    """Refuse implausibly many rows, which take long to read: in Parquet a run of equal cells takes no room."""
    if count > max(ALWAYS_ROWS, MAX_ROWS_PER_BYTE * file_bytes):
        raise DataError(f"{where}: {file_bytes:,} bytes that claim to hold {count:,} rows; save it again.")


def unrolled(table: pyarrow.Table, file_bytes: int, where: str) -> pyarrow.Table:
    """The table with strings in place of dictionaries, if there is room: one long string may occur in every row."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are made when it is imported
    for place, field in enumerate(table.schema):
        words = getattr(field.type, "value_type", None)
        if not pyarrow.types.is_dictionary(field.type) or words not in (pyarrow.string(), pyarrow.large_string()):
            continue
        parts = [(compute.binary_length(part.dictionary), part.indices) for part in table.column(place).chunks]
        n_bytes = sum(compute.sum(lengths.take(indices)).as_py() or 0 for lengths, indices in parts)
        require_room(n_bytes, file_bytes, where)
        table = table.set_column(place, field.name, table.column(place).cast(words))
    return table
