"""What an estimator does with a DataFrame that holds more than numbers, before and after everything else."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.mixed.column import MixedTableError
from isthmus.mixed.layout import TableLayout, layout_of, require_suitable

__all__ = ["adopt_layout", "encode_table", "in_given_form"]


def encode_table(estimator: Any, X: Any, *, reset: bool) -> np.ndarray | None:
    """X as numbers by the estimator's layout, settled here where ``reset``; None where X is an array or as good."""
    who = type(estimator).__name__
    try:
        layout = layout_of(X) if reset else estimator._layout
        if layout is None:
            vars(estimator).pop("_layout", None)  # of an earlier fit
            return None
        encoded = layout.encode(X, estimator.unseen)
    except MixedTableError as error:
        raise ValueError(f"{who}: {error}") from error
    if reset:
        require_suitable(estimator)
        if len(encoded) < 2:
            raise ValueError(f"{who}: X has {len(encoded)} row, and at least 2 are needed to learn from.")
        adopt_layout(estimator, layout)
    return encoded


def adopt_layout(estimator: Any, layout: TableLayout) -> None:
    """Let an estimator know the columns of its table."""
    estimator._layout = layout
    estimator.feature_names_in_ = np.array(layout.names, dtype=object)
    estimator.n_features_in_ = len(layout.names)


def in_given_form(estimator: Any, values: np.ndarray, like: Any = None) -> Any:
    """Rebuilt numbers as the user has them: a mixed table as its DataFrame, with the index of ``like``."""
    layout = estimator._layout
    return values if layout is None else layout.decode(values, getattr(like, "index", None))
