"""What it takes to save one kind of thing: how it is known, what it is taken apart into, and the way back."""

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
    """How long a fit took: all that depends on the clock, apart from what is told by its checksum.

    Attributes
    ----------
    seconds
        Since its start, one an epoch.
    elapsed
        Of a fit that is not finished, until now.
    """

    seconds: tuple[float, ...] = fact(finite=False)
    elapsed: float | None = fact(at_least=0)


@dataclass(frozen=True)
class Parts:
    """A fitted estimator taken apart: its words, its numbers, the fitted estimators in it, and the time it took."""

    record: Any
    tensors: Mapping[str, Tensor]
    inner: Mapping[str, Any] = field(default_factory=dict)
    timing: Timing | None = None


@dataclass(frozen=True)
class Opened:
    """A folder whose words have been read, and of whose tensors it is known what they are said to be.

    Attributes
    ----------
    record
        As JSON has it.
    inner
        Where the estimators in it lie.
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
        What its folders call themselves.
    record
        The class of its record.
    inner
        The names of the estimators in it, each of which lies in a folder of its own.
    more
        The names of others that may be in it.
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
        """A fitted estimator's parts; a `ValueError` if these could not be put together again."""

    @abstractmethod
    def put_together(self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None) -> Any:
        """The estimator; a `ValueError` in half a sentence if the parts don't fit each other."""
