"""Prediction bands around a reconstruction that contain a stated share of new cells, column by column.

Split conformal prediction (Vovk, Gammerman & Shafer 2005; Lei et al. 2018): the distances |x - x̂| of a column over n
rows held out of training are sorted, and the ⌈(n + 1)γ⌉-th is the half width of a band that contains a share γ of new
cells, whatever the distribution, if new rows are exchangeable with these. The width is interpolated between sorted
distances, so the share is met rather than exceeded.

Few rows determine a tail poorly: a band from 40 rows contains .9 ± .05. Below 200 rows their distances are pooled with
those of training rows, enlarged by one common factor, which a few rows estimate well: with q_j a quantile of the
training distances in column j, it is the same quantile of |x_ij - x̂_ij| / q_j over all held-out cells. A ratio of mean
squares instead would be dominated by a few outlying cells.

PCA, from which every fit starts, has seen the held-out rows too. How much wider bands of new rows must be is known for
PCA itself, by cross-validation (`isthmus.inference.cross_validation`), and all distances are enlarged by that factor.
A model that has remained at PCA uses PCA's cross-validated distances of all rows directly.
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
FEW, MAX_POOLED_ROWS = 200, 2048  # held-out rows that suffice alone, and training rows pooled with fewer
LEVEL = 0.9  # the level of the quantile that is matched
MIN_QUANTILE = 1e-6  # of the widest column's: avoids a division by zero
MAX_POOLED_CELLS, SORTED_AT_ONCE = 1 << 23, 1 << 20  # cells of the pooled rows, and cells sorted together


@dataclass(frozen=True, eq=False)
class Bands:
    """Quantiles of the distances of held-out rows.

    Attributes
    ----------
    levels : Tensor of shape (n_levels, n_features)
        Float32, in the model's units: half widths at 1/(n_levels + 1), 2/(n_levels + 1), …
    n_rows : int
        Number of rows that the levels were computed from.
    """

    levels: Tensor
    n_rows: int

    @property
    def widest(self) -> float:
        """The largest share that the levels support."""
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
    """Bands from held-out rows, and if these are few from ``learned`` rows too.

    ``reconstruct`` takes rows and their conditions, ``by_pca`` returns PCA's distances if they are known, and
    ``is_pca`` says whether the model is PCA. A missing cell has no distance; a column without distances uses those of
    all columns. None if there is no observed cell.
    """
    distances = _distances(reconstruct, held_out, device)
    if len(distances) < FEW:
        pca = by_pca()
        if pca is not None and is_pca:
            distances = pca.new
        else:
            n_pooled = min(MAX_POOLED_ROWS, max(FEW, MAX_POOLED_CELLS // distances.shape[1]))
            pooled = _distances(reconstruct, learned.some(n_pooled), device)
            optimism = 1.0 if pca is None else _ratio(pca.new, pca.within, least=0.0)
            pooled.mul_(_ratio(distances, pooled))
            distances = torch.cat([distances, pooled]).mul_(optimism)
    n_levels = min(len(distances), MAX_LEVELS, max(MIN_LEVELS, MAX_NUMBERS // distances.shape[1]))
    shares = torch.arange(1, n_levels + 1, dtype=torch.float64) / (n_levels + 1)
    levels = _levels(distances, shares)
    unknown = levels.isnan()
    if unknown.any():
        observed = distances[~distances.isnan()]
        if not len(observed):
            return None
        levels = torch.where(unknown, _levels(observed[:, None], shares), levels)
    return Bands(levels, len(distances))


def _distances(reconstruct: Callable[..., Tensor], rows: Rows, device: torch.device) -> Tensor:
    parts = []
    for batch in rows.records():
        x, given, *_ = batch.to(device)
        parts.append((reconstruct(x, *(() if given is None else (given,))) - x).abs().cpu())
    return torch.cat(parts).float()


def _ratio(new: Tensor, known: Tensor, least: float = 1.0) -> float:
    """The ratio of new to known distances: of quantiles of all cells relative to their columns' quantiles."""
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
    """Blocks of columns: sorting takes another eight bytes per cell."""
    return distances.split(max(1, SORTED_AT_ONCE // len(distances)), dim=1)


def _levels(distances: Tensor, shares: Tensor) -> Tensor:
    """The quantile of each column at each of ``shares``; NaN for a column without distances."""
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
