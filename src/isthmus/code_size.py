"""Shorter codes: the first k latents of an ordered code are a code, and those left out are zero.

For scikit-learn the number of a transformer's columns is fixed once fitted. A shorter code is therefore that of
`narrowed`, the same fitted model giving out k latents only, and column names follow.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import numbers
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

__all__ = ["narrowed", "require_code_size", "takes_size"]

Kind = TypeVar("Kind", bound=type)


def narrowed(estimator: Any, size: int, what: str) -> Any:
    """The same fitted model, giving out the first ``size`` latents; `ValueError` where they are no code."""
    who, most = type(estimator).__name__, estimator.fitted_.n_components
    if not estimator.fitted_.model.bottleneck.ordered:
        raise ValueError(f"{who}: {what} takes a size only of an ordered code; NestedAutoencoder's is ordered.")
    if not isinstance(size, numbers.Integral) or isinstance(size, bool) or not 1 <= size <= most:
        raise ValueError(f"{who}: {what} takes a size from 1 to {most}, got {size!r}.")
    narrow = copy.copy(estimator)
    narrow.fitted_ = dataclasses.replace(estimator.fitted_, n_components=int(size))
    return narrow


def require_code_size(estimator: Any, codes: np.ndarray) -> None:
    """Raise a `ValueError` unless the codes have the model's size, or of an ordered code fewer latents."""
    most, given = estimator.fitted_.n_components, codes.shape[1]
    if given != most and not (given < most and estimator.fitted_.model.bottleneck.ordered):
        raise ValueError(
            f"{type(estimator).__name__}: inverse_transform takes codes of {most} latents, got {given} columns."
        )


def takes_size(kind: Kind) -> Kind:
    """Class decorator: ``transform(X, size=k)`` is the narrowed model's, set_output and names included.

    It goes around what scikit-learn put around `transform`, which names as many columns as the model has.
    """
    whole: Callable[..., Any] = kind.transform  # type: ignore[attr-defined]

    @functools.wraps(whole)
    def transform(self: Any, X: Any, size: int | None = None, *, given: Any = None) -> Any:
        if size is None:
            return whole(self, X, given=given)
        check_is_fitted(self)
        return whole(narrowed(self, size, "transform"), X, given=given)

    kind.transform = transform  # type: ignore[attr-defined]
    return kind
