"""The start of a model: the closed form for its kind of data, which is also its baseline.

For rows of numbers that is PCA (for a Gaussian bottleneck probabilistic PCA, for a denoiser the best linear
restoration). A start fits the closed form and expresses it as a linear encoder and decoder in the bottleneck's kind of
code, so epoch 0 *is* the closed form. A variant for other data overrides ``make_start``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from isthmus.parts.bottleneck import Bottleneck
from isthmus.parts.corruption import Corruption
from isthmus.parts.principal import LinearStart, Principal, principal_directions

__all__ = ["PrincipalStart", "RandomStart", "Start"]


class Start:
    """Fits the closed form, and writes it into a model."""

    def closed_form(
        self,
        batches: Callable[[], Iterable[Tensor]],
        mean: Tensor,
        n_rows: int,
        limit: int,
        *,
        all_reduce_: Callable[[Tensor], Tensor] = lambda numbers: numbers,
        held: bool = True,
    ) -> Principal:
        """The closed form, from batches of rows in the model's units; see `principal_directions`."""
        return principal_directions(batches, mean, n_rows, limit, all_reduce_=all_reduce_, held=held)

    def linear(
        self, principal: Principal, bottleneck: Bottleneck, corruption: Corruption, n_latents: int
    ) -> LinearStart | None:
        """The closed form as a linear encoder and decoder; None for a model that starts with random weights."""
        raise NotImplementedError


class PrincipalStart(Start):
    """PCA in the bottleneck's kind of code; for a restoring corruption the best linear restoration.

    The effect of conditions has been removed by least squares (partial PCA).
    """

    def linear(
        self, principal: Principal, bottleneck: Bottleneck, corruption: Corruption, n_latents: int
    ) -> LinearStart:
        start = corruption.restoration(bottleneck.principal_start(principal, n_latents), principal)
        return start if principal.effect is None else start.conditioned(principal.effect)


class RandomStart(Start):
    """Random initial weights, with PCA as the baseline."""

    def linear(self, principal: Principal, bottleneck: Bottleneck, corruption: Corruption, n_latents: int) -> None:
        return None
