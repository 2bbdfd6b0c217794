"""The likelihood of a mixed table: to each column its own, in nats, so that they add.

    -log p(x|z) = Σ_numbers -log N(x_j; x̂_j, σ²)  +  Σ_truths -log Bern(x_j; p_j)  +  Σ_categories -log p_{c(x)}

A model that starts at PCA needs links that are the identity between 0 and 1. A truth value's probability is the
`soft clip` s of its output. A category's are p_k = s_k / Σ s: PCA of one-hot columns rebuilds numbers that sum to
one, so where they lie in [0, 1] they are its probabilities already.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from isthmus.parts.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, log_soft_clip

__all__ = ["MixedLikelihood"]


class MixedLikelihood(Likelihood):
    """Gaussian, Bernoulli and categorical blocks; ``blocks`` is an `isthmus.mixed.layout.Blocks`."""

    def __init__(self, blocks: Any, gaussian: GaussianLikelihood, *, soft_clip: bool):
        super().__init__()
        self.numbers, self.truths = list(blocks.numbers), list(blocks.truths)
        self.categories = [slice(begin, end) for begin, end in blocks.categories]
        self.gaussian, self.bernoulli = gaussian, BernoulliLikelihood(soft_clip=soft_clip)
        self.soft_clip = soft_clip

    @property
    def some_missing(self) -> bool:  # pyrefly: ignore[bad-override]
        """As the blocks have it."""
        return self.gaussian.some_missing

    @some_missing.setter
    def some_missing(self, value: bool) -> None:
        self.gaussian.some_missing = self.bernoulli.some_missing = value

    def begin_at(self, variance: float) -> None:
        """Set a learned σ² of the numbers to a closed-form answer."""
        self.gaussian.begin_at(variance)

    def mean(self, output: Tensor) -> Tensor:
        mean = output.clone()
        mean[:, self.truths] = self.bernoulli.mean(output[:, self.truths])
        for span in self.categories:
            mean[:, span] = self._log_probabilities(output[:, span]).exp()
        return mean

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        return self.gaussian(output[:, self.numbers], x[:, self.numbers]) + self.of_the_rest(output, x)

    def of_the_rest(self, output: Tensor, x: Tensor) -> Tensor:
        """The nats of truth values and categories alone, shape (batch,)."""
        total = self.bernoulli(output[:, self.truths], x[:, self.truths])
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
