"""Bands about a reconstruction that hold a stated share of new cells, column by column.

Split conformal prediction (Vovk, Gammerman & Shafer 2005; Lei et al. 2018): of n rows that were held out of training,
the distances |x - x̂| of a column are sorted, and the ⌈(n + 1)γ⌉-th is the half width of the band that holds a share γ
of what comes later, whatever the distribution, as long as later rows are like these. Between two of the sorted
distances the width is interpolated, so the share is met rather than exceeded.

Few rows say little of a tail: a band from 40 rows holds .9 give or take .05. Below 200 their distances are joined by
those of rows that were learned from, all enlarged by one number, which few rows know well: with q_j the quantile of
learned rows' distances in column j, it is that quantile of |x_ij - x̂_ij| / q_j over all held-out cells. A ratio of mean
squares in its place would be that of a few outlying cells.

PCA, from which every fit starts, has seen the held-out rows too. How much wider that makes the bands of new rows is
known of PCA itself, by cross-validation (`isthmus.inference.cross_validation`), and the distances are enlarged by it.
A model that has remained at PCA takes its cross-validated distances as they are, of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.cross_validation import PCADistances
from isthmus.rows.rows import Rows

__all__ = ["Bands", "learn_bands"]

MAX_LEVELS, MAX_NUMBERS, MIN_LEVELS = 499, 1 << 19, 64
FEW, MAX_LEARNED = 200, 2048  # held-out rows that are too few by themselves, and learned rows that join them
LEVEL = 0.9  # the share whose quantile is matched
MIN_QUANTILE = 1e-6  # of the widest column's: a column without any distance is compared with none
MAX_JOINED, SORTED_AT_ONCE = 1 << 23, 1 << 20  # cells of those learned rows, and cells sorted together


@dataclass(frozen=True, eq=False)
class Bands:
    """Quantiles of the distances of held-out rows.

    Attributes
    ----------
    levels : Tensor of shape (n_levels, n_features)
        Float32, in the model's units: half widths at 1/(n_levels + 1), 2/(n_levels + 1), …
    n_rows : int
        The rows that the levels are from.
    """

    levels: Tensor
    n_rows: int

    @property
    def widest(self) -> float:
        """The largest share that so many rows can speak for."""
        return len(self.levels) / (len(self.levels) + 1)

    def half_widths(self, share: float) -> Tensor:
        """Half the width of each column's band, shape (n_features,), in the model's units; ``share`` up to `widest`."""
        index = max(share * (len(self.levels) + 1), 1.0) - 1
        low = min(int(index), len(self.levels) - 1)
        high, part = min(low + 1, len(self.levels) - 1), index - low
        return (1 - part) * self.levels[low] + part * self.levels[high]


@torch.no_grad()
def learn_bands(
    reconstruct: Callable[..., Tensor],
    held_out: Rows,
    learned: Rows,
    device: torch.device,
    *,
    by_pca: Callable[[], PCADistances | None] = lambda: None,
    is_pca: bool = False,
) -> Bands | None:
    """From held-out rows, and where these are few from ``learned`` rows too.

    ``reconstruct`` takes rows and what they are given, ``by_pca`` gives the distances of PCA where they are known, and
    ``is_pca`` says that the model is PCA. A missing cell has no distance; a column without any takes those of all
    columns. None where there is no cell.
    """
    distances = _distances(reconstruct, held_out, device)
    if len(distances) < FEW:
        pca = by_pca()
        if pca is not None and is_pca:
            distances = pca.new
        else:
            n_learned = min(MAX_LEARNED, max(FEW, MAX_JOINED // distances.shape[1]))
            others = _distances(reconstruct, learned.some(n_learned), device)
            optimism = 1.0 if pca is None else _farther(pca.new, pca.within, least=0.0)
            farther = _farther(distances, others)
            distances = torch.cat([distances, others.mul_(farther)]).mul_(optimism)
    n_levels = min(len(distances), MAX_LEVELS, max(MIN_LEVELS, MAX_NUMBERS // distances.shape[1]))
    shares = torch.arange(1, n_levels + 1, dtype=torch.float64) / (n_levels + 1)
    levels = _levels(distances, shares)
    unknown = levels.isnan()
    if unknown.any():
        pooled = distances[~distances.isnan()]
        if not len(pooled):
            return None
        levels = torch.where(unknown, _levels(pooled[:, None], shares), levels)
    return Bands(levels, len(distances))


def _distances(reconstruct: Callable[..., Tensor], rows: Rows, device: torch.device) -> Tensor:
    parts = []
    for batch in rows.records():
        x, given, *_ = batch.to(device)
        parts.append((reconstruct(x, *(() if given is None else (given,))) - x).abs().cpu())
    return torch.cat(parts).float()


def _farther(new: Tensor, known: Tensor, least: float = 1.0) -> float:
    """How many times as far new rows lie as known ones, by a quantile of all cells relative to their columns'."""
    widths = _levels(known, torch.tensor([LEVEL], dtype=torch.float64))[0].nan_to_num(0.0)
    if not float(widths.max()) > 0:
        return 1.0
    widths = widths.clamp(min=MIN_QUANTILE * float(widths.max()))
    far, near = (_quantile(distances / widths) for distances in (new, known))
    return max(far / near, least) if near > 0 else 1.0


def _quantile(cells: Tensor) -> float:
    seen = cells[~cells.isnan()]
    return float(seen.kthvalue(max(1, round(LEVEL * len(seen)))).values) if len(seen) else 0.0


def _by_columns(distances: Tensor) -> Sequence[Tensor]:
    """Some columns at a time: sorting takes eight more bytes a cell, and rows may have thousands."""
    return distances.split(max(1, SORTED_AT_ONCE // len(distances)), dim=1)


def _levels(distances: Tensor, shares: Tensor) -> Tensor:
    """The quantile of each column at each of ``shares``; NaN of a column that has none."""
    return torch.cat([_levels_of(part, shares[:, None]) for part in _by_columns(distances)], 1)


def _levels_of(distances: Tensor, shares: Tensor) -> Tensor:
    ordered = distances.sort(0).values  # NaN last
    count = (~distances.isnan()).sum(0)
    index = (shares * (count + 1)).clamp(min=1)
    index = torch.minimum(index, count.clamp(min=1).double()) - 1
    low = index.long()
    high = torch.minimum(low + 1, (count - 1).clamp(min=0))
    part = (index - low).float()
    return (1 - part) * ordered.gather(0, low) + part * ordered.gather(0, high)
