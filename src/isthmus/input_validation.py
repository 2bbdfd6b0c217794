"""Input validation: arrays, DataFrames, sparse matrices and streams, and their columns.

Everything becomes numbers here, once: a mixed-type table by its layout, a stream that fits in memory by loading it. A
larger stream stays a stream, and the estimator's methods process it block by block.
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
from isthmus.rows.metadata import check_given, check_weights, with_metadata
from isthmus.rows.source import Source
from isthmus.tables.errors import DataError, said
from isthmus.tables.frames import is_frame
from isthmus.tables.input_rows import InputRows, arrow_cells, input_rows, large_stream
from isthmus.tables.layout import TableLayout, layout_of, plain_layout
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table, joined
from isthmus.tables.views import Arranged

__all__ = [
    "blockwise",
    "encoded_names",
    "given_for",
    "in_memory",
    "read_for_fit",
    "read_rows",
    "require_columns",
    "require_complete_numbers",
    "set_columns",
    "without_name_warnings",
]

Method = TypeVar("Method", bound=Callable[..., Any])


def read_rows(estimator: Any, X: Any, *, reset: bool, gaps: bool | None = None) -> Source:
    """X as numbers that the estimator can take, or as a stream.

    Cells may be missing where ``gaps`` says so, by default where the estimator learned from such rows, or encodes them
    by the cells they have.

    With ``reset`` the columns of X become the estimator's (``n_features_in_``, ``feature_names_in_``), as
    scikit-learn's `validate_data` does it, and their kinds are determined. Without, X must have the columns of the fit;
    columns with names may be in any order.
    """
    try:
        rows = input_rows(X, estimator.image_shape if reset else estimator.fitted_.image_shape)
        if rows.stream is not None:
            return _streamed(estimator, rows.stream, rows, reset=reset)
        return _held(estimator, X, rows, reset=reset, gaps=gaps)
    except DataError as error:
        raise ValueError(f"{type(estimator).__name__}: {error}") from error


def _streamed(estimator: Any, stream: TableStream, rows: InputRows, *, reset: bool) -> Source:
    layout, masked = rows.layout, {"mask": True, "error": False}.get(estimator.missing)
    if not reset:
        layout, masked = estimator.fitted_.layout, estimator.fitted_.masked
        stream = require_columns(estimator, stream)
    else:
        if len(stream) < 2:
            raise DataError(f"X has {len(stream)} row, and at least 2 are needed to learn from.")
        if layout is not None:
            _require_suitable(estimator)
        set_columns(estimator, stream.n_columns, stream.columns if stream.has_names else None)
    names = feature_names(estimator, stream.n_columns)
    names = names if layout is None else [names[place] for place in layout.owners]
    return Source(
        None, stream, names, layout, masked=masked, was_read=rows.was_read, image_shape=rows.image_shape,
        row_shape=rows.row_shape,
    )  # fmt: skip


def _held(estimator: Any, X: Any, rows: InputRows, *, reset: bool, gaps: bool | None) -> Source:
    who, layout = type(estimator).__name__, None if reset else estimator.fitted_.layout
    if gaps is None:
        gaps = estimator.missing != "error" if reset else _takes_gaps(estimator)
    values, names = rows.values, rows.names
    if layout is not None:
        values = _as_at_fit(estimator, rows, layout, X)
    elif rows.cells is not None:
        layout = rows.layout or layout_of(rows.cells)
        if not reset and not layout.is_plain:
            _refuse_kinds(layout)
        values, names = layout.encode(rows.cells), layout.names
        layout = None if layout.is_plain else layout
    if layout is None:
        values = _validated(estimator, values, names, reset=reset)
    elif reset:
        _require_suitable(estimator)
        if len(values) < 2:
            raise DataError(f"X has {len(values)} row, and at least 2 are needed to learn from.")
    if reset and names is not None:
        set_columns(estimator, len(names), names)
    features = feature_names(estimator, values.shape[1] if layout is None else len(layout.columns))
    features = features if layout is None else [features[place] for place in layout.owners]
    require_cells(values, features, who, missing=gaps, reset=reset)
    masked = gaps and (not reset or estimator.missing == "mask" or has_gaps(values))
    form = rows.form if layout is not None else None
    return Source(
        values, None, features, layout, form=form, masked=masked, was_read=rows.was_read, image_shape=rows.image_shape,
        row_shape=rows.row_shape if layout is None else None,
    )  # fmt: skip


def require_complete_numbers(estimator: Any, X: Any, *, gaps: bool = False) -> None:
    """A `ValueError` that names the columns that are no numbers, or says how to fill cells, for what takes neither."""
    who = type(estimator).__name__
    if not is_frame(X) and not isinstance(X, Table):
        return
    try:
        rows = input_rows(X)
        layout = None if rows.cells is None else rows.layout or layout_of(rows.cells)
    except DataError as error:
        raise ValueError(f"{who}: {error}") from error
    if layout is not None and not layout.is_plain:
        told = [f"{column.name} ({column.kind})" for column in layout.columns if column.kind != "number"]
        raise ValueError(
            f"{who}: takes numbers, and X has {said(told, 6)}; leave these columns out, or pass the codes that an "
            "Autoencoder makes of all columns."
        )
    if not gaps and rows.values is not None and has_gaps(np.asarray(rows.values, dtype=np.float64)):
        raise ValueError(f"{who}: X has missing cells; fill them first, as Autoencoder().fit(X).impute(X) does.")


def _takes_gaps(estimator: Any) -> bool:
    """Whether rows may have missing cells: the fit had some, or such a row is encoded by the cells it has."""
    return estimator.fitted_.masked or (estimator.missing == "auto" and estimator.fitted_.takes_gaps)


def _validated(estimator: Any, values: Any, names: Sequence[str] | None, *, reset: bool) -> Any:
    """Numbers as scikit-learn validates them, their columns in the order of the fit."""
    order = None if reset else _order(estimator, names)
    rules = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "ensure_all_finite": False}
    with nullcontext() if names is None else without_name_warnings():
        if order is not None:
            values = values.iloc[:, order] if hasattr(values, "iloc") else values[:, order]
        return validate_data(estimator, values, **rules, ensure_min_samples=2 if reset else 1, reset=reset)


def _as_at_fit(estimator: Any, rows: InputRows, layout: TableLayout, X: Any) -> np.ndarray:
    """A mixed-type table as numbers, by the layout of the fit.

    Unless the user decides, categories not seen at fit are missing cells for a model that learned from such, and where
    the reader of a file has named them.
    """
    cells = rows.cells if rows.cells is not None else arrow_cells(X)
    if cells is None:
        raise DataError(
            f"fitted on a table with the columns {said(layout.names, 6)}, got {type(X).__name__}; pass a DataFrame or "
            "a table of isthmus.read."
        )
    layout.require(cells.column_names)
    if not cells.num_rows:
        raise DataError("X has no rows; pass at least one.")
    unseen = estimator.unseen
    if unseen == "auto":
        unseen = "missing" if estimator.fitted_.masked or rows.was_read else "error"
    return layout.encode(cells, unseen)


def _refuse_kinds(layout: TableLayout) -> None:
    told = [f"{column.name} ({column.kind})" for column in layout.columns if column.kind != "number"]
    raise DataError(f"fitted on numbers alone, and X has {said(told, 6)}; pass numbers, or fit again.")


def read_for_fit(estimator: Any, X: Any, sample_weight: Any, given: Any, *, reset: bool) -> Source:
    """X for a fit, with its rows' weights and conditions; ``reset`` says that it is a new fit."""
    who = type(estimator).__name__
    source = read_rows(estimator, X, reset=reset)
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
        try:
            stream = large_stream(X)
            if stream is None:
                return method(self, X, *args, **kwargs)
            check_is_fitted(self)
            stream = require_columns(self, stream)
        except DataError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error
        answers, tables, begin, given = [np.empty(0)], [], 0, kwargs.pop("given", None)
        if given is not None:
            given = check_given(given, len(stream), type(self).__name__)
        with without_name_warnings():
            for block in stream.blocks():
                beside = {} if given is None else {"given": given[begin : begin + len(block)]}
                found = method(self, block.rows, *args, **kwargs, **beside)
                begin += len(block)
                if isinstance(found, Table):
                    tables.append(found)
                    continue
                parts = found if isinstance(found, tuple) else (found,)
                if begin == len(block):
                    answers = [np.empty((len(stream), *part.shape[1:]), part.dtype) for part in parts]
                for answer, part in zip(answers, parts, strict=True):
                    answer[begin - len(block) : begin] = part
        if tables:
            return joined(tables)
        return answers[0] if len(answers) == 1 else tuple(answers)

    return over_blocks  # type: ignore[return-value]


def feature_names(estimator: Any, n_columns: int) -> list[str]:
    """The columns' names at fit, or their positions if they have none."""
    return [str(name) for name in getattr(estimator, "feature_names_in_", range(n_columns))]


def encoded_names(estimator: Any) -> list[str]:
    """A name for each number of a row as `to_numbers` gives it: the column's, x0, x1 … without, or ``colour=red``."""
    layout = estimator.fitted_.layout
    if layout is not None:
        return list(layout.encoded_names)
    names = getattr(estimator, "feature_names_in_", None)
    return [f"x{place}" for place in range(estimator.n_features_in_)] if names is None else list(map(str, names))


def in_memory(X: Any, most: int) -> tuple[Any, np.ndarray | None]:
    """X as it is; of a stream larger than memory ``most`` rows, evenly spread, and their places."""
    stream = large_stream(X)
    if stream is None or len(stream) == 0:
        return X, None
    places = np.unique(np.linspace(0, len(stream) - 1, min(most, len(stream))).astype(int))
    return stream.take(places).rows, places


def set_columns(estimator: Any, n_columns: int, names: Sequence[str] | None) -> None:
    """Set an estimator's ``n_features_in_`` and, if the columns have names, ``feature_names_in_``."""
    estimator.n_features_in_ = n_columns
    estimator.__dict__.pop("feature_names_in_", None)  # of an earlier fit
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)


def require_columns(estimator: Any, stream: TableStream) -> TableStream:
    """A stream with the columns of the fit, in its order and encoded by its layout; a `DataError` names others."""
    layout = estimator.fitted_.layout
    if layout is not None:
        layout.require(stream.columns)
        return stream if stream.layout == layout else Arranged(stream, layout.names, layout)
    if stream.mixed and stream.layout is not None:
        _refuse_kinds(stream.layout)
    if stream.n_columns != estimator.n_features_in_:
        raise DataError(f"X has {stream.n_columns} columns, but was fitted with {estimator.n_features_in_}.")
    order = _order(estimator, stream.columns if stream.has_names else None)
    return stream if order is None else Arranged(stream, [stream.columns[place] for place in order])


def _order(estimator: Any, names: Sequence[str] | None) -> list[int] | None:
    """Positions of the fit's columns among ``names``; None if they are in that order already, or have no names."""
    known = getattr(estimator, "feature_names_in_", None)
    if known is None or names is None or tuple(known) == tuple(names):
        return None
    plain_layout(list(map(str, known))).require(names)
    place = {name: index for index, name in enumerate(names)}
    return [place[str(name)] for name in known]


@contextmanager
def without_name_warnings() -> Iterator[None]:
    """A context without scikit-learn's warning about missing column names, for rows whose names were checked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


def _require_suitable(settings: Any) -> None:
    """Refuse settings that don't apply to a mixed-type table."""
    for name, given, why in (
        (
            "likelihood",
            settings.likelihood != "gaussian",
            "each column of a mixed-type table has its own",
        ),
        ("output_activation", settings.output_activation != "identity", "it doesn't apply to a mixed-type table"),
        ("image_shape", settings.image_shape is not None, "a mixed-type table isn't a picture"),
    ):
        if given:
            raise ValueError(f"{type(settings).__name__}: {name}={getattr(settings, name)!r}, but {why}.")
