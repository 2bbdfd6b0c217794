"""What an estimator is given: arrays, frames, sparse matrices and streams, validated, and their columns known.

Everything becomes numbers here, once: a DataFrame that holds more than numbers by its layout, a stream that memory
holds by reading it. A larger stream stays a stream, and what the estimator does with rows it does block by block.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.mixed.column import MixedTableError
from isthmus.mixed.layout import TableLayout, layout_of, require_suitable
from isthmus.rows.cells import require_cells
from isthmus.rows.companions import check_given, check_weights, with_companions
from isthmus.rows.source import Source
from isthmus.tables.batches import stream_of
from isthmus.tables.stream import TableStream

__all__ = [
    "blockwise",
    "given_for",
    "know_columns",
    "read_for_fit",
    "read_rows",
    "require_columns",
    "without_names",
]

Method = TypeVar("Method", bound=Callable[..., Any])


def read_rows(estimator: Any, X: Any, layout: TableLayout | None = None, *, reset: bool) -> Source:
    """X as numbers that the estimator can take, or as a stream.

    With ``reset`` the columns of X become the estimator's (``n_features_in_``, ``feature_names_in_``), as
    scikit-learn's `validate_data` does it, and a DataFrame's layout is settled. Without, X must have the columns of the
    fit, whose ``layout`` that is.
    """
    who, masked = type(estimator).__name__, estimator.missing == "mask"
    stream = stream_of(X, missing=masked)
    if stream is not None and not stream.fits_in_memory:
        _require_numbers(who, stream)
        if reset:
            if len(stream) < 2:
                raise ValueError(f"{who}: X has {len(stream)} row, and at least 2 are needed to learn from.")
            know_columns(estimator, stream.n_columns, stream.columns if stream.has_names else None)
        else:
            require_columns(estimator, stream, layout)
        return Source(None, stream, names_of(estimator, stream.n_columns))
    if stream is not None:
        table = stream.load()
        if table.frame is None and not reset:
            require_columns(estimator, stream, layout)
        with without_names():
            found = read_rows(estimator, table.rows, layout, reset=reset)
        if table.frame is None and reset:
            know_columns(estimator, stream.n_columns, stream.columns if stream.has_names else None)
            found = Source(found.values, None, names_of(estimator, stream.n_columns))
        return found
    values, layout = _encoded(estimator, X, layout, reset=reset)
    if values is None:
        rules = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "ensure_all_finite": False}
        values = validate_data(estimator, X, **rules, ensure_min_samples=2 if reset else 1, reset=reset)
    names = names_of(estimator, values.shape[1] if layout is None else len(layout.columns))
    names = names if layout is None else [names[place] for place in layout.owners]
    require_cells(values, names, who, missing=masked, reset=reset)
    return Source(values, None, names, layout)


def read_for_fit(estimator: Any, X: Any, sample_weight: Any, given: Any, *, reset: bool) -> Source:
    """X for a fit, with what stands beside its rows; with ``reset`` for a first one."""
    who = type(estimator).__name__
    source = read_rows(estimator, X, None if reset else estimator.fitted_.layout, reset=reset)
    n_rows = source.shape[0]
    if not reset:
        given = given_for(estimator, given, n_rows)
    elif given is not None:
        given = check_given(given, n_rows, who)
    return with_companions(source, given, check_weights(sample_weight, n_rows, who))


def given_for(estimator: Any, given: Any, n_rows: int) -> np.ndarray | None:
    """What rows are given, as a fitted model takes it; a `ValueError` if it takes none, or lacks it."""
    who, known = type(estimator).__name__, estimator.fitted_.given
    if known is None and given is not None:
        raise ValueError(f"{who}: was fitted without given; leave it out, or fit with it.")
    if known is None:
        return None
    if given is None:
        raise ValueError(f"{who}: was fitted with given, {len(known.center)} columns; give them for these rows too.")
    return check_given(given, n_rows, who, len(known.center))


def blockwise(method: Method) -> Method:
    """Decorator: of a stream that memory doesn't hold, the method's answers for one block after the other."""

    @functools.wraps(method)
    def over_blocks(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        stream = stream_of(X, missing=self.missing == "mask")
        if stream is None or stream.fits_in_memory:
            return method(self, X, *args, **kwargs)
        check_is_fitted(self)
        _require_numbers(type(self).__name__, stream)
        require_columns(self, stream, self.fitted_.layout)
        answer, begin, given = np.empty(0), 0, kwargs.pop("given", None)
        if given is not None:
            given = check_given(given, len(stream), type(self).__name__)
        with without_names():
            for block in stream:
                beside = {} if given is None else {"given": given[begin : begin + len(block)]}
                part = method(self, block, *args, **kwargs, **beside)
                if begin == 0:
                    answer = np.empty((len(stream), *part.shape[1:]), part.dtype)
                answer[begin : begin + len(part)] = part
                begin += len(part)
        return answer

    return over_blocks  # type: ignore[return-value]


def names_of(estimator: Any, n_columns: int) -> list[str]:
    """The columns' names as they were known at fit, their numbers where they have none."""
    return [str(name) for name in getattr(estimator, "feature_names_in_", range(n_columns))]


def know_columns(estimator: Any, n_columns: int, names: Sequence[str] | None) -> None:
    """Let an estimator know its columns, by name where they have names."""
    estimator.n_features_in_ = n_columns
    estimator.__dict__.pop("feature_names_in_", None)  # of an earlier fit
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)


def require_columns(estimator: Any, stream: TableStream, layout: TableLayout | None = None) -> None:
    """Refuse a stream of other columns than those of the fit, or in another order."""
    who = type(estimator).__name__
    if layout is not None:
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


def _encoded(
    estimator: Any, X: Any, layout: TableLayout | None, *, reset: bool
) -> tuple[np.ndarray | None, TableLayout | None]:
    """X as numbers by the layout of its table, settled here where ``reset``; None where X is an array or as good."""
    who = type(estimator).__name__
    try:
        layout = layout_of(X) if reset else layout
        if layout is None:
            return None, None
        encoded = layout.encode(X, estimator.unseen)
    except MixedTableError as error:
        raise ValueError(f"{who}: {error}") from error
    if reset:
        require_suitable(estimator)
        if len(encoded) < 2:
            raise ValueError(f"{who}: X has {len(encoded)} row, and at least 2 are needed to learn from.")
        know_columns(estimator, len(layout.columns), layout.names)
    return encoded, layout


def _require_numbers(who: str, stream: TableStream) -> None:
    if stream.mixed:
        raise ValueError(
            f"{who}: columns of several kinds are taken from memory, and this table is larger than the "
            f"{stream.held_bytes:,} bytes that may be held; raise held_bytes, or give DataFrames of a part."
        )
