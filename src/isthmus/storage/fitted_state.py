"""The stored form of a `FittedState`: plain facts and named tensors.

    facts_of, tensors_of :  FittedState -> Facts, {name: tensor}          restore :  the way back

Settings are not part of it: they are `get_params`. Facts may come from a file, so they check themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from isthmus.estimator import BaseAutoencoder
from isthmus.fitted import FittedState
from isthmus.history import History
from isthmus.imputation.cell_predictor import N_PREDICTIONS, CellPredictor
from isthmus.inference.bands import Bands
from isthmus.inference.code_buffer import CodeBuffer
from isthmus.initialization import build_model
from isthmus.input_validation import set_columns
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.completion import Completion
from isthmus.parts.draws import OwnDraws, seeded
from isthmus.parts.likelihood import Columns
from isthmus.parts.network import Architecture
from isthmus.parts.principal import Principal
from isthmus.rows.scaling import ColumnStatistics, Scaling
from isthmus.storage.code_facts import (
    LARGEST_NOISE,
    MIN_NOISE,
    InferenceFacts,
    SpreadFacts,
    inference_facts,
    inference_of,
    marginals_of,
    spread_facts,
    spread_of,
    tensors_of_codes,
)
from isthmus.storage.record import fact, record
from isthmus.storage.safe_reading import shortened
from isthmus.storage.tensor_file import TensorKind, kinds_of
from isthmus.tables.frames import FrameForm
from isthmus.tables.layout import TableLayout
from isthmus.tables.row_shape import RowShape

__all__ = [
    "SECONDS",
    "Facts",
    "empty_model",
    "expected_kinds",
    "facts_of",
    "require_usable",
    "restore",
    "tensors_of",
]

PRINCIPAL_PARTS = ("mean", "directions", "variances")
SECONDS = "seconds"  # the only column of the history that depends on the clock
MIN_UNIT, LARGEST_UNIT = 1e-150, 1e150  # whose squares are finite
MIN_SPREAD = 1e-30  # of the latent with the largest variance, in the model's units
SEEDS, MAX_EPOCHS, MAX_QUANTILES = 2**31, 10**9, 10**5


@record
class Facts:
    """What is neither a setting nor a tensor; a `ValueError` names the first impossible value."""

    n_features: int = fact(at_least=1)
    n_components: int = fact(at_least=1)
    feature_names: tuple[str, ...] | None
    dtype: Literal["float32", "float64"]
    seed: int = fact(at_least=0, below=SEEDS)
    noise_variance: float = fact(above=0)
    scaling_unit: float = fact(at_least=MIN_UNIT, at_most=LARGEST_UNIT)
    code_unit: float = fact(at_least=MIN_UNIT, at_most=LARGEST_UNIT)
    total_variance: float = fact(at_least=0, at_most=LARGEST_UNIT)
    rank: int = fact(at_least=1)
    n_directions: int = fact(at_least=1)
    n_iter: int = fact(at_least=0, at_most=MAX_EPOCHS)
    best_epoch: int = fact(at_least=0)
    history_columns: tuple[str, ...]
    history_rows: int = fact(at_least=0)
    completion_rank: int = fact(at_least=0)
    layout: TableLayout | None
    n_kept_codes: int = fact(at_least=0)
    n_given: int = fact(at_least=0, default=0)
    inference: InferenceFacts | None = fact(default=None)
    masked: bool = fact(default=False)
    form: FrameForm | None = fact(default=None)
    scale: Literal["standard", "minmax"] | None = fact(default=None)
    scale_reason: str = fact(default="")
    planned_epochs: int = fact(at_least=0, at_most=MAX_EPOCHS, default=0)
    refit_rows: int = fact(at_least=0, default=0)
    spread: SpreadFacts | None = fact(default=None)
    whitened: bool = fact(default=False)
    row_shape: RowShape | None = fact(default=None)
    array_shape: tuple[int, ...] | None = fact(at_least=1, lengths=(2, 8), default=None)
    counts: bool = fact(default=False)
    given_layout: TableLayout | None = fact(default=None)
    n_quantiles: int = fact(at_least=0, at_most=MAX_QUANTILES, default=0)
    n_gap_rows: int = fact(at_least=0, default=0)
    n_cell_rows: int = fact(at_least=0, default=0)
    n_band_levels: int = fact(at_least=0, default=0)
    n_band_rows: int = fact(at_least=0, default=0)

    def __post_init__(self) -> None:
        if len({*self.history_columns}) != len(self.history_columns):
            raise ValueError(f"history_columns must be different names, got {shortened(self.history_columns)}")
        if self.feature_names is not None and len(self.feature_names) != self.n_features:
            raise ValueError(f"there are {len(self.feature_names)} feature_names for {self.n_features} columns")
        if self.layout is not None and self.layout.width != self.n_features:
            raise ValueError(f"the layout of its table does not have {self.n_features} columns")
        if self.given_layout is not None and self.given_layout.width != self.n_given:
            raise ValueError(f"given_layout does not have n_given={self.n_given} columns")
        if self.rank > self.n_features or self.completion_rank > self.n_features:
            raise ValueError(f"rank and completion_rank must be at most {self.n_features}, the number of columns")
        if self.n_directions > self.rank:
            raise ValueError(f"n_directions={self.n_directions} must be at most rank={self.rank}")
        if self.whitened and (self.spread is None or not self.spread.variances):
            raise ValueError("it is whitened, and the variances of its latents are missing")
        for shape in (self.array_shape, None if self.row_shape is None else self.row_shape.sizes):
            if shape is not None and math.prod(shape) != self.n_features:
                raise ValueError(f"rows of shape {shape} do not have {self.n_features} numbers")
        if self.best_epoch > self.n_iter:
            raise ValueError(f"best_epoch={self.best_epoch} is later than the last, {self.n_iter}")
        if self.history_rows > self.n_iter + 1:
            raise ValueError(
                f"history_rows={self.history_rows} must be at most {self.n_iter + 1}, the epochs and the start"
            )
        if not MIN_NOISE <= self.noise_variance / self.scaling_unit**2 <= LARGEST_NOISE:
            raise ValueError(
                f"noise_variance={self.noise_variance} is impossible for columns in units of {self.scaling_unit}"
            )

    def kinds(self, *, timed: bool) -> dict[str, TensorKind]:
        """The tensors these facts imply besides the model's; ``timed`` if the seconds are in the file of times."""
        wide, kept = (self.n_features,), self.n_kept_codes > 0
        columns = [name for name in self.history_columns if not (timed and name == SECONDS)]
        given = {
            "given.center": TensorKind("F64", (self.n_given,)),
            "given.spread": TensorKind("F64", (self.n_given,)),
            "principal.effect": TensorKind("F32", (self.n_features, self.n_given)),
        }
        return {
            **({} if self.inference is None else self.inference.kinds(self.n_components)),
            **({} if self.spread is None else self.spread.kinds(self.n_components)),
            **(given if self.n_given else {}),
            **self._kinds_of_cells(),
            "scaling.center": TensorKind("F64", wide),
            "scaling.spread": TensorKind("F64", wide),
            "principal.mean": TensorKind("F32", wide),
            "principal.directions": TensorKind("F32", (self.n_directions, self.n_features)),
            "principal.variances": TensorKind("F32", (self.n_directions,)),
            **({"generation.codes": TensorKind("F32", (self.n_kept_codes, self.n_components))} if kept else {}),
            **({"generation.errors": TensorKind("F32", wide)} if kept else {}),
            **({"marginals.quantiles": TensorKind("F64", (self.n_quantiles, *wide))} if self.n_quantiles else {}),
            **({"marginals.gaps": TensorKind("U8", (self.n_gap_rows, *wide))} if self.n_gap_rows else {}),
        } | {f"history.{name}": TensorKind("F64", (self.history_rows,)) for name in columns}

    def _kinds_of_cells(self) -> dict[str, TensorKind]:
        """Of the cell predictor and the bands, where there are any."""
        found, width = {}, self.n_features
        if self.n_cell_rows:
            found |= {"cells.rows": TensorKind("F32", (self.n_cell_rows, width))}
            found |= {"cells.weights": TensorKind("F32", (width, N_PREDICTIONS))}
        if self.n_band_levels:
            found |= {"bands.levels": TensorKind("F32", (self.n_band_levels, width))}
        return found


def facts_of(fitted: FittedState, names: Sequence[str] | None) -> Facts:
    """The plain facts of a fitted model; ``names`` are those of its columns, if they have names."""
    history, principal = fitted.history, fitted.principal
    completion, layout = fitted.model.completion, fitted.layout
    dtype: Any = fitted.dtype.name
    scale: Any = fitted.scale
    return Facts(
        n_features=fitted.architecture.n_features,
        n_components=fitted.n_components,
        feature_names=None if names is None or layout is not None else tuple(map(str, names)),
        dtype=dtype,
        seed=fitted.seed,
        noise_variance=float(fitted.noise_variance),
        scaling_unit=float(fitted.scaling.unit),
        code_unit=float(fitted.latent_unit),
        total_variance=float(principal.total_variance),
        rank=int(principal.rank),
        n_directions=len(principal.directions),
        n_iter=fitted.n_iter,
        best_epoch=fitted.best_epoch,
        planned_epochs=fitted.planned_epochs,
        refit_rows=fitted.refit_rows,
        history_columns=tuple(history.columns),
        history_rows=len(history),
        layout=layout,
        completion_rank=0 if completion is None else int(completion.loadings.shape[1]),
        n_kept_codes=0 if fitted.codes is None else len(fitted.codes.kept),
        n_given=0 if fitted.given is None else len(fitted.given.center),
        given_layout=fitted.given_layout,
        n_quantiles=0 if fitted.marginals is None else len(fitted.marginals.quantiles),
        n_gap_rows=0 if fitted.marginals is None else len(fitted.marginals.gaps),
        inference=None if fitted.inference is None else inference_facts(fitted.inference),
        masked=fitted.masked,
        form=fitted.form,
        scale=scale,
        scale_reason=fitted.scale_reason,
        spread=None if fitted.spread is None else spread_facts(fitted.spread),
        whitened=fitted.whitened,
        row_shape=fitted.row_shape,
        array_shape=fitted.array_shape,
        counts=fitted.model.likelihood.draws_whole,
        n_cell_rows=0 if fitted.cells is None else len(fitted.cells.rows),
        n_band_levels=0 if fitted.bands is None else len(fitted.bands.levels),
        n_band_rows=0 if fitted.bands is None else fitted.bands.n_rows,
    )


def tensors_of(fitted: FittedState) -> dict[str, Tensor]:
    """All tensors of a fitted model, by their name in the file."""
    found = {f"model.{name}": tensor for name, tensor in fitted.model.state_dict().items()}
    found |= {f"principal.{name}": getattr(fitted.principal, name) for name in PRINCIPAL_PARTS}
    found |= {f"scaling.{name}": torch.from_numpy(getattr(fitted.scaling, name)) for name in ("center", "spread")}
    if fitted.given is not None:
        found |= {f"given.{name}": torch.from_numpy(getattr(fitted.given, name)) for name in ("center", "spread")}
    if fitted.principal.effect is not None:
        found["principal.effect"] = fitted.principal.effect
    if fitted.codes is not None:
        found |= {"generation.codes": fitted.codes.kept, "generation.errors": fitted.codes.errors}
    if fitted.marginals is not None:
        found["marginals.quantiles"] = torch.from_numpy(fitted.marginals.quantiles)
        if len(fitted.marginals.gaps):
            found["marginals.gaps"] = torch.from_numpy(fitted.marginals.gaps.astype(np.uint8))
    if fitted.cells is not None:
        found |= {"cells.rows": fitted.cells.rows, "cells.weights": fitted.cells.weights}
    if fitted.bands is not None:
        found["bands.levels"] = fitted.bands.levels
    found |= tensors_of_codes(fitted.inference, fitted.spread)
    for name, values in fitted.history.columns.items():
        if name != SECONDS:
            found[f"history.{name}"] = torch.tensor(values, dtype=torch.float64)
    return {name: part.detach().cpu().contiguous() for name, part in found.items()}


def expected_kinds(model: AutoencoderModel, facts: Facts, *, timed: bool) -> dict[str, TensorKind]:
    """Exactly the tensors that a model and these facts need."""
    return facts.kinds(timed=timed) | kinds_of({f"model.{name}": tensor for name, tensor in model.state_dict().items()})


def require_usable(facts: Facts, tensors: Mapping[str, Tensor]) -> None:
    """Raise a `ValueError` for numbers that would make use fail; only a history may hold NaN and infinity."""
    for name, tensor in tensors.items():
        if name == "cells.rows":  # NaN is a missing cell
            if tensor.isinf().any():
                raise ValueError(f"{name} holds infinity")
        elif not name.startswith("history.") and not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")
    spread, variances = tensors["scaling.spread"], tensors["principal.variances"]
    if spread.min() <= 0:
        raise ValueError(f"scaling.spread must be above 0, got {float(spread.min())}")
    if facts.scaling_unit != 1 and not (spread == facts.scaling_unit).all():
        raise ValueError(f"scaling_unit must be the spread of every column or 1, got {facts.scaling_unit}")
    if facts.n_given and tensors["given.spread"].min() < MIN_UNIT:
        raise ValueError(f"given.spread must be at least {MIN_UNIT:g}")
    for name, found in (("principal.variances", variances), ("spread.variances", tensors.get("spread.variances"))):
        if found is not None and found.min() < 0:
            raise ValueError(f"{name} must be at least 0, got {float(found.min())}")
    widest = float(tensors["spread.variances"].max()) if facts.whitened else 0.0
    if widest != 0 and not MIN_SPREAD <= widest <= 1 / MIN_SPREAD:
        raise ValueError(f"the variance of a whitened latent must be {MIN_SPREAD:g} to {1 / MIN_SPREAD:g}")


class _NoInitialization(TorchFunctionMode):
    """Layers made inside get no random weights: on the meta device those would import a compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init" or func in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0] if args else kwargs["tensor"]
        if func is torch.randn:
            return torch.empty(*args, **{name: value for name, value in kwargs.items() if name != "generator"})
        return func(*args, **kwargs)


def empty_model(estimator: BaseAutoencoder, architecture: Architecture, facts: Facts) -> AutoencoderModel:
    """The model with shapes but without weights, on torch's meta device, where nothing is allocated."""
    zeros = np.zeros(facts.n_features)
    blocks = None if facts.layout is None else facts.layout.blocks
    # Columns for which `likelihood="auto"` makes the same choice as at fit.
    high, whole = (zeros + 2, zeros == 0) if facts.counts else (zeros, zeros > 0)
    columns = Columns(ColumnStatistics(zeros, zeros, zeros, high, whole, 2, 2.0), [""] * facts.n_features, blocks)
    # The code of a user's own module may not work on the meta device.
    place = torch.device("cpu" if estimator.own_modules() else "meta")
    with seeded(0), place, OwnDraws() if estimator.own_modules() else _NoInitialization():
        scaling = Scaling(zeros, zeros + 1, facts.scaling_unit)
        completion = Completion(facts.n_features, facts.completion_rank) if facts.masked else None
        likelihood = estimator.make_likelihood(columns)
        return build_model(estimator, architecture, columns, scaling, likelihood, None, completion)


def restore(
    estimator: BaseAutoencoder,
    architecture: Architecture,
    facts: Facts,
    model: AutoencoderModel,
    tensors: Mapping[str, Tensor],
    seconds: Sequence[float] | None,
    device: torch.device,
) -> None:
    """Give an unfitted estimator the state that `fit` would have."""
    model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()}, assign=True)
    mean, directions, variances = (tensors[f"principal.{name}"] for name in PRINCIPAL_PARTS)
    layout = facts.layout
    if layout is None:
        set_columns(estimator, facts.n_features, facts.feature_names)
    else:
        set_columns(estimator, len(layout.columns), layout.names)
        if model.completion is not None:
            model.completion.owners = torch.tensor(layout.owners)
    columns = {name: part.tolist() for name, part in tensors.items() if name.startswith("history.")}
    columns |= {} if seconds is None else {f"history.{SECONDS}": list(seconds)}
    kept, inference = facts.n_kept_codes > 0, inference_of(facts.inference, tensors, device)
    estimator.fitted_ = FittedState(
        n_components=facts.n_components,
        scaling=Scaling(tensors["scaling.center"].numpy(), tensors["scaling.spread"].numpy(), facts.scaling_unit),
        architecture=architecture,
        model=model.to(device),
        principal=Principal(
            mean, directions, variances, facts.total_variance, facts.rank, tensors.get("principal.effect")
        ),
        layout=layout,
        device=device,
        dtype=np.dtype(facts.dtype),
        seed=facts.seed,
        noise_variance=facts.noise_variance,
        history=History({name: columns[f"history.{name}"] for name in facts.history_columns}),
        best_epoch=facts.best_epoch,
        planned_epochs=facts.planned_epochs,
        refit_rows=facts.refit_rows,
        n_iter=facts.n_iter,
        codes=CodeBuffer.of(tensors["generation.codes"], tensors["generation.errors"], inference) if kept else None,
        given=Scaling(tensors["given.center"].numpy(), tensors["given.spread"].numpy(), 1.0) if facts.n_given else None,
        given_layout=facts.given_layout,
        form=facts.form,
        names=facts.feature_names,
        image_shape=estimator.image_shape if facts.row_shape is None else facts.row_shape.image_shape,
        scale=facts.scale if estimator.scale == "auto" else estimator.scale,
        scale_reason=facts.scale_reason,
        spread=spread_of(facts.spread, tensors),
        whitened=facts.whitened,
        polish=estimator.polish_steps,
        row_shape=facts.row_shape,
        array_shape=facts.array_shape,
        marginals=marginals_of(tensors, facts.layout),
        cells=_cells_of(facts, tensors),
        bands=Bands(tensors["bands.levels"], facts.n_band_rows) if facts.n_band_levels else None,
    )


def _cells_of(facts: Facts, tensors: Mapping[str, Tensor]) -> CellPredictor | None:
    if not facts.n_cell_rows:
        return None
    groups = np.asarray(range(facts.n_features) if facts.layout is None else facts.layout.owners)
    return CellPredictor(tensors["cells.rows"], tensors["cells.weights"], groups, facts.seed)
