"""The closed form of linear models: principal directions.

PCA keeps the p orthonormal directions U of largest variance: z = Uᵀ(x - μ), x̂ = μ + U z. Probabilistic PCA
(Tipping & Bishop 1999) reads the same directions as a generative model, x = W z + μ + noise of variance σ²
with z ~ N(0, I), whose maximum likelihood is known:

    σ² = mean of the variances left out        W = U (Λ - σ²I)^½
    q(z|x) = N( Λ⁻¹ (Λ - σ²I)^½ Uᵀ (x - μ),  σ² Λ⁻¹ )        with Λ the variances kept

Every model of this library starts at one of the two (the "principal skip"), so training can only add the nonlinear
part. Prior art: PCA-boosted autoencoders (arXiv:2205.11673); Lucas et al. 2019 (arXiv:1911.02469).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.parts.draws import generator

__all__ = ["LinearStart", "Principal", "principal_directions"]

EXACT_FEATURES = 4096  # above this a covariance matrix no longer pays
HELD_CELLS = 1 << 26  # above this the rows are not held in memory all at once
WIDE_COLUMNS = 1024  # columns of wide rows that are converted to float64 at a time
PASSES, SPARE_DIRECTIONS = 7, 16  # of the randomised iteration, for tables that are both wide and long
DOUBLE_WORK = 4e9  # multiplications up to which the covariance is computed in float64


@dataclass(frozen=True)
class Principal:
    """PCA of the training rows, in the model's units.

    Attributes
    ----------
    mean : Tensor of shape (n_features,)
    directions : Tensor of shape (n_directions, n_features)
        Orthonormal rows, largest variance first; signs as scikit-learn's PCA (largest entry positive).
    variances : Tensor of shape (n_directions,)
        Variance along each direction, over N - 1.
    total_variance : float
        Sum over all features.
    rank : int
        min(n_rows, n_features): the largest possible number of directions.
    effect : Tensor of shape (n_features, n_given) or None
        Least-squares coefficients of x on the condition c, if there is one; the rest is PCA of x - effect · c.
    """

    mean: Tensor
    directions: Tensor
    variances: Tensor
    total_variance: float
    rank: int
    effect: Tensor | None = None
    spectrum: Tensor | None = None  # the variances in float64, if known: σ² is a small difference of them

    def expected(self, given: Tensor | None) -> Tensor:
        """The mean row; with conditions, shape (batch, n_given), the conditional mean of each row."""
        return self.mean if given is None or self.effect is None else self.mean + given @ self.effect.T

    def encode(self, x: Tensor, size: int, given: Tensor | None = None) -> Tensor:
        """(batch, n_features) to the first ``size`` principal coordinates."""
        return (x - self.expected(given)) @ self.directions[:size].T

    def reconstruct(self, x: Tensor, size: int, given: Tensor | None = None) -> Tensor:
        """Project onto the first ``size`` directions."""
        return self.expected(given) + self.encode(x, size, given) @ self.directions[:size]

    def unexplained(self, size: int) -> float:
        """Share of the variance that the first ``size`` directions leave out, in [0, 1]."""
        kept = float(self.variances[:size].double().sum())
        return min(max(1 - kept / self.total_variance, 0.0), 1.0) if self.total_variance > 0 else 0.0

    def fewest_keeping(self, share: float) -> int | None:
        """The smallest number of directions that explain more than ``share`` of the variance; None if all don't."""
        variances = self.variances.double() if self.spectrum is None else self.spectrum
        if self.total_variance <= 0:
            return 1
        more = (variances.cumsum(0) / self.total_variance > share).nonzero()
        return int(more[0]) + 1 if len(more) else None

    def noise_variance(self, size: int) -> float:
        """Maximum-likelihood σ² of probabilistic PCA: mean of the variances that ``size`` directions leave out."""
        spectrum = self.variances.double() if self.spectrum is None else self.spectrum
        if self.spectrum is not None and len(spectrum) == self.rank:
            left_out = float(spectrum[size:].sum())
        else:
            left_out = self.total_variance - float(spectrum[:size].sum())
        return max(left_out, 0.0) / max(1, self.rank - size)


@dataclass(frozen=True)
class LinearStart:
    """A linear encoder and decoder: h = encode_weight x + encode_bias, x̂ = decode_weight z + decode_bias.

    ``code_scale`` is the standard deviation of each latent at the start; the residual networks work in those units.
    """

    encode_weight: Tensor
    encode_bias: Tensor
    decode_weight: Tensor
    decode_bias: Tensor
    code_scale: Tensor
    noise_variance: float | None = None

    def rescaled(self, factor: Tensor) -> LinearStart:
        """The same start with a decoder whose output is ``factor`` times as large, shape (n_features,)."""
        weight, bias = self.decode_weight * factor[:, None], self.decode_bias * factor
        return dataclasses.replace(self, decode_weight=weight, decode_bias=bias)

    def of_unit_variance(self) -> LinearStart:
        """The same start with latents of variance 1."""
        scale, size = self.code_scale, len(self.code_scale)
        decode = torch.cat([self.decode_weight[:, :size] * scale, self.decode_weight[:, size:]], 1)
        return dataclasses.replace(
            self,
            encode_weight=self.encode_weight / scale[:, None],
            encode_bias=self.encode_bias / scale,
            decode_weight=decode,
            code_scale=torch.ones_like(scale),
        )

    def conditioned(self, effect: Tensor) -> LinearStart:
        """The same start for x - effect · c: the condition's effect is subtracted first and added back last."""
        return dataclasses.replace(
            self,
            encode_weight=torch.cat([self.encode_weight, -self.encode_weight @ effect], 1),
            decode_weight=torch.cat([self.decode_weight, effect], 1),
        )


def principal_directions(
    batches: Callable[[], Iterable[Tensor]],
    mean: Tensor,
    n_rows: int,
    limit: int,
    *,
    all_reduce_: Callable[[Tensor], Tensor] = lambda numbers: numbers,
    held: bool = True,
) -> Principal:
    """PCA from batches of rows, without a second copy of the data where features are few.

    Parameters
    ----------
    batches
        Returns a new pass over the rows, float32 tensors of shape (batch, n_features).
    mean
        Mean row, float64, shape (n_features,).
    limit
        Largest number of directions to return.
    all_reduce_
        Sums in place over processes that each have a share of the batches.
    held
        Whether a few wide rows may be held in memory all at once.
    """
    n_features = len(mean)
    rank = min(n_rows, n_features)
    limit = min(limit, rank)
    if n_features <= min(EXACT_FEATURES, 2 * n_rows):
        variances, directions, total = _from_covariance(batches, mean, n_rows, limit, all_reduce_)
    elif held and n_rows <= EXACT_FEATURES and n_rows * n_features <= HELD_CELLS:
        variances, directions, total = _from_rows(batches, mean, n_rows, limit)
    else:
        variances, directions, total = _from_passes(batches, mean, n_rows, limit, all_reduce_)
    largest = directions.abs().argmax(1, keepdim=True)
    directions = directions * directions.gather(1, largest).sign()
    variances = variances.clamp(min=0)
    return Principal(mean.float(), directions.float(), variances.float(), total, rank, spectrum=variances.double())


def _from_covariance(
    batches: Callable[[], Iterable[Tensor]],
    mean: Tensor,
    n_rows: int,
    limit: int,
    all_reduce_: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor, float]:
    n_features = len(mean)
    # Products of float32 batches, summed in float64, agree with float64 to about 1e-7 and are twice as fast.
    dtype = torch.float64 if n_rows * n_features**2 <= DOUBLE_WORK else torch.float32
    covariance = torch.zeros(n_features, n_features, dtype=torch.float64)
    for batch in batches():
        centred = (batch.double() - mean).to(dtype)
        covariance += centred.T @ centred
    all_reduce_(covariance).div_(max(1, n_rows - 1))
    total = float(covariance.trace())
    variances, directions = torch.linalg.eigh(covariance)
    return variances.flip(0)[:limit], directions.flip(1).T[:limit], total


def _from_rows(
    batches: Callable[[], Iterable[Tensor]], mean: Tensor, n_rows: int, limit: int
) -> tuple[Tensor, Tensor, float]:
    """A few wide rows: exact, from the inner products of the rows, summed in float64 over blocks of columns."""
    rows = torch.cat(list(batches()))
    blocks = list(zip(rows.split(WIDE_COLUMNS, dim=1), mean.split(WIDE_COLUMNS), strict=True))
    products = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for block, block_mean in blocks:
        centred = block.double() - block_mean
        products += centred @ centred.T
    total = float(products.trace()) / max(1, n_rows - 1)
    values, vectors = torch.linalg.eigh(products)
    values, vectors = values.flip(0)[:limit].clamp(min=0), vectors.flip(1)[:, :limit]
    directions = torch.cat([(block.double() - block_mean).T @ vectors for block, block_mean in blocks])
    return values / max(1, n_rows - 1), torch.linalg.qr(directions)[0].T, total


def _from_passes(
    batches: Callable[[], Iterable[Tensor]],
    mean: Tensor,
    n_rows: int,
    limit: int,
    all_reduce_: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor, float]:
    """Wide and long tables: subspace iteration from a random start (Halko et al. 2011, arXiv:0909.4061).

    Holds one batch and ``limit`` directions at a time, so a sparse matrix is never dense as a whole. Draws
    from the current generator.
    """
    size = min(limit + SPARE_DIRECTIONS, n_rows, len(mean))
    basis = torch.linalg.qr(torch.randn(len(mean), size, generator=generator()))[0]
    for _ in range(PASSES):
        image = torch.zeros_like(basis)
        for batch in batches():
            centred = (batch.double() - mean).float()
            image += centred.T @ (centred @ basis)
        basis = torch.linalg.qr(all_reduce_(image))[0]
    total, projected = torch.zeros((), dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for batch in batches():
        centred = (batch.double() - mean).float()
        total += centred.double().square().sum()
        coordinates = (centred @ basis).double()
        projected += coordinates.T @ coordinates
    values, axes = torch.linalg.eigh(all_reduce_(projected) / max(1, n_rows - 1))
    directions = (basis.double() @ axes.flip(1)[:, :limit]).T
    return values.flip(0)[:limit], directions, float(all_reduce_(total)) / max(1, n_rows - 1)
