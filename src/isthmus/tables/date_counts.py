"""The possible date formats of a column, and how many cells match each.

All cells decide: the format that most cells match; among several, one in which the dates increase; then the order of
day and month in other columns of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.tables.distinct import DistinctTexts, mask_of
from isthmus.tables.text_dates import DAY, DateForm, dates_of, likely_forms

__all__ = ["DateCounts"]

FORWARD = 0.95  # share of dates no earlier than the one before, from which dates count as increasing
SAMPLE_SIZE = 200  # texts of the first block from which candidate formats are inferred


@dataclass
class DateCounts:
    """How the cells of one column can be read as dates.

    Attributes
    ----------
    counts : dict
        How many cells are dates in each candidate format.
    growing : dict
        How many of these are no earlier than the one before.
    whole_days : dict
        Whether none has a time of day.
    """

    counts: dict[DateForm, int] = field(default_factory=dict)
    growing: dict[DateForm, int] = field(default_factory=dict)
    whole_days: dict[DateForm, bool] = field(default_factory=dict)
    _last: dict[DateForm, int] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How many cells are dates in the best format."""
        return max(self.counts.values(), default=0)

    def add_iso(self, cells: Any, n_before: int) -> Any:
        """A fast path for columns of ISO 8601 dates only; None, with nothing added, if any cell is something else."""
        import pyarrow

        form = next(iter(self.counts), None)
        if form is None or len(self.counts) > 1 or not form.is_iso or form.is_span or self.counts[form] < n_before:
            return None
        found = dates_of(cells, form)
        if found.null_count > cells.null_count:
            return None
        self.counts[form] += len(found) - found.null_count
        self._note_moments(form, np.asarray(found.drop_null()))
        return found.cast(pyarrow.timestamp("us"))

    def add(self, texts: DistinctTexts, n_needed: float) -> None:
        """Count the next cells; a format that fewer than ``n_needed`` cells match is dropped."""
        import pyarrow.compute

        compute: Any = pyarrow.compute
        present = np.flatnonzero(texts.times > 0)
        if not len(present):
            return
        if not self.counts:
            sample = present[:: max(1, len(present) // SAMPLE_SIZE)]
            self.counts = dict.fromkeys(likely_forms([texts.words[int(place)].as_py() for place in sample]), 0)
        for form in list(self.counts):
            found = compute.if_else(mask_of(texts.times > 0), dates_of(texts.words, form), None)
            self.counts[form] += texts.count(~np.asarray(found.is_null()))
            self._note_moments(form, np.asarray(compute.take(found, texts.indices).drop_null()))
            if self.counts[form] < n_needed:
                del self.counts[form]

    def _note_moments(self, form: DateForm, moments: np.ndarray) -> None:
        if len(moments):
            steps = np.diff(moments, prepend=self._last.get(form, moments[0]))
            self.growing[form] = self.growing.get(form, 0) + int((steps >= 0).sum())
            self._last[form] = int(moments[-1])
            self.whole_days[form] = self.whole_days.get(form, True) and bool((moments % DAY == 0).all())

    def best(self, *, day_first: bool) -> tuple[DateForm, int, bool] | None:
        """The format that most cells match, how many do, and whether day and month could be swapped."""
        if not self.counts:
            return None
        tied = [form for form, count in self.counts.items() if count == self.most]
        forward = {form: self.growing.get(form, 0) >= FORWARD * self.most for form in tied}
        order = list(self.counts)

        def rank(form: DateForm) -> tuple[Any, ...]:
            wanted = form.day_first is None or form.day_first == day_first
            return (not form.is_span, forward[form], wanted, -order.index(form))

        best = max(tied, key=rank)
        swapped = next((form for form in tied if form.swapped == best), None)
        return best, self.most, swapped is not None and forward[best] == forward[swapped]
