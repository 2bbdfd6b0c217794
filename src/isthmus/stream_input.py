"""What an estimator does with rows that it is not given in memory: it goes over them a block at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.tables.batches import stream_of
from isthmus.tables.stream import TableStream

__all__ = ["know_columns", "large_stream", "over_blocks", "require_columns", "validated_stream", "without_names"]


def large_stream(estimator: Any, X: Any) -> TableStream | None:
    """X as a stream if it is one that memory does not hold; refuses one whose rows are more than its numbers."""
    stream = stream_of(X, missing=estimator.missing == "mask")
    if stream is None or stream.fits_in_memory:
        return None
    if stream.mixed:
        raise ValueError(
            f"{type(estimator).__name__}: columns of several kinds are taken from memory, and this table is larger "
            f"than the {stream.held_bytes:,} bytes that may be held; raise held_bytes, or give DataFrames of a part."
        )
    return stream


def over_blocks(estimator: Any, X: Any, method: Callable[[Any], np.ndarray]) -> np.ndarray | None:
    """What ``method`` answers for all rows of a large stream, block by block; None where X is none."""
    stream = large_stream(estimator, X)
    if stream is None:
        return None
    check_is_fitted(estimator)
    require_columns(estimator, stream)
    answer, begin = np.empty(0), 0
    with without_names():
        for block in stream:
            part = method(block)
            if begin == 0:
                answer = np.empty((len(stream), *part.shape[1:]), part.dtype)
            answer[begin : begin + len(part)] = part
            begin += len(part)
    return answer


def validated_stream(estimator: Any, X: Any, *, reset: bool) -> Any | None:
    """A stream read and validated as an array in memory is, its columns known by name; None where X is none."""
    stream = stream_of(X, missing=estimator.missing == "mask")
    if stream is None:
        return None
    table = stream.load()
    if table.frame is None and not reset:
        require_columns(estimator, stream)
    with without_names():
        found = estimator._validated(table.rows, reset=reset)
    if table.frame is None and reset:
        know_columns(estimator, stream)
    return found


def know_columns(estimator: Any, stream: TableStream) -> None:
    """Let an estimator know the columns of a stream, by name where they have names."""
    estimator.n_features_in_ = stream.n_columns
    for earlier in ("_layout", "feature_names_in_"):
        estimator.__dict__.pop(earlier, None)
    if stream.has_names:
        estimator.feature_names_in_ = np.array(stream.columns, dtype=object)


def require_columns(estimator: Any, stream: TableStream) -> None:
    """Refuse a stream of other columns than those of the fit, or in another order."""
    who = type(estimator).__name__
    if estimator._layout is not None:
        raise ValueError(f"{who}: fitted on a DataFrame with columns of several kinds; give DataFrames.")
    if stream.n_columns != estimator.n_features_in_:
        raise ValueError(f"{who}: X has {stream.n_columns} columns, and {estimator.n_features_in_} were there at fit.")
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and stream.has_names and tuple(map(str, names)) != stream.columns:
        odd = next(place for place, name in enumerate(stream.columns) if name != names[place])
        raise ValueError(
            f"{who}: column {odd} of X is {stream.columns[odd]!r}, and at fit it was {names[odd]!r}; "
            "open it with columns= in the order of the fit."
        )


@contextmanager
def without_names() -> Iterator[None]:
    """Rows that come without their names are no news where the names were looked at before."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield
