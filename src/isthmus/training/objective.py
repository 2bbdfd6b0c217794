"""The objective that training minimises: reconstruction plus penalties.

    loss(x) = -log p(x|z) + Σ_i weight_i · penalty_i(forward)

Every term is one number per row, of shape (batch,), summed over features or latents, in nats where it is a log
density. Only the last step averages, over the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from isthmus.parts.autoencoder import AutoencoderModel, ForwardOutput
from isthmus.parts.penalty import Penalty

__all__ = ["Loss", "Objective"]

UNCHANGED = 1e-6  # differences up to this, in the model's units, are rounding


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
        """One pass over a batch of shape (batch, n_features), with conditions of shape (batch, n_given)."""
        forward = model(x, given, trace_input=self.needs_input_gradient)
        total = model.likelihood(*_output_and_target(forward, blind=model.corruption.blind))
        parts = {"reconstruction": total}
        for name, penalty in self.penalties.items():
            parts[name] = penalty.weight * penalty(forward)
            total = total + parts[name]
        return Loss(total, parts), forward


def _output_and_target(forward: ForwardOutput, *, blind: bool) -> tuple[Tensor, Tensor]:
    """Output and target of the likelihood; for a blind spot only the hidden cells count."""
    if not blind:
        return forward.output, forward.x
    # A hidden cell that already had the fill value, as a dead pixel has, doesn't count.
    hidden = (forward.corrupted - forward.x).abs() > UNCHANGED
    return forward.output * hidden, forward.x * hidden
