"""What a fit learned, in one record: initialization returns it, storage writes it, everything else reads it.

    x in the user's units --scaling--> model units --encoder--> code --decoder--> model units --scaling--> x̂

The record is immutable: `dataclasses.replace` returns one with another code size, model or history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from isthmus.history import History
from isthmus.imputation.cell_predictor import CellPredictor
from isthmus.inference.bands import Bands
from isthmus.inference.code_buffer import CodeBuffer
from isthmus.inference.code_spread import CodeSpread
from isthmus.inference.state import InferenceState
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.network import Architecture
from isthmus.parts.principal import Principal
from isthmus.rows.marginals import Marginals
from isthmus.rows.metadata import with_metadata
from isthmus.rows.rows import DenseRows, Rows, padded, rows_once
from isthmus.rows.scaling import Scaling, concatenate_scalings
from isthmus.tables.array_forms import in_array_shape
from isthmus.tables.frames import FrameForm
from isthmus.tables.input_rows import ValidRows, Widths
from isthmus.tables.layout import TableLayout
from isthmus.tables.output_rows import filled_like, new_rows, rows_like
from isthmus.tables.row_shape import RowShape
from isthmus.training.devices import threads_for

__all__ = ["NO_ERRORS", "FittedState"]

NO_ERRORS = "transform: these codes have no standard errors; point codes of a differentiable decoder have."


@dataclass(frozen=True, eq=False, repr=False)
class FittedState:
    """Everything that a fit learned.

    Attributes
    ----------
    n_components : int
        Latent dimensions of the codes: those of the model, or fewer for an ordered code.
    scaling : Scaling
        The map between the user's units and the model's.
    architecture : Architecture
        The shape of both networks.
    model : AutoencoderModel
        The trained model.
    principal : Principal
        The closed form: the start, and the baseline.
    layout : TableLayout or None
        How the columns of a mixed-type table became numbers.
    device, dtype, seed
        The model's device, the number format of the user's rows, and the seed of the fit.
    noise_variance : float
        σ² in the user's units: the likelihood's own, or the held-out squared error.
    history, best_epoch, n_iter
        The history of training, the epoch chosen on held-out rows, and the epochs run.
    planned_epochs : int
        Epochs that were planned, by a budget or otherwise; as ``max_iter`` they reproduce this fit.
    refit_rows : int
        Number of rows of the refit, which is all of them; 0 if there was none.
    codes : CodeBuffer or None
        Codes of some training rows, from which new rows are sampled.
    given : Scaling or None
        The scaling that standardizes conditions, if there are any.
    given_layout : TableLayout or None
        How named columns and words of a condition become numbers; None if it is an array of numbers.
    polish : int or None
        Steps by which codes are polished; None takes the number that paid at fit.
    form : FrameForm or None
        The library and dtypes of the mixed-type DataFrame.
    names : tuple of str or None
        Names of the columns, if all are numeric and have names.
    image_shape : tuple of int or None
        The shape of a row that is a picture, in which rows of an array with several axes are returned.
    scale, scale_reason
        The scaling that was requested or ``scale="auto"`` chose, and why it was chosen, as the end of a sentence.
    spread : CodeSpread or None
        The spread of training codes; None before the end of a fit, and after `partial_fit`.
    whitened : bool
        Whether latents are divided by their standard deviation.
    marginals : Marginals or None
        The marginal distributions of the columns of a table; None for other rows.
    row_shape : RowShape or None
        Sizes and kinds of a row's axes, if it has a shape.
    array_shape : tuple of int or None
        The shape of a row in the array of the fit, if that had more than two axes; new rows have it, too.
    cells : CellPredictor or None
        The predictor of missing cells, with the training rows that it keeps; None after a fit to complete rows.
    bands : Bands or None
        Prediction bands from held-out rows; None if no rows were held out.
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
    planned_epochs: int = 0
    refit_rows: int = 0
    codes: CodeBuffer | None = None
    given: Scaling | None = None
    given_layout: TableLayout | None = None
    polish: int | None = None
    form: FrameForm | None = None
    names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    scale: str | None = None
    scale_reason: str = ""
    row_shape: RowShape | None = None
    array_shape: tuple[int, ...] | None = None
    cells: CellPredictor | None = None
    bands: Bands | None = None

    def __repr__(self) -> str:
        return f"FittedState({self.architecture.n_features} features, {self.n_components} latents)"

    @property
    def owners(self) -> list[int] | None:
        """For a mixed-type table, the column that each encoded column belongs to."""
        return None if self.layout is None else list(self.layout.owners)

    @property
    def masked(self) -> bool:
        """Whether the model was fitted to rows with missing cells, and so accepts them."""
        return self.model.completion is not None

    @property
    def is_in_user_units(self) -> bool:
        """Whether errors are weighted as in the user's units: numeric columns with a common scale."""
        return self.scale is None and self.layout is None

    marginals: Marginals | None = None
    spread: CodeSpread | None = None
    whitened: bool = False

    @property
    def latent_unit(self) -> float:
        """The length of a latent's unit in the user's units, unless the code is whitened."""
        return self.scaling.unit if self.model.bottleneck.in_data_units else 1.0

    @property
    def code_unit(self) -> np.ndarray:
        """The factor from a code in the model's units, float32: one number, or one per latent of a whitened code."""
        if self.whitened and self.spread is not None:
            return (1 / self.spread.deviations[: self.n_components]).numpy().astype(np.float32)
        return np.asarray(self.latent_unit, dtype=np.float32)

    @property
    def n_weights(self) -> int:
        """Parameters of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def unexplained(self) -> float:
        """Share of the variance that the closed form of the same size does not explain."""
        return self.principal.unexplained(self.n_components)

    def encoded_names(self, names: Sequence[str]) -> list[str]:
        """For each feature of an encoded row, the name of the column it belongs to."""
        return list(names) if self.layout is None else [names[index] for index in self.layout.owners]

    # ---- rows and codes, as arrays in the user's units --------------------------------------------------

    def encode(self, X: Any, given: np.ndarray | None = None) -> np.ndarray:
        """Codes, float32 of shape (n_rows, n_components), of rows X of shape (n_rows, n_features)."""

        def codes(x: Tensor, *conditions: Tensor) -> Tensor:
            return self.codes_of(x, *conditions)[:, : self.n_components] * unit

        unit = torch.as_tensor(self.code_unit, device=self.device)
        return self.map_rows(X, codes, given)

    @property
    def has_errors(self) -> bool:
        """Whether codes have standard errors."""
        return self.model.bottleneck.has_prior or (self.inference is not None and self.inference.polishing is not None)

    def encode_with_errors(self, X: Any, given: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Codes of rows as `encode` gives them, and the standard error of each latent, in the same shape."""
        k = self.n_components

        def both(x: Tensor, *conditions: Tensor) -> Tensor:
            if self.model.bottleneck.has_prior:
                posterior = self.model.encode(x, *conditions)
                assert posterior.log_variance is not None  # or there would be no prior
                return torch.cat([posterior.mean[:, :k], (0.5 * posterior.log_variance[:, :k]).exp()], 1)
            if self.inference is None or self.inference.polishing is None:
                raise ValueError(NO_ERRORS)
            codes = self.codes_of(x, *conditions)
            codes = functional.pad(codes[:, :k], (0, codes.shape[1] - k))
            errors = self.inference.standard_errors(self.model, x, conditions[0] if conditions else None, codes, k)
            return torch.cat([codes[:, :k], errors], 1)

        found = self.map_rows(X, both, given)
        return found[:, :k] * self.code_unit, found[:, k:] * self.code_unit

    def code_covariances(self, X: Any, given: np.ndarray | None = None) -> np.ndarray:
        """Covariance of each row's code, shape (n_rows, n_components, n_components)."""
        inference, k = self.inference, self.n_components
        if inference is None or inference.polishing is None:
            raise ValueError(NO_ERRORS)

        def spread(x: Tensor, *conditions: Tensor) -> Tensor:
            codes = self.codes_of(x, *conditions)
            codes = functional.pad(codes[:, :k], (0, codes.shape[1] - k))
            return inference.covariances(self.model, x, conditions[0] if conditions else None, codes, k)

        unit = np.ones(k, np.float32) * self.code_unit
        return self.map_rows(X, spread, given) * np.outer(unit, unit)

    def codes_of(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Codes of rows in the model's units, polished by ``polish`` steps: (batch, n_features) to (batch, p)."""
        if self.inference is None:
            return self.model.encode(x, given).mean
        return self.inference.codes(self.model, x, given, self.polish)

    def decode(self, codes: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
        """Rows decoded from codes of shape (n_rows, n_components); missing latents of an ordered code are zero."""
        size = codes.shape[1]
        codes = codes.astype(np.float32) / (self.code_unit if self.code_unit.ndim == 0 else self.code_unit[:size])
        missing = self.architecture.n_latents - size
        latents = torch.from_numpy(np.pad(codes, ((0, 0), (0, missing))) if missing else codes)
        widths = None
        if given is not None and self.given is not None:
            latents = torch.cat([latents, torch.from_numpy(self.given.apply(given))], 1)
            widths = Widths(self.architecture.n_latents, given.shape[1])
        return self.in_user_units(self.map_batches(DenseRows(latents, widths), self.model.decode))

    def reconstruct(self, X: Any, given: np.ndarray | None = None) -> np.ndarray:
        """Rows decoded from their own codes."""
        return self.in_user_units(self.map_rows(X, self.reconstructed, given))

    def reconstructed(self, x: Tensor, *given: Tensor) -> Tensor:
        """`reconstruct` for a batch in the model's units."""
        return self.model.decode(self.codes_of(x, *given), *given, like=x)

    def log_evidence(self, X: Any, given: np.ndarray | None = None) -> np.ndarray | None:
        """Log density of rows in the model's units, shape (n_rows,); None if there is no density of codes."""
        inference = self.inference
        if inference is None or inference.density is None:
            return None
        return self.map_rows(X, lambda x, *conditions: inference.log_evidence(self.model, x, *conditions), given)

    def map_rows(self, X: Any, function: Callable[..., Tensor], given: np.ndarray | None = None) -> np.ndarray:
        """Apply ``function`` to batches of rows in the model's units, and of conditions if there are any."""
        return self.map_batches(self.rows(X, given), function)

    def rows(self, X: Any, given: np.ndarray | None = None) -> Rows:
        """Rows for one pass, in the model's units, with their conditions."""
        if given is None or self.given is None:
            return rows_once(X, self.scaling)
        source = with_metadata(ValidRows(X), given, None)
        return rows_once(source.values, concatenate_scalings([self.scaling, self.given]), source.widths)

    def given_units(self, given: np.ndarray | None) -> np.ndarray | None:
        """Conditions in the model's units, standardised as in `fit`."""
        return None if given is None or self.given is None else self.given.apply(given)

    def map_batches(self, rows: Rows, function: Callable[..., Tensor]) -> np.ndarray:
        """Apply ``function`` to batches of `Rows`, which are in the model's units already."""
        with torch.inference_mode(), threads_for(min(len(rows), rows.batch_rows) * self.n_weights):
            results, start = torch.empty(0), 0
            for columns in rows.raw_batches():
                batch = rows.batch_of(padded(columns).to(self.device))
                given = () if batch.given is None else (batch.given,)
                part = function(batch.x, *given)[: len(columns)].cpu()
                if start == 0:
                    # One array for all results: small ones between large temporaries would fragment the heap.
                    results = part.new_empty((len(rows), *part.shape[1:]))
                results[start : start + len(part)] = part
                start += len(part)
            return results.numpy()

    def in_user_units(self, values: np.ndarray) -> np.ndarray:
        """Convert rows from the model's units to the user's units and number format."""
        return self.scaling.undo(values).astype(self.dtype)

    def in_user_format(self, values: np.ndarray, like: Any = None) -> Any:
        """Rows in the form of ``like``: an array, a DataFrame with its dtypes and index, a tensor, a table.

        Without ``like``, rows of a mixed-type table or of an array with more than two axes have the form of the fit.
        """
        if like is None and self.array_shape is not None:
            return in_array_shape(values, self.array_shape, self.image_shape)
        return rows_like(
            like, values, self.layout, self.form, names=self.names, image_shape=self.image_shape,
            fractions=self.model.likelihood.counts_deviance,
        )  # fmt: skip

    def new_rows(self, values: np.ndarray) -> Any:
        """Rows that are none of the user's, in the form of the fit: a frame, a mixed-type table, an array."""
        if self.array_shape is not None:
            return in_array_shape(values, self.array_shape, self.image_shape)
        return new_rows(values, self.layout, self.form, self.names)

    def filled(self, X: Any, values: np.ndarray) -> Any:
        """X with its missing cells filled from ``values``, in its own form."""
        return filled_like(X, values, self.layout, names=self.names, image_shape=self.image_shape)

    @property
    def polish_steps(self) -> int:
        """Steps by which codes are polished."""
        inference = self.inference
        if inference is None or inference.polishing is None:
            return 0
        return inference.polishing.steps if self.polish is None else self.polish

    # ---- inference --------------------------------------------------------------------------------------

    @property
    def takes_gaps(self) -> bool:
        """Whether rows with missing cells can be encoded: by a completion, or by inference from observed cells."""
        inferred = self.model.likelihood.takes_missing and self.inference is not None and self.inference.takes_gaps
        return self.model.completion is not None or inferred

    @property
    def inference(self) -> InferenceState | None:
        """What inference needs in addition to the model; None before the end of a fit."""
        return None if self.codes is None else self.codes.inference

    # ---- codes kept -------------------------------------------------------------------------------------

    @property
    def training_codes(self) -> np.ndarray | None:
        """Codes of some training rows; for a model with a prior, one draw from the posterior of each."""
        if self.codes is None:
            return None
        with torch.inference_mode():
            kept = self.codes.kept.to(self.device)
            return self.model.bottleneck.code_of(kept).cpu().numpy()[:, : self.n_components] * self.code_unit
