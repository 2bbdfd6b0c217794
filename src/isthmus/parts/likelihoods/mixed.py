"""The likelihood of a mixed-type table: each column has its own, in nats, so they add up.

    -log p(x|z) = Σ_numbers -log N(x_j; x̂_j, σ²)  +  Σ_counts -log NB(x_j; λ_j, θ_j)
                  +  Σ_booleans -log Bern(x_j; p_j)  +  Σ_categories -log p_{c(x)}

A model that starts at PCA needs links that are the identity between 0 and 1. A boolean's probability is the
`soft clip` s of its output. A category's are p_k = s_k / Σ s: PCA reconstructs one-hot columns by numbers that sum to
one, so where they lie in [0, 1] they already are probabilities. Counts are in `isthmus.parts.count_columns`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.nn import functional

from isthmus.parts.count_columns import MIN_START_CELLS, CountColumns
from isthmus.parts.likelihood import Columns, Likelihood, StartRows
from isthmus.parts.likelihoods.bernoulli import BernoulliLikelihood, log_soft_clip
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood

if TYPE_CHECKING:
    from isthmus.parts.principal import Principal
    from isthmus.rows.scaling import Scaling
    from isthmus.tables.layout import Blocks

__all__ = ["MixedLikelihood"]


class MixedLikelihood(Likelihood):
    """Gaussian, count, Bernoulli and categorical blocks.

    ``blocks`` is an `isthmus.tables.layout.Blocks`, and ``counts`` the block of its counts, if there are any.
    """

    def __init__(
        self, blocks: Blocks, gaussian: GaussianLikelihood, *, soft_clip: bool, counts: CountColumns | None = None
    ):
        super().__init__()
        self.numbers, self.booleans = list(blocks.numbers), list(blocks.booleans)
        self.count_places, self.counts = list(blocks.counts), counts
        self.categories = [slice(start, stop) for start, stop in blocks.categories]
        self.gaussian, self.bernoulli = gaussian, BernoulliLikelihood(soft_clip=soft_clip)
        self.soft_clip = soft_clip

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        assert columns.blocks is not None  # a mixed-type table has them
        gaussian, indices = GaussianLikelihood.from_settings(settings, columns), list(columns.blocks.counts)
        poisson = settings.likelihood == "poisson"
        counts = CountColumns(columns.statistics.mean[indices], poisson=poisson) if indices else None
        return cls(columns.blocks, gaussian, soft_clip=settings.start == "principal", counts=counts)

    @property
    def of_kinds(self) -> dict[str, str]:  # pyrefly: ignore[bad-override]
        """The name of the likelihood of each kind of column."""
        known = {"number": "gaussian", "date": "gaussian", "boolean": "bernoulli", "category": "categorical"}
        if self.counts is None:
            return known
        return known | {"count": "poisson" if self.counts.dispersion is None else "negative_binomial"}

    @property
    def starts_at_principal(self) -> bool:  # pyrefly: ignore[bad-override]
        """False if there are counts, whose best codes are not PCA's."""
        return self.counts is None

    @property
    def some_missing(self) -> bool:  # pyrefly: ignore[bad-override]
        """Whether cells may be missing, in every block."""
        return self.gaussian.some_missing

    @some_missing.setter
    def some_missing(self, value: bool) -> None:
        self.gaussian.some_missing = self.bernoulli.some_missing = value

    @property
    def noise_variance(self) -> float | None:  # pyrefly: ignore[bad-override]
        """σ² of the numbers."""
        return self.gaussian.noise_variance

    def in_model_units(self, scaling: Scaling) -> None:
        self.gaussian.in_model_units(scaling)
        if self.counts is not None:
            self.counts.in_units(scaling.center[self.count_places], scaling.spread[self.count_places])

    def learn_start(self, take: Callable[[int], StartRows], principal: Principal, size: int, scaling: Scaling) -> None:
        if self.counts is None:
            return
        self.counts.in_units(scaling.center[self.count_places], scaling.spread[self.count_places])
        x, given, weight = take(max(1, MIN_START_CELLS // len(principal.mean)))
        # Missing cells are set to the column's mean, which moves their rows' reconstructions a little towards it.
        known = torch.where(x.isnan(), principal.mean, x)
        output = principal.reconstruct(known, min(size, len(principal.directions)), given)
        self.counts.learn_start(output[:, self.count_places], x[:, self.count_places], weight)

    def init_noise(self, variance: float) -> None:
        self.gaussian.init_noise(variance)

    def with_noise(self, variance: float) -> MixedLikelihood:
        known = copy.copy(self)
        known._modules = {**self._modules, "gaussian": self.gaussian.with_noise(variance)}
        return known

    def with_missing(self, some_missing: bool) -> Self:
        known = copy.copy(self)
        own = {"gaussian": self.gaussian, "bernoulli": self.bernoulli}
        known._modules = {**self._modules, **{name: one.with_missing(some_missing) for name, one in own.items()}}
        return known

    def mean(self, output: Tensor) -> Tensor:
        mean = output.clone()
        mean[:, self.booleans] = self.bernoulli.mean(output[:, self.booleans])
        if self.counts is not None:
            mean[:, self.count_places] = self.counts.mean(output[:, self.count_places])
        for span in self.categories:
            mean[:, span] = self._log_probabilities(output[:, span]).exp()
        return mean

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        return self.gaussian(output[:, self.numbers], x[:, self.numbers]) + self.of_other_kinds(output, x)

    def of_other_kinds(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z) of counts, booleans and categories, shape (batch,)."""
        total = self.bernoulli(output[:, self.booleans], x[:, self.booleans])
        if self.counts is not None:
            total = total + self.counts(output[:, self.count_places], x[:, self.count_places])
        for span in self.categories:
            seen = x[:, span]
            seen = torch.where(seen.isnan(), 0.0, seen)
            total = total - (seen * self._log_probabilities(output[:, span])).sum(1)
        return total

    def _log_probabilities(self, output: Tensor) -> Tensor:
        if not self.soft_clip:
            return functional.log_softmax(output, 1)
        logs = log_soft_clip(output)
        return logs - logs.logsumexp(1, keepdim=True)

    def log_prob(self, output: Tensor, x: Tensor, noise_variance: float) -> Tensor:
        numbers = self.gaussian.log_prob(output[:, self.numbers], x[:, self.numbers], noise_variance)
        return numbers - self.of_other_kinds(output, x)

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        drawn = self.gaussian.sample(mean, noise_variance, generator)
        drawn[:, self.booleans] = self.bernoulli.sample(mean[:, self.booleans], noise_variance, generator)
        if self.counts is not None:
            drawn[:, self.count_places] = self.counts.sample(mean[:, self.count_places], generator)
        for span in self.categories:
            chosen = torch.multinomial(mean[:, span].clamp(min=1e-12), 1, generator=generator)[:, 0]
            drawn[:, span] = functional.one_hot(chosen, span.stop - span.start).to(drawn.dtype)
        return drawn

    def curvature(self, mean: Tensor) -> Tensor:
        curvature = self.gaussian.curvature(mean)
        curvature[:, self.booleans] = self.bernoulli.curvature(mean[:, self.booleans])
        if self.counts is not None:
            curvature[:, self.count_places] = self.counts.curvature(mean[:, self.count_places])
        for span in self.categories:  # one-hot columns, ignoring that they sum to one
            curvature[:, span] = self.bernoulli.curvature(mean[:, span])
        return curvature

    def error_per_feature(self, output: Tensor, x: Tensor) -> Tensor:
        """The error of the numeric columns, or of all columns if none is numeric."""
        if not self.numbers:
            return super().error_per_feature(output, x)
        return self.gaussian.error_per_feature(output[:, self.numbers], x[:, self.numbers])

    def mean_module(self) -> MixedLikelihood:
        plain = copy.copy(self)
        plain._modules = {**self._modules, "gaussian": self.gaussian.mean_module()}
        return plain

    def page_program(self) -> dict[str, Any]:
        categories = [[span.start, span.stop] for span in self.categories]
        return {
            "kind": "mixed",
            "soft_clip": self.soft_clip,
            "booleans": [int(index) for index in self.booleans],
            "categories": categories,
            "counts": [] if self.counts is None else self.counts.page_program(self.count_places),
        }
