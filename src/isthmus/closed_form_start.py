"""How a model is reset to the closed form of other rows.

PCA of all rows has seen the held-out rows and a network hasn't, so comparing them favours PCA: slightly with many rows,
strongly if rows are few or wide. So a run that is followed by a refit starts at the closed form of its training rows
only. The closed form of all rows is where the refit starts, and the final model if held-out rows prefer PCA.
"""

from __future__ import annotations

import torch

from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.initialization import as_encoded, some_at_once
from isthmus.partial_closed_form import closed_form
from isthmus.parts.draws import seeded
from isthmus.parts.network import init_from_closed_form
from isthmus.rows.rows import Rows
from isthmus.settings import AutoencoderSettings
from isthmus.training.completion import mean_row

__all__ = ["start_at_closed_form"]


@torch.no_grad()
def start_at_closed_form(settings: AutoencoderSettings, fitted: FittedState, rows: Rows, group: ProcessGroup) -> None:
    """Write the closed form of ``rows`` into a model, and make the residual networks' output zero."""
    model, size = fitted.model, fitted.n_components
    likelihood, completion = model.likelihood, model.completion
    mean, weight = mean_row(rows, completion)
    records = as_encoded(likelihood, rows, completion)
    start = settings.make_start()
    with seeded(fitted.seed):
        principal = closed_form(start, records, rows, likelihood.linear_mean(mean), size, weight, group)
    likelihood.learn_start(lambda count: some_at_once(rows, count), principal, size, fitted.scaling)
    linear = start.linear(principal, model.bottleneck, model.corruption, size)
    if linear is not None:
        init_from_closed_form(model.encoder, model.decoder, likelihood.linear_start(linear, model.bottleneck))
        likelihood.init_noise(linear.noise_variance or principal.noise_variance(size))
