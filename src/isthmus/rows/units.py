"""Are columns of one unit, such as pixels, or of many? Those of one are weighed as they are; others need a scale.

Columns of one unit share a range: half of them spread over a tenth of what all of them cover together, or
neighbours go up and down together, as in a spectrum or a series. Where ages stand beside incomes neither holds, and the
widest column would decide the error alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.rows.scaling import ColumnStatistics

__all__ = ["UnitChoice", "choose_scale"]

SHARED = 0.1  # of the range of all columns: half of the columns have so much of it, where they are of one unit
SMOOTH = 0.8  # of the spread of neighbouring columns, which are alike where they are one curve's
MANY, MOST = 20, 0.9  # columns of a curve, or of counts, at least; and the share of them that must look so
DEVIATIONS = 2.0  # about the mean: an outlier is no range


@dataclass(frozen=True)
class UnitChoice:
    """The scale chosen, None or "standard", and why, as the end of a sentence."""

    scale: str | None
    why: str


def choose_scale(statistics: ColumnStatistics, names: list[str], image_shape: tuple[int, ...] | None) -> UnitChoice:
    """``scale="auto"``: standardise columns of different units, and leave those of one unit as they are."""
    if image_shape is not None:
        return UnitChoice(None, "pixels are of one unit")
    spread = np.sqrt(statistics.variance)
    varied = np.flatnonzero(spread > 0)
    if len(names) >= MANY and statistics.whole.all() and np.mean(statistics.low == 0) > MOST:
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


def _is_curve(mean: np.ndarray, spread: np.ndarray, n_columns: int) -> bool:
    """Whether neighbouring columns are nearly alike, all along."""
    if n_columns < MANY or len(mean) < MANY:
        return False
    near = np.abs(np.diff(mean)) < SMOOTH * np.maximum(spread[1:], spread[:-1])
    alike = np.abs(np.diff(np.log(spread))) < SMOOTH
    return bool(np.mean(near & alike) > MOST)
