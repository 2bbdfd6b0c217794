"""Where descent starts: at the encoder's guess, or at the code of a training row if that is closer.

With few latents and many columns the decoder's surface folds: similar rows may have very different codes. A smooth
encoder averages over a fold, and descent doesn't lead from the average to either side. The nearest reconstruction of a
training row is an alternative guess, which never averages. It is compared with the encoder's guess by its cost, row by
row, so a start is never worse than the encoder's.

The search pays up to about four latents. With more, the encoder's guess is closer than any training row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.blocks import blocks, rows_at_once
from isthmus.inference.codes import Decoder
from isthmus.inference.target import Target

__all__ = ["FEW", "CodeBank"]

FEW = 24  # codes that are decoded for each row if outputs depend on the row's conditions


@dataclass(frozen=True)
class CodeBank:
    """Codes of training rows, shape (n_kept, p), and the decoder's outputs there, shape (n_kept, n_features)."""

    codes: Tensor
    outputs: Tensor

    @torch.no_grad()
    def better(self, decoder: Decoder, target: Target, guess: Tensor) -> Tensor:
        """For each row the better of its guess and the nearest code of the bank, shape (batch, p).

        With conditions the outputs differ from row to row, so a few of the codes are decoded for each row.
        """
        return torch.cat(
            [
                self._better_block(decoder, target.rows(indices), guess[indices])
                for indices in blocks(len(guess), rows_at_once(target.n_features), guess.device)
            ]
        )[: len(guess)]

    def _better_block(self, decoder: Decoder, target: Target, guess: Tensor) -> Tensor:
        cost = target.cost(decoder(guess, target.given))
        if target.given is None:
            nearest = target.nearest(self.outputs)
            closer = target.cost(self.outputs[nearest]) < cost
            return torch.where(closer[:, None], self.codes[nearest], guess)
        few = torch.linspace(0, len(self.codes) - 1, min(FEW, len(self.codes)), device=guess.device).long()
        for code in self.codes[few]:
            trial = code.expand_as(guess)
            trial_cost = target.cost(decoder(trial, target.given))
            guess, cost = torch.where((trial_cost < cost)[:, None], trial, guess), torch.minimum(cost, trial_cost)
        return guess
