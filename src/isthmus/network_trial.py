"""Which network suits the rows: each candidate is trained briefly, and held-out rows decide.

All candidates start at the same closed form, are trained on the same rows in the same order and take the same share of
the steps of a whole fit. Steps are counted, not timed, so the choice depends only on the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.draws import seeded
from isthmus.parts.network import Architecture
from isthmus.rows.rows import Rows
from isthmus.rows.validation import validation_count
from isthmus.training.devices import threads_for
from isthmus.training.loop import Training
from isthmus.training.objective import Objective
from isthmus.training.plan import DECAY_OF_STAGES, RATE_OF_STAGES, Plan, automatic_batch_size, automatic_steps

if TYPE_CHECKING:
    import torch

__all__ = ["better_network"]

SHARE = 0.12  # of a whole fit's steps
BATCH = 128


def better_network(
    candidates: Sequence[Architecture],
    build: Callable[[Architecture], AutoencoderModel],
    rows: Rows,
    augmented: Callable[[Rows], Rows],
    settings: Any,
    device: torch.device,
    seed: int,
    decay: float,
) -> Architecture:
    """The candidate with the lowest held-out loss; the first if no rows are held out.

    ``augmented`` adds augmented copies to training rows; ``decay`` is a perceptron's weight decay.
    """
    n_held_out = validation_count(len(rows), settings.validation_fraction)
    if not n_held_out or len(candidates) == 1:
        return candidates[0]
    losses = []
    for architecture in candidates:
        steps = SHARE * automatic_steps(architecture.products if architecture.stages else None)
        with seeded(seed), threads_for(BATCH * architecture.products):
            learned, held_out = rows.split(n_held_out)
            learned = augmented(learned)
            batch = min(automatic_batch_size(len(learned)), BATCH, len(learned))  # few rows: as small as the fit's
            staged = bool(architecture.stages)
            plan = Plan(
                epochs=max(1, round(steps * batch / len(learned))),
                batch_size=batch,
                learning_rate=settings.learning_rate * (RATE_OF_STAGES if staged else 1.0),
                weight_decay=DECAY_OF_STAGES if staged else decay,
                gradient_clip=settings.gradient_clip,
                precision=settings.precision,
            )
            training = Training(build(architecture), Objective(settings.make_penalties()), plan, device, seed)
            training.run(learned, held_out)
            training.finish()
        validation = training.history.columns.get("validation_loss", [])[1:]  # all candidates have the same start
        losses.append(min(validation, default=float("inf")))
    return candidates[losses.index(min(losses))]
