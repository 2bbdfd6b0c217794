"""Results in the form of the input rows: an array, a tensor, a DataFrame with its dtypes and index, a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.tables.array_forms import like_array
from isthmus.tables.frames import FrameForm, filled_frame, form_of, is_frame, names_of
from isthmus.tables.layout import TableLayout, plain_layout
from isthmus.tables.table import Table

__all__ = ["filled_like", "new_rows", "rows_like"]

FLOATS = {"pandas": "float64", "polars": "Float64", "pyarrow": "double"}


def rows_like(
    X: Any,
    values: np.ndarray,
    layout: TableLayout | None,
    form: FrameForm | None,
    *,
    names: Sequence[str] | None = None,
    image_shape: tuple[int, ...] | None = None,
    fractions: bool = False,
) -> Any:
    """Numbers of shape (n_rows, width) as rows in the form of X, or without X in the ``form`` of the fit.

    Mixed-type columns are decoded by ``layout``, each to its own type. ``names`` are the numeric columns of the fit, in
    the order of ``values``. With ``fractions``, as expected counts have, integers of a numeric DataFrame become floats.
    """
    if isinstance(X, Table):
        if layout is not None:
            return replace(X, cells=layout.decode(values), columns=layout.names, layout=layout)
        return replace(X, cells=values, columns=X.columns if names is None else tuple(names), layout=None)
    if layout is None:
        if not is_frame(X):
            return like_array(X, values, image_shape)
        layout = _plain_layout(X, names)
    else:
        fractions = False
    layout = layout.with_fractions() if fractions else layout
    table = layout.decode(values)
    if is_frame(X):
        order = [name for name in names_of(X) if name in layout.names]
        own = dict(zip(names_of(X), form_of(X).dtypes, strict=True))
        if fractions:
            own = {name: FLOATS[form_of(X).library] if _is_whole(kind) else kind for name, kind in own.items()}
        form = replace(form_of(X), dtypes=tuple(own[name] for name in order))
        made = form.frame(table.select(order), layout.select(order), getattr(X, "index", None))
        if form.library == "pandas":  # whose names need not be strings
            made.columns = X.columns[[place for place, name in enumerate(names_of(X)) if name in layout.names]]
        return made
    return Table(table, layout.names, layout=layout) if form is None else form.frame(table, layout)


def new_rows(
    values: np.ndarray, layout: TableLayout | None, form: FrameForm | None, names: Sequence[str] | None
) -> Any:
    """Rows in the form of the fit: a frame, numeric or not, or else as by `rows_like`."""
    if layout is None and form is not None and names is not None:
        layout = _layout_by(form, names, names)
    return rows_like(None, values, layout, form)


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
    """The layout of a numeric DataFrame, in the order of ``names``."""
    known = names_of(X)
    return _layout_by(form_of(X), known, known if names is None else [str(name) for name in names])


def _layout_by(form: FrameForm, known: Sequence[str], names: Sequence[str]) -> TableLayout:
    """Integers where the dtypes of the columns ``known`` are; the columns ``names``, in this order."""
    kinds = dict(zip(known, (kind.partition("[")[0].lower() for kind in form.dtypes), strict=True))
    return plain_layout(names, [kinds[name] if _is_whole(kinds[name]) else "double" for name in names])


def _is_whole(dtype: str) -> bool:
    return dtype.lower().startswith(("int", "uint"))
