"""What an estimator is given: rows in whatever form, validated, and their columns known.

Everything becomes numbers here, once: columns of several kinds by their layout, a stream that memory holds by reading
it. A larger stream stays a stream, and what the estimator does with rows it does block by block.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.rows.cells import has_gaps, require_cells
from isthmus.rows.companions import check_given, check_weights, with_companions
from isthmus.rows.source import Source
from isthmus.tables.errors import DataError, said
from isthmus.tables.given import GivenRows, arrow_cells, given_rows, large_stream
from isthmus.tables.layout import TableLayout, layout_of, plain_layout
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table, joined
from isthmus.tables.views import Arranged

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


def read_rows(estimator: Any, X: Any, *, reset: bool) -> Source:
    """X as numbers that the estimator can take, or as a stream.

    With ``reset`` the columns of X become the estimator's (``n_features_in_``, ``feature_names_in_``), as
    scikit-learn's `validate_data` does it, and what kinds they are is settled. Without, X must have the columns of the
    fit: those of several kinds in any order.
    """
    try:
        rows = given_rows(X, estimator.image_shape)
        if rows.stream is not None:
            return _streamed(estimator, rows.stream, rows, reset=reset)
        return _held(estimator, X, rows, reset=reset)
    except DataError as error:
        raise ValueError(f"{type(estimator).__name__}: {error}") from error


def _streamed(estimator: Any, stream: TableStream, rows: GivenRows, *, reset: bool) -> Source:
    layout, masked = rows.layout, {"mask": True, "error": False}.get(estimator.missing)
    if not reset:
        layout, masked = estimator.fitted_.layout, estimator.fitted_.masked
        stream = require_columns(estimator, stream)
    else:
        if len(stream) < 2:
            raise DataError(f"X has {len(stream)} row, and at least 2 are needed to learn from.")
        if layout is not None:
            require_suitable(estimator)
        know_columns(estimator, stream.n_columns, stream.columns if stream.has_names else None)
    names = names_of(estimator, stream.n_columns)
    names = names if layout is None else [names[place] for place in layout.owners]
    return Source(None, stream, names, layout, masked=masked, was_read=rows.was_read, image_shape=rows.image_shape)


def _held(estimator: Any, X: Any, rows: GivenRows, *, reset: bool) -> Source:
    who, known = type(estimator).__name__, None if reset else estimator.fitted_.layout
    values, named, layout = rows.values, rows.names, known
    if known is not None:
        values = _as_at_fit(estimator, rows.cells if rows.cells is not None else arrow_cells(X), known, X)
    elif rows.cells is not None:
        layout = rows.layout or layout_of(rows.cells)
        values, named = layout.encode(rows.cells), layout.names
        if not reset and not layout.is_plain:
            _refuse_kinds(layout)
        layout = None if layout.is_plain else layout
    if layout is None:
        order = None if reset else _order(estimator, named)
        rules = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "ensure_all_finite": False}
        with nullcontext() if named is None else without_names():
            values = values if order is None else values[:, order]
            values = validate_data(estimator, values, **rules, ensure_min_samples=2 if reset else 1, reset=reset)
    elif reset:
        require_suitable(estimator)
        if len(values) < 2:
            raise ValueError(f"{who}: X has {len(values)} row, and at least 2 are needed to learn from.")
    if reset and named is not None:
        know_columns(estimator, len(named), named)
    names = names_of(estimator, values.shape[1] if layout is None else len(layout.columns))
    names = names if layout is None else [names[place] for place in layout.owners]
    allowed = estimator.missing != "error" if reset else estimator.fitted_.masked
    require_cells(values, names, who, missing=allowed, reset=reset)
    masked = allowed and (not reset or estimator.missing == "mask" or has_gaps(values))
    form = rows.form if layout is not None else None
    return Source(
        values, None, names, layout, form=form, masked=masked, was_read=rows.was_read, image_shape=rows.image_shape
    )


def _as_at_fit(estimator: Any, cells: Any, layout: TableLayout, X: Any) -> np.ndarray:
    """Columns of several kinds as numbers, by the layout of the fit."""
    if cells is None:
        raise DataError(
            f"fitted on a table with the columns {said(layout.names, 6)}, got {type(X).__name__}; give a DataFrame or a "
            "table of isthmus.read."
        )
    layout.require(cells.column_names)
    if not cells.num_rows:
        raise DataError("X has no rows; give at least one.")
    masked = estimator.fitted_.masked
    unseen = ("missing" if masked else "error") if estimator.unseen == "auto" else estimator.unseen
    return layout.encode(cells, unseen)


def _refuse_kinds(layout: TableLayout) -> None:
    told = [f"{column.name} ({column.kind})" for column in layout.columns if column.kind != "number"]
    raise DataError(f"fitted on numbers alone, and X has {', '.join(told[:6])}; give numbers, or fit it again.")


def read_for_fit(estimator: Any, X: Any, sample_weight: Any, given: Any, *, reset: bool) -> Source:
    """X for a fit, with what stands beside its rows; with ``reset`` for a first one."""
    who = type(estimator).__name__
    source = read_rows(estimator, X, reset=reset)
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
        try:
            stream = large_stream(X)
            if stream is None:
                return method(self, X, *args, **kwargs)
            check_is_fitted(self)
            stream = require_columns(self, stream)
        except DataError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error
        answer, begin, given = np.empty(0), 0, kwargs.pop("given", None)
        if given is not None:
            given = check_given(given, len(stream), type(self).__name__)
        tables = []
        with without_names():
            for block in stream.blocks():
                beside = {} if given is None else {"given": given[begin : begin + len(block)]}
                part = method(self, block.rows, *args, **kwargs, **beside)
                if isinstance(part, Table):
                    tables.append(part)
                    continue
                if begin == 0:
                    answer = np.empty((len(stream), *part.shape[1:]), part.dtype)
                answer[begin : begin + len(part)] = part
                begin += len(part)
        return joined(tables) if tables else answer

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


def require_columns(estimator: Any, stream: TableStream) -> TableStream:
    """A stream with the columns of the fit, in its order and encoded by its layout; others are refused by name."""
    layout = estimator.fitted_.layout
    if layout is not None:
        layout.require(stream.columns)
        return stream if stream.layout == layout else Arranged(stream, layout.names, layout)
    if stream.mixed and stream.layout is not None:
        _refuse_kinds(stream.layout)
    if stream.n_columns != estimator.n_features_in_:
        raise DataError(f"X has {stream.n_columns} columns, and {estimator.n_features_in_} were there at fit.")
    order = _order(estimator, stream.columns if stream.has_names else None)
    return stream if order is None else Arranged(stream, [stream.columns[place] for place in order])


def _order(estimator: Any, names: Sequence[str] | None) -> list[int] | None:
    """Where the columns of the fit stand among some of the same names; None where they stand as they were."""
    known = getattr(estimator, "feature_names_in_", None)
    if known is None or names is None or tuple(known) == tuple(names):
        return None
    plain_layout(list(map(str, known))).require(names)
    place = {name: index for index, name in enumerate(names)}
    return [place[str(name)] for name in known]


@contextmanager
def without_names() -> Iterator[None]:
    """Rows that come without their names are no news where the names were looked at before."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


def require_suitable(settings: Any) -> None:
    """Refuse settings that a table with columns of several kinds has no room for."""
    for name, given, why in (
        ("likelihood", settings.likelihood != "gaussian", "each column of a mixed table has its own; leave it out"),
        ("output_activation", settings.output_activation != "identity", "a mixed table has no use for it"),
        ("image_shape", settings.image_shape is not None, "a mixed table is no picture"),
    ):
        if given:
            raise ValueError(f"{type(settings).__name__}: {name}={getattr(settings, name)!r}, but {why}.")
