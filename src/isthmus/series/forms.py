"""Values of a series in the form in which it came: one channel as a line, a pandas object with its index and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["in_form_of"]


def in_form_of(X: Any, values: np.ndarray, channels: Sequence[str]) -> Any:
    """``values``, a row per reading of X and a column for each of ``channels``, as X.

    An array or a list of one dimension gives one of shape (n_readings,), a pandas object its own kind without the
    columns that are no channels; anything else an array of shape (n_readings, n_channels).
    """
    if type(X).__module__.split(".")[0] != "pandas":
        return values[:, 0] if isinstance(X, (np.ndarray, list, tuple)) and np.ndim(X) == 1 else values
    if X.ndim == 1:
        return type(X)(values[:, 0], index=X.index, name=X.name)
    names = [str(name) for name in X.columns]
    if not set(channels) <= set(names):  # the fit had no names, and the order is that of X
        return type(X)(values, index=X.index, columns=X.columns)
    kept = [place for place, name in enumerate(names) if name in channels]
    order = [list(channels).index(names[place]) for place in kept]
    return type(X)(values[:, order], index=X.index, columns=X.columns[kept])
