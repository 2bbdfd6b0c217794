"""Learning from rows with missing cells: the linear completion, and how far the autoencoder is trusted beyond it.

With ``missing="mask"`` a NaN is a cell nobody measured. It is left out of the loss, and a
`isthmus.parts.completion.Completion` shows the encoder what a linear model expects in its place. The trust α that
`isthmus.inference.missing` gives the autoencoder's own answer is learned on cells hidden from both,

    α = Σ (x̂ - e)(x - e) / Σ (x̂ - e)²,  within [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.completion import Completion, fit_completion
from isthmus.rows.rows import Batch, Rows

__all__ = ["VALIDATION_DRAWS", "complete_records", "learn_completion", "learn_trust"]

CELLS_OF_DOUBT = 30  # hidden cells that the linear answer is worth, so a few of them do not decide
VALIDATION_DRAWS = 8  # each validation row is measured with this many draws of hidden cells: epochs compare by them


def learn_completion(rows: Rows, owners: list[int] | None = None) -> tuple[Completion, Tensor]:
    """The completion of rows in the model's units, and the mean row once they are complete, in float64.

    Columns of the same owner stand for one cell of a table and are missing together.
    """
    together = None if owners is None else torch.tensor(owners)
    completion = fit_completion(rows.batches, len(rows), together)
    total = torch.zeros(rows.n_features, dtype=torch.float64)
    count = 0.0
    for batch in complete_records(rows, completion)():
        x = batch.x.double()
        total += x.sum(0) if batch.weight is None else batch.weight.double() @ x
        count += len(x) if batch.weight is None else float(batch.weight.double().sum())
    return completion, total / count


def complete_records(rows: Rows, completion: Completion | None) -> Callable[[], Iterator[Batch]]:
    """A fresh pass over rows, filled where there is a completion."""
    if completion is None:
        return rows.own_records
    return lambda: (batch._replace(x=completion(batch.x)) for batch in rows.records())


@torch.no_grad()
def learn_trust(model: AutoencoderModel, rows: Rows, device: torch.device) -> None:
    """Set α by hiding cells of held-out rows; the columns weigh alike. Draws from torch's generator."""
    completion = model.completion
    if completion is None:
        return
    gain = power = torch.zeros((), dtype=torch.float64)
    n_cells = 0
    for batch in rows.records():
        x, given, _, *_ = batch.to(device)
        seen = completion.hide(x)
        hidden = seen.isnan() & ~x.isnan()
        expected = completion(seen)
        move = ((model.reconstruct(seen, given) - expected) / completion.spread)[hidden].double()
        gain = gain + (move * ((x - expected) / completion.spread)[hidden]).sum()
        power = power + move.square().sum()
        n_cells += len(move)
    doubt = 1 + CELLS_OF_DOUBT / max(1, n_cells)
    trust = float(gain / (power * doubt)) if float(power) > 0 else 1.0
    completion.trust.fill_(min(max(trust, 0.0), 1.0))
