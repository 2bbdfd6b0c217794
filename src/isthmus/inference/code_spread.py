"""The variance of each latent over training rows, and the variance that each latent of an ordered code explains.

For PCA the two are equal: the variance of a principal coordinate is the variance that its direction explains. For any
other code the first is used by `whiten`; the second needs an order, in which the first k latents are a code of their
own. Then the gain of latent k is

    (Σ‖x - x̂_{k-1}‖² - Σ‖x - x̂_k‖²) / Σ‖x - μ‖²        x̂_k decoded from the first k latents, x̂_0 = μ the mean row

and the gains add up to the share of the variance that the whole code explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.principal import Principal
from isthmus.rows.rows import Rows

__all__ = ["CodeSpread", "latent_gains", "latent_variances", "left_out_by_size"]

MIN_ROWS, MAX_ROWS, MAX_DECODED = 256, 2048, 1 << 17  # rows that measure gains, and how often one may be decoded
CONSTANT = 1e-12  # of the largest variance of a latent: below it a latent is constant


@dataclass(frozen=True)
class CodeSpread:
    """The spread of the codes of a fit's rows, in the model's units.

    Attributes
    ----------
    n_rows : int
        Training rows, those held out to choose the epoch included.
    variances : Tensor of shape (n_latents,) or None
        Of each latent, over N - 1, in float64; None if not needed.
    gains : Tensor of shape (n_latents,) or None
        Share of the variance that each further latent of an ordered code explains, in float64.
    """

    n_rows: int
    variances: Tensor | None = None
    gains: Tensor | None = None

    @property
    def deviations(self) -> Tensor:
        """The divisors that whiten a code, shape (n_latents,): 1 for a constant latent."""
        assert self.variances is not None  # a whitened fit computes them
        constant = self.variances <= CONSTANT * self.variances.max()
        return torch.where(constant, 1.0, self.variances).sqrt()


@torch.no_grad()
def latent_variances(
    codes_of: Callable[[Tensor, Tensor | None], Tensor], rows: Rows, device: torch.device, n_latents: int
) -> Tensor:
    """The (weighted) variance of each latent over all rows, float64 of shape (n_latents,).

    ``codes_of`` takes rows and their conditions.
    """
    count, origin = 0.0, None
    total = squares = torch.zeros(n_latents, dtype=torch.float64)
    for batch in rows.records():
        x, given, weight, *_ = batch.to(device)
        codes = codes_of(x, given).double().cpu()
        origin = codes[0].clone() if origin is None else origin  # squares about a code lose little precision
        shifted = codes - origin
        weights = torch.ones(len(codes), dtype=torch.float64) if weight is None else weight.double().cpu()
        total, squares = total + weights @ shifted, squares + weights @ shifted.square()
        count += float(weights.sum())
    return (squares - total.square() / count).clamp(min=0) / max(1.0, count - 1)


def latent_gains(
    model: AutoencoderModel, principal: Principal, rows: Rows, device: torch.device, n_latents: int
) -> Tensor:
    """Share of the variance that each further latent of an ordered code explains, float64 of shape (n_latents,).

    It is measured on at most 2,048 rows, evenly spaced, and on fewer if there are many latents.
    """
    some = rows.some(min(MAX_ROWS, max(MIN_ROWS, MAX_DECODED // n_latents)))
    sizes = range(1, n_latents + 1)
    left_out = left_out_by_size(model, lambda x, given: model.encode(x, given).mean, principal, some, device, sizes)
    return -left_out.diff(prepend=torch.ones(1, dtype=torch.float64))


@torch.no_grad()
def left_out_by_size(
    model: AutoencoderModel,
    codes_of: Callable[[Tensor, Tensor | None], Tensor],
    principal: Principal,
    rows: Rows,
    device: torch.device,
    sizes: Sequence[int],
) -> Tensor:
    """Share of rows' variance that the first k latents of their codes leave out, float64, for each k of ``sizes``.

    Errors are in the model's units, over observed cells; the variance is about the training mean given a row's
    conditions. The share is zero if rows don't vary.
    """
    errors = torch.zeros(1 + len(sizes), dtype=torch.float64)
    mean = principal.mean.to(device)
    for batch in rows.records():
        x, given, weight, *_ = batch.to(device)
        weights = torch.ones(len(x), device=device) if weight is None else weight
        expected = mean if given is None or principal.effect is None else mean + given @ principal.effect.to(device).T
        codes = codes_of(x, given)
        latents = torch.arange(codes.shape[1], device=device)
        decoded = [expected, *(model.decode(codes * (latents < size), given) for size in sizes)]
        squares = [(weights * (x - one).square().nansum(1)).double().sum() for one in decoded]
        errors += torch.stack(squares).cpu()
    return errors[1:] / errors[0] if float(errors[0]) > 0 else torch.zeros(len(sizes), dtype=torch.float64)
