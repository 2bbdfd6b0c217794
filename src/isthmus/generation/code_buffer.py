"""What a model keeps of its training rows, so that it can make new ones later without them.

At the end of `fit` the codes of at most 2,048 training rows are kept, and how far each column of the held-out
rows lay from its rebuilding. That is one pass over a few rows; the density itself is fitted when it is first
asked for. `partial_fit` only notes its latest rows, and they are passed when they are needed.

What is kept of a row is what the bottleneck reads (h), so that a sparse code gets its zeros from the bottleneck,
as for any row; for a Gaussian bottleneck it is one draw z ~ q(z|x), so that together they are a sample of the
aggregate posterior.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.rows.rows import DenseRows, Rows
from isthmus.training.devices import threads_for

__all__ = ["Memory", "RowsSeen", "remember"]

MOST_ROWS, LEAST_ROWS, MOST_NUMBERS = 2048, 256, 1 << 19


@dataclass(frozen=True)
class Memory:
    """``codes`` (n_kept, n_latents) and ``errors`` (n_features,), mean squares; float32, in the model's units."""

    codes: Tensor
    errors: Tensor


@dataclass
class RowsSeen:
    """The latest rows of `partial_fit` in the model's units, and what was remembered before them."""

    earlier: Memory | None
    parts: deque[Tensor] = field(default_factory=deque)

    def add(self, rows: Rows) -> None:
        """Note rows, at most 2,048 drawn by torch's generator, and forget the oldest beyond that."""
        part = rows.take(torch.randperm(len(rows))[: _most(rows.n_features)])
        self.parts.append(part)
        held = sum(map(len, self.parts))
        while held - len(self.parts[0]) >= _most(rows.n_features):
            held -= len(self.parts.popleft())

    def remembered(self, model: AutoencoderModel, device: torch.device) -> Memory:
        """Codes as the model as it stands gives them, those of earlier rows behind them as far as there is room."""
        rows = DenseRows(torch.cat([*reversed(self.parts)]))
        return remember(model, rows, rows, device, self.earlier)


def remember(
    model: AutoencoderModel, rows: Rows, judged: Rows, device: torch.device, earlier: Memory | None = None
) -> Memory:
    """Codes of some of ``rows``, and the columns' errors on some of the rows ``judged``.

    With ``earlier`` its codes fill what room is left, as the model saw them then. Torch's generator draws the
    codes; the rows are spread evenly.
    """
    gaussian = model.bottleneck.outputs_per_latent == 2
    codes, squares, n_judged = [], *torch.zeros(2, rows.n_features, dtype=torch.float64)
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    with torch.inference_mode(), threads_for(min(len(rows), MOST_ROWS) * n_weights):
        for batch in rows.some(MOST_ROWS).batches():
            h = model.encoder(model.whole(batch.to(device)))
            codes.append((model.bottleneck(h).sample() if gaussian else h).cpu())
            if sum(map(len, codes)) >= _most(codes[0].shape[1]):
                break
        for batch in judged.some(MOST_ROWS).batches():
            x = batch.to(device)
            squares += (model.reconstruct(x) - x).square().nansum(0).cpu()
            n_judged += x.isfinite().sum(0).cpu()
    kept = torch.cat([*codes, *([] if earlier is None else [earlier.codes])])
    most = _most(kept.shape[1])
    # Cloned: tensors of inference mode may not be saved by autograd, should anyone train on them.
    return Memory(kept[:most].clone(), (squares / n_judged.clamp(min=1)).float().clone())


def _most(n_numbers: int) -> int:
    """How many vectors of so many numbers are kept."""
    return max(LEAST_ROWS, min(MOST_ROWS, MOST_NUMBERS // n_numbers))
