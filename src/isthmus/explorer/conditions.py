"""What a page's rows are given, and the conditions that its selector offers.

Networks on the page read codes or rows with the condition appended, in the model's units, as the library's own do.
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

MOST_OFFERED = 24


def with_condition(values: torch.Tensor, fitted: FittedState, given: np.ndarray | None) -> torch.Tensor:
    """Rows or codes in the model's units with their conditions appended, as the networks take them."""
    units = fitted.given_units(given)
    return values if units is None else torch.cat([values, torch.from_numpy(units).to(values.device)], 1)


def conditions_facts(fitted: FittedState, given: np.ndarray | None, own: np.ndarray | None, packer: Packer) -> Any:
    """The selector as the page's JSON has it: conditions of ``given`` with a name each, and that of every item.

    All there are, or of very many 24, evenly spaced in order of the columns. None for a model without conditions.
    """
    if given is None or own is None:
        return None
    sign = np.ones(given.shape[1])
    if fitted.given_layout is not None:  # levels in their order: of one-hot columns the first comes first
        for begin, end in fitted.given_layout.blocks.categories:
            sign[begin:end] = -1
    distinct = sign * np.unique(sign * given, axis=0)
    offered = distinct
    if len(distinct) > MOST_OFFERED:
        offered = distinct[np.linspace(0, len(distinct) - 1, MOST_OFFERED).round().astype(int)]
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
        plain_words(", ".join(f"{name}={_said(cell)}" for name, cell in zip(names, row, strict=True))) for row in cells
    ]


def _said(cell: Any) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)
