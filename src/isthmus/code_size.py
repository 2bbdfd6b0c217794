"""How a fitted model gives shorter codes: the first k latents of an ordered code, with the others zero.

In scikit-learn the number of a transformer's output columns is fixed by `fit`. A shorter code is therefore the
output of `narrowed`, the same fitted model with k latents and their column names.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from isthmus.fitted import FittedState

__all__ = ["narrowed", "reconstructed", "require_code_size", "takes_size"]

Kind = TypeVar("Kind", bound=type)


def narrowed(estimator: Any, size: int, what: str) -> Any:
    """The same fitted model with the first ``size`` latents only; a `ValueError` unless its code is ordered."""
    who, most = type(estimator).__name__, estimator.fitted_.n_components
    if not estimator.fitted_.model.bottleneck.ordered:
        raise ValueError(f"{who}: {what} takes size only for an ordered code, as NestedAutoencoder's.")
    if not isinstance(size, numbers.Integral) or isinstance(size, bool) or not 1 <= size <= most:
        raise ValueError(f"{who}: {what} takes a size from 1 to {most}, got {size!r}.")
    narrow = copy.copy(estimator)
    narrow.fitted_ = dataclasses.replace(estimator.fitted_, n_components=int(size))
    return narrow


def reconstructed(
    estimator: Any, fitted: FittedState, rows: Any, given: np.ndarray | None, size: int | None
) -> np.ndarray:
    """Rows decoded from their codes, or from the first ``size`` latents of an ordered code; in the user's units.

    ``fitted`` is the estimator's state with as many polishing steps as its settings ask for now.
    """
    if size is None:
        return fitted.reconstruct(rows, given)
    narrow = dataclasses.replace(narrowed(estimator, size, "reconstruct").fitted_, polish=fitted.polish)
    return fitted.decode(narrow.encode(rows, given), given)


def require_code_size(estimator: Any, codes: np.ndarray) -> None:
    """Raise a `ValueError` unless codes have the model's number of latents, or fewer if the code is ordered."""
    most, given = estimator.fitted_.n_components, codes.shape[1]
    if given != most and not (given < most and estimator.fitted_.model.bottleneck.ordered):
        raise ValueError(
            f"{type(estimator).__name__}: inverse_transform takes codes of {most} latents, got {given} columns."
        )


def takes_size(kind: Kind) -> Kind:
    """Class decorator: ``transform(X, size=k)`` is that of the narrowed model, with `set_output` and column names.

    It wraps scikit-learn's own wrapper of `transform`, which expects all of the model's columns.
    """
    whole: Callable[..., Any] = kind.transform  # type: ignore[attr-defined]

    @functools.wraps(whole)
    def transform(self: Any, X: Any, size: int | None = None, **kwargs: Any) -> Any:
        if size is None:
            return whole(self, X, **kwargs)
        check_is_fitted(self)
        return whole(narrowed(self, size, "transform"), X, **kwargs)

    kind.transform = transform  # type: ignore[attr-defined]
    return kind
