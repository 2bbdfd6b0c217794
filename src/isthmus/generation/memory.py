"""What a model keeps of its training rows, so that it can make new ones later without them.

At the end of `fit` the codes of at most 2,048 training rows are kept, and how far each column of the held-out
rows lay from its rebuilding. That is one pass over a few rows; the density itself is fitted when it is first
asked for. What is kept of a row is what the bottleneck reads (h), so that a sparse code gets its zeros from the
bottleneck, as for any row; for a Gaussian bottleneck it is one draw z ~ q(z|x), so that together they are a
sample of the aggregate posterior.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from isthmus.model.autoencoder import AutoencoderModel
from isthmus.training.rows import Rows

__all__ = ["Memory", "remember"]

MOST_ROWS, LEAST_ROWS, MOST_NUMBERS = 2048, 256, 1 << 19


@dataclass(frozen=True)
class Memory:
    """``codes`` (n_kept, n_latents) and ``errors`` (n_features,), mean squares; float32, in the model's units."""

    codes: Tensor
    errors: Tensor


def remember(
    model: AutoencoderModel, rows: Rows, judged: Rows, device: torch.device, earlier: Memory | None = None
) -> Memory:
    """Codes of some of ``rows``, and the columns' errors on some of the rows ``judged``.

    With ``earlier`` its codes fill what room is left: after `partial_fit` those of the latest rows are kept, each as
    the model saw it then. Torch's generator chooses the rows and draws the codes.
    """
    gaussian = model.bottleneck.outputs_per_latent == 2
    codes, squares, n_judged = [], torch.zeros(rows.n_features, dtype=torch.float64), 0
    with torch.inference_mode():
        for batch in _some(rows, MOST_ROWS).batches():
            h = model.encoder(batch.to(device))
            codes.append((model.bottleneck(h).sample() if gaussian else h).cpu())
            most = max(LEAST_ROWS, min(MOST_ROWS, MOST_NUMBERS // codes[0].shape[1]))
            if sum(map(len, codes)) >= most:
                break
        for batch in _some(judged, MOST_ROWS).batches():
            x = batch.to(device)
            squares += (model.reconstruct(x) - x).square().sum(0).cpu()
            n_judged += len(x)
    kept = torch.cat([*codes, *([] if earlier is None else [earlier.codes])])
    # Cloned: tensors of inference mode may not be saved by autograd, should anyone train on them.
    return Memory(kept[:most].clone(), (squares / n_judged).float().clone())


def _some(rows: Rows, most: int) -> Rows:
    return rows.subset(torch.randperm(len(rows))[:most])
