"""Bottlenecks: each reads the encoder's output h and returns a posterior q(z|x).

    point      z = h                               vanilla, denoising, contractive
    Gaussian   z ~ N(μ, diag σ²), h = (μ, log σ²)   variational (Kingma & Welling 2013, arXiv:1312.6114)
    rectified  z = max(h, 0)                       sparse
    top-k      the k entries of h of largest size  k-sparse (Makhzani & Frey 2013, arXiv:1312.5663)
    nested     in training, the first k entries    ordered (Rippel, Gelbart & Adams 2014, arXiv:1402.0915)

Each also writes the closed-form linear answer in its own kind of code (`principal_start`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from isthmus.parts.draws import generator, normal_like, uniform
from isthmus.parts.part import Part
from isthmus.parts.principal import LinearStart, Principal

__all__ = [
    "BOTTLENECKS",
    "Bottleneck",
    "GatedPosterior",
    "GaussianBottleneck",
    "NestedBottleneck",
    "PointBottleneck",
    "Posterior",
    "RectifiedBottleneck",
    "TopKBottleneck",
]

LOG_VARIANCE_RANGE = (-20.0, 10.0)
SPARE_SCALE = 0.1


@dataclass(frozen=True)
class Posterior:
    """q(z|x): a point where ``log_variance`` is None, else N(mean, diag exp(log_variance)).

    Both tensors have shape (batch, n_latents).
    """

    mean: Tensor
    log_variance: Tensor | None = None

    def sample(self) -> Tensor:
        """Z = μ + σ ⊙ ε, differentiable in μ and σ; the mean itself for a point."""
        if self.log_variance is None:
            return self.mean
        return self.mean + torch.exp(0.5 * self.log_variance) * normal_like(self.mean)


@dataclass(frozen=True)
class GatedPosterior(Posterior):
    """A point whose sample in training is multiplied by zeros and ones; ``gate`` draws them for a code."""

    gate: Callable[[Tensor], Tensor] | None = None

    def sample(self) -> Tensor:
        """Z = μ ⊙ gate(μ)."""
        return self.mean if self.gate is None else self.mean * self.gate(self.mean)


def _no_page_program(self: Bottleneck) -> dict[str, Any] | None:
    return None


class Bottleneck(Part):
    """Reads h of shape (batch, n_latents · outputs_per_latent) and returns q(z|x).

    Attributes
    ----------
    is_identity : bool
        Whether z = h, in training and at inference.
    is_gate : bool
        Whether z = h at inference and z = h ⊙ `gate` (h) in training.
    has_prior : bool
        Whether codes have the prior N(0, I).
    limits_size : bool
        Whether only its size prevents it from copying the input.
    sparse : bool
        Whether few of its units are active at a time; such a code is decoded by a `Dictionary`, a linear decoder of
        unit-norm columns.
    in_data_units : bool
        Whether latents are lengths in the data's space, as PCA's are.
    ordered : bool
        Whether the first k latents are a code of their own, for every k.
    """

    cautious: ClassVar = {"is_identity": False, "is_gate": False, "page_program": _no_page_program}

    outputs_per_latent = 1
    is_identity = False
    is_gate = False
    has_prior = False
    limits_size = False
    sparse = False
    in_data_units = True
    ordered = False

    def forward(self, h: Tensor) -> Posterior:
        raise NotImplementedError

    def gate(self, h: Tensor) -> Tensor | None:
        """Zeros and ones that multiply h in training, drawn for each row; None where h passes unchanged."""
        return None

    def default_size(self, n_features: int, n_rows: int) -> int:
        """The default number of latent dimensions: two, or for a sparse code twice the number of features."""
        return 2 * n_features if self.sparse else min(2, n_features, n_rows)

    def expected_code(self, h: Tensor) -> Tensor:
        """E[z|x], shape (batch, n_latents), in operations that ``torch.fx`` can trace."""
        return self(h).mean

    def density_input(self, h: Tensor) -> Tensor:
        """What a density of codes is fitted to: h itself, which the bottleneck reads again after sampling."""
        return h

    def code_of(self, point: Tensor) -> Tensor:
        """The code of a point drawn from that density."""
        return self(point).mean

    page_program = _no_page_program  # how the explorer page computes this: its name there and its settings

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """The closed-form linear answer, expressed in this kind of code."""
        raise NotImplementedError


class PointBottleneck(Bottleneck):
    """The code is the encoder's output."""

    is_identity = True
    is_gate = True
    limits_size = True

    def forward(self, h: Tensor) -> Posterior:
        return Posterior(h)

    def page_program(self) -> dict[str, Any]:
        return {"kind": "point"}

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """PCA's own coordinates: z = Uᵀ(x - μ). The decoder ignores units beyond the last direction at first."""
        directions = principal.directions[:n_latents]
        n_spare = n_latents - len(directions)
        spare = SPARE_SCALE * nn.functional.normalize(
            torch.randn(n_spare, len(principal.mean), generator=generator()), dim=1
        )
        reading = torch.cat([directions, spare])
        spread = _spread(torch.cat([principal.variances[:n_latents], torch.zeros(n_spare)]), principal)
        return LinearStart(
            encode_weight=reading / spread[:, None],
            encode_bias=-(reading / spread[:, None]) @ principal.mean,
            decode_weight=torch.cat([directions, torch.zeros_like(spare)]).T * spread,
            decode_bias=principal.mean,
            code_scale=spread,
        )


class NestedBottleneck(PointBottleneck):
    """Trains the first k latents to be the best k for every k at once, as PCA's coordinates are.

    In training each row keeps its first k latents, with k drawn with probability P(k) ∝ k^-decay.
    """

    is_gate = True
    ordered = True

    def __init__(self, decay: float = 0.0):
        super().__init__()
        self.decay = decay

    def forward(self, h: Tensor) -> Posterior:
        return GatedPosterior(h, gate=self.gate)

    def gate(self, h: Tensor) -> Tensor:
        """Ones up to k, then zeros; shape (batch, n_latents)."""
        positions = torch.arange(1, h.shape[1] + 1, dtype=torch.float32, device=h.device)
        cumulative = positions.pow(-self.decay).cumsum(0)
        sizes = torch.searchsorted(cumulative, uniform(h, 1).float() * cumulative[-1]) + 1
        return (positions <= sizes).to(h.dtype)

    def expected_code(self, h: Tensor) -> Tensor:
        return h

    def page_program(self) -> dict[str, Any]:
        return {"kind": "point"}


class GaussianBottleneck(Bottleneck):
    """h = (μ, log σ²): the code is a distribution, so nearby codes must decode to similar rows."""

    outputs_per_latent = 2
    has_prior = True
    in_data_units = False

    def forward(self, h: Tensor) -> Posterior:
        mean, log_variance = h.chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCE_RANGE))

    def density_input(self, h: Tensor) -> Tensor:
        """One draw from each row's posterior; together they are a sample of the aggregate posterior."""
        return self(h).sample()

    def code_of(self, point: Tensor) -> Tensor:
        return point

    def page_program(self) -> dict[str, Any]:
        return {"kind": "gaussian"}

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """Probabilistic PCA's posterior; with it the ELBO equals the exact log-likelihood.

        Units beyond the last direction start at the prior and carry nothing.
        """
        padding = max(0, n_latents - len(principal.directions))
        directions = nn.functional.pad(principal.directions[:n_latents], (0, 0, 0, padding))
        variances = nn.functional.pad(principal.variances[:n_latents], (0, padding))
        floor = 1e-4 * max(principal.total_variance / len(principal.mean), 1e-12)
        noise = max(principal.noise_variance(n_latents), floor)
        variances = variances.clamp(min=noise * (1 + 1e-4))
        loading = (variances - noise).sqrt()
        mean_weight = (loading / variances)[:, None] * directions
        return LinearStart(
            encode_weight=torch.cat([mean_weight, torch.zeros_like(mean_weight)]),
            encode_bias=torch.cat([-mean_weight @ principal.mean, (noise / variances).log()]),
            decode_weight=directions.T * loading,
            decode_bias=principal.mean,
            code_scale=torch.ones(n_latents),
            noise_variance=noise,
        )


class RectifiedBottleneck(Bottleneck):
    """z = max(h, 0): exact zeros are possible, so a code can be read as "which features are on"."""

    sparse = True

    def forward(self, h: Tensor) -> Posterior:
        return Posterior(h.relu())

    def page_program(self) -> dict[str, Any]:
        return {"kind": "rectified"}

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """PCA in non-negative units.

        If there are enough units, a direction takes two, max(uᵀx, 0) and max(-uᵀx, 0); otherwise it takes one,
        shifted far enough to stay positive on all rows. The remaining units come in pairs of equal input weights and
        opposite output weights: their contributions cancel, but each unit has a gradient.
        """
        n_single, n_double, n_spare = _allot(n_latents, len(principal.directions))
        directions = principal.directions[: n_single + n_double]
        double, single = directions[:n_double], directions[n_double:]
        reach = 8 * principal.variances[n_double : n_single + n_double].sqrt()
        spare_in, spare_out = _cancelling(n_spare, len(principal.mean), principal)
        weight = torch.cat([double, -double, single, spare_in])
        bias = -weight @ principal.mean
        bias[2 * n_double : 2 * n_double + n_single] += reach
        return LinearStart(
            encode_weight=weight,
            encode_bias=bias,
            decode_weight=torch.cat([double, -double, single, spare_out]).T,
            decode_bias=principal.mean - reach @ single,
            code_scale=torch.ones(n_latents),
        )


class TopKBottleneck(Bottleneck):
    """Keeps the ``k`` entries of largest magnitude and sets the rest to zero: sparsity without a penalty."""

    sparse = True

    def __init__(self, k: int):
        super().__init__()
        self.k = k

    def forward(self, h: Tensor) -> Posterior:
        if self.k >= h.shape[1]:
            return Posterior(h)
        kept = h.abs().topk(self.k, dim=1, sorted=False).indices
        return Posterior(torch.zeros_like(h).scatter(1, kept, h.gather(1, kept)))

    def expected_code(self, h: Tensor) -> Tensor:
        # `forward` without its test of the shape, which a trace can't make.
        kept = h.abs().topk(self.k, dim=1).indices
        return torch.zeros_like(h).scatter(1, kept, h.gather(1, kept))

    def page_program(self) -> dict[str, Any]:
        return {"kind": "top_k", "k": self.k}

    def principal_start(self, principal: Principal, n_latents: int) -> LinearStart:
        """The principal directions as a dictionary: each row takes its best k, so it is never worse than PCA-k."""
        directions = principal.directions[:n_latents]
        spare_in, spare_out = _cancelling(n_latents - len(directions), len(principal.mean), principal)
        weight = torch.cat([directions, spare_in])
        return LinearStart(
            encode_weight=weight,
            encode_bias=-weight @ principal.mean,
            decode_weight=torch.cat([directions, spare_out]).T,
            decode_bias=principal.mean,
            code_scale=torch.ones(n_latents),
        )


BOTTLENECKS = ("point", "gaussian", "rectified", "top_k")


def _spread(variances: Tensor, principal: Principal) -> Tensor:
    """Standard deviations with a floor, so directions without variance don't cause a division by zero."""
    mean_variance = max(principal.total_variance / len(principal.mean), 1e-12)
    return variances.clamp(min=1e-4 * mean_variance).sqrt()


def _allot(n_latents: int, n_directions: int) -> tuple[int, int, int]:
    """How many directions get one unit, how many two, and how many units are left over."""
    n_used = min(n_latents, n_directions)
    n_double = min(n_latents - n_used, n_used)
    return n_used - n_double, n_double, n_latents - n_used - n_double


def _cancelling(count: int, n_features: int, principal: Principal) -> tuple[Tensor, Tensor]:
    """``count`` small random units in pairs whose outputs cancel; an unpaired unit is zero until trained."""
    pairs = (count + 1) // 2
    rows = nn.functional.normalize(torch.randn(pairs, n_features, generator=generator()), dim=1)
    columns = nn.functional.normalize(torch.randn(pairs, n_features, generator=generator()), dim=1)
    reading = SPARE_SCALE * torch.cat([rows, rows])[:count]
    if count % 2:
        reading[pairs - 1] = 0.0
    return reading, torch.cat([columns, -columns])[:count]
