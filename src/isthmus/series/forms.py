"""Values of a series in the form in which it came: a pandas DataFrame or Series keeps its index and names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["in_form_of"]


def in_form_of(X: Any, values: np.ndarray, channels: Sequence[str]) -> Any:
    """``values``, a row per reading of X and a column for each of ``channels``, as X; an array unless X is pandas."""
    if type(X).__module__.split(".")[0] != "pandas":
        return values
    if X.ndim == 1:
        return type(X)(values[:, 0], index=X.index, name=X.name)
    names = [str(name) for name in X.columns]
    if set(names) == set(channels):  # otherwise the fit had no names, and the order is that of X
        values = values[:, [list(channels).index(name) for name in names]]
    return type(X)(values, index=X.index, columns=X.columns)
