"""Binary columns that hold text, as Hive, Impala and older Spark write text to Parquet, are read as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isthmus.tables.segments import RewrittenSegments, Segments

if TYPE_CHECKING:
    import pyarrow

__all__ = ["with_texts"]

SAMPLE_ROWS = 1000


def with_texts(segments: Segments) -> Segments:
    """The same rows with such columns decoded; unchanged where there are none."""
    from pyarrow import types

    held = [field.name for field in segments.schema if types.is_binary(field.type) or types.is_large_binary(field.type)]
    head = next(segments.batches(held, SAMPLE_ROWS), None) if held else None
    texts = [] if head is None else [name for name in held if _are_texts(head.column(name).to_pylist())]
    return DecodedSegments(segments, texts) if texts else segments


def _are_texts(cells: list[bytes | None]) -> bool:
    """Whether all cells are UTF-8 of printable characters."""
    try:
        words = [cell.decode() for cell in cells if cell is not None]
    except UnicodeDecodeError:
        return False
    return bool(words) and all(character.isprintable() or character.isspace() for word in words for character in word)


class DecodedSegments(RewrittenSegments):
    """Rows with some columns decoded as they are read."""

    def __init__(self, segments: Segments, names: Sequence[str]):
        import pyarrow

        self._names, text = {*names}, pyarrow.string()
        fields = [pyarrow.field(one.name, text) if one.name in self._names else one for one in segments.schema]
        super().__init__(segments, fields)
        if (widths := getattr(segments, "widths", None)) is not None:
            self.widths = widths

    def known(self) -> dict[str, Any]:
        """The surveys known for the other columns."""
        return {name: one for name, one in super().known().items() if name not in self._names}

    def read(self, segment: int, start: int, stop: int, columns: Sequence[str]) -> pyarrow.Table:
        import pyarrow

        table = self._segments.read(segment, start, stop, columns)
        for place, name in enumerate(table.column_names):
            if name in self._names:
                cells = table.column(place)
                try:
                    decoded = cells.cast(pyarrow.string())
                except pyarrow.ArrowInvalid:  # a later cell is not UTF-8
                    words = [None if cell is None else cell.decode(errors="replace") for cell in cells.to_pylist()]
                    decoded = pyarrow.chunked_array([pyarrow.array(words, pyarrow.string())])
                table = table.set_column(place, name, decoded)
        return table
