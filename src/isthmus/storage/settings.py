"""The stored form of settings: the name of a variant and its hyperparameters, and the way back."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import check_hyperparameters, hyperparameters
from isthmus.storage.record import Setting
from isthmus.storage.safe_reading import StorageError, shortened
from isthmus.variants import variants

__all__ = ["Settings", "estimator_of", "hyperparameters_of", "plain_seed", "settings_of", "unfitted"]

Estimator = TypeVar("Estimator")
SEEDS = 2**32  # scikit-learn's range


@dataclass(frozen=True)
class Settings:
    """A variant's name, and its hyperparameters with ``random_state``; those absent keep their defaults."""

    variant: str
    hyperparameters: dict[str, Setting]


def settings_of(estimator: BaseAutoencoder) -> Settings:
    """The settings of one of the library's variants; a `StorageError` for any other class."""
    names = {kind: name for name, kind in variants().items()}
    if type(estimator) not in names:
        raise StorageError(
            f"{type(estimator).__name__} cannot be saved: a folder names one of isthmus's own variants "
            f"({', '.join(names.values())}), and this class is none of them."
        )
    return Settings(names[type(estimator)], hyperparameters_of(estimator))


def estimator_of(settings: Settings) -> BaseAutoencoder:
    """An unfitted autoencoder with these settings, checked."""
    known = variants()
    if settings.variant not in known:
        raise ValueError(f"there is no variant {shortened(settings.variant)}, only {', '.join(known)}")
    return unfitted(known[settings.variant], settings.hyperparameters)


def unfitted(kind: Callable[..., Estimator], settings: Mapping[str, Setting], **others: Any) -> Estimator:
    """An unfitted estimator with ``settings`` from a file, checked before and after, and ``others``, checked after."""
    _require_settings(kind, settings)
    estimator = kind(**settings, **others)
    check_hyperparameters(estimator)
    return estimator


def hyperparameters_of(owner: Any) -> dict[str, Setting]:
    """The hyperparameters of ``owner`` as plain Python values; a ``random_state`` that is a generator is None."""
    settings = {name: _plain(getattr(owner, name)) for name in hyperparameters(type(owner))}
    return settings | {"random_state": plain_seed(owner.random_state)}


def _require_settings(kind: Any, settings: Mapping[str, Setting]) -> None:
    """Refuse settings that a class does not have, and an invalid seed."""
    for unknown in sorted(settings.keys() - hyperparameters(kind).keys() - {"random_state"}):
        raise ValueError(f"{kind.__name__} has no setting {shortened(unknown)}; a newer isthmus may know it")
    seed = settings.get("random_state")
    if seed is not None and (type(seed) is not int or not 0 <= seed < SEEDS):
        raise ValueError(f"random_state must be a whole number from 0 to 2^32 - 1, got {shortened(seed)}")


def plain_seed(state: Any) -> int | None:
    """The seed; None for a generator: what was drawn from it is stored elsewhere."""
    return int(state) if isinstance(state, numbers.Integral) else None


def _plain(value: Any) -> Setting:
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return tuple(int(entry) for entry in value)
