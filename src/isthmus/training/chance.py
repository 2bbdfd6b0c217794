"""Whether a gain on held-out rows is significant: a one-sided paired t-test of the rows' losses.

On few rows the best of a hundred epochs looks better than the start even if there is nothing to learn, so a model
leaves its closed-form start only for a gain that is significant at the 5% level.
"""

from __future__ import annotations

import math

from torch import Tensor

__all__ = ["CERTAIN", "exceeds_chance"]

CERTAIN = 1.645  # the normal quantile at 5%


def exceeds_chance(gains: Tensor, quantile: float = CERTAIN) -> bool:
    """Whether the mean gain is significantly above zero; never for a single row.

    The quantile of Student's distribution is approximated to first order in 1/n.
    """
    n_rows = len(gains)
    if n_rows < 2:
        return False
    needed = quantile + (quantile**3 + quantile) / (4 * (n_rows - 1))
    return bool(gains.mean() > needed * gains.std() / math.sqrt(n_rows))
