"""JSON: a list of records, one record per line, a record of columns, or the orientations of pandas.

Nested records become columns a.b; lists of numbers with the same length in every record become columns a_0, a_1, …;
other lists are left as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from isthmus.tables.bounds import LONGEST_LINE, MAX_NAMED_COLUMNS, require_columns
from isthmus.tables.container import File
from isthmus.tables.encoding import decoded, encoding_of
from isthmus.tables.errors import DataError
from isthmus.tables.header_names import once_each
from isthmus.tables.request import Request
from isthmus.tables.source import BATCH_ROWS, RowsSource, Source

if TYPE_CHECKING:
    import pyarrow

__all__ = ["SUFFIXES", "matches", "open_file"]

SUFFIXES = (".json", ".jsonl", ".ndjson")
HOLDERS = ("data", "records", "rows", "items", "results", "features", "values", "observations", "table")
INDEX = "index"  # the column of the names of records
DEEPEST, MIN_ALIKE = 6, 3
MAX_BYTES = 1 << 30


def matches(file: File) -> bool:
    """Whether a text starts like a JSON list or record."""
    text = file.head[:4096]
    if b"\0" in text[:8] and encoding_of(file.head, whole=file.is_whole).startswith(("utf-16", "utf-32")):
        text = text.replace(b"\0", b"").lstrip(b"\xff\xfe")
    text = text.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"{":
        after = text[1:].lstrip()[:1]
        return after in (b'"', b"}")
    if text[:1] == b"[":
        after = text[1:].lstrip()[:1]
        return after in (b"{", b"[", b"]", b'"') or after.isdigit() or after == b"-"
    return False


def open_file(file: File, request: Request) -> Source:
    """The records of a file."""
    lines = _first_lines(file)
    if len(lines) > 1 and all(_is_record(line) for line in lines[:3]):
        return _Lines(file, lines)
    if not file.is_whole and len(lines) == 1 and _is_record(lines[0]):
        return _Lines(file, lines)
    if file.size > MAX_BYTES:
        raise DataError(f"{file.where}: {file.size:,} bytes of JSON in one piece; write one record per line (.jsonl).")
    encoding = request.encoding or encoding_of(file.head, whole=file.is_whole)
    try:
        found = _value(decoded(file.bytes(), encoding).lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.where}: not readable as JSON ({_reason(error)}); repair the file.") from error
    names, rows = _table(found, file.where)
    require_columns(len(names), file.where, MAX_NAMED_COLUMNS)
    if not rows:
        raise DataError(f"{file.where}: no records in it; add at least one.")
    source = RowsSource(once_each(names), rows)
    source.name, source.flags = file.stem, ("encoding",)
    return source


def _value(text: str) -> Any:
    """The content of a text: one value, or a sequence of records, not always separated by line breaks."""
    text = text.strip()
    found, end = json.JSONDecoder().raw_decode(text)
    if end == len(text) or not isinstance(found, dict):
        return found if end == len(text) else json.loads(text)
    records = [found]
    while end < len(text):
        start = next(place for place in range(end, len(text)) if not text[place].isspace())
        found, end = json.JSONDecoder().raw_decode(text, start)
        records.append(found)
    return records


class _Lines(Source):
    """One record per line, read as a stream."""

    def __init__(self, file: File, lines: list[bytes]):
        super().__init__()
        first = [_record(line, number, file.where) for number, line in enumerate(lines, start=1) if _is_record(line)]
        self._widths = _list_widths(first)
        names: dict[str, None] = {}
        for record in first:
            names.update(dict.fromkeys(_spread(record, self._widths)))
        self.file, self.name, self.names = file, file.stem, tuple(names)
        require_columns(len(names), file.where, MAX_NAMED_COLUMNS)

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        held: list[dict[str, Any]] = []
        known = set(self.names)
        later: set[str] = set()
        for plain in _records(self.file):
            record = _spread(plain, self._widths)
            held.append(record)
            later |= record.keys() - known
            if len(held) == BATCH_ROWS:
                yield _batch(held, self.names)
                held = []
        if held:
            yield _batch(held, self.names)
        if later:
            self.notes[:] = [f"fields that only later records have are left out: {', '.join(sorted(later)[:6])}"]
        if not known:
            raise pyarrow.ArrowInvalid("no fields")

    @property
    def n_bytes(self) -> int:
        return 2 * self.file.size

    def line_of(self, row: int) -> int | None:
        return row + 1


def _batch(records: list[dict[str, Any]], names: Iterable[str]) -> pyarrow.RecordBatch:
    import pyarrow

    columns = [pyarrow.array([_text(record.get(name)) for record in records], pyarrow.string()) for name in names]
    return pyarrow.RecordBatch.from_arrays(columns, names=list(names))


def _records(file: File) -> Iterator[dict[str, Any]]:
    rest, number = b"", 0
    with file.open() as stream:
        while True:
            block = stream.read(1 << 20)
            lines = (rest + block).split(b"\n")
            rest = lines.pop() if block else b""
            for line in lines:
                number += 1
                if line.strip():
                    yield _record(line, number, file.where)
            if not block:
                return
            if len(rest) > LONGEST_LINE:
                raise DataError(f"{file.where}: a line of more than {LONGEST_LINE:,} bytes; write one record per line.")


def _record(line: bytes, number: int, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: line {number} is not a record ({_reason(error)}); repair it.") from error
    if not isinstance(found, dict):
        raise DataError(f"{where}: line {number} is not a record but a {type(found).__name__}; repair it.")
    return _flat(found)


def _first_lines(file: File) -> list[bytes]:
    lines = file.head.lstrip(b"\xef\xbb\xbf").split(b"\n")
    if not file.is_whole and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip()][:1000]


def _is_record(line: bytes) -> bool:
    if not line.lstrip().startswith(b"{") or not line.rstrip().endswith(b"}"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _list_widths(records: list[dict[str, Any]]) -> dict[str, int]:
    """The length of the lists in each field that holds lists of numbers of one length in every record."""
    found: dict[str, set[int]] = {}
    for record in records:
        for name, value in record.items():
            numbers = isinstance(value, list) and all(type(one) in (int, float) for one in value)
            if value is not None:
                found.setdefault(name, set()).add(len(value) if numbers else 0)
    return {name: max(sizes) for name, sizes in found.items() if len(sizes) == 1 and max(sizes) > 1}


def _spread(record: dict[str, Any], widths: dict[str, int]) -> dict[str, Any]:
    """A record with one field per number of such lists; a list of another length remains a field."""
    if not widths:
        return record
    wide: dict[str, Any] = {}
    for name, value in record.items():
        width = widths.get(name, 0)
        if width and isinstance(value, list) and len(value) == width:
            wide.update((f"{name}_{place}", one) for place, one in enumerate(value))
        elif not width or value is not None:
            wide[name] = value
    return wide


# ---- one JSON value -----------------------------------------------------------------------------------------


def _table(found: Any, where: str) -> tuple[list[str], list[list[str | None]]]:
    """Column names and rows of the table in a JSON value."""
    if isinstance(found, dict):
        found = _inside(found)
    if isinstance(found, dict) and _are_columns(found):
        columns = {
            str(name): list(cells.values()) if isinstance(cells, dict) else cells for name, cells in found.items()
        }
        return list(columns), [
            list(row) for row in zip(*([_text(cell) for cell in cells] for cells in columns.values()), strict=True)
        ]
    if isinstance(found, dict) and set(found) >= {"columns", "data"}:  # pandas' "split"
        names = [str(name) for name in found["columns"]]
        rows = [
            [_text(cell) for cell in row] for row in found["data"] if isinstance(row, list) and len(row) == len(names)
        ]
        return names, rows
    if isinstance(found, dict) and found and all(isinstance(one, dict) for one in found.values()):  # pandas' "index"
        counted = [*found] == [str(place) for place in range(len(found))]
        found = [one if counted or INDEX in one else {INDEX: name, **one} for name, one in found.items()]
    if not isinstance(found, list) or not found:
        raise DataError(f"{where}: no table in it; it must hold a list of records, or a record of columns.")
    if all(isinstance(one, list) for one in found):
        width = max(map(len, found))
        head = found[0]
        named = all(isinstance(name, str) for name in head) and any(
            not isinstance(cell, str) for row in found[1:3] for cell in row
        )
        names = [str(name) for name in head] if named else [f"x{place}" for place in range(width)]
        rows = [[_text(cell) for cell in row] + [None] * (width - len(row)) for row in found[named:]]
        return names + [f"column {place + 1}" for place in range(len(names), width)], rows
    if not any(isinstance(one, dict) for one in found):
        return ["x0"], [[_text(one)] for one in found]
    records = [_flat(one) for one in found if isinstance(one, dict)]
    widths = _list_widths(records)
    records = [_spread(record, widths) for record in records]
    names_found: dict[str, None] = {}
    for record in records:
        names_found.update(dict.fromkeys(record))
    return list(names_found), [[_text(record.get(name)) for name in names_found] for record in records]


def _inside(found: dict[str, Any], depth: int = 0) -> Any:
    """The table among the entries of a record: by its name, else the longest list of records."""
    if set(found) >= {"columns", "data"} and isinstance(found["columns"], list):
        return found
    if "features" in found and isinstance(found["features"], list):  # GeoJSON
        return [
            one.get("properties", one) | {"geometry": one.get("geometry")} if isinstance(one, dict) else one
            for one in found["features"]
        ]
    for name in HOLDERS:
        inside = found.get(name)
        if isinstance(inside, list) and inside and isinstance(inside[0], (dict, list)):
            return inside
    lists = [one for one in found.values() if isinstance(one, list) and one and isinstance(one[0], dict)]
    alike = [one for one in found.values() if isinstance(one, dict) and len(one) >= MIN_ALIKE and _are_alike(one)]
    if not lists and len(alike) == 1 and len(found) > 1 and not _are_alike(found):
        return alike[0]  # records by name, beside metadata
    if not lists and depth < DEEPEST and not _are_alike(found):
        deeper = [_inside(one, depth + 1) for one in found.values() if isinstance(one, dict)]
        lists = [one for one in deeper if isinstance(one, list)]
        if not lists and len(deeper) == 1 and _are_columns(deeper[0]):
            return deeper[0]
    return max(lists, key=len) if lists and not _are_columns(found) else found


def _are_alike(found: dict[str, Any]) -> bool:
    """Whether a record holds records by name that all have the same fields."""
    fields = [{*one} if isinstance(one, dict) else None for one in found.values()]
    return len(fields) > 1 and None not in fields and all(one == fields[0] for one in fields)


def _are_columns(found: dict[str, Any]) -> bool:
    """Whether a record holds columns of one length: lists of cells, or cells by row number."""
    cells = list(found.values())
    if not cells or not all(isinstance(one, (list, dict)) for one in cells):
        return False
    if all(isinstance(one, list) for one in cells):
        plain = all(not isinstance(cell, (list, dict)) for one in cells for cell in one[:3])
        return plain and len({len(one) for one in cells}) == 1 and len(cells[0]) > 0
    keys = [tuple(one) for one in cells if isinstance(one, dict)]
    plain = all(
        not isinstance(cell, (list, dict)) for one in cells if isinstance(one, dict) for cell in list(one.values())[:3]
    )
    counted = bool(keys) and all(key.isdigit() for key in keys[0][:3])
    return len(keys) == len(cells) and plain and counted and len({*keys}) == 1 and len(keys[0]) > 0


def _flat(record: dict[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value and depth < DEEPEST:
            flat.update(_flat(value, f"{before}{name}.", depth + 1))
        else:
            flat[f"{before}{name}"] = value
    return flat


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def _reason(error: BaseException) -> str:
    return "too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0][:120]
