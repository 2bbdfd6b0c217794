"""Input validation: arrays, DataFrames, sparse matrices and streams, and their columns.

Everything becomes numbers here, once: a mixed-type DataFrame by its layout, a stream that fits in memory by loading
it. A larger stream stays a stream, and the estimator's methods process it block by block.
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
from isthmus.rows.metadata import check_given, check_weights, with_metadata
from isthmus.rows.source import Source
from isthmus.tables.batches import stream_of
from isthmus.tables.stream import TableStream

__all__ = [
    "blockwise",
    "encoded_names",
    "given_for",
    "in_memory",
    "read_for_fit",
    "read_rows",
    "require_columns",
    "set_columns",
    "without_name_warnings",
]

Method = TypeVar("Method", bound=Callable[..., Any])


def read_rows(
    estimator: Any, X: Any, layout: TableLayout | None = None, *, reset: bool, gaps: bool | None = None
) -> Source:
    """X as numbers that the estimator can take, or as a stream.

    Cells may be missing where ``gaps`` says so, by default where the estimator learns from such rows.

    With ``reset`` the columns of X become the estimator's (``n_features_in_``, ``feature_names_in_``), as
    scikit-learn's `validate_data` does it, and a DataFrame's layout is settled. Without, X must have the columns of the
    fit, whose ``layout`` that is.
    """
    who, masked = type(estimator).__name__, estimator.missing == "mask" if gaps is None else gaps
    stream = stream_of(X, missing=masked)
    if stream is not None and not stream.fits_in_memory:
        _require_numbers(who, stream)
        if reset:
            if len(stream) < 2:
                raise ValueError(f"{who}: X has {len(stream)} row, and at least 2 are needed to learn from.")
            set_columns(estimator, stream.n_columns, stream.columns if stream.has_names else None)
        else:
            require_columns(estimator, stream, layout)
        return Source(None, stream, feature_names(estimator, stream.n_columns))
    if stream is not None:
        table = stream.load()
        if table.frame is None and not reset:
            require_columns(estimator, stream, layout)
        with without_name_warnings():
            found = read_rows(estimator, table.rows, layout, reset=reset, gaps=gaps)
        if table.frame is None and reset:
            set_columns(estimator, stream.n_columns, stream.columns if stream.has_names else None)
            found = Source(found.values, None, feature_names(estimator, stream.n_columns))
        return found
    values, layout = _encoded(estimator, X, layout, reset=reset)
    if values is None:
        rules = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "ensure_all_finite": False}
        values = validate_data(estimator, X, **rules, ensure_min_samples=2 if reset else 1, reset=reset)
    names = feature_names(estimator, values.shape[1] if layout is None else len(layout.columns))
    names = names if layout is None else [names[place] for place in layout.owners]
    require_cells(values, names, who, missing=masked, reset=reset)
    return Source(values, None, names, layout)


def read_for_fit(estimator: Any, X: Any, sample_weight: Any, given: Any, *, reset: bool) -> Source:
    """X for a fit, with its rows' weights and conditions; ``reset`` says that it is a new fit."""
    who = type(estimator).__name__
    source = read_rows(estimator, X, None if reset else estimator.fitted_.layout, reset=reset)
    n_rows = source.shape[0]
    if not reset:
        given = given_for(estimator, given, n_rows)
    elif given is not None:
        given = check_given(given, n_rows, who)
    return with_metadata(source, given, check_weights(sample_weight, n_rows, who))


def given_for(estimator: Any, given: Any, n_rows: int) -> np.ndarray | None:
    """The validated conditions of a fitted model; a `ValueError` if they are missing or not expected."""
    who, known = type(estimator).__name__, estimator.fitted_.given
    if known is None and given is not None:
        raise ValueError(f"{who}: fitted without given; leave it out, or fit with it.")
    if known is None:
        return None
    if given is None:
        raise ValueError(f"{who}: fitted with given, {len(known.center)} columns; pass given for these rows too.")
    return check_given(given, n_rows, who, len(known.center))


def blockwise(method: Method) -> Method:
    """Decorator: for a stream larger than memory, apply the method block by block and concatenate its results."""

    @functools.wraps(method)
    def over_blocks(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        stream = stream_of(X, missing=self.missing == "mask")
        if stream is None or stream.fits_in_memory:
            return method(self, X, *args, **kwargs)
        check_is_fitted(self)
        _require_numbers(type(self).__name__, stream)
        require_columns(self, stream, self.fitted_.layout)
        answers, begin, given = [np.empty(0)], 0, kwargs.pop("given", None)
        if given is not None:
            given = check_given(given, len(stream), type(self).__name__)
        with without_name_warnings():
            for block in stream:
                beside = {} if given is None else {"given": given[begin : begin + len(block)]}
                found = method(self, block, *args, **kwargs, **beside)
                parts = found if isinstance(found, tuple) else (found,)
                if begin == 0:
                    answers = [np.empty((len(stream), *part.shape[1:]), part.dtype) for part in parts]
                for answer, part in zip(answers, parts, strict=True):
                    answer[begin : begin + len(part)] = part
                begin += len(parts[0])
        return answers[0] if len(answers) == 1 else tuple(answers)

    return over_blocks  # type: ignore[return-value]


def feature_names(estimator: Any, n_columns: int) -> list[str]:
    """The columns' names at fit, or their positions if they have none."""
    return [str(name) for name in getattr(estimator, "feature_names_in_", range(n_columns))]


def encoded_names(estimator: Any) -> list[str]:
    """A name for each number of a row as `to_numbers` gives it: the column's, x0, x1 … without, or ``colour=red``."""
    layout = estimator.fitted_.layout
    if layout is not None:
        return layout.encoded_names
    names = getattr(estimator, "feature_names_in_", None)
    return [f"x{place}" for place in range(estimator.n_features_in_)] if names is None else list(map(str, names))


def in_memory(X: Any, most: int) -> tuple[Any, np.ndarray | None]:
    """X as it is; of a stream larger than memory ``most`` rows, evenly spread, and their places."""
    stream = stream_of(X, missing=True)
    if stream is None or stream.fits_in_memory or len(stream) == 0:
        return X, None
    places = np.unique(np.linspace(0, len(stream) - 1, min(most, len(stream))).astype(int))
    return stream.take(places).rows, places


def set_columns(estimator: Any, n_columns: int, names: Sequence[str] | None) -> None:
    """Set an estimator's ``n_features_in_`` and, if the columns have names, ``feature_names_in_``."""
    estimator.n_features_in_ = n_columns
    estimator.__dict__.pop("feature_names_in_", None)  # of an earlier fit
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)


def require_columns(estimator: Any, stream: TableStream, layout: TableLayout | None = None) -> None:
    """Raise a `ValueError` unless a stream has the columns of the fit, in their order."""
    who = type(estimator).__name__
    if layout is not None:
        raise ValueError(f"{who}: fitted on a mixed-type DataFrame; pass DataFrames.")
    if stream.n_columns != estimator.n_features_in_:
        raise ValueError(f"{who}: X has {stream.n_columns} columns, but was fitted with {estimator.n_features_in_}.")
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and stream.has_names and tuple(map(str, names)) != stream.columns:
        odd = next(place for place, name in enumerate(stream.columns) if name != names[place])
        raise ValueError(
            f"{who}: column {odd} of X is {stream.columns[odd]!r}, but at fit it was {names[odd]!r}; "
            "open it with columns= in the order of the fit."
        )


@contextmanager
def without_name_warnings() -> Iterator[None]:
    """A context without scikit-learn's warning about missing column names, for rows whose names were checked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


def _encoded(
    estimator: Any, X: Any, layout: TableLayout | None, *, reset: bool
) -> tuple[np.ndarray | None, TableLayout | None]:
    """X encoded by its layout, which ``reset`` determines; None if X has only numbers."""
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
        set_columns(estimator, len(layout.columns), layout.names)
    return encoded, layout


def _require_numbers(who: str, stream: TableStream) -> None:
    if stream.mixed:
        raise ValueError(
            f"{who}: mixed-type tables must fit in memory, and this one is larger than the {stream.held_bytes:,} bytes "
            f"allowed; raise held_bytes, or pass DataFrames with some of the rows."
        )
