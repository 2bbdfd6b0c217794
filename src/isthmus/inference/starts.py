"""Where to begin: at the encoder's guess, or at the code of a training row that lies closer.

Where few numbers must hold many columns the decoder's sheet folds: rows side by side may have codes far apart. One
smooth encoder averages over a fold, and no descent leads from the average to a side. The codes of training rows and
their reconstructions are known; the nearest of them is a guess that never averages. It is compared with the encoder's
by its cost, row by row, so a start is never worse than the encoder's.

The search pays up to about four latents. With more, the encoder's guess is closer than any training row's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.inference.blocks import blocks, rows_at_once
from isthmus.inference.target import Target

__all__ = ["CodeBank"]


@dataclass(frozen=True)
class CodeBank:
    """Codes of training rows, shape (n_kept, p), and the decoder's outputs there, shape (n_kept, n_features)."""

    codes: Tensor
    outputs: Tensor

    @staticmethod
    @torch.no_grad()
    def of(decoder: Callable[[Tensor], Tensor], codes: Tensor, most: int) -> CodeBank:
        """Up to ``most`` of the codes, evenly spread among them."""
        kept = codes[torch.linspace(0, len(codes) - 1, min(most, len(codes))).long()]
        return CodeBank(kept, decoder(kept))

    @torch.no_grad()
    def better(self, decoder: Callable[[Tensor], Tensor], target: Target, guess: Tensor) -> Tensor:
        """Of each row the better of its guess and the nearest code of the bank, shape (batch, p).

        A decoder that is given something has other outputs for every row: there the guess stands.
        """
        if target.given is not None:
            return guess
        return torch.cat(
            [
                self._better_block(decoder, target.rows(places), guess[places])
                for places in blocks(len(guess), rows_at_once(target.n_features), guess.device)
            ]
        )[: len(guess)]

    def _better_block(self, decoder: Callable[[Tensor], Tensor], target: Target, guess: Tensor) -> Tensor:
        nearest = target.nearest(self.outputs)
        closer = target.cost(self.outputs[nearest]) < target.cost(decoder(guess))
        return torch.where(closer[:, None], self.codes[nearest], guess)
