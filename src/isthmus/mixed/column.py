"""One column of a DataFrame as columns of numbers, and back.

    number     x                   one column, scaled; whole numbers are rounded on the way back
    date       days since 1970     one column, scaled
    truth      0 or 1              one column, on the way back true from 1/2 up
    category   one-hot             a column a category, on the way back the most probable

A missing cell is NaN, in a category's columns all of them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["KINDS", "Cells", "Column", "MixedTableError"]

KINDS = ("number", "date", "truth", "category")
SHOWN_LETTERS = 40
DTYPE = re.compile(r"(?!.*(//|dateutil))[\w+:,=|/()\[\] -]{1,80}")  # no path: pandas would open one as a time zone


class MixedTableError(ValueError):
    """A table that cannot be understood: which column, what was found, what to do; the estimator adds its name."""


@dataclass(frozen=True)
class Cells:
    """A DataFrame's column in plain NumPy: ``values`` of shape (n_rows,), not to be read where ``missing``."""

    values: np.ndarray
    missing: np.ndarray


@dataclass(frozen=True)
class Column:
    """What a column was at fit: enough to encode its cells and to give back its dtype.

    Attributes
    ----------
    dtype : str
        As its library names it.
    whole : bool
        Of a number: whether the dtype is one of integers; of a date: whether there is no time of day.
    categories : tuple
        In their order; words, numbers or booleans.
    ordered : bool
        Whether the order means something.
    """

    name: str
    kind: Literal["number", "date", "truth", "category"]
    dtype: str
    whole: bool = False
    categories: tuple[bool | int | float | str, ...] = ()
    ordered: bool = False

    def __post_init__(self) -> None:
        plain = isinstance(self.name, str) and isinstance(self.dtype, str) and self.kind in KINDS
        plain = plain and DTYPE.fullmatch(self.dtype) is not None
        if not plain or type(self.whole) is not bool or type(self.ordered) is not bool:
            raise ValueError("a column of the table is not described as it should be")
        known = all(type(value) in (str, int, bool) or _is_finite(value) for value in self.categories)
        if not known or len({*self.categories}) != len(self.categories):
            raise ValueError(f"the categories of column {self.name!r} must be different words or numbers")
        if bool(self.categories) != (self.kind == "category"):
            raise ValueError(f"column {self.name!r} is a {self.kind} with {len(self.categories)} categories")

    @property
    def width(self) -> int:
        """Numbers that stand for a cell."""
        return len(self.categories) if self.kind == "category" else 1

    @property
    def encoded_names(self) -> list[str]:
        """A name for each of them."""
        return [f"{self.name}={value}" for value in self.categories] or [self.name]

    def encode(self, cells: Cells, unseen: str) -> np.ndarray:
        """Cells to numbers, shape (n_rows, width), float64; an unseen category is an error or a missing cell."""
        encoded = np.full((len(cells.missing), self.width), np.nan)
        present = ~cells.missing
        if self.kind != "category":
            encoded[present, 0] = cells.values[present].astype(np.float64)
            return encoded
        place = {value: index for index, value in enumerate(self.categories)}
        for row in np.flatnonzero(present):
            index = place.get(cells.values[row])
            if index is None:
                if unseen == "error":
                    raise MixedTableError(
                        f"column {self.name} has the category {str(cells.values[row])[:SHOWN_LETTERS]!r} in row {row}, "
                        "which was not there at fit; correct it, or use unseen='missing' (with missing='mask')."
                    )
                continue
            encoded[row] = 0.0
            encoded[row, index] = 1.0
        return encoded

    def decode(self, encoded: np.ndarray) -> np.ndarray:
        """Numbers of shape (n_rows, width) to values: floats, days, booleans, or indices of categories."""
        if self.kind == "category":
            return encoded.argmax(1)
        if self.kind == "truth":
            return encoded[:, 0] >= 0.5
        return np.rint(encoded[:, 0]) if self.whole else encoded[:, 0]


def _is_finite(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)
