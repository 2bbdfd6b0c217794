"""Rows that are not data: lines swallowed by an open quote, repeated names, empty lines, a table above the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from isthmus.tables.cell_kinds import cell_kind
from isthmus.tables.errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["fitted_row", "repeated_names", "require_no_prose", "swallowing_row", "table_above", "without_empty_rows"]

MIN_LINES, MIN_OF_TWO = 3, 10  # lines in a cell that are rows; more where rows of two cells may be addresses
ALIKE = 0.8
MIN_ROWS_ABOVE = 5
SPARE = 2  # cells that a row may lack or have too many
FEW_LINES, LONG_LINE, BLANK_EVERY = 4, 160, 9  # of prose: lines, characters per line, characters per word


def swallowing_row(batch: pyarrow.RecordBatch, separator: str) -> int | None:
    """The first row with a cell that an unclosed quote filled with rows of the table; None if there is none."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are generated at import
    found = []
    least = MIN_LINES if batch.num_columns > 2 else MIN_OF_TWO
    for column in batch.columns:
        data = column.buffers()[-1]
        letters = b"" if data is None else data.to_pybytes()  # faster to search than with an expression
        if b"\n" not in letters and b"\r" not in letters:
            continue
        ends = compute.count_substring_regex(column, "\r\n|\n|\r")
        long = compute.indices_nonzero(compute.fill_null(compute.greater_equal(ends, least), False))
        for row in long.to_pylist():
            lines = column[row].as_py().splitlines()[1:-1]
            rows = sum(line.count(separator) == batch.num_columns - 1 for line in lines)
            if len(lines) >= least - 1 and rows >= ALIKE * len(lines):
                found.append(row)
                break
    return min(found, default=None)


def repeated_names(batch: pyarrow.RecordBatch, names: Sequence[str]) -> list[int]:
    """The rows that repeat the names of the columns, as in files concatenated from several."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    if len(names) < 2:
        return []
    if compute.index(batch.column(0), names[0]).as_py() < 0:
        return []
    first = compute.indices_nonzero(compute.fill_null(compute.equal(batch.column(0), names[0]), False)).to_pylist()
    return [row for row in first if [(column[row].as_py() or "").strip() for column in batch.columns] == [*names]]


def without_empty_rows(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """The batch without rows of only separators, which spreadsheets write."""
    import pyarrow.compute

    compute: Any = pyarrow.compute
    if batch.num_columns == 1 or not len(batch) or any(not column.null_count for column in batch.columns):
        return batch
    empty = batch.column(0).is_null()
    for column in batch.columns[1:]:
        empty = compute.and_(empty, column.is_null())
    return batch.filter(compute.invert(empty)) if compute.any(empty).as_py() else batch


def fitted_row(cells: Sequence[str], width: int, separator: str) -> tuple[list[str], bool] | None:
    """A row of another width, brought to ``width`` cells, and whether that changes it; None if it can't be done.

    A cell or two may be missing, or too many; a text at the end may hold the separator as often as it likes.
    """
    extra = [cell for cell in cells[width:] if cell.strip()]
    filled, short = sum(bool(cell.strip()) for cell in cells), width - len(cells)
    if filled <= 1 and width > 2:
        return None
    if separator.strip() and extra and len(cells[width - 1].split()) > 2 and cell_kind(cells[width - 1]) == "text":
        return [*cells[: width - 1], separator.join(cells[width - 1 :])], True
    if short > SPARE or (extra and len(cells) - width > SPARE):
        return None
    return [*cells[:width], *[""] * short], bool(extra) or short > 0


def require_no_prose(lines: Sequence[str], where: str) -> None:
    """Refuse a text of a few long lines of words, with short words and hardly any numbers."""
    lines = [line for line in lines if line.strip()]
    if not 0 < len(lines) <= FEW_LINES:
        return
    words = [word.strip(".,;:()") for line in lines for word in line.split()]
    letters = sum(map(len, lines))
    plain = sum(cell_kind(word) == "text" for word in words)
    if letters > LONG_LINE * len(lines) and letters < BLANK_EVERY * len(words) and plain > 0.8 * len(words):
        raise DataError(
            f"{where}: reads like prose, not like rows of cells: {lines[0].strip()[:40]!r}; write one row per line, "
            "or give the --separator."
        )


def table_above(rows: Iterable[Sequence[str]]) -> int:
    """The number of columns of another table above the table, by its rows of numbers; 0 if there is none."""
    widths = Counter(
        len(row) for row in rows
        if len(row) > 1 and all(cell_kind(cell) in ("number", "date") for cell in row if cell.strip()) and any(row)
    )  # fmt: skip
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return width if count >= MIN_ROWS_ABOVE else 0
