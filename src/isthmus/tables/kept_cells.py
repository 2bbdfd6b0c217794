"""The cells from the first pass over a file, kept for the second, so no text is parsed twice.

A small file stays in memory; a larger one goes to an Arrow file in the scratch folder. A column that the first pass
reads as numbers or timestamps is kept as such; long free text is not kept, since nothing is learned from it. If that
guess turns out wrong, or the disk is full, the source is read again. A column of few different words is
dictionary-encoded, with one dictionary per batch, which is why the file is an Arrow stream.
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

__all__ = ["FileBatch", "KeptCells"]

CELLS_PER_WORD = 20  # with more cells per different word, a column is dictionary-encoded
FileBatch = tuple[int, Any]  # the number of a file, and some of its rows


class KeptCells:
    """The batches of the first pass, and the types it inferred for their columns."""

    def __init__(self, *, in_memory: bool, scratch: Path | None, wanted: Iterable[str] = ()):
        """``wanted`` are columns that are needed as the file has them, whatever they hold."""
        self._in_memory, self._parent, self._wanted = in_memory, scratch, frozenset(wanted)
        self._held: list[FileBatch] = []
        self._files: list[int] = []
        self._scratch: Scratch | None = None
        self._writer: Any = None
        self._types: dict[str, Any] = {}
        self._guessed: dict[str, Column] = {}  # the types inferred for columns of text
        self._failed = False

    def add(
        self, file: int, batch: pyarrow.RecordBatch, read: Mapping[str, Any], surveys: Sequence[ColumnSurvey]
    ) -> None:
        """Add rows of a file; ``read`` holds columns parsed as numbers or timestamps, or dictionary-encoded."""
        import pyarrow

        if self._in_memory:
            self._held.append((file, batch))
            return
        if self._failed:
            return
        self._files.append(file)
        if len(self._files) == 1:  # only the second batch shows which columns are parsed at once
            self._held.append((file, batch))
            return
        try:
            if self._writer is None:
                self._start(batch, read, surveys)
                self._write(self._held.pop()[1], {})
            self._write(batch, read)
        except (pyarrow.ArrowException, OSError):
            self._give_up()

    def batches(self, columns: Sequence[Column], words: Sequence[str]) -> Iterable[FileBatch] | None:
        """All rows again, for columns to learn from and columns of words; None if they were not kept."""
        if self._held or self._in_memory:
            return self._held
        if self._writer is None or self._failed:
            return None
        self._writer.close()
        if all(self._is_kept(column) for column in columns) and all(self._is_text(name) for name in words):
            return self._read()
        self._give_up()
        return None

    def _start(self, batch: Any, read: Mapping[str, Any], surveys: Sequence[ColumnSurvey]) -> None:
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
                few = pyarrow.types.is_string(kind) and CELLS_PER_WORD * survey.n_different < len(batch)
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
        has_point = not isinstance(column.form, NumberForm) or column.form.decimal == "."
        return (column.is_numeric or column.kind == "date") and has_point

    def _is_text(self, name: str) -> bool:
        return name in self._types and name not in self._guessed

    def _read(self) -> Iterator[FileBatch]:
        import pyarrow

        with pyarrow.OSFile(str(self._path)) as file, pyarrow.ipc.open_stream(file) as reader:
            yield from zip(self._files, reader, strict=True)
        self._give_up()

    @property
    def _path(self) -> Path:
        assert self._scratch is not None
        return self._scratch.path / "cells.arrow"

    def _give_up(self) -> None:
        self._failed = True
        if self._scratch is not None:
            self._scratch.close()
