"""What a fit learned: one record. Starting returns it, storage writes it, and everything that uses a model takes it.

    x in the user's units --scaling--> model units --encoder--> code --decoder--> model units --scaling--> x̂

A record is replaced, never changed: `dataclasses.replace` gives one with another code size, model or history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.history import History
from isthmus.inference.code_buffer import CodeBuffer
from isthmus.mixed.layout import TableLayout
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.network import Architecture
from isthmus.parts.principal import Principal
from isthmus.rows.companions import with_companions
from isthmus.rows.rows import DenseRows, Rows, in_company, rows_once
from isthmus.rows.scaling import Scaling, beside
from isthmus.rows.source import Source, Widths
from isthmus.training.devices import threads_for

__all__ = ["FittedState"]


@dataclass(frozen=True, eq=False)
class FittedState:
    """All that a fit learned of its rows.

    Attributes
    ----------
    n_components : int
        Latent dimensions that are given out: those of the model, or fewer of an ordered code.
    scaling : Scaling
        Between the user's units and the model's.
    architecture : Architecture
        The shape of both networks.
    model : AutoencoderModel
        The parts, joined and trained.
    principal : Principal
        The closed form: the start, and the baseline.
    layout : TableLayout or None
        How the columns of a DataFrame that holds more than numbers became numbers.
    device, dtype, seed
        Where the model computes, the format of the user's rows, and the seed of the fit.
    noise_variance : float
        σ² in the user's units: the likelihood's own, or the held-out squared error.
    history, best_epoch, n_iter
        The record of training, the epoch whose weights were kept, and the epochs run.
    codes : CodeBuffer or None
        Codes of some training rows, for new rows that look like them.
    given : Scaling or None
        Of what rows are given, where they are: standardised, column by column.
    """

    n_components: int
    scaling: Scaling
    architecture: Architecture
    model: AutoencoderModel
    principal: Principal
    layout: TableLayout | None
    device: torch.device
    dtype: np.dtype
    seed: int
    noise_variance: float
    history: History = field(default_factory=History)
    best_epoch: int = 0
    n_iter: int = 0
    codes: CodeBuffer | None = None
    given: Scaling | None = None

    @property
    def code_unit(self) -> float:
        """The length of a latent's unit in the user's units."""
        return self.scaling.unit if self.model.bottleneck.in_data_units else 1.0

    @property
    def n_weights(self) -> int:
        """Parameters of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def unexplained(self) -> float:
        """Share of the variance that the closed form of the same size leaves out."""
        return self.principal.unexplained(self.n_components)

    def encoded_names(self, names: Sequence[str]) -> list[str]:
        """For each number of a row the name of the column it belongs to."""
        return list(names) if self.layout is None else [names[place] for place in self.layout.owners]

    # ---- rows and codes, as arrays in the user's units --------------------------------------------------

    def encode(self, X: Any, given: np.ndarray | None = None) -> np.ndarray:
        """Codes of rows, float32 of shape (n_rows, n_components); rows are numbers, shape (n_rows, n_features)."""

        def codes(x: Tensor, *beside: Tensor) -> Tensor:
            return self.model.encode(x, *beside).mean[:, : self.n_components] * self.code_unit

        return self.map_rows(X, codes, given)

    def decode(self, codes: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
        """Rows of codes as `encode` gives them; of an ordered code fewer latents will do, the rest being zero."""
        missing = self.architecture.n_latents - codes.shape[1]
        codes = np.pad(codes, ((0, 0), (0, missing))) if missing else codes
        latents = torch.from_numpy(codes.astype(np.float32) / np.float32(self.code_unit))
        widths = None
        if given is not None and self.given is not None:
            latents = torch.cat([latents, torch.from_numpy(self.given.apply(given))], 1)
            widths = Widths(codes.shape[1], given.shape[1])
        return self.in_user_units(self.map_batches(DenseRows(latents, widths), self.model.decode))

    def reconstruct(self, X: Any, given: np.ndarray | None = None) -> np.ndarray:
        """Rows decoded from their own codes."""
        return self.in_user_units(self.map_rows(X, self.model.reconstruct, given))

    def map_rows(self, X: Any, function: Callable[..., Tensor], given: np.ndarray | None = None) -> np.ndarray:
        """What ``function`` makes of rows in the model's units, and what they are given, batch by batch."""
        return self.map_batches(self.rows(X, given), function)

    def rows(self, X: Any, given: np.ndarray | None = None) -> Rows:
        """Rows for one pass, in the model's units, with what they are given beside them."""
        if given is None or self.given is None:
            return rows_once(X, self.scaling)
        source = with_companions(Source(X, None, []), given, None)
        return rows_once(source.values, beside([self.scaling, self.given]), source.widths)

    def map_batches(self, rows: Rows, function: Callable[..., Tensor]) -> np.ndarray:
        """The same of rows that are in the model's units already."""
        with torch.inference_mode(), threads_for(min(len(rows), rows.batch_rows) * self.n_weights):
            results, begin = torch.empty(0), 0
            for columns in rows.in_turn():
                batch = rows.batch_of(in_company(columns).to(self.device))
                given = () if batch.given is None else (batch.given,)
                part = function(batch.x, *given)[: len(columns)].cpu()
                if begin == 0:
                    # One block for all: small results kept between large temporaries would splinter the heap.
                    results = part.new_empty((len(rows), *part.shape[1:]))
                results[begin : begin + len(part)] = part
                begin += len(part)
            return results.numpy()

    def in_user_units(self, values: np.ndarray) -> np.ndarray:
        """Rows in the model's units to the user's units and format."""
        return self.scaling.undo(values).astype(self.dtype)

    def in_given_form(self, values: np.ndarray, like: Any = None) -> Any:
        """Rows as the user has them: a mixed table as its DataFrame, with the index of ``like``."""
        return values if self.layout is None else self.layout.decode(values, getattr(like, "index", None))

    # ---- codes kept -------------------------------------------------------------------------------------

    @property
    def kept_codes(self) -> np.ndarray | None:
        """Codes of some training rows as `encode` gives them, or a draw each of a model with a prior."""
        if self.codes is None:
            return None
        with torch.inference_mode():
            kept = self.codes.kept.to(self.device)
            return self.model.bottleneck.read(kept).cpu().numpy() * np.float32(self.code_unit)
