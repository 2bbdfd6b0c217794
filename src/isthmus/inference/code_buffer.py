"""What a model keeps of its training rows, so that it can make new ones later without them.

At the end of `fit` the codes of at most 2,048 training rows are kept, and how far each column of the held-out rows lay
from its reconstruction. That is one pass over a few rows. `partial_fit` only notes its latest rows, and they are
encoded when they are needed.

What is kept of a row is what the bottleneck reads (h), so that a sparse code gets its zeros from the bottleneck, as for
any row; for a Gaussian bottleneck it is one draw z ~ q(z|x), so that together they are a sample of the aggregate
posterior.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.draws import generator, seeded
from isthmus.rows.rows import DenseRows, Rows
from isthmus.rows.source import Widths
from isthmus.training.devices import threads_for

__all__ = ["CodeBuffer", "RecentRows", "buffered_codes"]

MOST_ROWS, LEAST_ROWS, MOST_NUMBERS = 2048, 256, 1 << 19


class CodeBuffer:
    """Codes of training rows and the columns' errors, found when first asked for.

    Attributes
    ----------
    kept : Tensor of shape (n_kept, ·)
        What the bottleneck reads of each row, float32.
    errors : Tensor of shape (n_features,)
        Mean squared error of each column on held-out rows, float32, in the model's units.
    """

    def __init__(self, find: Callable[[], tuple[Tensor, Tensor]]):
        self._find = find

    @classmethod
    def of(cls, kept: Tensor, errors: Tensor) -> CodeBuffer:
        """A buffer of tensors that are known."""
        return cls(functools.partial(_both, kept, errors))

    @functools.cached_property
    def _found(self) -> tuple[Tensor, Tensor]:
        return self._find()

    @property
    def kept(self) -> Tensor:
        """See the class."""
        return self._found[0]

    @property
    def errors(self) -> Tensor:
        """See the class."""
        return self._found[1]


def _both(kept: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    return kept, errors


@dataclass
class RecentRows:
    """The latest rows of `partial_fit` in the model's units, and what was kept before them."""

    earlier: CodeBuffer | None
    widths: Widths
    parts: deque[Tensor] = field(default_factory=deque)

    def add(self, rows: Rows) -> None:
        """Note rows, at most 2,048 drawn by torch's generator, and forget the oldest beyond that."""
        part = rows.take(torch.randperm(len(rows), generator=generator())[: _most(rows.n_features)])
        self.parts.append(part)
        held = sum(map(len, self.parts))
        while held - len(self.parts[0]) >= _most(rows.n_features):
            held -= len(self.parts.popleft())

    def buffer(self, model: AutoencoderModel, device: torch.device, seed: int) -> CodeBuffer:
        """Codes as the model gives them when they are asked for, those of earlier rows behind them."""
        return CodeBuffer(functools.partial(self._encoded, model, device, seed))

    def _encoded(self, model: AutoencoderModel, device: torch.device, seed: int) -> tuple[Tensor, Tensor]:
        rows = DenseRows(torch.cat([*reversed(self.parts)]), self.widths)
        with seeded(seed):
            return _encoded(model, rows, rows, device, self.earlier)


def buffered_codes(model: AutoencoderModel, rows: Rows, held_out: Rows, device: torch.device) -> CodeBuffer:
    """Codes of some of ``rows``, evenly spread, and the columns' errors on some of the rows ``held_out``.

    Torch's generator draws the codes.
    """
    return CodeBuffer.of(*_encoded(model, rows, held_out, device, None))


def _encoded(
    model: AutoencoderModel, rows: Rows, held_out: Rows, device: torch.device, earlier: CodeBuffer | None
) -> tuple[Tensor, Tensor]:
    codes, squares, count = [], *torch.zeros(2, rows.n_features, dtype=torch.float64)
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    with torch.inference_mode(), threads_for(min(len(rows), MOST_ROWS) * n_weights):
        for batch in rows.some(MOST_ROWS).records():
            x, given, *_ = batch.to(device)
            h = model.encoder(model.complete(x), given)
            codes.append(model.bottleneck.kept(h).cpu())
            if sum(map(len, codes)) >= _most(codes[0].shape[1]):
                break
        for batch in held_out.some(MOST_ROWS).records():
            x, given, *_ = batch.to(device)
            squares += (model.reconstruct(x, given) - x).square().nansum(0).cpu()
            count += x.isfinite().sum(0).cpu()
    kept = torch.cat([*codes, *([] if earlier is None else [earlier.kept])])
    # Cloned: tensors of inference mode may not be saved by autograd, should anyone train on them.
    return kept[: _most(kept.shape[1])].clone(), (squares / count.clamp(min=1)).float().clone()


def _most(n_numbers: int) -> int:
    """How many vectors of so many numbers are kept."""
    return max(LEAST_ROWS, min(MOST_ROWS, MOST_NUMBERS // n_numbers))
