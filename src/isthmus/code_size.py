"""Codes cut short: the first k numbers of an ordered code are a code, and the numbers left out are zero.

For scikit-learn the number of a transformer's columns is fixed once fitted. A shorter code is therefore that of
`narrowed`, the same fitted model knowing of k numbers only, so that column names follow.
"""

from __future__ import annotations

import copy
import functools
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from isthmus.estimator import BaseAutoencoder

__all__ = ["full_code", "narrowed", "takes_size"]

Kind = TypeVar("Kind", bound=type)


def narrowed(estimator: BaseAutoencoder, size: int, what: str) -> BaseAutoencoder:
    """The same fitted model, giving the first ``size`` numbers; `ValueError` where they mean nothing by themselves."""
    who, most = type(estimator).__name__, estimator.n_components_
    if not estimator.model_.bottleneck.ordered:
        raise ValueError(f"{who}: {what} takes a size only of an ordered code; NestedAutoencoder's is ordered.")
    if not isinstance(size, numbers.Integral) or isinstance(size, bool) or not 1 <= size <= most:
        raise ValueError(f"{who}: {what} takes a size from 1 to {most}, got {size!r}.")
    narrow = copy.copy(estimator)
    narrow.n_components_ = int(size)
    return narrow


def full_code(estimator: BaseAutoencoder, codes: np.ndarray) -> np.ndarray:
    """Codes with zeros for the numbers left out, shape (n_samples, n_components); `ValueError` if they don't fit."""
    most, given = estimator.n_components_, codes.shape[1]
    if given < most and estimator.model_.bottleneck.ordered:
        return np.pad(codes, ((0, 0), (0, most - given)))
    if given != most:
        raise ValueError(f"{type(estimator).__name__}: inverse_transform takes codes of {most} numbers, got {given}.")
    return codes


def takes_size(kind: Kind) -> Kind:
    """Class decorator: ``transform(X, size=k)`` is the narrowed model's, set_output and names included.

    It goes around what scikit-learn put around `transform`, which names as many columns as the model has.
    """
    whole: Callable[..., Any] = kind.transform  # type: ignore[attr-defined]

    @functools.wraps(whole)
    def transform(self: Any, X: Any, size: int | None = None) -> Any:
        if size is None:
            return whole(self, X)
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return whole(narrowed(self, size, "transform"), X)

    kind.transform = transform  # type: ignore[attr-defined]
    return kind
