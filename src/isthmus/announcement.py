"""What a verbose fit announces before it trains: how likely a gain over PCA is, and how long it will take.

The closed form, the networks and the plan are known by then. A sample of rows gives the features of
`isthmus.worth_trying`, and a few steps on a copy of the model give the time (`isthmus.rehearsal`); together they take a
few hundredths of the fit. The rule was fitted to default models of numeric and mixed tables, so others get no forecast.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.rehearsal import expected_seconds
from isthmus.rows.rows import Rows
from isthmus.training.plan import Plan
from isthmus.worth_trying import SAMPLE, forecast, forecast_sentence, gain_features

__all__ = ["announce", "expected_gain"]

MIN_ROWS = 50  # with fewer there is no forecast


def announce(
    settings: Any, fitted: FittedState, plan: Plan, rows: Rows, copies: Rows, held_out: int, group: ProcessGroup
) -> None:
    """Print the forecast to standard error if ``verbose`` is set.

    ``copies`` holds the rows with their augmented copies; ``held_out`` rows are evaluated after each epoch.
    """
    if not settings.verbose or group.slots > 1 or plan.epochs == 0:
        return
    gain = expected_gain(fitted, rows)
    if gain is not None:
        seconds = None
        if settings.budget is None:  # a budget needs no estimate
            seconds = expected_seconds(settings, fitted, plan, copies, held_out, group)
        sentence = forecast_sentence(gain, seconds, may_stop_early=plan.patience is not None)
        print(f"{sentence}.", file=sys.stderr, flush=True)


def expected_gain(fitted: FittedState, rows: Rows) -> Any:
    """The `Forecast` for a model at its start; None for a kind of model the rule doesn't cover, or too few rows."""
    model, architecture = fitted.model, fitted.architecture
    is_covered = (
        architecture.principal
        and not architecture.linear
        and model.bottleneck.is_gate
        and model.bottleneck.limits_size
        and not model.bottleneck.ordered
        and model.corruption.is_identity
        and (model.likelihood.is_squared_error or fitted.layout is not None)
        and fitted.given is None
        and not fitted.masked
        and fitted.n_components < fitted.principal.rank  # otherwise PCA leaves nothing to gain
    )
    if not is_covered or not rows.random_access or rows.is_sharded or len(rows) < MIN_ROWS:
        return None
    sample = rows.some(SAMPLE)
    x = sample.batch_of(sample.take(torch.arange(len(sample)))).x
    return forecast(gain_features(x.double().cpu().numpy(), fitted.principal, fitted.n_components, len(rows)))
