"""Likelihoods of tables of counts: only the proportions of a row are encoded, as its total is known.

    λ_ij = t_i π_ij        π_i = softmax(log p + output)        t_i = Σ_j x_ij        p_j = Σ_i x_ij / Σ_i t_i

Most of the variance of a cell's reads, a document's words or a site's visits is in their total: depth, length, effort.
The total t is the offset of a Poisson regression, so neither code nor decoder has to represent it.

The closed form is PCA of the analytic Pearson residuals r = (x - tp) / √(tp) (Lause, Berens & Kobak 2021,
doi:10.1186/s13059-021-02451-7), which is correspondence analysis: the encoder sees the row's profile,

    y_ij = √t̄ (x_ij / t_i - p_j) / √p_j = r_ij √(t̄ / t_i)        t̄ the mean total

and PCA of the profiles weighted by t_i has the directions of PCA of the residuals. That is the baseline. It is linear
in the ratio of a count to its expectation; models start at its counterpart for logarithms, GLM-PCA
(`isthmus.parts.glm_pca`). Given the total, Poisson counts are multinomial, so adding a constant to a row's outputs
changes nothing.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from isthmus.parts.glm_pca import SHRINKAGE, glm_start
from isthmus.parts.likelihood import Columns, Likelihood, StartRows
from isthmus.parts.linearization import product
from isthmus.parts.log_ratio import log_ratio
from isthmus.parts.principal import LinearStart
from isthmus.tables.count_faults import require_counts

if TYPE_CHECKING:
    from isthmus.parts.bottleneck import Bottleneck
    from isthmus.parts.network import Network
    from isthmus.parts.principal import Principal
    from isthmus.rows.scaling import Scaling

__all__ = ["CountLikelihood", "SignedLog", "are_counts"]

UNSEEN = 0.5  # pseudo-count of a column without any counts, so its probability is above 0
QUANTILES = 257  # of the rows' totals, from which totals of new rows are drawn
MAX_CELLS, MIN_ROWS = 1 << 23, 512  # of rows that GLM-PCA is fitted to
MAX_CURVATURES = 1 << 26  # entries of the columns' curvature matrices; with more the start is GLM-PCA's first order
SHARE_WITH_ZEROS = 0.5  # of the columns of a table that looks like counts


def are_counts(columns: Columns) -> bool:
    """Whether columns look like counts: whole numbers from 0, some above 1, with zeros in at least half the columns."""
    statistics = columns.statistics
    whole = bool(statistics.whole.all()) and bool((statistics.low >= 0).all())
    return whole and bool(statistics.high.max() > 1) and float((statistics.low == 0).mean()) >= SHARE_WITH_ZEROS


class CountLikelihood(Likelihood):
    """Counts with means λ = t softmax(log p + output); a subclass defines their noise.

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
    _total: Tensor | None = None  # of the rows that this copy belongs to, shape (batch, 1)

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
        if (scaling.spread != 1).any() or (scaling.center != 0).any():
            raise ValueError(f"{who}: counts are not scaled; leave scale at 'auto', or give scale=None.")

    def learn_rows(self, who: str, names: Sequence[str], blocks: Iterable[np.ndarray]) -> None:
        totals = require_counts(blocks, names, who)
        levels = np.quantile(totals, np.linspace(0, 1, QUANTILES), method="inverted_cdf")
        self.totals.copy_(torch.from_numpy(levels))
        self.mean_total.fill_(float(totals.mean()))

    # ---- rows as the encoder and the closed form see them ------------------------------------------------

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
        if (1 + size + n_given) ** 2 * n_features > MAX_CURVATURES or principal.total_variance <= 0:
            return  # the first order of GLM-PCA is used instead
        x, given, weight = take(max(MIN_ROWS, MAX_CELLS // n_features))
        if weight is not None:  # a row of weight w counts as w equal rows
            x = x * weight[:, None]
        size = min(size, len(principal.directions))
        self._start = glm_start(x, self.encoder_input(x), given, principal, self.shares, self._first_order, size)

    @property
    def _first_order(self) -> Tensor:
        return 1 / (self.mean_total * self.shares).sqrt()

    def linear_start(self, start: LinearStart, bottleneck: Bottleneck) -> LinearStart:
        if self._start is None or len(self._start.code_scale) != len(start.code_scale):
            return start.rescaled(SHRINKAGE * self._first_order)
        if bottleneck.is_gate:
            return self._start
        if not bottleneck.has_prior:
            return start.rescaled(SHRINKAGE * self._first_order)
        own = self._start.of_unit_variance()
        size = len(own.code_scale)
        weight, bias = start.encode_weight.clone(), start.encode_bias.clone()
        weight[:size], bias[:size] = own.encode_weight, own.encode_bias
        return dataclasses.replace(own, encode_weight=weight, encode_bias=bias)

    def prepare(self, encoder: Network, decoder: Network) -> None:
        for network in (encoder, decoder):
            if network.residual is not None:  # in a linear model the skip is all there is to train
                network.skip.requires_grad_(False)
        if (layers := encoder.stack()) and not encoder.products:
            encoder.residual = nn.Sequential(SignedLog(), *layers)

    def baseline(self, principal: Principal, x: Tensor, size: int, given: Tensor | None = None) -> Tensor:
        """PCA of Pearson residuals, with its ratios made positive and the row's total preserved."""
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
        """-log p of the row's counts given their total, up to a constant of the row."""
        return -product(x, self.log_proportions(outputs))

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        """Counts with the proportions of ``mean`` and a total drawn from those of the training rows."""
        indices = torch.rand(len(mean), generator=generator) * (QUANTILES - 1)
        below = indices.long()
        low, high = self.totals[below], self.totals[(below + 1).clamp(max=QUANTILES - 1)]
        total = low + (indices - below) * (high - low)
        return self.scattered(mean / mean.sum(1, keepdim=True) * total[:, None], generator)

    def scattered(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        """Counts with these means, shape (batch, n_features)."""
        raise NotImplementedError

    def curvature(self, mean: Tensor) -> Tensor:
        return 1 / self.variance(mean)

    def variance(self, mean: Tensor) -> Tensor:
        """The variance of counts with these means, elementwise."""
        raise NotImplementedError


class SignedLog(nn.Module):
    """Sign(y) log(1 + |y|): a single rare word may be many standard deviations from the mean."""

    def forward(self, y: Tensor) -> Tensor:
        return y.sign() * y.abs().log1p()


def _total_of(x: Tensor) -> Tensor:
    return x.sum(1, keepdim=True).clamp(min=1.0)
