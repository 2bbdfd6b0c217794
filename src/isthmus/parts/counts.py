"""Counts: rows of whole numbers from 0, of which only the proportions are coded, as a row's total is known.

    λ_ij = t_i π_ij        π_i = softmax(log p + output)        t_i = Σ_j x_ij        p_j = Σ_i x_ij / Σ_i t_i

Of reads of a cell, words of a document or visits of a site most of the variance is how many there were in all: depth,
length, effort. The total t is the offset of a Poisson regression, so neither code nor decoder has to hold it.

The closed form is PCA of the analytic Pearson residuals r = (x - tp) / √(tp) (Lause, Berens & Kobak 2021,
doi:10.1186/s13059-021-02451-7), which is correspondence analysis: the encoder sees the row's profile,

    y_ij = √t̄ (x_ij / t_i - p_j) / √p_j = r_ij √(t̄ / t_i)        t̄ the mean total

and PCA of the profiles weighted by t_i has the directions of PCA of the residuals. That is the baseline. It is linear
in the ratio of a count to its expectation, and models start where it leads in logarithms: at GLM-PCA
(`isthmus.parts.glm_pca`). Given the total, Poisson counts are multinomial, so a row of outputs that is shifted as a
whole is the same row.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.parts.glm_pca import SHRUNK, glm_start
from isthmus.parts.likelihood import Columns, Likelihood, StartRows
from isthmus.parts.linearization import product
from isthmus.parts.log_ratio import log_ratio
from isthmus.parts.principal import LinearStart

if TYPE_CHECKING:
    from isthmus.parts.bottleneck import Bottleneck
    from isthmus.parts.network import Network
    from isthmus.parts.principal import Principal
    from isthmus.rows.scaling import Scaling

__all__ = ["CountLikelihood", "SignedLog", "are_counts"]

UNSEEN = 0.5  # counts that a column without any is taken to have had, so its probability is above 0
QUANTILES = 257  # of the rows' totals, from which totals of new rows are drawn
MOST_CELLS, LEAST_ROWS = 1 << 23, 512  # of rows that GLM-PCA learns from
MOST_CURVATURES = 1 << 26  # numbers of the columns' curvatures; with more the start is GLM-PCA's first order
SHARE_WITH_ZEROS = 0.5  # of the columns of a table that is counts at first sight


def are_counts(columns: Columns) -> bool:
    """Whether columns look like counts: whole numbers from 0, most of them 0 somewhere, and more than two values."""
    statistics = columns.statistics
    whole = bool(statistics.whole.all()) and bool((statistics.low >= 0).all())
    return whole and bool(statistics.high.max() > 1) and float((statistics.low == 0).mean()) >= SHARE_WITH_ZEROS


class CountLikelihood(Likelihood):
    """Counts with means λ = t softmax(log p + output); a subclass says how they scatter about them.

    Attributes
    ----------
    shares : Tensor of shape (n_features,)
        p: each column's share of all counts.
    totals : Tensor of shape (257,)
        Quantiles of the rows' totals t.
    mean_total : Tensor of shape ()
        t̄.
    """

    passes: ClassVar[tuple[str, ...]] = ("forward", "mean")
    takes_any_scale = False
    takes_missing = False
    draws_whole = True
    counts_deviance = True
    starts_at_principal = False

    shares: Tensor
    totals: Tensor
    mean_total: Tensor
    _start: LinearStart | None = None
    _total: Tensor | None = None  # of the rows that this copy is for, shape (batch, 1)

    def __init__(self, mean: np.ndarray, n_rows: float):
        super().__init__()
        counts = np.maximum(np.asarray(mean, dtype=np.float64) * n_rows, UNSEEN)
        self.register_buffer("shares", torch.from_numpy((counts / counts.sum()).astype(np.float32)))
        self.register_buffer("totals", torch.ones(QUANTILES))
        self.register_buffer("mean_total", torch.ones(()))

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        return cls(columns.statistics.mean, columns.statistics.weight)

    # ---- what rows it takes -----------------------------------------------------------------------------

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        statistics = columns.statistics
        if (scaling.spread != 1).any() or (scaling.center != 0).any():
            raise ValueError(f"{who}: counts are taken as they are; leave scale at 'auto', or give scale=None.")
        negative, fractional = statistics.low < 0, ~statistics.whole
        if negative.any() or fractional.any():
            place = int(np.argmax(negative | fractional))
            what = f"goes down to {statistics.low[place]:g}" if negative[place] else "holds fractions"
            others = int((negative | fractional).sum()) - 1
            more = f", and so do {others} others" if others > 1 else ", and so does one other" if others else ""
            raise ValueError(
                f"{who}: counts are whole numbers from 0, but column {columns.names[place]} {what}{more}; give the "
                "counts before they were normalized or logarithms taken, or likelihood='gaussian'."
            )

    def learn_rows(self, who: str, blocks: Iterable[np.ndarray]) -> None:
        totals = np.concatenate([np.asarray(block, dtype=np.float64).sum(1) for block in blocks])
        _require_totals(who, totals)
        levels = np.quantile(totals, np.linspace(0, 1, QUANTILES), method="inverted_cdf")
        self.totals.copy_(torch.from_numpy(levels))
        self.mean_total.fill_(float(totals.mean()))

    def check_rows(self, who: str, values: Any) -> None:
        cells = values.data if hasattr(values, "tocsr") else np.asarray(values)
        if np.isnan(cells).any():
            raise ValueError(
                f"{who}: X has missing cells, and counts take none, as a row's total would be unknown; fill them, with "
                "0 where nothing was counted."
            )
        wrong = cells[(cells < 0) | (cells != np.floor(cells))]
        if len(wrong):
            raise ValueError(
                f"{who}: counts are whole numbers from 0, and X holds {wrong[0]:g}; give the counts before they were "
                "normalized or logarithms taken."
            )
        _require_totals(who, np.asarray(values.sum(1), dtype=np.float64).ravel())

    # ---- rows, seen by the encoder and the closed form ---------------------------------------------------

    def encoder_input(self, x: Tensor) -> Tensor:
        total = _total_of(x)
        return (x / total - self.shares) * (self.mean_total.sqrt() / self.shares.sqrt())

    def row_weight(self, x: Tensor) -> Tensor:
        return x.sum(1) / self.mean_total

    def linear_mean(self, mean: Tensor) -> Tensor:
        return torch.zeros_like(mean)

    def learn_start(self, take: Callable[[int], StartRows], principal: Principal, size: int, scaling: Scaling) -> None:
        n_features = len(self.shares)
        n_given = 0 if principal.effect is None else principal.effect.shape[1]
        if (1 + size + n_given) ** 2 * n_features > MOST_CURVATURES or principal.total_variance <= 0:
            return  # then the first order of GLM-PCA has to do
        x, given, weight = take(max(LEAST_ROWS, MOST_CELLS // n_features))
        if weight is not None:  # so many such rows
            x = x * weight[:, None]
        size = min(size, len(principal.directions))
        self._start = glm_start(x, self.encoder_input(x), given, principal, self.shares, self._first_order, size)

    @property
    def _first_order(self) -> Tensor:
        return 1 / (self.mean_total * self.shares).sqrt()

    def linear_start(self, start: LinearStart, bottleneck: Bottleneck) -> LinearStart:
        if self._start is None or len(self._start.code_scale) != len(start.code_scale):
            return start.rescaled(SHRUNK * self._first_order)
        if bottleneck.is_gate:
            return self._start
        if not bottleneck.has_prior:
            return start.rescaled(SHRUNK * self._first_order)
        own = self._start.of_unit_variance()
        size = len(own.code_scale)
        weight, bias = start.encode_weight.clone(), start.encode_bias.clone()
        weight[:size], bias[:size] = own.encode_weight, own.encode_bias
        return dataclasses.replace(own, encode_weight=weight, encode_bias=bias)

    def prepare(self, encoder: Network, decoder: Network) -> None:
        for network in (encoder, decoder):
            if network.residual is not None:  # a linear model has nothing else to learn with
                network.skip.requires_grad_(False)
        if (layers := encoder.stack()) and not encoder.products:
            encoder.residual = nn.Sequential(SignedLog(), *layers)

    def baseline(self, principal: Principal, x: Tensor, size: int, given: Tensor | None = None) -> Tensor:
        """PCA of Pearson residuals, its ratios made positive and the row's total kept."""
        output = principal.reconstruct(self.encoder_input(x), size, given)
        return self.at(x).mean(log_ratio(output * self._first_order))

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        return self.cost_at(_total_of(x).log() + self.log_proportions(output), x)

    def cost_at(self, log_mean: Tensor, x: Tensor) -> Tensor:
        """-log p(x) of counts whose means have these logarithms, shape (batch,)."""
        raise NotImplementedError

    # ---- the distribution --------------------------------------------------------------------------------

    def at(self, x: Tensor) -> Self:
        known = copy.copy(self)
        known._total = _total_of(x)
        return known

    def log_proportions(self, output: Tensor) -> Tensor:
        """Log π, in the shape of ``output``."""
        return functional.log_softmax(self.shares.log() + output, -1)

    def mean(self, output: Tensor) -> Tensor:
        total = self.totals[QUANTILES // 2] if self._total is None else self._total
        return total * self.log_proportions(output).exp()

    def value_and_jacobian(self, stacked: Tensor) -> Tensor:
        mean = self.mean(stacked[:, 0])
        proportions = mean / mean.sum(1, keepdim=True)
        tangents = stacked[:, 1:] - (stacked[:, 1:] * proportions[:, None]).sum(2, keepdim=True)
        return torch.cat([mean[:, None], mean[:, None] * tangents], 1)

    def distances(self, outputs: Tensor, x: Tensor, missing: Tensor | None) -> Tensor:
        """By the log probability of the row's counts, given their total."""
        return -product(x, self.log_proportions(outputs))

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        """Counts whose proportions are those of ``mean``, and whose total is that of some training row."""
        places = torch.rand(len(mean), generator=generator) * (QUANTILES - 1)
        below = places.long()
        low, high = self.totals[below], self.totals[(below + 1).clamp(max=QUANTILES - 1)]
        total = low + (places - below) * (high - low)
        return self.scattered(mean / mean.sum(1, keepdim=True) * total[:, None], generator)

    def scattered(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        """Counts with these means, shape (batch, n_features)."""
        raise NotImplementedError

    def curvature(self, mean: Tensor) -> Tensor:
        return 1 / self.variance(mean)

    def variance(self, mean: Tensor) -> Tensor:
        """The variance of a count with each mean."""
        raise NotImplementedError


class SignedLog(nn.Module):
    """Sign(y) log(1 + |y|): one rare word in a row is many standard deviations, and is one word."""

    def forward(self, y: Tensor) -> Tensor:
        return y.sign() * y.abs().log1p()


def _total_of(x: Tensor) -> Tensor:
    return x.sum(1, keepdim=True).clamp(min=1.0)


def _require_totals(who: str, totals: np.ndarray) -> None:
    """Refuse rows without a count: they have no proportions."""
    empty = np.flatnonzero(totals <= 0)
    if len(empty):
        others = f" and {len(empty) - 1:,} others" if len(empty) > 1 else ""
        raise ValueError(
            f"{who}: row {empty[0]}{others} of X sums to zero, and so has no proportions to encode; drop such rows, as "
            "X[X.sum(axis=1) > 0] does."
        )
