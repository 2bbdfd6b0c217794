"""Do the columns share one unit, as pixels do, or must they be standardized?

Columns of one unit share a range: half of them cover at least a tenth of the range of all, or neighbouring columns are
similar, as in a spectrum or a series. For columns such as age and income neither holds, and the widest column would
dominate the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.rows.scaling import ColumnStatistics, observed_statistics

__all__ = ["UnitChoice", "choose_scale", "scale_of"]

SHARED = 0.1  # of the range of all columns that the median column must cover
SMOOTH = 0.8  # largest difference of neighbouring means, in spreads, and of log spreads, along a curve
MIN_COLUMNS, MOST = 20, 0.9  # of a curve or of counts, and the share of them that must look like it
DEVIATIONS = 2.0  # from the mean that bound a range, so outliers don't extend it


@dataclass(frozen=True)
class UnitChoice:
    """The scale chosen, None or "standard", and why, as the end of a sentence."""

    scale: str | None
    why: str


def choose_scale(statistics: ColumnStatistics, names: list[str], image_shape: tuple[int, ...] | None) -> UnitChoice:
    """``scale="auto"``: standardize columns of different units, and leave those of one unit unchanged."""
    if image_shape is not None:
        return UnitChoice(None, "pixels are of one unit")
    spread = np.sqrt(statistics.variance)
    varied = np.flatnonzero(spread > 0)
    if len(names) >= MIN_COLUMNS and statistics.whole.all() and np.mean(statistics.low == 0) > MOST:
        return UnitChoice(None, "the columns are counts")
    if len(varied) < 2:
        return UnitChoice(None, "one column varies")
    mean, spread = statistics.mean[varied], spread[varied]
    low = np.maximum(statistics.low[varied], mean - DEVIATIONS * spread)
    high = np.minimum(statistics.high[varied], mean + DEVIATIONS * spread)
    covered = float(np.median(high - low)) / float(high.max() - low.min())
    widest, narrowest = names[varied[spread.argmax()]], names[varied[spread.argmin()]]
    if covered >= SHARED or _is_curve(mean, spread, len(names)):
        return UnitChoice(None, "the columns are of one unit")
    times = spread.max() / spread.min()
    return UnitChoice("standard", f"{widest} spreads {times:,.3g} times as far as {narrowest}")


def scale_of(rows: np.ndarray) -> str | None:
    """The scale that `choose_scale` finds for rows in memory, shape (n_rows, n_features), which are no pictures."""
    names = [str(place) for place in range(rows.shape[1])]
    return choose_scale(observed_statistics(lambda: [rows]), names, None).scale


def _is_curve(mean: np.ndarray, spread: np.ndarray, n_columns: int) -> bool:
    """Whether almost all neighbouring columns are similar."""
    if n_columns < MIN_COLUMNS or len(mean) < MIN_COLUMNS:
        return False
    near = np.abs(np.diff(mean)) < SMOOTH * np.maximum(spread[1:], spread[:-1])
    alike = np.abs(np.diff(np.log(spread))) < SMOOTH
    return bool(np.mean(near & alike) > MOST)
