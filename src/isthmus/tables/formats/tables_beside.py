"""Tables beside pictures and sounds: their cells as text, and whether they name the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats import excel, feather, json, parquet
from isthmus.tables.formats.text import TextSource
from isthmus.tables.request import Request
from isthmus.tables.segments import MappedSegments
from isthmus.tables.source import SegmentsSource, Source

__all__ = ["READ_BESIDE", "columns_of", "names_files"]

READ_BESIDE = (".csv", ".tsv", ".txt", *parquet.SUFFIXES, *feather.SUFFIXES, *json.SUFFIXES, *excel.SUFFIXES)


def columns_of(path: Path) -> dict[str, list[str]]:
    """The columns of a table, every cell as text."""
    source = _opened(path)
    columns: dict[str, list[str]] = {name: [] for name in source.names}
    for batch in _batches(source):
        for name, cells in batch.items():
            columns[name] += cells
    return columns


def names_files(path: Path, names: Sequence[str]) -> bool:
    """Whether the first rows of a table name one of the files; without suffixes, most of them in a column of names."""
    stems = {PurePosixPath(name).stem for name in names}
    try:
        batch = next(_batches(_opened(path)), {})
    except DataError:
        return False
    return any(
        any(PurePosixPath(cell).name in names for cell in cells)
        or (len({*cells}) == len(cells) and 2 * sum(cell in stems for cell in cells) > len(cells))
        for cells in batch.values()
    )


def _opened(path: Path) -> Source:
    file = File(path)
    if parquet.matches(file):
        return SegmentsSource(parquet.ParquetSegments([file.on_disk()]), file.stem)
    if feather.is_file(file):
        return SegmentsSource(MappedSegments(file.on_disk()), file.stem)
    for one in (excel, json):
        if one.matches(file):
            return one.open_file(file, Request())
    return TextSource(file, Request())


def _batches(source: Source) -> Iterator[dict[str, list[str]]]:
    for batch in source.batches():
        columns = zip(source.names, batch.columns, strict=True)
        yield {name: [str(cell).strip() for cell in column.to_pylist()] for name, column in columns}
