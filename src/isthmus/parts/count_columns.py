"""Count columns of a mixed table, such as visits or purchases: each has its own likelihood, without a row total.

    x_j ~ Poisson(λ_j) or NB(λ_j, θ_j)        λ_j = s_j(c_j + d_j · output_j)        s_j(v) = τ_j log(1 + e^{v/τ_j})

In a table of counts alone a row's counts share its total (`isthmus.parts.counts`); next to ages and cities they do not.
In the model's units counts are standardised like numbers, u = (x - c)/d, which is what PCA, corruptions and imputation
see; the likelihood converts them back. The link s is the identity well above zero and positive everywhere, so the start
is PCA with a soft floor at zero. The softness τ and the dispersion θ are those with the highest likelihood of the
training rows given PCA's reconstructions; θ is then learned with the networks.

Costs are densities of u, like those of numeric columns: -log p(x) - log d.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.parts.count_noise import (
    FIRST_DISPERSION,
    MIN_MEAN,
    bounded_dispersion,
    drawn_counts,
    negative_binomial_cost,
    poisson_cost,
    variance_of_counts,
)
from isthmus.parts.log_ratio import log_softened

if TYPE_CHECKING:
    from isthmus.rows.scaling import ColumnStatistics
    from isthmus.tables.layout import TableLayout

__all__ = ["MIN_START_CELLS", "OF_COUNTS", "CountColumns", "find_counts", "look_counted"]

OF_COUNTS = ("auto", "poisson", "negative_binomial")  # values of ``likelihood`` for which counts are detected

FLOORS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)  # τ, as a share of the column's mean
DISPERSIONS = tuple(10 ** (step / 2) for step in range(-4, 9))  # θ
MIN_TYPICAL = 1e-3  # of a column's mean, of which τ is a share
MIN_START_CELLS = 1 << 20  # cells of the training rows on which τ and θ are chosen
LARGEST_LOG = 60.0  # of an expectation: its exponential fits float32


def look_counted(statistics: ColumnStatistics) -> np.ndarray:
    """Which columns of a mixed table look like counts, booleans of shape (n_features,).

    These are whole numbers from 0, some of them 0 and some above 1, whose variance is at least their mean, within three
    standard errors: the variance exceeds the mean if a count's expectation varies from row to row. Years, ages and
    ratings don't qualify.
    """
    whole = statistics.whole & (statistics.low == 0) & (statistics.high > 1)
    chance = 1 - 3 * np.sqrt(2 / max(statistics.n_rows, 1))
    return whole & (statistics.variance >= chance * statistics.mean)


def find_counts(
    who: str, likelihood: str, layout: TableLayout | None, statistics: ColumnStatistics
) -> TableLayout | None:
    """The layout of a mixed-type table, with numbers that look like counts marked as such if the likelihood allows it.

    ``statistics`` are those of its encoded columns. Columns declared as counts are counts under every likelihood.
    Raises a `ValueError` if a likelihood for counts was requested and there are none.
    """
    if layout is None or likelihood not in OF_COUNTS:
        return layout
    counted = look_counted(statistics)
    spans = zip(layout.columns, layout.spans(), strict=True)
    layout = layout.with_counts([column.name for column, span in spans if column.kind == "number" and counted[span[0]]])
    if not layout.blocks.counts and likelihood != "auto":
        raise ValueError(
            f"{who}: likelihood={likelihood!r} is for counts, and no column of X looks like one (whole numbers from 0 "
            "with some zeros, scattered at least as much as Poisson counts); say which are, as isthmus.read(X, "
            "kinds={'visits': 'count'}) does."
        )
    return layout


class CountColumns(nn.Module):
    """Counts with means λ, in the model's units.

    Attributes
    ----------
    log_dispersion : Parameter of shape (n_columns,) or None
        log θ; None for Poisson counts.
    floor : Tensor of shape (n_columns,)
        τ, in counts.
    center, spread : Tensor of shape (n_columns,)
        c and d: what 0 and 1 in the model's units are in counts.
    """

    floor: Tensor
    center: Tensor
    spread: Tensor

    def __init__(self, mean: np.ndarray, *, poisson: bool = False):
        super().__init__()
        typical = torch.from_numpy(np.maximum(np.asarray(mean, dtype=np.float64), MIN_TYPICAL)).float()
        first = torch.full((len(typical),), math.log(FIRST_DISPERSION))
        self.log_dispersion = None if poisson else nn.Parameter(first)
        self.register_buffer("floor", 0.25 * typical)
        self.register_buffer("center", torch.zeros(len(typical)))
        self.register_buffer("spread", torch.ones(len(typical)))

    @property
    def dispersion(self) -> Tensor | None:
        """θ of each column, shape (n_columns,); None for Poisson counts."""
        return None if self.log_dispersion is None else bounded_dispersion(self.log_dispersion)

    def in_units(self, center: np.ndarray, spread: np.ndarray) -> None:
        """Set c and d, the model's units in counts."""
        self.center, self.spread = (torch.from_numpy(np.asarray(each)).float() for each in (center, spread))

    def counts(self, x: Tensor) -> Tensor:
        """Cells in the model's units as counts, shape (batch, n_columns)."""
        return (self.center + self.spread * x).round().clamp(min=0.0)

    def log_mean(self, output: Tensor) -> Tensor:
        """Log λ, in the shape of ``output``."""
        steep = (self.center + self.spread * output) / self.floor
        return (self.floor.log() + log_softened(steep)).clamp(max=LARGEST_LOG)

    def mean(self, output: Tensor) -> Tensor:
        """λ in the model's units."""
        return (self.log_mean(output).exp() - self.center) / self.spread

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p of each row's observed (not NaN) cells, shape (batch,)."""
        missing = x.isnan()
        counts, log_mean = self.counts(torch.where(missing, 0.0, x)), self.log_mean(output)
        theta = self.dispersion
        cost = poisson_cost(log_mean, counts) if theta is None else negative_binomial_cost(log_mean, counts, theta)
        return torch.where(missing, 0.0, cost - self.spread.log()).sum(1)

    def sample(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        """Counts with these means, both in the model's units."""
        expected = (self.center + self.spread * mean).clamp(min=MIN_MEAN)
        theta = None if self.dispersion is None else self.dispersion.detach()
        return (drawn_counts(expected, theta, generator) - self.center) / self.spread

    def curvature(self, mean: Tensor) -> Tensor:
        """1 / Var x of each cell, in the model's units."""
        theta = None if self.dispersion is None else self.dispersion.detach()
        return self.spread.square() / variance_of_counts(self.center + self.spread * mean, theta)

    def page_program(self, places: Sequence[int]) -> list[list[float]]:
        """For each column its index, c, d and τ, in the explorer page's format."""
        numbers = zip(self.center.tolist(), self.spread.tolist(), self.floor.tolist(), strict=True)
        return [[int(index), *own] for index, own in zip(places, numbers, strict=True)]

    @torch.no_grad()
    def learn_start(self, output: Tensor, x: Tensor, weight: Tensor | None) -> None:
        """Choose τ and θ of each column by the likelihood of training rows ``x`` given the closed form's ``output``."""
        typical, seen = self.floor / 0.25, ~x.isnan()
        counts = self.counts(torch.where(seen, x, 0.0))
        share = seen.float() if weight is None else seen.float() * weight[:, None]
        thetas = [None] if self.log_dispersion is None else [torch.full_like(typical, one) for one in DISPERSIONS]
        best = torch.full_like(typical, math.inf)
        floor, dispersion = self.floor.clone(), torch.full_like(typical, FIRST_DISPERSION)
        for part in FLOORS:
            self.floor = part * typical
            log_mean = self.log_mean(output)
            for theta in thetas:
                costs = (
                    poisson_cost(log_mean, counts) if theta is None else negative_binomial_cost(log_mean, counts, theta)
                )
                cost = (share * costs).sum(0)
                lower = cost < best
                best = torch.where(lower, cost, best)
                floor = torch.where(lower, self.floor, floor)
                dispersion = dispersion if theta is None else torch.where(lower, theta, dispersion)
        self.floor = floor
        if self.log_dispersion is not None:
            self.log_dispersion.copy_(dispersion.log())
