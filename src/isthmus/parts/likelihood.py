"""Likelihoods p(x|z): the distribution of a row given the decoder's output, and its negative log in nats.

A likelihood defines which data it accepts (`check`), the reconstruction (`mean`), the cost of a row (`forward`), a
random row (`sample`), and for inference how precisely the data determine the mean (`curvature`).
`isthmus.parts.likelihoods` has one file for each kind.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor

from isthmus.parts.linearization import differentiated, product
from isthmus.parts.part import Part

if TYPE_CHECKING:
    import numpy as np

    from isthmus.parts.bottleneck import Bottleneck
    from isthmus.parts.network import Network
    from isthmus.parts.principal import LinearStart, Principal
    from isthmus.rows.scaling import ColumnStatistics, Scaling
    from isthmus.tables.layout import Blocks

__all__ = ["Columns", "Likelihood", "StartRows", "squared_error"]

StartRows = tuple[Tensor, Tensor | None, Tensor | None]  # rows in the model's units, their conditions, their weights


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
        Whether the reconstruction is the decoder's output itself.
    takes_any_scale : bool
        Whether columns may be centred and divided by a common unit first.
    noise_variance : float or None
        σ² in the model's units, if the likelihood has one.
    takes_missing : bool
        Whether cells may be missing.
    draws_whole : bool
        Whether an estimator's `sample` draws from the likelihood by default, since a mean count is not a count.
    counts_deviance : bool
        Whether reconstructions are compared by the deviance of counts.
    starts_at_principal : bool
        Whether an untrained model of point codes is PCA itself.
    of_kinds : Mapping
        The name of the likelihood of each kind of column, if columns have different ones.
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

    takes_missing = True
    draws_whole = False
    counts_deviance = False
    starts_at_principal = True
    of_kinds: Mapping[str, str] = MappingProxyType({})

    some_missing = False

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        """The likelihood specified by an estimator's settings."""
        raise NotImplementedError

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        """Raise a `ValueError` that names the first column this likelihood can't accept after scaling."""

    def in_model_units(self, scaling: Scaling) -> None:
        """Convert settings from the data's units to the model's."""

    def learn_rows(self, who: str, names: Sequence[str], blocks: Iterable[np.ndarray]) -> None:
        """Check all rows of a fit, in the user's units, and learn what the columns' statistics don't tell.

        ``names`` are those of the columns, for messages.
        """

    def encoder_input(self, x: Tensor) -> Tensor:
        """Rows as the encoder, the bottleneck's start and the closed form see them, in the same shape."""
        return x

    def row_weight(self, x: Tensor) -> Tensor | None:
        """The weight of each row in the closed form of `encoder_input`, shape (batch,); None for equal weights."""
        return None

    def linear_mean(self, mean: Tensor) -> Tensor:
        """The mean of `encoder_input`, from that of the rows."""
        return mean

    def learn_start(self, take: Callable[[int], StartRows], principal: Principal, size: int, scaling: Scaling) -> None:
        """Learn what the start needs in addition to the closed form; ``take(n)`` gives at most n training rows.

        ``scaling`` maps the rows back to the user's units.
        """

    def linear_start(self, start: LinearStart, bottleneck: Bottleneck) -> LinearStart:
        """The closed form of `encoder_input`, converted to outputs of this likelihood."""
        return start

    def prepare(self, encoder: Network, decoder: Network) -> None:
        """Adapt networks that start at the closed form to this likelihood's inputs and outputs."""

    def baseline(self, principal: Principal, x: Tensor, size: int, given: Tensor | None = None) -> Tensor:
        """Reconstructions by the closed form with ``size`` directions, in the model's units."""
        return principal.reconstruct(x, size, given)

    def at(self, x: Tensor) -> Likelihood:
        """The same likelihood bound to these rows, if its mean depends on more than the decoder's output."""
        return self

    def init_noise(self, variance: float) -> None:
        """Initialize a learned σ² with the closed-form estimate, in the model's units."""

    def with_noise(self, variance: float) -> Likelihood:
        """The same likelihood with σ² set to ``variance``, in the model's units, if it leaves σ² open."""
        return self

    def with_missing(self, some_missing: bool) -> Self:
        """A shallow copy, sharing parameters, that does or doesn't allow missing cells."""
        known = copy.copy(self)
        known.some_missing = some_missing
        return known

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction x̂ = E[x|z]."""
        raise NotImplementedError

    def value_and_jacobian(self, stacked: Tensor) -> Tensor:
        """The reconstruction and its Jacobian, from the decoder's output and its: (batch, 1 + p, n_features) both."""
        rule = differentiated(self.mean, stacked[:, 0])
        return torch.stack([rule.value, *(rule.push(tangent) for tangent in stacked[:, 1:].unbind(1))], 1)

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z) in nats, summed over features: one number per row, shape (batch,)."""
        raise NotImplementedError

    def log_prob(self, output: Tensor, x: Tensor, noise_variance: float) -> Tensor:
        """Log p(x|z), shape (batch,), in nats.

        ``noise_variance`` is σ² estimated on held-out rows, for a likelihood that leaves it open like squared error.
        """
        return -self(output, x)

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows from p(x|z) given its mean, both of shape (batch, n_features), in the model's units.

        ``noise_variance``, shape (n_features,), is each column's squared error on held-out rows, for likelihoods that
        leave their noise open. There is no default: Gaussian noise would be wrong for other likelihoods.
        """
        raise NotImplementedError(f"{type(self).__name__} doesn't define how rows are sampled (`sample`).")

    def distances(self, outputs: Tensor, x: Tensor, missing: Tensor | None) -> Tensor:
        """The distance of rows from each of several outputs, up to a constant of the row: shape (batch, n_outputs).

        It is the squared error of the means over the cells that are not ``missing``; there x may be anything finite.
        """
        means = self.mean(outputs)
        lengths = torch.linalg.vecdot(means, means)
        if missing is not None:
            lengths = product((~missing).to(means.dtype), means.square())
        return lengths - 2 * product(x, means)

    def curvature(self, mean: Tensor) -> Tensor:
        """Fisher information of each cell's mean, in the shape of ``mean``: 1/variance for these families."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define its Fisher information (`curvature`).")

    def error_per_feature(self, output: Tensor, x: Tensor) -> Tensor:
        """Mean squared error over each row's observed, numeric features; shape (batch,)."""
        mean = self.at(x).mean(output)
        if not self.some_missing:
            return (mean - x).square().mean(1)
        return squared_error(mean, x) / (~x.isnan()).sum(1).clamp(min=1)

    def mean_module(self) -> Likelihood:
        """A copy for export with only what `mean` needs."""
        return self

    page_program = _no_page_program  # how the explorer page computes this: its name there and its settings


def squared_error(mean: Tensor, x: Tensor) -> Tensor:
    """‖x̂ - x‖² over the cells of x that are not NaN, shape (batch,)."""
    missing = x.isnan()
    return torch.where(missing, 0.0, mean - torch.where(missing, 0.0, x)).square().sum(1)
