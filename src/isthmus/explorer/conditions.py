"""The conditions of a page's rows, and those that its selector offers.

Networks on the page take codes or rows with the condition appended, in the model's units, as in the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus.explorer.packing import Packer
from isthmus.rows.conditions import condition_names

if TYPE_CHECKING:
    from isthmus.fitted import FittedState

__all__ = ["conditions_facts", "with_condition"]

MAX_OFFERED = 24


def with_condition(values: torch.Tensor, fitted: FittedState, given: np.ndarray | None) -> torch.Tensor:
    """Rows or codes in the model's units with their conditions appended, as the networks take them."""
    units = fitted.given_units(given)
    return values if units is None else torch.cat([values, torch.from_numpy(units).to(values.device)], 1)


def conditions_facts(fitted: FittedState, given: np.ndarray | None, own: np.ndarray | None, packer: Packer) -> Any:
    """The selector for the page's JSON: the distinct conditions in ``given`` with their names, and that of every item.

    At most 24 are offered, evenly spaced in the order of the columns. None for a model without conditions.
    """
    if given is None or own is None:
        return None
    sign = np.ones(given.shape[1])
    if fitted.given_layout is not None:  # sorts one-hot columns in the order of their categories
        for start, stop in fitted.given_layout.blocks.categories:
            sign[start:stop] = -1
    distinct = sign * np.unique(sign * given, axis=0)
    offered = distinct
    if len(distinct) > MAX_OFFERED:
        offered = distinct[np.linspace(0, len(distinct) - 1, MAX_OFFERED).round().astype(int)]
    return {
        "names": _names(fitted, offered),
        "choices": packer.floats(fitted.given_units(offered)),
        "own": packer.floats(fitted.given_units(own)),
        "distinct": len(distinct),
    }


def _names(fitted: FittedState, conditions: np.ndarray) -> list[str]:
    from isthmus.explorer.items import plain_words

    layout = fitted.given_layout
    if layout is None:
        names = condition_names(None, conditions.shape[1])
        cells: list[list[Any]] = [[f"{value:g}" for value in row] for row in conditions]
    else:
        names = layout.names
        columns = [column.to_pylist() for column in layout.decode(conditions).columns]
        cells = [list(row) for row in zip(*columns, strict=True)]
    return [
        plain_words(", ".join(f"{name}={_as_text(cell)}" for name, cell in zip(names, row, strict=True)))
        for row in cells
    ]


def _as_text(cell: Any) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
