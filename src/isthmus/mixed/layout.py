"""Which numbers stand for which column of a table, decided at fit and undone on the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.mixed.column import Column, MixedTableError
from isthmus.mixed.frames import LIBRARIES, cells_of, column_of, fill_frame, frame_of, is_plain, library_of, names_of
from isthmus.rows.scaling import ColumnStatistics, Scaling

__all__ = ["Blocks", "TableLayout", "layout_of", "require_suitable"]


@dataclass(frozen=True)
class Blocks:
    """The encoded columns by what is to be made of them: places of numbers and of truths, spans of categories."""

    numbers: tuple[int, ...]
    truths: tuple[int, ...]
    categories: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TableLayout:
    """The columns of a DataFrame of ``library``, in order."""

    library: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if self.library not in LIBRARIES or not self.columns or len({*self.names}) != len(self.columns):
            raise ValueError("the layout of a table is a library and its columns by different names")

    @property
    def width(self) -> int:
        """Numbers in an encoded row."""
        return sum(column.width for column in self.columns)

    @property
    def names(self) -> list[str]:
        """Names of the table's columns."""
        return [column.name for column in self.columns]

    @property
    def encoded_names(self) -> list[str]:
        """Names of the encoded columns, as ``colour=red``."""
        return [name for column in self.columns for name in column.encoded_names]

    @property
    def owners(self) -> list[int]:
        """For each encoded column the place of the column it belongs to."""
        return [place for place, column in enumerate(self.columns) for _ in range(column.width)]

    def spans(self) -> list[tuple[int, int]]:
        """Where each column's numbers begin and end."""
        ends = np.cumsum([column.width for column in self.columns]).tolist()
        return [(end - column.width, end) for end, column in zip(ends, self.columns, strict=True)]

    @property
    def blocks(self) -> Blocks:
        """What the likelihood needs to know."""
        placed = list(zip(self.columns, self.spans(), strict=True))
        return Blocks(
            tuple(span[0] for column, span in placed if column.kind in ("number", "date")),
            tuple(span[0] for column, span in placed if column.kind == "truth"),
            tuple(span for column, span in placed if column.kind == "category"),
        )

    def encode(self, X: Any, unseen: str) -> np.ndarray:
        """A DataFrame with these columns, in any order, to float64 of shape (n_rows, width); missing cells are NaN."""
        places = self._places(X)
        encoded = np.empty((len(X), self.width))
        for column, place, (begin, end) in zip(self.columns, places, self.spans(), strict=True):
            encoded[:, begin:end] = column.encode(cells_of(X, place, column), unseen)
        return encoded

    def decode(self, encoded: np.ndarray, index: Any = None) -> Any:
        """Numbers of shape (n_rows, width) to a DataFrame with the columns and dtypes of the fit."""
        spans = zip(self.columns, self.spans(), strict=True)
        values = [column.decode(np.asarray(encoded[:, begin:end], np.float64)) for column, (begin, end) in spans]
        return frame_of(self.library, self.columns, values, index)

    def fill(self, X: Any, encoded: np.ndarray) -> Any:
        """X with its missing cells decoded from ``encoded``; all others stay as they are."""
        if library_of(X) != self.library:
            return self.decode(encoded)
        order = np.argsort(self._places(X)).tolist()
        return fill_frame(X, self.decode(encoded, getattr(X, "index", None)), order)

    def scaling(self, columns: ColumnStatistics, how: str | None) -> Scaling:
        """Numbers and dates standardised (or brought into [0, 1]); what is 0 or 1 already stays so."""
        center, spread = np.zeros(self.width), np.ones(self.width)
        places = list(self.blocks.numbers)
        if how == "minmax":
            center[places], spread[places] = columns.low[places], (columns.high - columns.low)[places]
        else:
            center[places], spread[places] = columns.mean[places], np.sqrt(columns.variance[places])
        return Scaling(center, np.where(spread > 0, spread, 1.0), 1.0)

    def _places(self, X: Any) -> list[int]:
        if library_of(X) is None:
            raise MixedTableError(
                f"fitted on a DataFrame with the columns {', '.join(self.names[:6])}{' …' * (len(self.names) > 6)}, "
                f"got {type(X).__name__}; give a DataFrame."
            )
        names = names_of(X)
        absent = [name for name in self.names if name not in names]
        extra = [name for name in names if name not in self.names]
        if absent or extra:
            said = f"lacks column {absent[0]}" if absent else f"has column {extra[0]}, unknown at fit"
            raise MixedTableError(f"X {said}; the columns must be those of the fit, in any order.")
        if len(X) == 0:
            raise MixedTableError("X has no rows; give at least one.")
        return [names.index(name) for name in self.names]


def layout_of(X: Any) -> TableLayout | None:
    """The layout of a DataFrame that holds more than numbers; None for everything else."""
    library = library_of(X)
    if library is None or is_plain(X):
        return None
    names = names_of(X)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise MixedTableError(f"more than one column is named {twice}; rename them.")
    return TableLayout(library, tuple(column_of(X, place) for place in range(len(names))))


def require_suitable(settings: Any) -> None:
    """Refuse settings that a table with columns of several kinds has no room for."""
    for name, given, why in (
        ("likelihood", settings.likelihood != "gaussian", "each column of a mixed table has its own; leave it out"),
        ("output_activation", settings.output_activation != "identity", "a mixed table has no use for it"),
        ("image_shape", settings.image_shape is not None, "a mixed table is no picture"),
    ):
        if given:
            raise ValueError(f"{type(settings).__name__}: {name}={getattr(settings, name)!r}, but {why}.")
