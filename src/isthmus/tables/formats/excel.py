"""Spreadsheets: .xlsx, .xls, .xlsb and .ods, read by python-calamine; the first sheet that holds a table."""

from __future__ import annotations

import datetime
import re
import zipfile
from dataclasses import replace
from typing import Any

from isthmus.tables import bounds
from isthmus.tables.bounds import MAX_NAMED_COLUMNS, require_columns
from isthmus.tables.container import File
from isthmus.tables.errors import DataError, reason_of
from isthmus.tables.footer import footer_of
from isthmus.tables.heading import heading_of
from isthmus.tables.heading_notes import heading_notes
from isthmus.tables.request import Request
from isthmus.tables.source import RowsSource, Source

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SAMPLE_ROWS = 400
FEW_ROWS, MANY_TIMES = 12, 5  # a sheet with few rows may summarize one with at least 5 times as many
ABOUT = re.compile(
    "read ?me|(table of )?contents?|about|notes?|info(rmation)?|cover|index|toc|legend|codebook"
    "|(data )?dictionary|meta ?data|description|variables|license|lies ?mich|hinweise?|inhalt",
    re.IGNORECASE,
)


def matches(file: File) -> bool:
    """By its first bytes: an OLE file, or a zip archive of a workbook."""
    return file.head.startswith(OLE) or file.zip_format == "excel"


def open_file(file: File, request: Request) -> Source:
    """The columns of the first sheet with a table."""
    try:
        import python_calamine
    except ImportError as error:
        raise DataError(f"{file.where}: spreadsheets need python-calamine: pip install python-calamine.") from error
    path = file.on_disk()
    if file.head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            bounds.require_room(sum(member.file_size for member in archive.infolist()), path.stat().st_size, file.where)
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            sheets = [name for name in book.sheet_names if name.strip()]
            found: list[tuple[str, list[list[str]]]] = []
            merged: dict[str, Any] = {}
            for name in sheets:
                sheet = book.get_sheet_by_name(name)
                if sheet.height * sheet.width > 1 << 28:
                    raise DataError(
                        f"{file.where}: sheet {name!r} has {sheet.height * sheet.width:,} cells; save it as .csv."
                    )
                rows = _rows(sheet)
                found.append((name, rows))
                merged[name] = _merged_down(sheet)
                if _is_table(name, rows) and len(rows) >= FEW_ROWS:
                    break
    except DataError:
        raise
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic in calamine is not an Exception
        raise DataError(
            f"{file.where}: not readable as a spreadsheet ({reason_of(error)}); save it again, or as .csv."
        ) from error
    sheet_name, rows = _sheet_of_data(found)
    if not rows:
        raise DataError(f"{file.where}: its sheets are empty; it needs column names and rows of cells.")
    width = max(map(len, rows))
    require_columns(width, file.where, MAX_NAMED_COLUMNS)
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    trimmed = _trimmed(rows)
    heading = heading_of(trimmed[:SAMPLE_ROWS], len(trimmed[0]), request.header)
    n_filled = _fill(rows, merged[sheet_name], heading.first)
    rows = _trimmed(rows)
    body = [row for row in rows[heading.first :] if any(row)]
    below = footer_of(body[1:][-20:])
    source = RowsSource(heading.names, body[: len(body) - len(below)])
    source.name, source.flags = file.stem, ("header",)
    for what, cells in below:
        source.notes.append(f"{what} left out: {' '.join(cell.strip() for cell in cells if cell.strip())[:40]!r}")
    if n_filled:
        source.notes.append(f"merged cells apply to all of their rows: {n_filled:,} cells filled")
    if len(sheets) > 1:
        source.notes.append(f"sheet {sheet_name!r} of {len(sheets)} is read; save another as a file of its own")
    empty = not any(any(rows[place]) for place in heading.above)
    shown = replace(heading, above=()) if empty else heading
    source.notes += heading_notes(shown, guessed=request.header is None)
    return source


def _sheet_of_data(found: list[tuple[str, list[list[str]]]]) -> tuple[str, list[list[str]]]:
    """The first sheet that holds a table, unless a sheet with many times as many rows shows it to be a summary."""
    tables = [one for one in found if _is_table(*one)]
    most = max(tables or found, key=lambda one: len(one[1]), default=("", []))
    return next((one for one in tables if MANY_TIMES * len(one[1]) > len(most[1])), most)


def _is_table(name: str, rows: list[list[str]]) -> bool:
    """Whether a sheet has rows of several cells, and its name does not suggest a description of the others."""
    several = sum(sum(map(bool, row)) > 1 for row in rows)
    return several > 1 and ABOUT.fullmatch(name.strip()) is None


def _rows(sheet: Any) -> list[list[str]]:
    return [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=True)]


def _merged_down(sheet: Any) -> list[tuple[int, int, int]]:
    """Merged cells of several rows: the first row, the row after the last, and the column, indices into `_rows`."""
    ranges, start = sheet.merged_cell_ranges, sheet.start
    if not ranges or start is None:
        return []
    top, left = start
    return [
        (first - top, last + 1 - top, column - left)
        for (first, column), (last, last_column) in ranges
        if last > first and column == last_column
    ]


def _fill(rows: list[list[str]], merged: list[tuple[int, int, int]], first: int) -> int:
    """Copy the value of merged cells into all of their rows from ``first`` on; return the number of cells filled."""
    count = 0
    for start, stop, column in merged:
        if start < first or column < 0:
            continue
        for row in rows[start + 1 : stop]:
            count += not row[column]
            row[column] = row[column] or rows[start][column]
    return count


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Remove empty columns at either side, as of a table in the middle of a sheet."""
    filled = [any(row[place] for row in rows) for place in range(len(rows[0]))]
    first = filled.index(True) if True in filled else 0
    last = len(filled) - filled[::-1].index(True) if True in filled else len(filled)
    return [row[first:last] for row in rows]


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ") if cell.time() != datetime.time() else cell.date().isoformat()
    if isinstance(cell, datetime.timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return cell.isoformat() if isinstance(cell, (datetime.date, datetime.time)) else str(cell)
