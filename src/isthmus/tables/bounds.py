"""How much a file may take: what it declares is held against its size before room is made for it.

A compressed file can be a thousand times what it seems, and a head can promise any shape. A file is unpacked where
that takes at most a gibibyte or a hundred times the file; beyond that one sentence says so, and nothing is allocated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.tables.errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "LONGEST_LINE",
    "MOST_NAMED_COLUMNS",
    "require_columns",
    "require_room",
    "require_rows",
    "unrolled",
]

ALWAYS_UNPACKED = 1 << 30
MOST_TIMES = 100
ALWAYS_ROWS, MOST_ROWS_A_BYTE = 1 << 26, 64
MOST_NUMBERS_A_ROW = 1 << 22  # a picture of 2048 × 2048
MOST_NAMED_COLUMNS = 1 << 16  # of text or Parquet, where each costs buffers of its own, about 9 kB
LONGEST_LINE = 1 << 24


def require_room(n_bytes: int, file_bytes: int, where: str) -> None:
    """Refuse a file of ``file_bytes`` that would take ``n_bytes`` of memory.

    >>> require_room(1 << 40, 1 << 20, "'small.npz'")
    Traceback (most recent call last):
    ...
    isthmus.tables.errors.DataError: 'small.npz': 1,048,576 bytes that would unpack to 1,099,511,627,776 or more; ...
    """
    if n_bytes > max(ALWAYS_UNPACKED, MOST_TIMES * file_bytes):
        raise DataError(
            f"{where}: {file_bytes:,} bytes that would unpack to {n_bytes:,} or more; if you trust it, save it "
            "unpacked, as a .npy file."
        )


def require_columns(count: int, where: str, most: int = MOST_NUMBERS_A_ROW) -> None:
    """Refuse rows of more numbers than can be meant."""
    if count > most:
        raise DataError(f"{where}: rows of {count:,} numbers, and {most:,} is the most read; name fewer.")


def require_rows(count: int, file_bytes: int, where: str) -> None:
    """Refuse more rows than the time to read them could be meant: a run of equal cells takes no room in Parquet."""
    if count > max(ALWAYS_ROWS, MOST_ROWS_A_BYTE * file_bytes):
        raise DataError(f"{where}: {file_bytes:,} bytes that claim {count:,} rows; save it again.")


def unrolled(table: pyarrow.Table, file_bytes: int, where: str) -> pyarrow.Table:
    """The table with words in place of dictionaries, if there is room: one long word may stand in every row."""
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
