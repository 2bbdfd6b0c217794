"""Synthetic rows of a table, with the values that its columns take.

A model's own draws have the right dependence between columns, but single columns come out too smooth: a count has
fractions, an age is negative, a spike at zero becomes a hill. As with a copula, dependence and margins are separated.
Each numeric column v of the model's draws is mapped from its own distribution to that of the training rows,

    v ↦ Q(F(v))        F of many draws of the model, Q the quantiles of the training rows,

which keeps the order of rows, and so every rank correlation. Missing cells follow the patterns of training rows.
Constraints of order between columns, such as ``start <= end``, are satisfied by drawing rows that break them again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from isthmus.rows.marginals import Marginals
from isthmus.tables.errors import said
from isthmus.tables.layout import TableLayout

__all__ = ["Finish", "Order", "drawn_in_order", "order_of"]

ROUNDS = 50
RULE = re.compile(r"\s*(.+?)\s*(<=|>=|<|>)\s*(.+?)\s*")


@dataclass(frozen=True, eq=False)
class Finish:
    """From a model's draws to rows of a table, as numbers in the user's units.

    ``reference`` has the quantiles of many draws of the model, in the form of ``marginals.quantiles``; with None only
    the range and the decimals of each column are kept, not its distribution.
    """

    marginals: Marginals
    reference: np.ndarray | None

    def rows(self, values: np.ndarray, generator: np.random.RandomState, *, gaps: bool) -> np.ndarray:
        """The rows with values that the columns take; with ``gaps`` cells are missing as in training rows."""
        values, quantiles = np.array(values, dtype=np.float64), self.marginals.quantiles
        levels = np.linspace(0, 1, len(quantiles))
        for place in self.marginals.grids:
            own = quantiles[:, place]
            column = values[:, place]
            if self.reference is not None:
                share = _share(column, self.reference[:, place], generator)
                column = np.interp(share, levels, own)
            values[:, place] = np.clip(column, own[0], own[-1])
        values = self.marginals.on_grids(values)
        patterns = self.marginals.gaps
        if gaps and len(patterns):
            values[patterns[generator.randint(len(patterns), size=len(values))]] = np.nan
        return values


def _share(values: np.ndarray, reference: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
    """F(v) in [0, 1]; for tied draws, uniform between the shares below and up to them."""
    levels = len(reference) - 1
    low, high = (np.searchsorted(reference, values, side=side) for side in ("left", "right"))
    inside = np.interp(values, reference, np.linspace(0, 1, levels + 1)) if reference[-1] > reference[0] else 0.5
    tied = high - low > 1
    drawn = (low + generator.uniform(size=len(values)) * np.maximum(0, high - 1 - low)) / levels
    return np.clip(np.where(tied, drawn, inside), 0, 1)


@dataclass(frozen=True)
class Order:
    """A constraint between two encoded columns, by index: ``low`` is not above ``high``."""

    low: int
    high: int
    strict: bool

    def broken(self, rows: np.ndarray) -> np.ndarray:
        """Which rows break it; a missing cell breaks nothing."""
        low, high = rows[:, self.low], rows[:, self.high]
        return low >= high if self.strict else low > high


def order_of(rules: Sequence[str], names: Sequence[str], layout: TableLayout | None, who: str) -> list[Order]:
    """Parse constraints such as ``"start <= end"``; a `ValueError` names columns that are missing or not numeric."""
    places, kinds = {name: place for place, name in enumerate(names)}, {}
    if layout is not None:
        spans = zip(layout.columns, layout.spans(), strict=True)
        places = {column.name: span[0] for column, span in spans if column.is_numeric or column.kind == "date"}
        kinds = {column.name: "number" if column.is_numeric else column.kind for column in layout.columns}
    found = []
    for rule in rules:
        match = RULE.fullmatch(rule) if isinstance(rule, str) else None
        if match is None:
            raise ValueError(f"{who}: order={rule!r} must be like 'start <= end'.")
        left, sign, right = match.groups()
        if unknown := [name for name in (left, right) if name not in places]:
            verb = "is" if len(unknown) == 1 else "are"
            raise ValueError(
                f"{who}: order={rule!r} needs columns of numbers or dates, and {said(unknown)} {verb} not; there are "
                f"{said(list(places), 8)}."
            )
        if kinds.get(left) != kinds.get(right):
            raise ValueError(f"{who}: order={rule!r} compares a {kinds[left]} with a {kinds[right]}.")
        low, high = (left, right) if sign[0] == "<" else (right, left)
        found.append(Order(places[low], places[high], len(sign) == 1))
    return found


def drawn_in_order(draw: Callable[[int], np.ndarray], count: int, orders: Sequence[Order], who: str) -> np.ndarray:
    """``count`` rows that satisfy all constraints; rows that break one are drawn again.

    ``draw`` returns a given number of rows. A `ValueError` if hardly any row satisfies them.
    """
    rows = draw(count)
    for _ in range(ROUNDS if orders else 0):
        wrong = np.flatnonzero(np.any([order.broken(rows) for order in orders], axis=0))
        if not len(wrong):
            return rows
        rows[wrong] = draw(count)[wrong]
    if orders and any(order.broken(rows).any() for order in orders):
        raise ValueError(
            f"{who}: some rows still break order after {ROUNDS} rounds of drawing; few rows of the data, or none, "
            "satisfy it."
        )
    return rows
