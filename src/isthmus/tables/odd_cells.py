"""The texts in a column of numbers that are not numbers: the first one, and which words they are if these are few.

A repeated word without digits among numbers, such as ``not measured`` or ``refused``, means that the value is missing;
such a column is one of numbers, even if these are fewer than 19 in 20 cells.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.tables.distinct import DistinctTexts

__all__ = ["OddCells"]

LOOKED_AT = 200
MAX_WORDS = 5
MIN_SHARE = 0.5  # of the cells that must be numbers
MIN_NUMBERS = 12  # different ones: 2, 3, 4 and "more" are categories


@dataclass
class OddCells:
    """The texts of a column that are not numbers.

    ``first`` is the row and the text of the first one; ``words`` their counts, None if there are many.
    """

    first: tuple[int, str] | None = None
    words: Counter[str] | None = field(default_factory=Counter)

    def note(self, known: DistinctTexts, is_number: np.ndarray, n_before: int) -> None:
        """Add cells, with which of their different texts are numbers; ``n_before`` rows come before them."""
        import pyarrow.compute

        compute: Any = pyarrow.compute  # its functions are generated at import
        other = np.flatnonzero(~is_number & (known.times > 0))
        if not len(other):
            return
        if self.first is None:
            rows = [compute.index(known.indices, int(place)).as_py() for place in other[:LOOKED_AT]]
            row = min(rows)
            self.first = n_before + row, known.words[int(other[rows.index(row)])].as_py()
        if self.words is None or len(other) > MAX_WORDS:
            self.words = None
            return
        for place in other:
            self.words[known.words[int(place)].as_py()] += int(known.times[place])
        if len(self.words) > MAX_WORDS:
            self.words = None

    def are_missing_marks(self, n_numbers: int, n_cells: int, n_different: float) -> bool:
        """Whether they mark missing values: few words without digits, among many different numbers."""
        if not self.words or n_numbers < MIN_SHARE * n_cells:
            return False
        plain = all(word and not any(letter.isdigit() for letter in word) for word in self.words)
        return plain and n_different - len(self.words) >= MIN_NUMBERS
