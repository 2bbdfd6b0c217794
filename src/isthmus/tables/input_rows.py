"""A user's rows in one of three forms, and results in the form in which the rows came.

values     an array, a sparse matrix or a numeric DataFrame
cells      an Arrow table, of columns of several kinds
stream     rows that do not fit in memory
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.array_forms import array_and_shape, is_torch, like_array, row_shape_of
from isthmus.tables.batches import stream_of
from isthmus.tables.errors import DataError
from isthmus.tables.frames import (
    FrameForm,
    arrow_of,
    filled_frame,
    form_of,
    is_frame,
    names_of,
    plain_frame,
    require_different,
)
from isthmus.tables.layout import TableLayout, plain_layout
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

if TYPE_CHECKING:
    import pyarrow

__all__ = ["InputRows", "arrow_cells", "filled_like", "input_rows", "large_stream", "rows_like"]

MOST_OBLONG = 4  # pictures are not this many times as high as wide


@dataclass(frozen=True, eq=False)
class InputRows:
    """Rows in one of three forms.

    Attributes
    ----------
    values : array-like or None
        What scikit-learn validates.
    cells : pyarrow.Table or None
    stream : TableStream or None
    layout : TableLayout or None
        The columns of ``cells`` or ``stream``, if known.
    names : tuple of str or None
        The columns' names, if they have any.
    form : FrameForm or None
        The library and dtypes of a DataFrame.
    was_read : bool
        Whether the rows are from `isthmus.read` or `isthmus.open_table`, so ``scale="auto"`` may standardize them.
    image_shape : tuple of int or None
        Shape of a row that is a picture.
    row_shape : RowShape or None
        Sizes and kinds of a row's axes, of pictures and others.
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


def input_rows(X: Any, image_shape: tuple[int, ...] | None = None) -> InputRows:
    """Rows in any form; ``image_shape`` says which axis of pictures is that of channels.

    Raises
    ------
    DataError
        If X is ambiguous, or can't be read as rows.
    """
    if isinstance(X, Table):
        return _of_table(X, was_read=True)
    if is_frame(X):
        return replace(_of_frame(X), row_shape=row_shape_of(X, image_shape))
    flat, shape = array_and_shape(X, image_shape)
    _require_one_meaning(flat)
    stream = stream_of(flat)
    if stream is None:
        return InputRows(flat, row_shape=shape, image_shape=None if shape is None else shape.image_shape)
    was_read = stream.description is not None
    if stream.fits_in_memory:
        return _of_table(stream.load(), was_read=was_read)
    layout = stream.layout if stream.mixed else None
    shape = shape or stream.row_shape
    return InputRows(stream=stream, layout=layout, was_read=was_read, image_shape=stream.image_shape, row_shape=shape)


def large_stream(X: Any) -> TableStream | None:
    """X as a stream, if it doesn't fit in memory; None for everything else."""
    if isinstance(X, Table) or is_frame(X) or is_torch(X):
        return None
    stream = stream_of(X)
    return None if stream is None or stream.fits_in_memory else stream


def arrow_cells(X: Any) -> pyarrow.Table | None:
    """The columns of a table or DataFrame as an Arrow table; None for what has no named columns."""
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
        layout = plain_layout(names)
        return InputRows(layout.encode(arrow_of(X)), names=tuple(names), form=form)
    if X.columns.nlevels > 1:
        X = X.set_axis(names, axis=1)
    named = all(isinstance(name, str) for name in X.columns)
    return InputRows(X, names=tuple(names) if named else None, form=form)


def _require_one_meaning(X: Any) -> None:
    """Refuse a list of arrays that could be batches of rows, or one picture each."""
    if not isinstance(X, (list, tuple)) or len(X) < 2:
        return
    shapes = {np.shape(one) for one in X if isinstance(one, np.ndarray)}
    if len(shapes) != 1 or not all(isinstance(one, np.ndarray) and one.ndim == 2 for one in X):
        return
    rows, columns = next(iter(shapes))
    if rows <= MOST_OBLONG * columns and columns <= MOST_OBLONG * rows:
        raise DataError(
            f"X is a list of {len(X)} arrays of {rows} × {columns}, which could be as many pictures, or batches of "
            f"{rows} rows; pass np.stack(X) for pictures, or isthmus.open_table(X) for rows."
        )


# ---- results -----------------------------------------------------------------------------------------------


def rows_like(
    X: Any,
    values: np.ndarray,
    layout: TableLayout | None,
    form: FrameForm | None,
    *,
    names: Sequence[str] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """Rows as numbers, of shape (n_rows, width), in the form of X; without X in the ``form`` of the fit.

    Mixed-type columns are decoded by ``layout``, each to its own type. ``names`` are the numeric columns' of the fit,
    whose order ``values`` has.
    """
    if isinstance(X, Table):
        if layout is not None:
            return replace(X, cells=layout.decode(values), columns=layout.names, layout=layout)
        return replace(X, cells=values, columns=X.columns if names is None else tuple(names), layout=None)
    if layout is None:
        if not is_frame(X):
            return like_array(X, values, image_shape)
        layout = _plain_layout(X, names)
    table = layout.decode(values)
    if is_frame(X):
        order = [name for name in names_of(X) if name in layout.names]
        own = dict(zip(names_of(X), form_of(X).dtypes, strict=True))
        form = replace(form_of(X), dtypes=tuple(own[name] for name in order))
        return form.frame(table.select(order), layout.select(order), getattr(X, "index", None))
    return Table(table, layout.names, layout=layout) if form is None else form.frame(table, layout)


def filled_like(
    X: Any,
    values: np.ndarray,
    layout: TableLayout | None,
    *,
    names: Sequence[str] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """X with its missing cells taken from ``values``, of shape (n_rows, width); all others stay as they are."""
    if isinstance(X, Table):
        if layout is None or not X.is_mixed:
            return replace(X, cells=values, columns=X.columns if names is None else tuple(names))
        return replace(X, cells=filled_frame(X.cells, layout.decode(values), layout))
    if not is_frame(X):
        return like_array(X, values, image_shape)
    layout = _plain_layout(X, names) if layout is None else layout
    return filled_frame(X, layout.decode(values), layout)


def _plain_layout(X: Any, names: Sequence[str] | None) -> TableLayout:
    """The layout of a numeric DataFrame, in the order of ``names``: integers where its dtypes are."""
    kinds = dict(zip(names_of(X), (kind.partition("[")[0].lower() for kind in form_of(X).dtypes), strict=True))
    names = list(kinds) if names is None else [str(name) for name in names]
    whole = {name: kinds[name].startswith(("int", "uint")) for name in names}
    return plain_layout(names, [kinds[name] if whole[name] else "double" for name in names])
