"""What a model keeps of its training rows, for sampling and inference without them.

At the end of `fit` it keeps the codes of at most 2,048 training rows, each column's reconstruction error on held-out
rows, and the state of inference (`isthmus.inference.state`). That takes a few passes over a few rows. `partial_fit`
only stores its latest rows, which are encoded when they are needed.

A row is kept as the bottleneck's input h, so a sparse code gets its zeros from the bottleneck, as for any row; for a
Gaussian bottleneck it is one draw z ~ q(z|x), so together they are a sample of the aggregate posterior.
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

__all__ = ["CodeBuffer", "Kept", "RecentRows", "buffered_codes", "most_examined"]

MAX_ROWS, MIN_ROWS, MAX_NUMBERS = 2048, 256, 1 << 19
MAX_CELLS = 1 << 23  # of rows that are in memory at once


class Kept(NamedTuple):
    """See `CodeBuffer`."""

    codes: Tensor
    errors: Tensor
    inference: InferenceState | None


class CodeBuffer:
    """Codes of training rows, the columns' errors and the state of inference, computed on first use.

    Attributes
    ----------
    kept : Tensor of shape (n_kept, ·)
        The bottleneck's input for each row, float32.
    errors : Tensor of shape (n_features,)
        Mean squared error of each column on held-out rows, float32, in the model's units.
    inference : InferenceState or None
        None for a model saved by an earlier version of isthmus.
    """

    def __init__(self, find: Callable[[], Kept]):
        self._find = find

    @classmethod
    def of(cls, kept: Tensor, errors: Tensor, inference: InferenceState | None) -> CodeBuffer:
        """A buffer of known values."""
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
        """σ² as inference estimated it, in the model's units; without it the mean of the columns' errors."""
        return float(self.errors.mean()) if self.inference is None else self.inference.noise_variance


@dataclass
class RecentRows:
    """The latest rows of `partial_fit` in the model's units, and the buffer of earlier ones."""

    earlier: CodeBuffer | None
    widths: Widths
    parts: deque[Tensor] = field(default_factory=deque)

    def add(self, rows: Rows) -> None:
        """Store at most 2,048 of the rows, drawn by the current generator, and drop the oldest beyond that."""
        part = rows.take(torch.randperm(len(rows), generator=generator())[: _max_kept(rows.n_features)])
        self.parts.append(part)
        held = sum(map(len, self.parts))
        while held - len(self.parts[0]) >= _max_kept(rows.n_features):
            held -= len(self.parts.popleft())

    def buffer(self, model: AutoencoderModel, device: torch.device, seed: int) -> CodeBuffer:
        """A buffer that encodes the stored rows on first use, and appends the codes of earlier rows."""
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
    """The buffer of an evenly spaced sample of ``rows``, with errors from a sample of ``held_out``.

    ``closed_form`` is PCA, if the model's codes and reconstructions are PCA's. The current generator draws the codes.
    ``before`` is the buffer from before the model was refitted to the held-out rows too; errors and noise are taken
    from it.
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
            if sum(map(len, codes)) >= _max_kept(codes[0].shape[1]):
                break
        for batch in held_out.some(MAX_ROWS).records():
            x, given, *_ = batch.to(device)
            squares += (model.decode(inference.codes(model, x, given), given, like=x) - x).square().nansum(0).cpu()
            count += x.isfinite().sum(0).cpu()
    kept = torch.cat([*codes, *([] if earlier is None else [earlier.kept])])
    return Kept(kept[: _max_kept(kept.shape[1])].clone(), (squares / count.clamp(min=1)).float(), inference)


def _some(rows: Rows, device: torch.device) -> Batch:
    """A sample of the rows as one batch, smaller if rows are wide."""
    some = rows.some(most_examined(rows.n_features))
    return some.batch_of(some.take(torch.arange(len(some)))).to(device)


def most_examined(n_features: int) -> int:
    """The largest number of rows of this length whose exact codes are found."""
    return max(MIN_ROWS, min(MAX_ROWS, MAX_CELLS // n_features))


def _max_kept(length: int) -> int:
    """The largest number of vectors of this length that are kept."""
    return max(MIN_ROWS, min(MAX_ROWS, MAX_NUMBERS // length))
