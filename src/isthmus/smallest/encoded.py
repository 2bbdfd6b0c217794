"""Rows of any form as complete numbers, on which sizes are compared.

The columns of a mixed-type table are encoded, numbers and dates in standard units and one-hot columns as contrasts, and
missing cells are filled by a linear model of the training rows, so errors are squared errors for any table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.linalg import helmert
from sklearn.utils import check_array

from isthmus.parts.completion import fit_completion
from isthmus.parts.draws import seeded
from isthmus.rows.scaling import observed_statistics
from isthmus.rows.units import choose_scale
from isthmus.tables.errors import DataError
from isthmus.tables.finite import chunks, has_gaps, require_some_observed
from isthmus.tables.frames import is_frame
from isthmus.tables.input_rows import InputRows, input_rows
from isthmus.tables.layout import TableLayout, layout_of
from isthmus.tables.not_rows import numbers_required
from isthmus.tables.table import Table
from isthmus.text_table import counted

__all__ = ["EncodedRows", "encoded_rows"]


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Complete numbers, and the scaling of their errors.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_features)
    scale : str or None
        The scaling of the columns; if ``is_encoded``, ``values`` are already in its units.
    given : the user's rows, or None
        If those differ from ``values``.
    """

    values: np.ndarray
    scale: str | None
    given: Any = None
    is_encoded: bool = False

    def taken(self, places: np.ndarray) -> Any:
        """The user's rows at ``places``, in the user's form."""
        if isinstance(self.given, Table):
            return self.given.take(places)
        return self.given.iloc[places] if hasattr(self.given, "iloc") else self.given[places]


def encoded_rows(
    X: Any,
    settings: Mapping[str, Any],
    split: Callable[[int], tuple[np.ndarray, np.ndarray]],
    *,
    least: tuple[int, int],
    say: Callable[[str], None],
) -> tuple[EncodedRows, tuple[np.ndarray, np.ndarray]]:
    """The rows, and the indices of training and test rows.

    Parameters
    ----------
    X
        Array, DataFrame or table of `isthmus.read`.
    settings
        Settings of the autoencoders, such as ``scale``.
    split
        From the number of rows to the indices of training and test rows.
    least
        The fewest rows and columns.
    say
        Called with a sentence about what was done to the rows.
    """
    try:
        rows = input_rows(X)
        if rows.stream is not None:
            raise DataError("X is larger than memory; pass some of its rows, such as stream.take(indices).")
        values, layout = rows.values, None
        if rows.cells is not None:
            layout = rows.layout or layout_of(rows.cells)
            values = layout.encode(rows.cells)
    except DataError as error:
        raise ValueError(f"rate_distortion: {error}") from error
    rules: dict[str, Any] = {"ensure_all_finite": "allow-nan", "ensure_min_samples": 0, "ensure_min_features": 0}
    with numbers_required("rate_distortion"):
        values = check_array(values, dtype=np.float64, **rules)
    if values.shape[0] < least[0] or values.shape[1] < least[1]:
        raise ValueError(
            f"rate_distortion: {counted(values.shape[0], 'row')} of {counted(values.shape[1], 'column')}; comparing "
            f"code sizes takes at least {least[0]} rows of {least[1]} columns. Add data, or fit a code of one size "
            "(isthmus fit, Autoencoder)."
        )
    parts = split(len(values))
    train = values[parts[0]]
    if layout is None:
        require_some_observed(train, list(rows.names or map(str, range(train.shape[1]))), "rate_distortion")
    gaps = has_gaps(values)
    scale = _scale(rows, settings.get("scale", "auto"), train)
    if layout is not None:
        center, spread = layout.scaling(observed_statistics(lambda: chunks(train)), scale)
        values, owners = _without_dependence((values - center) / spread, layout)
        scale = "standard"
    else:
        owners = list(range(values.shape[1]))
    if gaps:
        say(f"{int(np.isnan(values).sum()):,} missing cells are filled by a linear model of the training rows …")
        values = _filled(values, parts[0], owners)
    whole = (gaps or layout is not None) and (isinstance(X, (Table, np.ndarray)) or is_frame(X))
    return EncodedRows(values, scale, X if whole else None, layout is not None), parts


def _filled(values: np.ndarray, train: np.ndarray, owners: Sequence[int]) -> np.ndarray:
    """Missing cells filled by a factor model of the training rows; columns of one owner are one cell."""
    known = np.ma.masked_invalid(values[train])
    center, spread = known.mean(0).filled(0), known.std(0).filled(0)
    spread[spread == 0] = 1
    units = torch.from_numpy((values - center) / spread)  # completion works in float32
    with seeded(0):
        completion = fit_completion(lambda: [units[train]], len(train), torch.tensor(owners))
    return np.where(np.isnan(values), center + spread * completion(units).numpy(), values)


def _without_dependence(values: np.ndarray, layout: TableLayout) -> tuple[np.ndarray, list[int]]:
    """One-hot columns as independent contrasts, K - 1 columns for K categories; and the owner of each column.

    The columns of a category sum to one, which a model would take for a dimension without noise. Helmert's contrasts
    remove it and keep all distances.
    """
    blocks, owners = [], []
    for place, (column, (start, stop)) in enumerate(zip(layout.columns, layout.spans(), strict=True)):
        block = values[:, start:stop]
        blocks.append(block @ helmert(stop - start).T if column.kind == "category" and stop - start > 1 else block)
        owners += [place] * blocks[-1].shape[1]
    return np.concatenate(blocks, axis=1), owners


def _scale(rows: InputRows, asked: str | None, train: np.ndarray) -> str | None:
    if asked != "auto":
        return asked
    if not rows.was_read or rows.cells is not None:
        return None
    names = list(rows.names or map(str, range(train.shape[1])))
    return choose_scale(observed_statistics(lambda: chunks(train)), names, rows.image_shape).scale
