"""How autoencoders are fitted inside something else: a detector, a classifier, a search, a command."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import clone

from isthmus.estimator import BaseAutoencoder
from isthmus.fitting import raising_interrupts

__all__ = ["unfitted_copy", "uninterrupted"]

Fitted = TypeVar("Fitted", bound=BaseAutoencoder)


def unfitted_copy(autoencoder: Any, who: str, seed: int) -> BaseAutoencoder:
    """An unfitted copy of the autoencoder passed to another estimator; ``seed`` is set if it has no random_state."""
    if not isinstance(autoencoder, BaseAutoencoder):
        raise ValueError(
            f"{who}: autoencoder must be one of isthmus's estimators, such as Autoencoder(2), "
            f"or None, got {type(autoencoder).__name__}."
        )
    chosen = clone(autoencoder)
    return chosen if chosen.random_state is not None else chosen.set_params(random_state=seed)


def uninterrupted(estimator: Fitted, X: Any) -> Fitted:
    """Fit the estimator; Ctrl-C, which would otherwise end this fit only, stops the enclosing work too."""
    with raising_interrupts():
        return estimator.fit(X)
