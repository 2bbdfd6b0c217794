"""The record of the data a run was fitted on, in ``run.json``."""

from __future__ import annotations

import math

from isthmus.storage.record import fact, record
from isthmus.tables.dialect import Dialect
from isthmus.tables.generated_names import names_of_pattern
from isthmus.tables.layout import TableLayout, plain_layout

__all__ = ["SEEDS", "DataRecord"]

SEEDS = 2**32


@record
class DataRecord:
    """What later commands need to know of the data a run was fitted on.

    ``source`` is a bundled name or an absolute path; ``sha256`` is that of the values, so held-out rows
    are never looked up in data that have changed, and ``test_sha256`` that of which rows those are. ``layout`` and
    ``dialect`` say what the columns are and how the file wrote them; ``passed_over`` are columns not used for training.
    Generated names, such as those of pixels, are written as their pattern (`isthmus.tables.generated_names`).
    """

    source: str = fact(paths=True)
    name: str = fact(paths=True)
    n_rows: int = fact(at_least=1)
    columns: tuple[str, ...] | str  # the pattern of generated names
    label_name: str | None
    id_name: str | None
    drop: tuple[str, ...]
    image_shape: tuple[int, ...] | None = fact(at_least=1, lengths=(2, 3))
    official_split: bool
    test_size: float = fact(above=0, below=1)
    seed: int = fact(at_least=0, below=SEEDS)
    sha256: str = fact(lengths=(64, 64))
    mixed: bool = fact(default=False)  # absent from the first records
    test_sha256: str | None = fact(lengths=(64, 64), default=None)
    layout: TableLayout | None = fact(default=None)
    dialect: Dialect | None = fact(default=None)
    passed_over: tuple[str, ...] = fact(default=())
    reading: dict[str, bool | float | str] | None = fact(default=None)  # flags for pictures and sounds
    given: TableLayout | None = fact(default=None)  # columns that rows are given
    named_columns: bool = fact(default=False)  # whether the file has columns with names, and is no array or pictures

    def __post_init__(self) -> None:
        _ = self.column_names  # a pattern that is none is refused

    @property
    def column_names(self) -> tuple[str, ...]:
        """The name of each column, those of a pattern written out."""
        return names_of_pattern(self.columns) if isinstance(self.columns, str) else self.columns

    @property
    def known_layout(self) -> TableLayout | None:
        """What each column is; None for an array or pictures."""
        if self.layout is not None or not self.named_columns:
            return self.layout
        return plain_layout(self.column_names)

    def describes(self, n_columns: int) -> bool:
        """Whether a model of ``n_columns`` columns can have been fitted on these data."""
        shape = self.image_shape
        return len(self.column_names) == n_columns and (shape is None or math.prod(shape) == n_columns)
