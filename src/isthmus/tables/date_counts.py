"""The forms in which the cells of a column may be dates, and how many are in each.

Which form holds is settled by all cells: the one in which most are dates; of two such, the one in which the column goes
forward in time; then the order of day and month that other columns of the file show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isthmus.tables.distinct import DistinctTexts, mask_of
from isthmus.tables.text_dates import DAY, DateForm, dates_of, likely_forms

__all__ = ["DateCounts"]

FORWARD = 0.95  # of the dates that are no earlier than the one before: time goes forward
LOOKED_AT = 200  # texts of a block by which the forms in question are found


@dataclass
class DateCounts:
    """What the cells of one column are as dates.

    Attributes
    ----------
    counts : dict
        How many texts are dates in each form that is still in question.
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
        """How many cells are dates in the best form."""
        return max(self.counts.values(), default=0)

    def add_iso(self, cells: Any, n_before: int) -> Any:
        """The quick way for a column of ISO 8601 dates only; None, and nothing added, if a cell is anything else."""
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
        """The next cells; a form in which fewer than ``n_needed`` are dates is dropped."""
        import pyarrow.compute

        compute: Any = pyarrow.compute
        there = np.flatnonzero(texts.times > 0)
        if not len(there):
            return
        if not self.counts:
            some = there[:: max(1, len(there) // LOOKED_AT)]
            self.counts = dict.fromkeys(likely_forms([texts.words[int(place)].as_py() for place in some]), 0)
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
        """The form in which most cells are dates, how many are, and whether day and month could be the other way."""
        if not self.counts:
            return None
        tied = [form for form, count in self.counts.items() if count == self.most]
        forward = {form: self.growing.get(form, 0) >= FORWARD * self.most for form in tied}
        order = list(self.counts)

        def rank(form: DateForm) -> tuple[Any, ...]:
            wanted = form.day_first is None or form.day_first == day_first
            return (not form.is_span, forward[form], wanted, -order.index(form))

        best = max(tied, key=rank)
        other = next((form for form in tied if form.swapped == best), None)
        return best, self.most, other is not None and forward[best] == forward[other]
