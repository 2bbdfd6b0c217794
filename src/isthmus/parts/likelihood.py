"""Likelihoods p(x|z): what the decoder's output says about the data, and what being wrong costs, in nats.

A likelihood reads the decoder's output as a distribution of the row. It answers for itself: which data it can take
(`check`), the reconstruction (`mean`), the cost of a row (`forward`), a row drawn (`sample`), and how sharply the data
fix the mean (`curvature`), which inference needs. `isthmus.parts.likelihoods` holds one file for each kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor

from isthmus.parts.part import Part

if TYPE_CHECKING:
    from isthmus.mixed.layout import Blocks
    from isthmus.rows.scaling import ColumnStatistics, Scaling

__all__ = ["Columns", "Likelihood", "squared_error"]


@dataclass(frozen=True)
class Columns:
    """What is known of the columns before a model is made of them: figures in the user's units, and names.

    ``blocks`` says what they are where they are of several kinds.
    """

    statistics: ColumnStatistics
    names: Sequence[str]
    blocks: Blocks | None = None


def _unknown_to_the_page(self: Likelihood) -> dict[str, Any] | None:
    return None


class Likelihood(Part):
    """Compares a decoder's output with x; both have shape (batch, n_features).

    With ``some_missing`` a cell of x that is NaN costs nothing: the row is evaluated on those it has.

    Attributes
    ----------
    is_squared_error : bool
        Whether the cost is a fixed multiple of ‖x - x̂‖² and a constant; then `of_squares` and `output_gradient` serve.
    is_gaussian : bool
        Whether p(x|z) is N(x; x̂, σ²I), as probabilistic PCA's is.
    takes_any_scale : bool
        Whether columns may be centred and divided by a common unit first.
    noise_variance : float or None
        σ² where there is one, in the model's units.
    """

    passes: ClassVar[tuple[str, ...]] = ("forward", "mean")
    cautious: ClassVar = {"is_squared_error": False, "is_gaussian": False, "page_program": _unknown_to_the_page}

    is_squared_error = False
    is_gaussian = False
    takes_any_scale = True
    noise_variance: float | None = None

    some_missing = False

    @classmethod
    def from_settings(cls, settings: Any, columns: Columns) -> Self:
        """The likelihood that an estimator's settings ask for."""
        raise NotImplementedError

    def check(self, who: str, columns: Columns, scaling: Scaling) -> None:
        """Raise a `ValueError` that names the first column this likelihood can't take, once it is scaled."""

    def in_model_units(self, scaling: Scaling) -> None:
        """Convert what was set in the data's units."""

    def init_noise(self, variance: float) -> None:
        """Start a learned σ² at a closed-form answer, in the model's units."""

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction x̂ = E[x|z]."""
        raise NotImplementedError

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p(x|z), one number a row, in nats, summed over features."""
        raise NotImplementedError

    def log_prob(self, output: Tensor, x: Tensor, noise_variance: float) -> Tensor:
        """Log p(x|z), shape (batch,), in nats.

        ``noise_variance`` is σ² as held-out rows have it, for a kind that leaves it open, as a squared error does.
        """
        return -self(output, x)

    def sample(self, mean: Tensor, noise_variance: Tensor, generator: torch.Generator) -> Tensor:
        """Rows drawn from p(x|z) whose mean is given, both of shape (batch, n_features), in the model's units.

        ``noise_variance``, shape (n_features,), is each column's squared error on held-out rows, for a kind that leaves
        its noise open. A kind that doesn't say how its rows are drawn refuses: noise of another kind would be wrong.
        """
        raise NotImplementedError(f"{type(self).__name__} doesn't say how rows are drawn from it (`sample`).")

    def curvature(self, mean: Tensor) -> Tensor:
        """Fisher information of each cell's mean, in the shape of ``mean``: 1/variance for these families."""
        raise NotImplementedError(f"{type(self).__name__} doesn't say how sharply data fix its mean (`curvature`).")

    def error_per_feature(self, output: Tensor, x: Tensor) -> Tensor:
        """Mean squared error of each row's features, of those that it has and that are numbers; shape (batch,)."""
        mean = self.mean(output)
        if not self.some_missing:
            return (mean - x).square().mean(1)
        return squared_error(mean, x) / (~x.isnan()).sum(1).clamp(min=1)

    def mean_module(self) -> Likelihood:
        """A copy that only `mean` will be asked of, for export: without what no mean depends on."""
        return self

    page_program = _unknown_to_the_page  # how the explorer page reads the output: its name there and its settings


def squared_error(mean: Tensor, x: Tensor) -> Tensor:
    """‖x̂ - x‖² over the cells of x that are not NaN, shape (batch,)."""
    missing = x.isnan()
    return torch.where(missing, 0.0, mean - torch.where(missing, 0.0, x)).square().sum(1)
