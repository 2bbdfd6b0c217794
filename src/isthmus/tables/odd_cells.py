"""The texts of a column of numbers that are none: the first of them, and which words they are where these are few.

A word without a digit that comes again and again among numbers, such as ``not measured`` or ``refused``, says that
there is no number; so such a column is one of numbers, though they are fewer than 19 in 20.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.tables.distinct import DistinctTexts

__all__ = ["OddCells"]

LOOKED_AT = 200
MOST_WORDS = 5
LEAST_SHARE = 0.5  # of the cells: so many must be numbers
LEAST_NUMBERS = 12  # different ones: 2, 3, 4 and "more" are categories


@dataclass
class OddCells:
    """What is no number in a column.

    ``first`` is the row of the first such text, and the text; ``words`` how often each comes, None where they are many.
    """

    first: tuple[int, str] | None = None
    words: Counter[str] | None = field(default_factory=Counter)

    def note(self, known: DistinctTexts, is_number: np.ndarray, n_before: int) -> None:
        """The next cells, with which of their different texts are numbers; ``n_before`` rows were before them."""
        import pyarrow.compute

        compute: Any = pyarrow.compute  # its functions are made when it is imported
        other = np.flatnonzero(~is_number & (known.times > 0))
        if not len(other):
            return
        if self.first is None:
            rows = [compute.index(known.indices, int(place)).as_py() for place in other[:LOOKED_AT]]
            row = min(rows)
            self.first = n_before + row, known.words[int(other[rows.index(row)])].as_py()
        if self.words is not None and len(other) <= MOST_WORDS:
            for place in other:
                self.words[known.words[int(place)].as_py()] += int(known.times[place])
        if self.words is not None and (len(other) > MOST_WORDS or len(self.words) > MOST_WORDS):
            self.words = None

    def stand_for_nothing(self, n_numbers: int, n_cells: int, n_different: float) -> bool:
        """Whether they are marks among numbers: few words without digits, and many different numbers."""
        if not self.words or n_numbers < LEAST_SHARE * n_cells:
            return False
        plain = all(word and not any(letter.isdigit() for letter in word) for word in self.words)
        return plain and n_different - len(self.words) >= LEAST_NUMBERS
