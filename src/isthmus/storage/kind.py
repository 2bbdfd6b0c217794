"""The interface of what can be saved: how a kind is recognised, what it is taken apart into, and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from isthmus.storage.record import fact, record
from isthmus.storage.tensor_file import StoredTensors

__all__ = ["Kind", "Opened", "Parts", "Timing"]


@record
class Timing:
    """How long a fit took: all that depends on the clock, and so isn't covered by a checksum.

    Attributes
    ----------
    seconds
        Seconds since the start of the fit, at each epoch.
    elapsed
        Seconds so far, of a fit that is not finished.
    """

    seconds: tuple[float, ...] = fact(finite=False)
    elapsed: float | None = fact(at_least=0)


@dataclass(frozen=True)
class Parts:
    """A fitted estimator taken apart: its record, its tensors, the fitted estimators in it, and the time it took."""

    record: Any
    tensors: Mapping[str, Tensor]
    inner: Mapping[str, Any] = field(default_factory=dict)
    timing: Timing | None = None


@dataclass(frozen=True)
class Opened:
    """A folder whose JSON and tensor headers have been read, but no tensor yet.

    Attributes
    ----------
    record
        The record as plain JSON.
    inner
        The folders of the estimators in it.
    """

    format: str
    record: Mapping[str, Any]
    tensors: StoredTensors
    inner: Mapping[str, Path]
    timing: Timing | None = None


class Kind(ABC):
    """One kind of estimator that can be saved.

    Attributes
    ----------
    format
        The format in the manifest of its folders.
    record
        The class of its record.
    inner
        Names of the estimators in it, each in a folder of its own.
    more
        Names of further estimators that it may hold.
    """

    format: ClassVar[str]
    record: ClassVar[type]
    inner: ClassVar[tuple[str, ...]] = ()
    more: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def owns(self, estimator: Any) -> bool:
        """Whether the estimator is of this kind."""

    @abstractmethod
    def take_apart(self, estimator: Any) -> Parts:
        """A fitted estimator's parts; a `ValueError` if they could not be put together again."""

    @abstractmethod
    def put_together(self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None) -> Any:
        """The estimator; a `ValueError` in half a sentence if the parts don't fit each other."""
