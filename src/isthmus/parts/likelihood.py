"""Likelihoods p(x|z): the distribution of a row given the decoder's output, and its negative log in nats.

A likelihood answers for itself: which data it accepts (`check`), the reconstruction (`mean`), the cost of a row
(`forward`), a random row (`sample`), and how sharply the data determine the mean (`curvature`), which inference
needs. `isthmus.parts.likelihoods` holds one file for each kind.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor

from isthmus.parts.linearization import differentiated
from isthmus.parts.part import Part

if TYPE_CHECKING:
    from isthmus.rows.scaling import ColumnStatistics, Scaling
    from isthmus.tables.layout import Blocks

__all__ = ["Columns", "Likelihood", "squared_error"]


@dataclass(frozen=True)
class Columns:
    """What is known about the columns before a model is made: statistics in the user's units, and names.

    ``blocks`` lists the kinds of the columns of a mixed table.
    """

    statistics: ColumnStatistics
    names: Sequence[str]
    blocks: Blocks | None = None


def _no_page_program(self: Likelihood) -> dict[str, Any] | None:
    return None


class Likelihood(Part):
    """Compares the decoder's output with x; both have shape (batch, n_features).

    With ``some_missing``, NaN cells of x cost nothing: the loss counts the observed cells only.

    Attributes
    ----------
    is_squared_error : bool
        Whether the cost is a fixed multiple of ‖x - x̂‖² plus a constant; then `of_squares` and `output_gradient` apply.
    is_gaussian : bool
        Whether p(x|z) is N(x; x̂, σ²I), as probabilistic PCA's is.
    mean_is_output : bool
        Whether the reconstruction is the decoder's output as it stands.
    takes_any_scale : bool
        Whether columns may be centred and divided by a common unit first.
    noise_variance : float or None
        σ² in the model's units, if the likelihood has one.
    """

    passes: ClassVar[tuple[str, ...]] = ("forward", "mean")
    cautious: ClassVar = {
        "is_squared_error": False,
        "is_gaussian": False,
        "mean_is_output": False,
        "page_program": _no_page_program,
    }

    is_squared_error = False
    is_gaussian = False
    mean_is_output = False
    takes_any_scale = True
    noise_variance: float | None = None

    some_missing = False

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        """The likelihood specified by an estimator's settings."""
        raise NotImplementedError

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        """Raise a `ValueError` that names the first column this likelihood can't accept once it is scaled."""

    def in_model_units(self, scaling: Scaling) -> None:
        """Convert settings from the data's units to the model's."""

    def init_noise(self, variance: float) -> None:
        """Initialize a learned σ² with the closed-form answer, in the model's units."""

    def with_noise(self, variance: float) -> Likelihood:
        """The same likelihood with this σ², in the model's units, where held-out rows are to say what it is."""
        return self

    def with_missing(self, some_missing: bool) -> Self:
        """The same likelihood, its parameters shared, with or without missing cells."""
        known = copy.copy(self)
        known.some_missing = some_missing
        return known

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction x̂ = E[x|z]."""
        raise NotImplementedError

    def value_and_jacobian(self, stacked: Tensor) -> Tensor:
        """The reconstruction and its Jacobian, from the decoder's: (batch, 1 + p, n_features), the value first."""
        rule = differentiated(self.mean, stacked[:, 0])
        return torch.stack([rule.value, *(rule.push(tangent) for tangent in stacked[:, 1:].unbind(1))], 1)

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z) in nats, summed over features: one number per row, shape (batch,)."""
        raise NotImplementedError

    def log_prob(self, output: Tensor, x: Tensor, noise_variance: float) -> Tensor:
        """Log p(x|z), shape (batch,), in nats.

        ``noise_variance`` is σ² estimated on held-out rows, for a likelihood that leaves it open, as the squared error.
        """
        return -self(output, x)

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows from p(x|z) given its mean, both of shape (batch, n_features), in the model's units.

        ``noise_variance``, shape (n_features,), is each column's squared error on held-out rows, for likelihoods that
        leave their noise open. Without a method of its own a likelihood refuses: Gaussian noise would be wrong.
        """
        raise NotImplementedError(f"{type(self).__name__} doesn't define how rows are sampled (`sample`).")

    def curvature(self, mean: Tensor) -> Tensor:
        """Fisher information of each cell's mean, in the shape of ``mean``: 1/variance for these families."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define its Fisher information (`curvature`).")

    def error_per_feature(self, output: Tensor, x: Tensor) -> Tensor:
        """Mean squared error over each row's observed, numeric features; shape (batch,)."""
        mean = self.mean(output)
        if not self.some_missing:
            return (mean - x).square().mean(1)
        return squared_error(mean, x) / (~x.isnan()).sum(1).clamp(min=1)

    def mean_module(self) -> Likelihood:
        """A copy for export, of which only `mean` is used, without the parameters it does not need."""
        return self

    page_program = _no_page_program  # how the explorer page computes this: its name there and its settings


def squared_error(mean: Tensor, x: Tensor) -> Tensor:
    """‖x̂ - x‖² over the cells of x that are not NaN, shape (batch,)."""
    missing = x.isnan()
    return torch.where(missing, 0.0, mean - torch.where(missing, 0.0, x)).square().sum(1)
