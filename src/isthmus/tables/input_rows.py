"""The user's rows, in any form, as one object that a model learns from: numbers, or a stream of them.

Arrays, sparse matrices, tensors, DataFrames, tables from `isthmus.read`, streams and lists of batches are accepted. A
layout encodes columns of several kinds as numbers. What fits in memory is loaded; a larger stream stays a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from isthmus.tables.array_forms import array_and_shape, array_shape_of, is_torch, row_shape_of
from isthmus.tables.batches import stream_of
from isthmus.tables.count_faults import are_sparse_counts, require_counts
from isthmus.tables.errors import DataError
from isthmus.tables.finite import chunks, has_gaps, require_finite, require_some_observed
from isthmus.tables.frames import FrameForm, arrow_of, form_of, is_frame, names_of, plain_frame, require_different
from isthmus.tables.layout import TableLayout, layout_of, plain_layout
from isthmus.tables.not_rows import require_rows
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "InputRows",
    "InputRules",
    "ValidRows",
    "Widths",
    "arrow_cells",
    "features_of",
    "in_memory",
    "input_rows",
    "large_stream",
    "rows_to_fit",
]


class Widths(NamedTuple):
    """How many columns of each kind a row has, in this order: features, conditions, weight."""

    features: int
    given: int = 0
    weights: int = 0

    @property
    def total(self) -> int:
        """The number of all columns."""
        return sum(self)


@dataclass(frozen=True, eq=False)
class ValidRows:
    """Validated rows, either ``values`` or a ``stream``, and what is known about them.

    Attributes
    ----------
    values : ndarray or CSR matrix of shape (n_rows, n_numbers), or None
    stream : TableStream or None
        Rows that do not fit in memory.
    names : tuple of str or None
        The columns' names, if they have any.
    layout : TableLayout or None
        How columns of several kinds became numbers; None where all are numbers.
    form : FrameForm or None
        The library and dtypes of the DataFrame that held columns of several kinds.
    masked : bool or None
        Whether cells may be missing; None: a pass over a stream decides.
    was_read : bool
        Whether the rows are from `isthmus.read` or `isthmus.open_table`, so ``scale="auto"`` may standardize them.
    image_shape : tuple of int or None
        Shape of a row that is a picture, if the file says so.
    row_shape : RowShape or None
        Sizes and kinds of a row's axes, of pictures and others.
    array_shape : tuple of int or None
        The shape of a row in an array with more than two axes, where results have this shape, too.
    widths : Widths or None
        The widths of features and metadata, if rows have metadata columns.
    mean_weight : float
        The mean weight, by which the weights in a loss are divided.
    given_layout : TableLayout or None
        How conditions with names or words became numbers.
    """

    values: Any = None
    stream: TableStream | None = None
    names: tuple[str, ...] | None = None
    layout: TableLayout | None = None
    form: FrameForm | None = None
    masked: bool | None = False
    was_read: bool = False
    image_shape: tuple[int, ...] | None = None
    row_shape: RowShape | None = None
    array_shape: tuple[int, ...] | None = None
    widths: Widths | None = None
    mean_weight: float = 1.0
    given_layout: TableLayout | None = None

    def blocks(self) -> Iterator[np.ndarray]:
        """A new pass over the rows, in dense slices."""
        return chunks(self.values) if self.stream is None else iter(self.stream)

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and of features."""
        return self.values.shape if self.stream is None else self.stream.shape

    @property
    def n_columns(self) -> int:
        """Number of columns of the user's table."""
        if self.layout is not None:
            return len(self.layout.columns)
        return self.shape[1] if self.widths is None else self.widths.features

    @property
    def features(self) -> list[str]:
        """For each number of a row the name, or else the position, of its column."""
        return features_of(self.names, self.n_columns, self.layout)


def features_of(names: Sequence[str] | None, n_columns: int, layout: TableLayout | None) -> list[str]:
    """For each number of a row the name, or else the position, of its column."""
    own = list(map(str, range(n_columns) if names is None else names))
    return own if layout is None else [own[place] for place in layout.owners]


@dataclass(frozen=True)
class InputRules:
    """How an estimator validates its rows.

    ``validate(values, named)`` is scikit-learn's validation of numbers, with ``named`` columns or not; ``missing`` and
    ``unseen`` are the estimator's settings; ``counts`` says whether rows of numbers must be counts.
    """

    who: str
    validate: Callable[[Any, bool], Any]
    missing: str = "error"
    unseen: str = "error"
    image_shape: tuple[int, ...] | None = None
    counts: bool = False

    def check(self, values: Any, features: Sequence[str], *, gaps: bool, plain: bool) -> None:
        """Raise a `ValueError` that names cells that can't be used; ``plain`` rows have only columns of numbers."""
        if self.counts and plain:
            if not (hasattr(values, "tocsr") and are_sparse_counts(values)):
                require_counts(chunks(values), features, self.who)
        else:
            require_finite(values, features, self.who, missing=gaps)


def rows_to_fit(rules: InputRules, X: Any) -> ValidRows:
    """Rows to fit on, with the layout inferred for columns of several kinds; a `ValueError` says what is wrong."""
    try:
        rows = input_rows(X, rules.image_shape)
        values, names, layout = rows.values, rows.names, rows.layout
        if rows.cells is not None:
            found: TableLayout = rows.layout or layout_of(rows.cells)
            values, names = found.encode(rows.cells), found.names
            layout = None if found.is_plain else found
        if layout is not None or rows.stream is not None:  # otherwise scikit-learn checks their number
            n_rows = len(values if rows.stream is None else rows.stream)
            if n_rows < 2:
                raise DataError(f"X has {n_rows} row{'' if n_rows == 1 else 's'}; at least 2 are needed to learn from.")
    except DataError as error:
        raise ValueError(f"{rules.who}: {error}") from error
    if rows.stream is not None:  # its cells are checked while it is read
        masked = {"mask": True, "error": False}.get(rules.missing)
    else:
        values = rules.validate(values, names is not None) if layout is None else values
        features, gaps = features_of(names, values.shape[1], layout), rules.missing != "error"
        rules.check(values, features, gaps=gaps, plain=layout is None)
        if gaps:
            require_some_observed(values, features, rules.who)
        masked = rules.missing == "mask" or (gaps and has_gaps(values))
    return ValidRows(
        values=values,
        stream=rows.stream,
        names=names,
        layout=layout,
        form=rows.form,
        masked=masked,
        was_read=rows.was_read,
        image_shape=rows.image_shape,
        row_shape=rows.row_shape if layout is None or rows.stream is not None else None,
        array_shape=rows.array_shape,
    )


# ---- forms -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class InputRows:
    """X before validation, in one of three forms.

    Attributes
    ----------
    values : array-like or None
        An array, a sparse matrix or a numeric DataFrame.
    cells : pyarrow.Table or None
        Columns of several kinds.
    stream : TableStream or None
        Rows that do not fit in memory.
    layout : TableLayout or None
        The columns of ``cells`` or ``stream``, if known.
    names, form, was_read, image_shape, row_shape, array_shape
        As in `ValidRows`.
    """

    values: Any = None
    cells: pyarrow.Table | None = None
    stream: TableStream | None = None
    layout: TableLayout | None = None
    names: tuple[str, ...] | None = None
    form: FrameForm | None = None
    was_read: bool = False
    image_shape: tuple[int, ...] | None = None
    row_shape: RowShape | None = None
    array_shape: tuple[int, ...] | None = None


def input_rows(X: Any, image_shape: tuple[int, ...] | None = None) -> InputRows:
    """Rows in any form; ``image_shape`` says which axis of pictures holds the channels.

    Raises
    ------
    DataError
        If X is ambiguous, or can't be read as rows.
    """
    require_rows(X)
    if isinstance(X, Table):
        return _of_table(X, was_read=True)
    if is_frame(X):
        return replace(_of_frame(X), row_shape=row_shape_of(X, image_shape))
    flat, shape = array_and_shape(X, image_shape)
    stream = stream_of(flat)
    if stream is None:
        known = None if shape is None else shape.image_shape
        return InputRows(flat, row_shape=shape, image_shape=known, array_shape=array_shape_of(X))
    was_read = stream.description is not None
    if stream.fits_in_memory:
        return _of_table(stream.load(), was_read=was_read)
    return InputRows(
        stream=stream,
        layout=stream.layout if stream.mixed else None,
        names=stream.columns if stream.has_names else None,
        was_read=was_read,
        image_shape=stream.image_shape,
        row_shape=shape or stream.row_shape,
    )


def large_stream(X: Any) -> TableStream | None:
    """X as a stream, if it doesn't fit in memory; None for everything else."""
    if isinstance(X, Table) or is_frame(X) or is_torch(X):
        return None
    stream = stream_of(X)
    return None if stream is None or stream.fits_in_memory else stream


def in_memory(X: Any, max_rows: int) -> tuple[Any, np.ndarray | None]:
    """X itself and None; or at most ``max_rows`` evenly spaced rows of a large stream, and their indices."""
    stream = large_stream(X)
    if stream is None or len(stream) == 0:
        return X, None
    indices = np.unique(np.linspace(0, len(stream) - 1, min(max_rows, len(stream))).astype(int))
    return stream.take(indices).rows, indices


def arrow_cells(X: Any) -> pyarrow.Table | None:
    """The columns of a table or DataFrame as an Arrow table; None if X has no named columns."""
    if isinstance(X, TableStream):
        X = X.load()
    return X.to_arrow() if isinstance(X, Table) else arrow_of(X) if is_frame(X) else None


def _of_table(table: Table, *, was_read: bool) -> InputRows:
    names = table.columns if table.has_names else None
    if table.is_mixed:
        return InputRows(cells=table.cells, layout=table.layout, names=names, was_read=was_read)
    return InputRows(
        table.cells, names=names, was_read=was_read, image_shape=table.image_shape, row_shape=table.row_shape
    )


def _of_frame(X: Any) -> InputRows:
    form = form_of(X)
    if not plain_frame(X):
        return InputRows(cells=arrow_of(X), form=form)
    names = names_of(X)
    require_different(names)
    if form.library != "pandas":  # scikit-learn validates pandas itself
        layout: TableLayout = plain_layout(names)
        return InputRows(layout.encode(arrow_of(X)), names=tuple(names), form=form)
    if X.columns.nlevels > 1:
        X = X.set_axis(names, axis=1)
    named = all(isinstance(name, str) for name in X.columns)
    return InputRows(X, names=tuple(names) if named else None, form=form)
