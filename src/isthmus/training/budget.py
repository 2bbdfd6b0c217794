"""How long training may take, as a user specifies it: a number of epochs, or a time.

>>> budget_seconds("90s"), budget_seconds("5min"), budget_seconds("1.5 h")
(90.0, 300.0, 5400.0)
>>> print(budget_seconds(40))
None
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["BUDGET", "budget_epochs", "budget_seconds", "epochs_within"]

BUDGET = r"(\d+|\d*\.\d+)\s*(s|sec|min|h)"  # the format of a time
SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
PLANNED = 0.9  # share of a budget that is planned: the duration of steps varies


def budget_seconds(budget: int | str | None) -> float | None:
    """The time in seconds; None if the budget is not a time."""
    found = re.fullmatch(BUDGET, budget.strip()) if isinstance(budget, str) else None
    return None if found is None else float(found[1]) * SECONDS[found[2]]


def budget_epochs(budget: int | str | None) -> int | None:
    """The number of epochs; None if the budget is not one."""
    return None if budget is None or isinstance(budget, str) else int(budget)


def epochs_within(seconds: float, cost: Callable[[int], float], most: int) -> int:
    """The largest number of epochs, at least 1 and at most ``most``, whose cost fits into ``seconds``.

    ``cost`` gives the seconds of so many epochs; it never falls with their number.

    >>> epochs_within(100.0, lambda epochs: 10 + 2 * epochs, 1000), epochs_within(1.0, lambda epochs: 10.0, 1000)
    (40, 1)
    """
    fit, too_many = 1, most + 1
    while too_many - fit > 1:
        middle = (fit + too_many) // 2
        fit, too_many = (middle, too_many) if cost(middle) <= PLANNED * seconds else (fit, middle)
    return fit
