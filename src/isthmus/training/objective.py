"""What training minimises: reconstruction, plus whatever else is asked of the code.

    loss(x) = -log p(x|z) + Σ_i weight_i · penalty_i(forward)

Every term is one number a row, of shape (batch,), summed over features or code units, in nats where it is a log
density. Only the last step averages, over the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from isthmus.parts.autoencoder import AutoencoderModel, ForwardOutput
from isthmus.parts.penalty import Penalty

__all__ = ["Loss", "Objective"]

UNCHANGED = 1e-6  # in the model's units, rounding


@dataclass(frozen=True)
class Loss:
    """The objective of one batch: ``total`` and its weighted ``parts``, each of shape (batch,)."""

    total: Tensor
    parts: Mapping[str, Tensor]


class Objective(nn.Module):
    """Reconstruction plus weighted penalties."""

    def __init__(self, penalties: Mapping[str, Penalty]):
        super().__init__()
        self.penalties = dict(penalties)
        self.needs_input_gradient = any(penalty.needs_input_gradient for penalty in self.penalties.values())

    def forward(self, model: AutoencoderModel, x: Tensor, given: Tensor | None = None) -> tuple[Loss, ForwardOutput]:
        """One pass over a batch of shape (batch, n_features), with what its rows are given, (batch, n_given)."""
        forward = model(x, given, trace_input=self.needs_input_gradient)
        total = model.likelihood(*_compared(forward, blind=model.corruption.blind))
        parts = {"reconstruction": total}
        for name, penalty in self.penalties.items():
            parts[name] = penalty.weight * penalty(forward)
            total = total + parts[name]
        return Loss(total, parts), forward


def _compared(forward: ForwardOutput, *, blind: bool) -> tuple[Tensor, Tensor]:
    """Output and target as the likelihood compares them; of a blind spot only the hidden cells count."""
    if not blind:
        return forward.output, forward.x
    # A cell that was the fill itself, as a lost one is, asks for nothing.
    hidden = (forward.corrupted - forward.x).abs() > UNCHANGED
    return forward.output * hidden, forward.x * hidden
