"""The closed form of rows with weights and conditions: least squares on the conditions, then PCA of what they leave.

With C the standardised conditions, B = (CᵀC)⁺ Cᵀ(X - μ) are the coefficients, and the closed form is that of X - C B
(partial PCA). One-hot columns of a category add up to a constant; the pseudoinverse leaves that direction out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from isthmus.distributed import ProcessGroup
from isthmus.parts.principal import Principal
from isthmus.parts.start import Start
from isthmus.rows.rows import Batch, Rows

__all__ = ["closed_form", "require_something_left"]

DETERMINED = 1e-9  # of the variance that conditions explain: less than this is rounding
SINGULAR = 1e-10  # of the largest eigenvalue: less than this is the rounding of float32


def closed_form(
    start: Start,
    records: Callable[[], Iterable[Batch]],
    rows: Rows,
    mean: Tensor,
    limit: int,
    total_weight: float,
    group: ProcessGroup,
) -> Principal:
    """The weighted closed form of centred rows, with at most ``limit`` directions, after removing conditions' effect.

    A centred row is multiplied by the square root of its weight, which makes the closed form the weighted one.
    """
    all_reduce_ = group.all_reduce_ if rows.is_sharded else lambda numbers: numbers
    effect = _effect(records, mean, rows.widths.given, all_reduce_) if rows.widths.given else None

    def batches() -> Iterator[Tensor]:
        for x, given, weight, *_ in records():
            if given is not None and effect is not None:
                x = x - given.double() @ effect.T
            if weight is not None:
                x = mean + (x.double() - mean) * weight.double().sqrt()[:, None]
            yield x

    found = start.closed_form(
        batches, mean, round(total_weight), limit, all_reduce_=all_reduce_, held=not rows.is_sharded
    )
    return found if effect is None else dataclasses.replace(found, effect=effect.float())


def require_something_left(who: str, principal: Principal) -> None:
    """Refuse conditions that determine every row, since nothing is left to encode."""
    effect = principal.effect
    if effect is not None and principal.total_variance <= DETERMINED * float(effect.double().square().sum()):
        raise ValueError(
            f"{who}: given determines every row of X (least squares on it leaves nothing for a code); give fewer "
            "columns, and none that is computed from X or names the rows."
        )


def _effect(
    records: Callable[[], Iterable[Batch]], mean: Tensor, n_given: int, all_reduce_: Callable[[Tensor], Tensor]
) -> Tensor:
    """Least-squares coefficients of rows on standardised conditions: shape (n_features, n_given), float64."""
    gram, moment = torch.zeros(n_given, n_given).double(), torch.zeros(n_given, len(mean)).double()
    for x, given, weight, *_ in records():
        assert given is not None  # the caller has checked
        c = given.double()
        weighted = c if weight is None else c * weight.double()[:, None]
        gram += weighted.T @ c
        moment += weighted.T @ (x.double() - mean)
    gram, moment = all_reduce_(gram), all_reduce_(moment)
    return (torch.linalg.pinv(gram, rtol=SINGULAR, hermitian=True) @ moment).T
