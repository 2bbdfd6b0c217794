"""The cells of the first look at a file, kept for the second, so no text is parsed twice.

Few are held in memory; many lie in an Arrow file in the scratch folder. A column that the first look reads as numbers
or moments is kept as such, and long free text not at all, since nothing is learned from it. Where that turns out to
have been a wrong guess, or the disk is full, the file is read again. A column of few words is kept as places in a
list of them, one list a batch, which is why the file is a stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.tables.column import Column
from isthmus.tables.container import Scratch
from isthmus.tables.survey import ColumnSurvey
from isthmus.tables.text_numbers import NumberForm

if TYPE_CHECKING:
    import pyarrow

__all__ = ["KeptCells", "Placed"]

SEVERAL = 20  # times as many cells as different words, where places in a list are kept
Placed = tuple[int, Any]  # the number of a file, and some of its rows


class KeptCells:
    """Batches as they come, and what the first look made of their columns."""

    def __init__(self, *, in_memory: bool, scratch: Path | None, wanted: Iterable[str] = ()):
        """``wanted`` are columns that are needed as they stand in the file, whatever they hold."""
        self._in_memory, self._parent, self._wanted = in_memory, scratch, frozenset(wanted)
        self._held: list[Placed] = []
        self._places: list[int] = []
        self._scratch: Scratch | None = None
        self._writer: Any = None
        self._types: dict[str, Any] = {}
        self._guessed: dict[str, Column] = {}  # what columns of text are taken for
        self._failed = False

    def add(
        self, place: int, batch: pyarrow.RecordBatch, read: Mapping[str, Any], surveys: Sequence[ColumnSurvey]
    ) -> None:
        """The next rows of a file; ``read`` are columns that have been read as numbers or moments, or looked up."""
        import pyarrow

        if self._in_memory:
            self._held.append((place, batch))
            return
        if self._failed:
            return
        self._places.append(place)
        if len(self._places) == 1:  # in the second batch it shows what can be read at once
            self._held.append((place, batch))
            return
        try:
            if self._writer is None:
                self._begin(batch, read, surveys)
                self._write(self._held.pop()[1], {})
            self._write(batch, read)
        except (pyarrow.ArrowException, OSError):
            self._give_up()

    def batches(self, columns: Sequence[Column], words: Sequence[str]) -> Iterable[Placed] | None:
        """All rows again, with these columns to learn from and those that are words; None if they were not kept."""
        if self._held or self._in_memory:
            return self._held
        if self._writer is None or self._failed:
            return None
        self._writer.close()
        fit = all(self._is_kept(column) for column in columns) and all(self._is_text(name) for name in words)
        if not fit:
            self._give_up()
        return self._read() if fit else None

    def _begin(self, batch: Any, read: Mapping[str, Any], surveys: Sequence[ColumnSurvey]) -> None:
        import pyarrow

        for survey in surveys:
            cells, name = read.get(survey.name), survey.name
            cells = None if cells is not None and pyarrow.types.is_dictionary(cells.type) else cells
            guessed = name not in self._wanted and not survey.may_name_rows
            if cells is not None and guessed:
                self._types[name] = cells.type
                form = NumberForm() if pyarrow.types.is_floating(cells.type) else next(iter(survey.dates.counts))
                kind = "number" if isinstance(form, NumberForm) else "date"
                self._guessed[name] = Column(name, kind, str(cells.type), form=form, marks=survey.others)
            elif not (guessed and survey.is_prose):
                kind = batch.schema.field(name).type
                few = pyarrow.types.is_string(kind) and SEVERAL * survey.n_different < len(batch)
                self._types[name] = pyarrow.dictionary(pyarrow.int32(), kind) if few else kind
        self._scratch = Scratch(self._parent)
        schema = pyarrow.schema(list(self._types.items()))
        self._writer = pyarrow.ipc.new_stream(str(self._path), schema)

    def _write(self, batch: Any, read: Mapping[str, Any]) -> None:
        import pyarrow

        cells = []
        for name, kind in self._types.items():
            column = batch.column(name)
            if name in self._guessed:
                known = read.get(name)
                column = self._guessed[name].typed(column).cast(kind) if known is None else known
            elif pyarrow.types.is_dictionary(kind):
                known = read.get(name)
                column = column.dictionary_encode() if known is None else known
            cells.append(column)
        self._writer.write_batch(pyarrow.RecordBatch.from_arrays(cells, names=list(self._types)))

    def _is_kept(self, column: Column) -> bool:
        guess = self._guessed.get(column.name)
        if guess is None:
            return column.name in self._types
        if guess.kind == "date":
            return (column.kind, column.form) == ("date", guess.form)
        pointed = not isinstance(column.form, NumberForm) or column.form.decimal == "."
        return (column.is_numeric or column.kind == "date") and pointed

    def _is_text(self, name: str) -> bool:
        return name in self._types and name not in self._guessed

    def _read(self) -> Iterator[Placed]:
        import pyarrow

        with pyarrow.OSFile(str(self._path)) as file, pyarrow.ipc.open_stream(file) as reader:
            yield from zip(self._places, reader, strict=True)
        self._give_up()

    @property
    def _path(self) -> Path:
        assert self._scratch is not None
        return self._scratch.path / "cells.arrow"

    def _give_up(self) -> None:
        self._failed = True
        if self._scratch is not None:
            self._scratch.close()
