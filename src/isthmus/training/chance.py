"""Whether a gain on held-out rows is more than chance: a paired t-test of the rows' losses, one-sided.

Of a hundred epochs the best looks better than the start on few rows even if there is nothing to learn, so a model
leaves its closed-form start for a gain that chance alone would show in one of twenty cases at most.
"""

from __future__ import annotations

import math

from torch import Tensor

__all__ = ["CERTAIN", "exceeds_chance"]

CERTAIN = 1.645  # the normal quantile at 5%


def exceeds_chance(gains: Tensor, quantile: float = CERTAIN) -> bool:
    """Whether rows gain on average; of one row, never.

    The quantile of Student's distribution is taken to first order in 1/n.
    """
    n_rows = len(gains)
    if n_rows < 2:
        return False
    needed = quantile + (quantile**3 + quantile) / (4 * (n_rows - 1))
    return bool(gains.mean() > needed * gains.std() / math.sqrt(n_rows))
