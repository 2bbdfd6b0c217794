"""The refit: once held-out rows have determined how long to train, the model is trained again on all rows.

With few rows, holding some out costs more than it gains (a quarter of 140 rows: a tenth of the error). So training is
repeated on all rows, from their closed form, with the same seed and schedule: the chosen number of epochs, and if turns
of decoder and codes were kept (`isthmus.inference.alternation`), those and the epochs of the encoder after them. What
was learned on held-out rows is kept from before: whether the closed form is left at all, the noise, and the columns'
errors. A refit is rejected if it diverges, or reconstructs the formerly held-out rows no better than the model that
hadn't seen them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch

from isthmus.inference.alternation import Alternated, Turns, alternate_again
from isthmus.parts.draws import seeded
from isthmus.rows.rows import Rows
from isthmus.training.loop import MEASURE_SEED, Training

__all__ = ["refit"]


def refit(
    training: Training,
    turns: Turns,
    found: Alternated,
    rows: Rows,
    held_out: Rows,
    init_closed_form: Callable[[], None],
) -> str | None:
    """Train the model of a finished run again on all ``rows``; return why the refit was rejected, or None.

    ``found`` is the result of the turns; ``init_closed_form`` writes the closed form of ``rows`` into the model. If the
    refit is rejected, the model is restored.
    """
    model = training.model
    chosen, epochs = copy.deepcopy(model.state_dict()), training.best_epoch
    loss = _mean_loss(training, held_out)
    against: str | None = None
    try:
        training.run_again(rows, epochs, init_closed_form)
        if found.kept:
            alternate_again(model, rows, turns, training.seed, found, training.mean_weight)
        if not _mean_loss(training, held_out) <= loss:
            against = "it reconstructs held-out rows no better"
    except KeyboardInterrupt:
        against = "interrupted"
    if against is not None:
        model.load_state_dict(chosen)
    return against


def _mean_loss(training: Training, rows: Rows) -> float:
    """The weighted mean loss with the encoder's codes and, if training draws noise, the same noise every time."""
    total, count = 0.0, 0.0
    with seeded(MEASURE_SEED), torch.set_grad_enabled(training.objective.needs_input_gradient):
        for batch in rows.records():
            x, given, weight, *_ = batch.to(training.device)
            losses = training.objective(training.model, x, given)[0].total.detach().double()
            weight = torch.ones_like(losses) if weight is None else weight.double()
            total, count = total + float((losses * weight).sum()), count + float(weight.sum())
    return total / count if count else math.nan
