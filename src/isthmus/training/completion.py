"""Learning from rows with missing cells: the linear completion, and the weight of the autoencoder's own prediction.

With ``missing="mask"`` a NaN is a missing cell. It is left out of the loss, and
`isthmus.parts.completion.Completion` replaces it with a linear model's expectation e for the encoder.
`isthmus.inference.missing` predicts e + α (x̂ - e); the trust α is learned on cells hidden from both models,

    α = Σ (x̂ - e)(x - e) / Σ (x̂ - e)²,  clipped to [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.completion import Completion, fit_completion
from isthmus.rows.rows import Batch, Rows

__all__ = ["VALIDATION_DRAWS", "complete_records", "learn_completion", "learn_trust", "mean_row", "set_trust"]

SHRINKAGE_CELLS = 30  # α is shrunk towards 0 as if by this many cells, so a few hidden cells don't determine it
VALIDATION_DRAWS = 8  # draws of hidden cells per validation row; fewer would rank epochs by chance


def learn_completion(rows: Rows, owners: list[int] | None = None) -> tuple[Completion, Tensor]:
    """The completion of rows in the model's units, and the mean of the completed rows, in float64.

    Columns with the same owner encode one cell of a table and are missing together.
    """
    together = None if owners is None else torch.tensor(owners)
    completion = fit_completion(rows.batches, len(rows), together)
    return completion, mean_row(rows, completion)[0]


def mean_row(rows: Rows, completion: Completion | None) -> tuple[Tensor, float]:
    """The weighted mean of the rows, completed if there is a completion, in float64; and the sum of their weights."""
    total = torch.zeros(rows.n_features, dtype=torch.float64)
    count = 0.0
    for batch in complete_records(rows, completion)():
        x = batch.x.double()
        total += x.sum(0) if batch.weight is None else batch.weight.double() @ x
        count += len(x) if batch.weight is None else float(batch.weight.double().sum())
    return total / count, count


def complete_records(rows: Rows, completion: Completion | None) -> Callable[[], Iterator[Batch]]:
    """A function that returns a new pass over the rows, completed if there is a completion."""
    if completion is None:
        return rows.own_records
    return lambda: (batch._replace(x=completion(batch.x)) for batch in rows.records())


@torch.no_grad()
def learn_trust(model: AutoencoderModel, rows: Rows, device: torch.device) -> None:
    """Learn α by hiding cells of held-out rows."""
    completion = model.completion
    if completion is None:
        return
    parts = []
    for batch in rows.records():
        x, given, _, *_ = batch.to(device)
        seen = completion.hide(x)
        expected = completion(seen)
        parts.append((expected, model.reconstruct(seen, given), x, seen.isnan() & ~x.isnan()))
    set_trust(completion, *(torch.cat(part) for part in zip(*parts, strict=True)))


def set_trust(completion: Completion, expected: Tensor, reconstructed: Tensor, x: Tensor, hidden: Tensor) -> None:
    """Set α from hidden cells, in standard deviations of their columns; all of shape (n_rows, n_features)."""
    move = ((reconstructed - expected) / completion.spread)[hidden].double()
    error = ((x - expected) / completion.spread)[hidden].double()
    squares = float(move.square().sum()) * (1 + SHRINKAGE_CELLS / max(1, len(move)))
    trust = float((move * error).sum()) / squares if squares > 0 else 1.0
    completion.trust.fill_(min(max(trust, 0.0), 1.0))
