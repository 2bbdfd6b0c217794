"""The windows of one or several series as rows of a table, for evaluation, figures and maps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.series.held_out import split_blocks
from isthmus.series.series import Series, joined_series
from isthmus.series.stamps import stamp_text
from isthmus.series.windowed import WindowedAutoencoder
from isthmus.series.windows import WindowGrid

__all__ = ["WindowRows", "window_rows"]

MIDNIGHT = " 00:00"


@dataclass(frozen=True, eq=False)
class WindowRows:
    """Windows, each a row.

    Attributes
    ----------
    rows : ndarray of shape (n_windows, n_channels * length)
        In standard units, missing cells filled by the model.
    series : ndarray of shape (n_windows,)
        The index of its series.
    starts : ndarray of shape (n_windows,)
        The step of that series at which it starts.
    held_out : ndarray of shape (n_windows,)
        Whether it lies in a block that the fit held out.
    training : ndarray of shape (n_windows,)
        Whether the fit learned from it; windows near a held-out block are neither.
    ids : tuple of str
        The stamp at which it starts.
    """

    rows: np.ndarray
    series: np.ndarray
    starts: np.ndarray
    held_out: np.ndarray
    training: np.ndarray
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)


def window_rows(
    model: WindowedAutoencoder, several: Sequence[Series], *, of_fit: bool = True, most: int | None = None
) -> WindowRows:
    """Windows of series at the model's stride; those whose cells are mostly missing are left out.

    Parameters
    ----------
    of_fit
        Whether these are the series of the fit. Of others every window is held out.
    most
        The most windows to take, evenly spaced.
    """
    several = [model.windows_of(one)[0] for one in several]  # with the channels of the fit, in their order
    joined = joined_series(several, type(model).__name__)
    grid = WindowGrid.of(joined.segments, model.length_, model.stride_)
    split, everywhere = split_blocks(grid), np.ones(len(grid), bool)
    held_out, training = ~everywhere, ~everywhere
    held_out[np.concatenate([np.empty(0, np.int64), *split.blocks])] = True
    training[split.training] = True
    if not of_fit:
        held_out, training = everywhere, ~everywhere
    taken = np.arange(len(grid))
    if most is not None and len(grid) > most:
        taken = np.unique(np.linspace(0, len(grid) - 1, most).round().astype(np.int64))
    parts = list(model.filled_windows(joined, dataclasses.replace(grid, starts=grid.starts[taken])))
    full = np.concatenate([part[1] for part in parts])
    rows = np.concatenate([part[0] for part in parts])[full]
    taken = taken[full]
    offsets = np.cumsum([0, *(len(one) for one in several)])
    of = np.searchsorted(offsets, grid.starts[taken], side="right") - 1
    starts = grid.starts[taken] - offsets[of]
    ids = tuple(stamp_text(several[one].grid.stamps[at]) for one, at in zip(of, starts, strict=True))
    if all(text.endswith(MIDNIGHT) for text in ids):  # daily or longer steps: the date is enough
        ids = tuple(text.removesuffix(MIDNIGHT) for text in ids)
    return WindowRows(rows.reshape(len(rows), -1), of, starts, held_out[taken], training[taken], ids)
