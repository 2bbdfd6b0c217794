"""What a person gives as rows, in one of three forms; and answers in the form in which the rows were given.

    values     an array, a sparse matrix or a frame of numbers alone
    cells      an Arrow table of columns of several kinds
    stream     rows that memory doesn't hold
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.array_forms import array_of, like_array
from isthmus.tables.batches import stream_of
from isthmus.tables.errors import DataError
from isthmus.tables.frames import FrameForm, arrow_of, filled_frame, form_of, is_frame, names_of, plain_frame
from isthmus.tables.layout import TableLayout, plain_layout
from isthmus.tables.stream import TableStream
from isthmus.tables.table import Table

if TYPE_CHECKING:
    import pyarrow

__all__ = ["GivenRows", "arrow_cells", "filled_like", "given_rows", "large_stream", "rows_like"]

MOST_OBLONG = 4  # pictures are not this many times as high as wide


@dataclass(frozen=True, eq=False)
class GivenRows:
    """Rows in one of three forms.

    Attributes
    ----------
    values : array-like or None
        As scikit-learn takes them, with their names where they have them.
    cells : pyarrow.Table or None
    stream : TableStream or None
    layout : TableLayout or None
        What the columns of ``cells`` or of ``stream`` are, where that is known.
    names : tuple of str or None
        Of the columns of ``values``, where the values themselves do not tell.
    form : FrameForm or None
        Of which library the frame was.
    was_read : bool
        Whether they are of `isthmus.read` or `isthmus.open_table`, and so not yet in units of the user's choice.
    image_shape : tuple of int or None
        Of the pictures that they are.
    """

    values: Any = None
    cells: pyarrow.Table | None = None
    stream: TableStream | None = None
    layout: TableLayout | None = None
    names: tuple[str, ...] | None = None
    form: FrameForm | None = None
    was_read: bool = False
    image_shape: tuple[int, ...] | None = None


def given_rows(X: Any, image_shape: tuple[int, ...] | None = None) -> GivenRows:
    """Rows in whatever form; ``image_shape`` tells where the channels of pictures are.

    Raises
    ------
    DataError
        Where they could be two things, or are none.
    """
    if isinstance(X, Table):
        return _of_table(X, was_read=True)
    if is_frame(X):
        return _of_frame(X)
    X = array_of(X, image_shape)
    _require_one_meaning(X)
    stream = stream_of(X)
    if stream is None:
        return GivenRows(X)
    was_read = stream.description is not None
    if stream.fits_in_memory:
        return _of_table(stream.load(), was_read=was_read)
    layout = stream.layout if stream.mixed else None
    return GivenRows(stream=stream, layout=layout, was_read=was_read, image_shape=stream.image_shape)


def large_stream(X: Any) -> TableStream | None:
    """X as a stream, if memory doesn't hold it; None for everything else."""
    if isinstance(X, Table) or is_frame(X) or type(X).__module__.startswith("torch"):
        return None
    stream = stream_of(X)
    return None if stream is None or stream.fits_in_memory else stream


def arrow_cells(X: Any) -> pyarrow.Table | None:
    """The columns of a table or frame as Arrow has them; None for what has no named columns."""
    if isinstance(X, TableStream):
        X = X.load()
    return X.to_arrow() if isinstance(X, Table) else arrow_of(X) if is_frame(X) else None


def _of_table(table: Table, *, was_read: bool) -> GivenRows:
    names = table.columns if table.has_names else None
    if table.is_mixed:
        return GivenRows(cells=table.cells, layout=table.layout, names=names, was_read=was_read)
    return GivenRows(table.cells, names=names, was_read=was_read, image_shape=table.image_shape)


def _of_frame(X: Any) -> GivenRows:
    form = form_of(X)
    if plain_frame(X):
        X = X.collect() if form.lazy else X
        if form.library == "pandas" and X.columns.nlevels > 1:
            X = X.set_axis(names_of(X), axis=1)
        return GivenRows(X, form=form)
    return GivenRows(cells=arrow_of(X), form=form)


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
            f"{rows} rows; give np.stack(X) for pictures, or isthmus.open_table(X) for rows."
        )


# ---- answers -----------------------------------------------------------------------------------------------


def rows_like(
    X: Any,
    values: np.ndarray,
    layout: TableLayout | None,
    form: FrameForm | None,
    image_shape: tuple[int, ...] | None = None,
) -> Any:
    """Rows as numbers, of shape (n_rows, width), in the form of X; None takes the ``form`` of the fit.

    Columns of several kinds are decoded by ``layout``, each to its own type.
    """
    if isinstance(X, Table):
        cells = values if layout is None else layout.decode(values)
        return replace(X, cells=cells, columns=X.columns if layout is None else layout.names, layout=layout)
    if layout is None:
        if not is_frame(X):
            return like_array(X, values, image_shape)
        plain = _plain_layout(X)
        return form_of(X).frame(plain.decode(values), plain, getattr(X, "index", None))
    table = layout.decode(values)
    if is_frame(X):
        order = [name for name in names_of(X) if name in layout.names]
        own = dict(zip(names_of(X), form_of(X).dtypes, strict=True))
        form = replace(form_of(X), dtypes=tuple(own[name] for name in order))
        table, layout = table.select(order), layout.select(order)
    if form is None:
        return Table(table, layout.names, layout=layout)
    return form.frame(table, layout, getattr(X, "index", None) if is_frame(X) else None)


def filled_like(
    X: Any, values: np.ndarray, layout: TableLayout | None, image_shape: tuple[int, ...] | None = None
) -> Any:
    """X with its missing cells taken from ``values``, of shape (n_rows, width); all others stay as they are."""
    if isinstance(X, Table):
        if layout is None or not X.is_mixed:
            return replace(X, cells=values)
        return replace(X, cells=filled_frame(X.cells, layout.decode(values), layout))
    if not is_frame(X):
        return like_array(X, values, image_shape)
    layout = _plain_layout(X) if layout is None else layout
    return filled_frame(X, layout.decode(values), layout)


def _plain_layout(X: Any) -> TableLayout:
    """The layout of a frame of numbers, whole where their type is."""
    names: Sequence[str] = names_of(X)
    kinds = [kind.partition("[")[0].lower() for kind in form_of(X).dtypes]
    return plain_layout(names, [kind if kind.startswith(("int", "uint")) else "double" for kind in kinds])
