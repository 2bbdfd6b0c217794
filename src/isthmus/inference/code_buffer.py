"""What a model keeps of its training rows, to make new ones and to encode others well, later and without them.

At the end of `fit` the codes of at most 2,048 training rows are kept, how far each column of the held-out rows lay from
its reconstruction, and what inference has to know (`isthmus.inference.state`). That is a few passes over a few rows.
`partial_fit` only notes its latest rows, and they are encoded when they are needed.

What is kept of a row is what the bottleneck reads (h), so a sparse code gets its zeros from the bottleneck, as for
any row; for a Gaussian bottleneck it is one draw z ~ q(z|x), so together they are a sample of the aggregate
posterior.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from isthmus.inference.state import InferenceState, learn_inference
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.draws import generator, seeded
from isthmus.parts.principal import Principal
from isthmus.rows.metadata import Widths
from isthmus.rows.rows import Batch, DenseRows, Rows
from isthmus.training.devices import threads_for

__all__ = ["CodeBuffer", "Kept", "RecentRows", "buffered_codes"]

MAX_ROWS, MIN_ROWS, MAX_NUMBERS = 2048, 256, 1 << 19
MAX_CELLS = 1 << 23  # of rows that are held at once


class Kept(NamedTuple):
    """See `CodeBuffer`."""

    codes: Tensor
    errors: Tensor
    inference: InferenceState | None


class CodeBuffer:
    """Codes of training rows, the columns' errors and what inference needs, found when first asked for.

    Attributes
    ----------
    kept : Tensor of shape (n_kept, ·)
        What the bottleneck reads of each row, float32.
    errors : Tensor of shape (n_features,)
        Mean squared error of each column on held-out rows, float32, in the model's units.
    inference : InferenceState or None
        None of a model that was saved by an earlier isthmus.
    """

    def __init__(self, find: Callable[[], Kept]):
        self._find = find

    @classmethod
    def of(cls, kept: Tensor, errors: Tensor, inference: InferenceState | None) -> CodeBuffer:
        """A buffer of what is known."""
        return cls(functools.partial(Kept, kept, errors, inference))

    @functools.cached_property
    def _found(self) -> Kept:
        return self._find()

    @property
    def kept(self) -> Tensor:
        """See the class."""
        return self._found.codes

    @property
    def errors(self) -> Tensor:
        """See the class."""
        return self._found.errors

    @property
    def inference(self) -> InferenceState | None:
        """See the class."""
        return self._found.inference

    @property
    def noise_variance(self) -> float:
        """σ² that inference found, in the model's units; the mean of the columns' errors where it was not asked."""
        return float(self.errors.mean()) if self.inference is None else self.inference.noise_variance


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

    def _encoded(self, model: AutoencoderModel, device: torch.device, seed: int) -> Kept:
        rows = DenseRows(torch.cat([*reversed(self.parts)]), self.widths)
        with seeded(seed):
            return _encoded(model, rows, rows, device, self.earlier, None)


def buffered_codes(
    model: AutoencoderModel,
    rows: Rows,
    held_out: Rows,
    device: torch.device,
    closed_form: Principal | None,
    before: CodeBuffer | None = None,
) -> CodeBuffer:
    """What is kept of some of ``rows``, evenly spread, and of some of the rows ``held_out``.

    ``closed_form`` is PCA, where the model's codes and reconstructions are its. Torch's generator draws the codes.
    ``before`` is what was kept before the model learned from the held-out rows too: errors and noise are its.
    """
    inference = None if before is None else before.inference
    found = _encoded(model, rows, held_out, device, None, closed_form, inference)
    return CodeBuffer.of(*(found if before is None else found._replace(errors=before.errors)))


def _encoded(
    model: AutoencoderModel,
    rows: Rows,
    held_out: Rows,
    device: torch.device,
    earlier: CodeBuffer | None,
    closed_form: Principal | None,
    before: InferenceState | None = None,
) -> Kept:
    codes, squares, count = [], *torch.zeros(2, rows.n_features, dtype=torch.float64)
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    with torch.no_grad(), threads_for(min(len(rows), MAX_ROWS) * n_weights):
        inference = learn_inference(model, _some(rows, device), _some(held_out, device), closed_form, before)
        for batch in rows.some(MAX_ROWS).records():
            x, given, *_ = batch.to(device)
            if model.bottleneck.is_identity:
                codes.append(inference.codes(model, x, given).cpu())
            else:
                codes.append(model.bottleneck.density_input(model.encoder(model.encoder_input(x), given)).cpu())
            if sum(map(len, codes)) >= _most(codes[0].shape[1]):
                break
        for batch in held_out.some(MAX_ROWS).records():
            x, given, *_ = batch.to(device)
            squares += (model.decode(inference.codes(model, x, given), given, like=x) - x).square().nansum(0).cpu()
            count += x.isfinite().sum(0).cpu()
    kept = torch.cat([*codes, *([] if earlier is None else [earlier.kept])])
    return Kept(kept[: _most(kept.shape[1])].clone(), (squares / count.clamp(min=1)).float(), inference)


def _some(rows: Rows, device: torch.device) -> Batch:
    """Some of the rows at once, fewer of wide ones."""
    some = rows.some(max(MIN_ROWS, min(MAX_ROWS, MAX_CELLS // rows.n_features)))
    return some.batch_of(some.take(torch.arange(len(some)))).to(device)


def _most(n_numbers: int) -> int:
    """How many vectors of so many numbers are kept."""
    return max(MIN_ROWS, min(MAX_ROWS, MAX_NUMBERS // n_numbers))
